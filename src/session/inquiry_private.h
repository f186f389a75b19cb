/*
 * session/inquiry_private.h - an inquiry, as inquiry.c and inquiry_load.c share it.
 */
#ifndef PGWEIR_SRC_SESSION_INQUIRY_PRIVATE_H
#define PGWEIR_SRC_SESSION_INQUIRY_PRIVATE_H

#include "route/bodies.h"
#include "route/rules.h"
#include "session/session_private.h"

enum inquiry_step { STEP_RESET, STEP_CHANGE, STEP_CHANGE_SLOW, STEP_BEGIN, STEP_NAMES, STEP_RULES, STEP_CALLS, STEP_PATTERN, STEP_CLOSURE, STEP_MENTIONS, STEP_SOURCES, STEP_FOOTPRINTS, STEP_CAUSES, STEP_COMMIT, STEP_DONE };

struct inquiry {
	struct borrower borrower;
	struct timer timer;
	struct list all;             /* in worker.inquiries */
	struct worker *worker;       /* borrowed */
	struct ledger *ledger;       /* owned reference */
	struct server *server;       /* borrowed from the pool */
	enum inquiry_step step;
	struct bytes origin;         /* what FACTS_QUERY_BEGIN answered for the load whose answers are kept */
	struct bytes asked_origin;   /* likewise, for the load under way */
	struct bytes pattern;        /* kept: of unsafe built-ins */
	struct rules *rules;         /* owned, kept: what they call, as far as it was asked */
	struct catalog_names *names; /* owned: of the load under way */
	struct bodies *bodies;       /* owned: of the load under way */
	bool has_bodies;             /* all of them are there */
	struct bytes liars;          /* functions that mention what is unsafe, as the last closure was told */
	struct bytes change;         /* the last change test's answer */
	struct bytes changed;        /* the running one's */
	bool is_uncounted;           /* it says nothing of DDL */
	char defaults[64];           /* what told the defaults of roles and databases at the last change test; "": never asked */
	uint32_t renewals;           /* of the ledger then */
	struct catalog_facts *facts; /* owned: under construction */
	struct effect_graph *graph;  /* owned: likewise */
	uint64_t digest;             /* of the rows that came */
	uint64_t closure_digest;     /* likewise, of the last closure */
	int64_t began_us;            /* the load */
	struct catalog_facts *last;  /* owned reference: what was published last */
	uint64_t last_digest;
	enum lend_target target;     /* where it asks */
	bool routes;                 /* somebody routes by the facts; under the ledger's mutex */
	bool loads_routes;           /* the load under way asks for them */
	bool loads_footprints;       /* and for what writes change and reads read */
	uint64_t transactions;       /* of the ledger, at the last test */
	uint64_t asked_generation;   /* of the facts when the load began */
	bool failed;
	bool due;                    /* asked to look at once */
	bool ending;                 /* freed when the server that was promised has come */
	struct visit *visit;         /* owned: what it loads is for one asker alone (visit.c); else NULL */
};

/* A new one, which nobody knows yet: for the entry L, on behalf of that user. */
struct inquiry *inquiry_make(struct worker *w, struct ledger *l, const char *user, enum lend_target target, const struct snapshot *snapshot);
/* Asks for a server; what follows comes by itself. */
void inquiry_lend(struct inquiry *q);
/* Lets go of what it has, and frees it as soon as that is possible. */
void inquiry_end(struct inquiry *q);

/* ---- visit.c: what an inquiry with a visit does in its place ---- */
/* The timer has fired: the answer is there, or it takes too long.  The inquiry may be freed. */
void visit_due(struct inquiry *q);
void visit_granted(struct inquiry *q); /* a server is there */
void visit_fail(struct inquiry *q, const char *why);
void visit_take_facts(struct inquiry *q);
void visit_take_cause(struct inquiry *q, const char *text, size_t length);
/* The query for the causes. */
void visit_ask_causes(struct inquiry *q, const struct facts_closure *closure, struct bytes *out);
bool visit_wants_causes(const struct inquiry *q);
void visit_free(struct visit *v);

unsigned inquiry_server_version(const struct inquiry *q);
/* The change test is complete. */
bool inquiry_has_tested(const struct inquiry *q);
/* By it, the facts that there are say all that they have to. */
bool inquiry_catalog_is_same(const struct inquiry *q);
/* Who answers is known: what another one has said is forgotten. */
void inquiry_take_origin(struct inquiry *q);
/* The rows of the step that looks at rules are complete. */
void inquiry_take_rules(struct inquiry *q);
/* The bodies are here: true when the closure has to be asked again, for what they mention. */
bool inquiry_found_liars(struct inquiry *q);
/* What a load leaves that has failed, or has been published. */
void inquiry_forget_load(struct inquiry *q);
/* Sends the question of the step. */
void inquiry_ask(struct inquiry *q);
/* Takes a row of its answer; false when it is none. */
bool inquiry_take_row(struct inquiry *q, const char *body, size_t length);

#endif
