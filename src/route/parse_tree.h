/*
 * parse_tree.h - private to the parse*.c files: the door to libpg_query.
 *
 * It owns the order of inclusion and must come first in a file: pg_query.h and
 * postgres.h define the same version macros, and postgres.h has macros of its own
 * for likely(), unlikely() and printf().  Nothing below calls a function of the library that can
 * raise an error (that is a longjmp), but for the parser itself, which catches it.
 */
#ifndef PGWEIR_SRC_ROUTE_PARSE_TREE_H
#define PGWEIR_SRC_ROUTE_PARSE_TREE_H

#include <pg_query.h>
#undef PG_MAJORVERSION
#undef PG_VERSION
#undef PG_VERSION_NUM
#include <postgres.h>

#include <nodes/parsenodes.h>
#include <utils/memutils.h>

#include <pg_query/pg_query_internal.h>

#undef likely
#undef unlikely
#undef Min
#undef Max

#include "parse.h"

/* A parsed text; the tree lives in memory of the library. */
struct parsed {
	MemoryContext memory; /* owned */
	List *statements;     /* of RawStmt; inside memory */
	bool is_ok;
};

/* Parses LENGTH bytes; any thread.  Close it in both cases, before another one is opened. */
struct parsed parse_open(const char *sql, size_t length);
void parse_close(struct parsed *parsed);

/* The modes of BEGIN and SET TRANSACTION: a list of DefElem.  Unsaid fields stay as they are. */
void parse_modes(const List *options, struct verdict_detail *out);
/* enum transaction_mode of a statement of transaction control. */
unsigned parse_transaction_modes(const Node *statement);
/* Is the setting one of those that SET TRANSACTION sets?  "transaction_read_only" and its kin. */
bool parse_is_transaction_setting(const char *name);
/* SET's constant as text, owned by the caller; NULL when NODE is no constant. */
char *parse_constant(const Node *node);

/* Judges one statement: kind, target, reason, name, and the flags that it raises. */
void parse_judge_statement(const struct route_context *ctx, const Node *statement, struct verdict *out);

struct effect_words;
/* The effects of one statement of the text, into WORDS, which are new or hold those of statements before it. */
void parse_effects(const char *text, size_t length, const RawStmt *raw, struct effect_words *words);
/* Notes in WORDS what a statement mentions that the catalog's facts, or without them the table of well-known types, do not know. */
void parse_strangers(const Node *statement, struct effect_words *words);
/* Where a statement's own bytes begin and end. */
void parse_place(const RawStmt *raw, size_t length, size_t *offset, size_t *own_length);

/* The kind of a statement, whatever it reads. */
enum statement_kind parse_kind(const Node *statement);

/* Walks a query; true when it is a proven read, else OUT has the reason. */
bool walk_query(const struct route_context *ctx, const Node *query, struct verdict *out);

/* Calls VISIT for each node of a query, until it answers false; false then, and when it meets what it does not know. */
bool walk_each(const Node *root, bool (*visit)(void *user, const Node *node), void *user);

/* Which tables the statement changes and reads (parse_footprint.c). */
void parse_footprint(const struct route_context *ctx, const Node *statement, struct footprint *out);

/* What one part of a statement mentions in that role; a bare name has no schema. */
struct facts_mention name_mention(const struct route_context *ctx, enum facts_place place, const List *names);

struct walk {
	const struct route_context *ctx; /* borrowed */
	struct verdict *out;             /* borrowed */
	bool is_decided;                 /* something sends it to the primary */
	size_t used, capacity;
	struct walk_step *steps;         /* owned when it has grown */
};

/* Decides for the primary; NAME may be NULL. */
void walk_decide(struct walk *walk, enum route_reason reason, const char *name);

/* Checks of the names in one node (parse_name.c); each may decide. */
void name_check_call(struct walk *walk, const Node *node);
void name_check_column(struct walk *walk, const Node *node);
void name_check_members(struct walk *walk, const Node *node);
void name_check_expression(struct walk *walk, const Node *node);
void name_check_sublink(struct walk *walk, const Node *node);
void name_check_sort(struct walk *walk, const Node *node);
void name_check_type(struct walk *walk, const Node *node);
void name_check_relation(struct walk *walk, const Node *node);
void name_check_sample(struct walk *walk, const Node *node);
void name_check_parameter(struct walk *walk, const Node *node);
/* The constant X of a call of current_setting(X), borrowed; NULL for every other call. */
const char *name_of_setting_asked(const FuncCall *call);
/* Does it name a temporary relation? */
bool name_is_temporary(const RangeVar *relation);

/* Does every server of the cluster give the same answer for the setting?  (parse_setting.c) */
bool setting_is_followed(const char *name);

#endif
