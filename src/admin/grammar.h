/*
 * admin/grammar.h - the console's language: one command per text, one or two words,
 * or SET with a value.  Pure.
 *
 *     text    := word [word] [;]  |  (PAUSE | RESUME) word PRIMARY [;]  |  SET word (= | TO) value [;]  |  ROUTE word statement
 *     word    := [0-9A-Za-z_]+  |  "anything, "" for a quote"
 *     value   := 'anything, '' for a quote'  |  a run without blanks, quotes and ;
 *     statement := 'anything, '' for a quote' [;]  |  E'as in PostgreSQL' [;]  |  $tag$anything$tag$ [;]  |  the rest of the text
 *
 * A string of PostgreSQL's cannot begin a statement, so the rest of the text is never mistaken for one.
 * SELECT is read as SHOW.
 */
#ifndef PGWEIR_ADMIN_GRAMMAR_H
#define PGWEIR_ADMIN_GRAMMAR_H

#include "base/base.h"

#define GRAMMAR_COMMAND_SIZE 16
#define GRAMMAR_WORD_SIZE 64
#define GRAMMAR_VALUE_SIZE 256

enum grammar_outcome {
	GRAMMAR_OK,
	GRAMMAR_EMPTY,   /* nothing but blanks and a semicolon */
	GRAMMAR_INVALID, /* not of this language */
	GRAMMAR_TOO_LONG /* a word or value is longer than any that has a meaning */
};

struct words {
	char command[GRAMMAR_COMMAND_SIZE];
	char argument[GRAMMAR_WORD_SIZE]; /* "" when there is none */
	char value[GRAMMAR_VALUE_SIZE];
	bool has_argument;
	bool of_primary;                  /* PRIMARY stood behind the argument */
	bool has_value;                   /* it was SET key = value */
	char *statement;                  /* owned: of ROUTE, without its quotes; NULL when there is none */
	const char *problem;              /* static: what is wrong with the statement; NULL: nothing */
};

/* Reads TEXT; *OUT is whole when the outcome is GRAMMAR_OK.  The caller frees OUT->statement in every case. */
enum grammar_outcome grammar_read(const char *text, struct words *out);

#endif
