/*
 * route/facts.h - what a database's catalog says about its unsafe names.
 *
 * A set of (schema, name) in four roles: functions, operators, relations, types.
 * Built once by one thread with facts_add(), then shared and never changed; the
 * count of references is atomic.  The SQL that asks for the rows is here too, so
 * that the roles and the queries stay together; sending it is the caller's work.
 */
#ifndef PGWEIR_ROUTE_FACTS_H
#define PGWEIR_ROUTE_FACTS_H

#include "base/bytes.h"

struct catalog_facts;

/* A place in a statement where a name was met, and so which roles it is looked up in. */
enum facts_place {
	FACTS_CALL,      /* f(...): functions, and types (a cast may be written as a call) */
	FACTS_ATTRIBUTE, /* alias.f: functions that take a row, and types */
	FACTS_MEMBER,    /* (expression).f: every function and type */
	FACTS_OPERATOR,
	FACTS_RELATION,
	FACTS_TYPE,
	FACTS_PARAMETER, /* a parameter's type, by its oid in decimal */
};

/* An empty set with one reference.  GENERATION must be new for each set of one database. */
struct catalog_facts *facts_new(uint64_t generation);

/*
 * Adds a row of the closure query.  KIND: 'f' function, 'o' operator, 'r' relation, 't' type, '*' nothing is safe,
 * 'p' the oid of such a type, 'd' a default (SCHEMA: the role).
 * ATTRIBUTE: the function may be called in attribute notation on a row.  An unknown kind makes everything unsafe.
 */
void facts_add(struct catalog_facts *facts, char kind, const char *schema, const char *name, bool attribute);

struct catalog_facts *facts_ref(struct catalog_facts *facts); /* returns FACTS; NULL stays NULL */
void facts_unref(struct catalog_facts **facts);               /* drops one reference and nulls the pointer */

/* The set says nothing about replicas: nothing is proven to be a read by it. */
void facts_leave_out_routes(struct catalog_facts *facts);
bool facts_knows_routes(const struct catalog_facts *facts);

uint64_t facts_generation(const struct catalog_facts *facts);
size_t facts_count(const struct catalog_facts *facts); /* rows, for operators to see */

/* What transactions of logins begin with: "default_transaction_isolation=serializable", of a ROLE or ("") of all. */
bool facts_has_defaults(const struct catalog_facts *facts);
/* Is that the default of the role's logins, by any of the rows that may decide? */
bool facts_default_is(const struct catalog_facts *facts, const char *role, const char *setting);

/* The name of what makes everything in the database unsafe, or NULL; borrowed from FACTS. */
const char *facts_everything_unsafe(const struct catalog_facts *facts);

struct facts_mention {
	enum facts_place place;
	const char *schema;         /* NULL when the mention is bare: it then matches any schema */
	const char *name;           /* after the parser's folding and decoding */
	const char *read_functions; /* "app.total, postgis.*", or NULL: volatile functions that only read */
	bool exact_encoding;        /* the names of the statement and of the set are in one encoding, byte for byte */
};

/* Is what is mentioned unsafe on a replica?  Constant time but for read_functions. */
bool facts_is_unsafe(const struct catalog_facts *facts, const struct facts_mention *mention);

/* Tells the rows of the set for which the mention is unsafe: their kind as for facts_add(), and their schema. */
void facts_each_unsafe(const struct catalog_facts *facts, const struct facts_mention *mention,
    void (*take)(void *user, char kind, const char *schema), void *user);

/* Is there a row of that name, whatever its role and schema? */
bool facts_has_name(const struct catalog_facts *facts, const char *name);

/* Does the list "app.total, postgis.*" name SCHEMA.NAME? */
bool facts_pattern_matches(const char *patterns, const char *schema, const char *name);

/* ---- which names there are ----------------------------------------------------------- */

/* True when something of that name was there when the facts were loaded, or may have been: constant time. */
bool facts_may_have_name(const struct catalog_facts *facts, const char *name);
/* Appends the query (no NUL) whose rows (kind, name, relation) feed catalog_names_add() of route/names.h. */
void facts_query_names(struct bytes *out);

/* ---- what names do to a session ----------------------------------------------------- */

/*
 * The names of a database and what each of them calls: bare, of whatever schema and role.  From it comes which
 * of them touch the session that mentions them.  Filled by the rows of facts_query_mentions(), then by those of
 * facts_query_sources(); one thread.
 */
struct effect_graph;
struct effect_graph *effect_graph_new(void);
void effect_graph_free(struct effect_graph **graph);

/* Whoever mentions FROM calls TO: a name, "pg_catalog." and a built-in's name, "?" for the unknown, "" for nothing. */
void effect_graph_mention(struct effect_graph *graph, const char *from, const char *to);
/* The body of the function NAME, in SQL or PL/pgSQL.  Calls names that were mentioned before. */
void effect_graph_source(struct effect_graph *graph, const char *name, const char *source, size_t length);

/* Puts into FACTS which names of the graph touch a session; the graph is freed and nulled. */
void facts_take_effects(struct catalog_facts *facts, struct effect_graph **graph);
/* Have they been put there? */
bool facts_knows_effects(const struct catalog_facts *facts);
size_t facts_effect_count(const struct catalog_facts *facts);

struct facts_effects {
	uint32_t effects;  /* enum effect */
	bool has_unnamed;  /* changes settings whose names nobody can tell */
	uint64_t settings; /* for facts_each_setting */
};

/* What is mentioned in every text, and in every data definition, without standing there. */
#define FACTS_NAME_ALWAYS "*"
#define FACTS_NAME_DDL "!"

/* Of one name; NULL: of all names together.  Constant time. */
struct facts_effects facts_effects_of(const struct catalog_facts *facts, const char *name);
void facts_each_setting(const struct catalog_facts *facts, uint64_t settings, void (*take)(void *user, const char *name), void *user);

/* Appends the query (no NUL) whose rows feed effect_graph_mention(): from and to, and in place of a NULL the oid of a relation. */
void facts_query_mentions(unsigned server_version_num, struct bytes *out);
/* The query whose rows (name, body, oid, schema, volatility, parameters) feed effect_graph_source() and bodies_add(). */
void facts_query_sources(unsigned server_version_num, struct bytes *out);

/*
 * The queries, in the order of a load: BEGIN, facts_query_names(), RULES, facts_query_calls(), PATTERN,
 * facts_query_closure(), facts_query_mentions(), facts_query_sources(), COMMIT.
 * All are for the simple protocol on a session whose standard_conforming_strings is on.
 */
enum facts_query {
	FACTS_QUERY_BEGIN,    /* several statements in one text; SET LOCAL only.  One text: see below */
	FACTS_QUERY_CHANGE,   /* moved by DDL and when somebody else answers; what logins begin with; 't' if DDL is counted at all */
	FACTS_QUERY_CHANGE_SLOW, /* one text that moves with DDL where it is not counted: by a standby, or with track_counts off */
	FACTS_QUERY_RULES,    /* rows of (rule oid, xmin, relation): one that is new must go through facts_query_calls() */
	FACTS_QUERY_PATTERN,  /* one text: the pattern of unsafe built-ins */
	FACTS_QUERY_COMMIT,
};
const char *facts_query(enum facts_query query);

/*
 * What is kept from one load to the next (rules, the pattern) may be kept only while BEGIN answers the same text: then the
 * same server has run all the time, so that a row's oid and xmin name one version of it, and its built-ins are what they were.
 */

/*
 * Appends the query (no NUL) that answers rows of (rule oid, name, relation): what the rule calls, for
 * effect_graph_mention(), or "" for something that a replica must not run; with a NULL name the oid of a relation that it
 * reads.  RULES: the oids to look at, "1,2,3", or NULL for all.
 */
void facts_query_calls(const char *rules, struct bytes *out);

struct facts_closure {
	const char *pattern;         /* from FACTS_QUERY_PATTERN */
	const char *liars;           /* the oids of functions whose bodies mention unsafe names, "4,5"; "" for none */
	const char *hits;            /* the oids of all rules that are known to hit, "1,2,3"; "" for none */
	const char *read_functions;  /* of the database's configuration, or NULL */
	unsigned server_version_num; /* 150020; below 140000 there are no SQL-standard bodies */
};

/* A name of the set, as facts_each_unsafe() tells it. */
struct facts_asked {
	char kind;
	const char *schema;
	const char *name;
};

/*
 * Appends the query (no NUL) whose rows of one column are texts for people: why the name is in the set, one for each
 * object of that name and cause.  It takes the place of facts_query_closure() in a load.
 */
void facts_query_causes(const struct facts_closure *closure, const struct facts_asked *asked, struct bytes *out);

/* Appends the query (no NUL) whose rows (kind, schema, name, attribute 't' or 'f') feed facts_add(). */
void facts_query_closure(const struct facts_closure *closure, struct bytes *out);

#endif
