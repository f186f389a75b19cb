/*
 * route/verdict.h - where a statement may go, and why.
 *
 * The law: a text goes to a replica only when it is proven to be a read whose
 * answer a replica gives as well as the primary; everything else goes to the
 * primary.  Verdicts are cached by shape, in a cache that belongs to one thread.
 * What the session does (transactions, pins, route settings) is decided above.
 */
#ifndef PGWEIR_ROUTE_VERDICT_H
#define PGWEIR_ROUTE_VERDICT_H

#include "route/facts.h"
#include "route/footprint.h"
#include "route/shape.h"

enum target {
	TARGET_PRIMARY,
	TARGET_REPLICA,
	TARGET_FOLLOW, /* wherever the session is; the primary when it is nowhere */
};

enum route_reason {
#define ROUTE_REASON(name, target, text) ROUTE_REASON_##name,
#include "tables/routes.h"
#undef ROUTE_REASON
	ROUTE_REASON_COUNT
};

enum statement_kind {
	KIND_READ,              /* a proven read that is none of the kinds below */
	KIND_WRITE,             /* INSERT, UPDATE, DELETE, MERGE, and a SELECT or EXPLAIN that is not proven */
	KIND_EMPTY,
	KIND_BEGIN,
	KIND_BEGIN_READ_ONLY,
	KIND_COMMIT,            /* also END */
	KIND_ROLLBACK,          /* also ABORT */
	KIND_TWO_PHASE,         /* PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED */
	KIND_SAVEPOINT,
	KIND_RELEASE,
	KIND_ROLLBACK_TO,
	KIND_SET,               /* also SET SESSION CHARACTERISTICS */
	KIND_SET_LOCAL,
	KIND_RESET,
	KIND_SET_TRANSACTION,   /* also SET transaction_read_only and its kin */
	KIND_SHOW,
	KIND_PREPARE,
	KIND_EXECUTE,
	KIND_DEALLOCATE,
	KIND_DISCARD,
	KIND_LISTEN,
	KIND_UNLISTEN,
	KIND_NOTIFY,
	KIND_COPY_IN,           /* COPY FROM STDIN */
	KIND_COPY_OUT,          /* COPY TO STDOUT */
	KIND_FETCH,             /* also MOVE */
	KIND_DECLARE,
	KIND_CLOSE_CURSOR,
	KIND_OTHER,             /* anything else, and several statements in one text */
};

/* What a text may do to its session: bits. */
enum effect_place {
#define EFFECT(name, text) EFFECT_PLACE_##name,
#include "tables/effects.h"
#undef EFFECT
	EFFECT_COUNT
};
enum effect {
#define EFFECT(name, text) EFFECT_##name = 1u << EFFECT_PLACE_##name,
#include "tables/effects.h"
#undef EFFECT
};
#define EFFECTS_ALL ((1u << EFFECT_COUNT) - 1)
/* Of code that nobody can look into: all that it may leave behind and that PostgreSQL can be asked about. */
#define EFFECTS_UNKNOWN \
	(EFFECT_unknown | EFFECT_settings | EFFECT_temporary | EFFECT_advisory | EFFECT_holds | EFFECT_prepares | \
	    EFFECT_deallocates | EFFECT_listens | EFFECT_notifies | EFFECT_draws | EFFECT_fills | EFFECT_asks_sequence)

/* What BEGIN, SET TRANSACTION, COMMIT and ROLLBACK say: bits. */
enum transaction_mode {
	MODE_READ_ONLY = 1,
	MODE_READ_WRITE = 2,
	MODE_READ_COMMITTED = 4, /* also READ UNCOMMITTED, which is the same */
	MODE_REPEATABLE_READ = 8,
	MODE_SERIALIZABLE = 16,
	MODE_STARTS = 32,        /* START TRANSACTION, which has a tag of its own */
	MODE_CHAINS = 64,        /* AND CHAIN */
	MODE_IS_ODD = 128,       /* SET TRANSACTION SNAPSHOT, and what sets a mode by its name */
};
#define MODES_OF_ACCESS (MODE_READ_ONLY | MODE_READ_WRITE)
#define MODES_OF_ISOLATION (MODE_READ_COMMITTED | MODE_REPEATABLE_READ | MODE_SERIALIZABLE)

/* What a text does that a lost answer leaves in doubt, and where its end leaves the session: bits. */
enum does {
	DOES_WRITE = 1,  /* it may, for all that is known */
	DOES_COMMIT = 2,
	DOES_BEGIN = 4,  /* behind it there is a transaction block, whatever there was before */
	DOES_END = 8,    /* behind it there is none */
};
/* What the one does, and then the other. */
uint8_t does_then(uint8_t first, uint8_t second);

#define ROUTE_STATEMENTS_UNKNOWN 0xffffffffu
#define ROUTE_NAME_SIZE 64
#define ROUTE_TEXT_MAX_BYTES (64u * 1024)

struct verdict {
	enum target target;
	enum route_reason reason;
	enum statement_kind kind;   /* of the only statement */
	unsigned statements;        /* 0: empty; ROUTE_STATEMENTS_UNKNOWN: not parsed */
	uint64_t generation;        /* of the facts that were asked; 0 without */
	uint64_t key;               /* the same for texts of one shape under the same facts and rules of reading; 0: it has none */
	uint32_t effects;           /* enum effect: what it may do to its session, or ask of it */
	uint32_t surely;            /* those of them that the text says itself, by its tree */
	uint8_t does;               /* enum does */
	uint8_t modes;              /* enum transaction_mode: of the only statement */
	bool lacks_catalog;         /* it mentions names that the facts would tell the effects of, if they were there */
	bool has_new_relation;      /* and relations that they do not know: made since, or the session's own temporary ones */
	bool may_copy_in;           /* a COPY FROM STDIN is in it, or may be */
	bool makes_relation;        /* CREATE TABLE AS or SELECT INTO is in it, whose tag does not say so */
	bool is_proven;             /* a proven read or a READ ONLY begin, whatever a hint says */
	struct footprint footprint; /* of all its statements */
	char name[ROUTE_NAME_SIZE]; /* what decided ("app.audit"), maybe cut; "" when there is nothing to name */
};

/* The mention of a name that sent a text to the primary. */
struct route_cause {
	bool is_known;               /* false: no name decided */
	enum facts_place place;
	char schema[ROUTE_NAME_SIZE]; /* as it was written; "": the mention is bare */
	char name[ROUTE_NAME_SIZE];
};

struct route_context {
	const struct catalog_facts *facts; /* borrowed; NULL: the catalog is not known */
	const struct catalog_facts *former; /* borrowed; without FACTS: what was known before the catalog changed, for effects alone; or NULL */
	bool facts_are_old;         /* nobody has looked for a while whether they still hold */
	bool standard_conforming_strings;
	bool ascii_safe_encoding;   /* false for SJIS, BIG5, GBK, GB18030, UHC, JOHAB */
	bool is_utf8;               /* client_encoding and server_encoding are both UTF8; false is always safe */
	uint64_t settings_key;      /* any other setting that changes how a text is read */
	uint64_t database_id;       /* of the entry that FACTS belongs to; another number when read_functions changes */
	const char *read_functions; /* borrowed; "app.total, postgis.*" or NULL */
	struct route_cause *cause;  /* borrowed, zeroed: is told the first name that decides, by a judgement without a cache; or NULL */
};

/* The reason's name and explanation, as in the table. */
const char *route_reason_name(enum route_reason reason);
const char *route_reason_text(enum route_reason reason);

/* The row of an effect: a single bit. */
const char *effect_name(enum effect effect);
const char *effect_text(enum effect effect);

/* A cache of about ENTRIES verdicts, for one thread. */
struct verdict_cache;
struct verdict_cache *verdict_cache_new(size_t entries);
void verdict_cache_free(struct verdict_cache **cache);

struct verdict_cache_counts {
	uint64_t hits;
	uint64_t misses;
};
struct verdict_cache_counts verdict_cache_counts(const struct verdict_cache *cache);

/* Judges a text; never fails: what is not understood goes to the primary.  CACHE may be NULL. */
void route_judge(struct verdict_cache *cache, const struct route_context *ctx, const char *text, size_t length,
    struct verdict *out);

/* Where the names of the settings are that a text may change. */
enum settings_named {
	NAMED_ALL,           /* they were all told */
	NAMED_BY_PARAMETERS, /* the others are parameters of the text, as they are */
	NAMED_NOT,           /* there may be more of which nobody knows the names */
};

/*
 * Tells the names of all settings that the text may change for its session, some perhaps twice: of SET, RESET and
 * set_config() in any of its statements, and of functions by the catalog's facts.
 */
enum settings_named route_settings_named(const struct route_context *ctx, const char *text, size_t length,
    void (*take)(void *user, const char *name), void *user);

enum transaction_isolation { ISOLATION_UNSAID, ISOLATION_READ_UNCOMMITTED, ISOLATION_READ_COMMITTED, ISOLATION_REPEATABLE_READ, ISOLATION_SERIALIZABLE };

/* What a session must know of a single SET, SHOW, BEGIN, DEALLOCATE, DISCARD and the like. */
struct verdict_detail {
	enum statement_kind kind;
	char *name;           /* owned: setting, statement, cursor, channel or savepoint as the parser folds it;
	                         "all", "plans", "sequences" or "temp" of DISCARD; NULL when there is none */
	char *value;          /* owned: SET name TO value, with exactly one constant; the payload of NOTIFY; else NULL */
	char **values;        /* owned: all constants of SET, value_count of them; NULL when one is no constant */
	size_t value_count;
	bool is_local;        /* SET LOCAL */
	bool is_all;          /* RESET ALL, SHOW ALL, DEALLOCATE ALL, DISCARD ALL, UNLISTEN *, CLOSE ALL */
	bool is_default;      /* SET name TO DEFAULT */
	bool is_session_wide; /* SET SESSION CHARACTERISTICS */
	bool is_hold;         /* DECLARE ... WITH HOLD */
	bool is_chain;        /* COMMIT AND CHAIN, ROLLBACK AND CHAIN */
	/* The modes of BEGIN, SET TRANSACTION and SET SESSION CHARACTERISTICS; the last one said counts. */
	bool is_read_only;
	bool is_read_write;
	bool is_deferrable;
	bool has_snapshot;    /* SET TRANSACTION SNAPSHOT */
	enum transaction_isolation isolation;
};

/*
 * Parses the text again and fills OUT; false (and OUT empty) unless it is exactly one statement that parses, of a kind
 * between KIND_BEGIN and KIND_NOTIFY or of a cursor.  Free with verdict_detail_free() in both cases.
 */
bool route_detail(const char *text, size_t length, struct verdict_detail *out);

/* One statement of a text: where it stands (from behind the last semicolon to its own, blanks in it), and what it says. */
struct statement_detail {
	size_t offset;
	size_t length;
	enum statement_kind kind;      /* a SELECT is KIND_READ here, whatever it calls */
	struct verdict_detail *detail; /* borrowed, as route_detail fills it; NULL for kinds that it does not know */
	const char *executes;          /* borrowed: the prepared statement that it runs, or explains, or creates a table of; or NULL */
	bool is_analyzed;              /* its Parse looks into it: of all else PostgreSQL reads the grammar alone until it runs */
};

/*
 * Parses the text again and calls back for each of its statements in turn, until CALL answers false; what it borrows
 * ends with the call.  False, without any call, when the text does not parse or is longer than ROUTE_TEXT_MAX_BYTES.
 * A text of one statement is called back once.  CALL must not parse.
 */
typedef bool statement_detail_call(void *user, const struct statement_detail *statement);
bool route_each_detail(const char *text, size_t length, statement_detail_call *call, void *user);

void verdict_detail_free(struct verdict_detail *detail);

#endif
