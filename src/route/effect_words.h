/*
 * effect_words.h - private to src/route: effects and names of settings as the words
 * of a text, or of a function's body, tell them.
 */
#ifndef PGWEIR_SRC_ROUTE_EFFECT_WORDS_H
#define PGWEIR_SRC_ROUTE_EFFECT_WORDS_H

#include "route/verdict.h"

enum effect_reading {
	READ_PARSED,   /* somebody has parsed the statements: names only */
	READ_BODY,     /* the body of a function in SQL or PL/pgSQL: also keywords where a statement may begin */
	READ_ANYWHERE, /* nobody could parse it: keywords wherever they stand */
};

struct effect_words {
	enum effect_reading reading;
	const struct catalog_facts *facts;                      /* borrowed; NULL: no name of the database is known */
	bool facts_are_old;                                     /* as in struct route_context */
	bool exact_encoding;                                    /* as in struct facts_mention */
	void (*take_setting)(void *user, const char *name);     /* NULL, or told each setting that may change, by name */
	void (*take_name)(void *user, const char *name);        /* NULL, or told each name */
	void *user;

	uint32_t effects;      /* found; the caller clears them */
	uint32_t surely;       /* those of them that a name of PostgreSQL's own says in so many words */
	bool has_unnamed;      /* settings may change whose names do not stand there */
	bool has_parameter;    /* likewise, but the name is a parameter of the text */
	bool is_string;        /* what is scanned is a string in a body, and may go on in another one */
	bool has_default;      /* the keyword DEFAULT */
	bool has_update;
	bool lacks_catalog;    /* relations or functions are mentioned, and there are no facts */
	bool has_new_relation; /* relations are mentioned that the facts do not know */
	bool has_settings_view;
};

void effect_words_scan(struct effect_words *e, const char *text, size_t length);

/* A setting that may change; "" for one without a name. */
void effect_words_note_setting(struct effect_words *e, const char *name);
/* SET SESSION CHARACTERISTICS */
void effect_words_note_characteristics(struct effect_words *e);
/* A name of the database's that the text means without saying it; without facts only data definitions are told apart. */
void effect_words_add_name(struct effect_words *e, const char *name);

/* The effects of a name of PostgreSQL's own, 0 for any other. */
uint32_t effect_of_name(const char *name);

#endif
