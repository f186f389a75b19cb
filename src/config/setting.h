/*
 * setting.h - a row of a settings table and what can be done with its value.
 * Private to config/: the same rows feed parsing, ranges, SHOW CONFIG, SET, the
 * sample files and the manual.
 */
#ifndef PGWEIR_CONFIG_SETTING_H
#define PGWEIR_CONFIG_SETTING_H

#include "base/bytes.h"

enum setting_type {
	TYPE_BOOL,
	TYPE_INT,
	TYPE_ENUM,
	TYPE_DURATION,
	TYPE_SIZE,
	TYPE_TEXT,
	TYPE_HOSTS,
	TYPE_PORTS,
	TYPE_PARAMETER,
};

enum setting_when { BOOT, RELOAD };

enum setting_group {
	GROUP_GENERAL,
	GROUP_LISTEN,
	GROUP_AUTH,
	GROUP_LOGIN,
	GROUP_POOL,
	GROUP_LIMIT,
	GROUP_ROUTE,
	GROUP_SERVER,
	GROUP_TIMEOUT,
	GROUP_CONSOLE,
	GROUP_LOG,
	GROUP_HTTP,
	GROUP_NETWORK,
	GROUP_TLS,
	GROUP_DNS,
	GROUP_PEER,
	GROUP_COUNT,
};

/* One row of tables/settings.h, database_keys.h, user_keys.h or peer_keys.h; static, never freed. */
struct setting {
	const char *name;
	const char *def;     /* as a file would say it; NULL in the key tables where there is none */
	const char *words;   /* of an ENUM: values apart by blanks, spellings of one value by '|' */
	const char *refused; /* words that this version knows and refuses to load */
	const char *text;
	const char *no_object; /* why pgweir has nothing that it could act on; such a setting is accepted without a word */
	int64_t min;
	int64_t max; /* 0 means the type's own */
	size_t at;   /* offset of the field */
	enum setting_type type;
	enum setting_when when;
	enum setting_group group;
	bool stored; /* has a field */
	bool acted;
	bool secret;
	bool unset; /* shown as NULL while it is empty */
};

struct setting_table {
	const struct setting *rows;
	size_t count;
};

struct setting_table setting_globals(void);
struct setting_table setting_database_keys(void);
struct setting_table setting_user_keys(void);
struct setting_table setting_peer_keys(void);

/* The row of that name, whatever its case, or NULL. */
const struct setting *setting_find(struct setting_table table, const char *name);
/* The name nearest to NAME in the table, or NULL when none is near. */
const char *setting_nearest(struct setting_table table, const char *name);
/* True when NEAR is worth a "did you mean" for NAME; SCORE is the best distance so far, lowered when beaten. */
bool setting_is_nearer(const char *name, const char *near, unsigned *score);

/*
 * Reads VALUE into the row's field of the struct at BASE (TEXT: the old text is
 * freed, a copy is stored).  False: nothing was changed and WHY says what is wrong.
 */
bool setting_parse(const struct setting *row, void *base, const char *value, struct bytes *why);
/* Appends the value as a file would say it; a secret that is set shows as ****. */
void setting_format(const struct setting *row, const void *base, struct bytes *out);
/* True when the value of A's field equals B's. */
bool setting_is_equal(const struct setting *row, const void *a, const void *b);
/* True when VALUE is a word that this version knows and refuses. */
bool setting_is_refused(const struct setting *row, const char *value);

/* Every field takes its "not said" value: -1, or no text. */
void setting_unset_all(struct setting_table table, void *base);
/* Every field takes its default. */
void setting_default_all(struct setting_table table, void *base);
/* Texts in BASE that a plain struct copy made shared become copies of their own. */
void setting_own_all(struct setting_table table, void *base);
/* Frees the texts in BASE. */
void setting_free_all(struct setting_table table, void *base);
/* Copies one field from FROM to TO, which owns it then. */
void setting_copy(const struct setting *row, void *to, const void *from);

#endif
