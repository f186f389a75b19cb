/*
 * config/config.h - from files to a snapshot, and what people see of it: SHOW
 * CONFIG, SET, the sample files and the manual page.
 */
#ifndef PGWEIR_CONFIG_CONFIG_H
#define PGWEIR_CONFIG_CONFIG_H

#include "base/bytes.h"
#include "config/snapshot.h"

/*
 * Reads the file at PATH, what it includes, the userlist, and with auth_type=hba the
 * host-based rules and ident maps (whoever shares the snapshot first gives them the
 * interfaces' addresses: hba_take_networks in config/hba.h).  All or nothing: a
 * new snapshot with one reference, or NULL and at least one line in ERRORS.
 * ERRORS (at most 20) and WARNINGS take lines `file:line: message`, each with a
 * newline; a NUL that is not counted follows what was written.
 */
struct snapshot *config_load(const char *path, struct bytes *errors, struct bytes *warnings);

/* The same over a text that stands for the file NAME; opens no file: %include is an error, no userlist and no rules are read. */
struct snapshot *config_load_text(
    const char *name, const char *text, size_t length, struct bytes *errors, struct bytes *warnings);

/*
 * A copy of OLD with one setting changed, with one reference; NULL and a line in
 * ERRORS when there is no such setting or the value is wrong.  A setting that is
 * taken at boot only keeps its value, as PgBouncer answers success too.  A change of
 * auth_type, auth_hba_file or auth_ident_file reads the rules and maps again.
 */
struct snapshot *config_set(const struct snapshot *old, const char *key, const char *value, struct bytes *errors);

/*
 * Gives FRESH, not yet shared, the boot-only settings of OLD: a reload changes
 * none of them.  Each that the file now says otherwise adds a line to WARNINGS.
 */
void config_keep_boot_settings(struct snapshot *fresh, const struct snapshot *old, struct bytes *warnings);

/*
 * Whether a reload may go from OLD to FRESH as to users: not where their list could not
 * be read, and was read before.  Adds a line to ERRORS when not.
 */
bool config_keeps_users(const struct snapshot *fresh, const struct snapshot *old, struct bytes *errors);

/*
 * The setting number INDEX in the order of SHOW CONFIG; false beyond the last.
 * VALUE is cleared and takes the text (a NUL that is not counted follows); a secret
 * shows as ****.  KEY and DEFAULT_TEXT are static.
 */
bool config_show(const struct snapshot *s, size_t index, const char **key, struct bytes *value,
    const char **default_text, bool *changeable);
/* Of the setting number INDEX: true when it is nothing, rather than an empty text, while nobody has set it. */
bool config_is_optional(size_t index);
/* Why it is accepted without effect; static, NULL when it has one. */
const char *config_no_object(size_t index);

/* Append etc/pgweir.ini, etc/pgweir.minimal.ini and pgweir.ini(5), as made from the tables. */
void config_write_sample(struct bytes *out);
void config_write_minimal_sample(struct bytes *out);
void config_write_settings_man(struct bytes *out);

#endif
