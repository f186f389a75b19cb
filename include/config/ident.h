/*
 * config/ident.h - maps from certificates' and the system's names to users, as
 * auth_ident_file has them (PostgreSQL manual, "User Name Maps").  Read like the
 * host-based rules: all or nothing.  auth/hba.h asks them (ident_allows).
 */
#ifndef PGWEIR_CONFIG_IDENT_H
#define PGWEIR_CONFIG_IDENT_H

#include "config/hba.h"

struct ident_line {
	char *file; /* owned */
	unsigned line;
	char *map;		 /* owned */
	char *system_name;	 /* owned, as written */
	struct pattern *pattern; /* owned; of the system name; NULL when it is a plain name */
	struct hba_word user;	 /* HBA_NAME, HBA_ALL or HBA_PATTERN; \1 in a name is what the pattern's group took */
};

struct ident {
	struct ident_line *lines; /* owned, in order of the file */
	size_t count;
	int references; /* atomic */
};

struct ident *ident_ref(struct ident *i);
void ident_unref(struct ident *i); /* NULL is fine */

/* True when a line has that map. */
bool ident_has_map(const struct ident *i, const char *map);

/* As hba_read_file and hba_read_text. */
struct ident *ident_read_file(const char *path, const struct hba_sink *sink);
struct ident *ident_read_text(const char *name, const char *text, size_t length, const struct hba_sink *sink);

#endif
