/*
 * session/floor.h - consistency: how far a replica must have replayed before a
 * session may read from it.
 *
 *     transaction on the primary ─ ReadyForQuery ─▶ client
 *                    └─ "where is the log?" ─▶ the same server ─▶ floor ─▶ the server is returned
 *     read ─▶ the replicas that have replayed the floor, else the primary
 *
 * While the answer is on its way or did not come, the floor is unknown and the session
 * reads the primary, which asks anew.  A session whose consistency is eventual has none.
 */
#ifndef PGWEIR_SESSION_FLOOR_H
#define PGWEIR_SESSION_FLOOR_H

#include "cluster/cluster.h"
#include "pool/ledger.h"
#include "session/feature.h"

struct floor {
	uint64_t lsn;            /* what has to be replayed, as replay counts; 0: nothing */
	uint64_t least;          /* pgweir.min_lsn; UINT64_MAX when that is no position */
	struct floor_tables *tables; /* owned: what it writes and reads; NULL while nobody of the database reads by tables */
	struct cluster *cluster; /* borrowed from the ledger, which keeps it: the one of HOST; NULL: it read from no replica since the floor */
	int64_t read_us;         /* monotonic: when its last read there ended */
	unsigned timeline;       /* of lsn; 0 unknown */
	uint8_t host;            /* the replica that it read from */
	uint8_t mode;            /* enum consistency */
	uint8_t meant;           /* enum route_reason: why its read was a replica's, before that was not far enough */
	bool turned;             /* its read goes to the primary since no replica was there, or none was far enough */
	bool unknown;            /* it has been on the primary, and how far that was then is not known */
	bool was_known;          /* before it was lent the primary's server that it has */
	bool asked;              /* the question is on its way */
	bool answered;           /* it has a row */
};

/* The settings in force say whether the session has a floor. */
void floor_configure(struct session *s);
void floor_free(struct session *s);
/* At the login, into its startup settings: so SHOW pgweir.consistency answers. */
void floor_add_startup(struct session *s);

/*
 * A read is about to be lent a server: leaves it LEND_REPLICA with the hosts that may serve it, or makes it the
 * primary's, with the reason.
 */
void floor_choose(struct session *s);
/* The session was lent a server.  True when it may begin there; else it has none, and waits for one of the primary. */
bool floor_takes(struct session *s);

/*
 * It waits for the primary, since no replica was far enough: true once one is, and it waits for that, or has it.
 * To be looked at when FLOOR_DUE_US says so (INT64_MAX: it does not wait for that).
 */
bool floor_looks_again(struct session *s);
int64_t floor_due_us(const struct session *s);
/* The server is lost before the client has seen anything of what it has asked there. */
void floor_saw_nothing(struct session *s);

/* ---- floor_tables.c ---- */
/* True when somebody of the database may read by tables: every session of it has a floor then. */
static inline bool
floor_may_have_readers(const struct session *s)
{
	return atomic_load_explicit(&s->ledger->floors, memory_order_relaxed) != NULL ||
	    atomic_load_explicit(&s->ledger->looks_for_floors, memory_order_relaxed);
}

/* True when the session's writes are not marked, and may have to be. */
static inline bool
floor_has_to_look(const struct session *s)
{
	return (s->floor == NULL || s->floor->tables == NULL) && floor_may_have_readers(s);
}

/* The floors of the session's database; NULL: nobody reads by them, nor does MAKES say that this one will. */
struct table_floors *floor_tables_of(const struct session *s, bool makes);
/* From now on the session's writes are marked. */
void floor_watch_tables(struct session *s, struct table_floors *shared);
/* Whatever it was writing: nobody will know where that is. */
void floor_lose_marks(struct session *s);
/* The text goes to the server.  V: its verdict; NULL: it is judged here, and without a TEXT it may be any write. */
void floor_sends(struct session *s, const struct verdict *v, const char *text);
/* The same of a prepared statement that is bound; RENAMES: the session knows its names. */
void floor_sends_bound(struct session *s, const char *name, bool renames);
/* A request is planned; its texts follow. */
void floor_gather_begin(struct session *s);
void floor_gather(struct session *s, const struct verdict *v);
/* True when its reads go by what was written to their tables; and what that is for the request planned last. */
bool floor_reads_tables(const struct session *s);
struct table_floor floor_of_tables(const struct session *s);
/* True when the position has to be asked for on behalf of others. */
bool floor_owes_tables(struct session *s);
/* It is known; 0: what was sent has written nothing. */
void floor_tell_tables(struct session *s, uint64_t lsn, unsigned timeline);

/* ---- floor_settings.c ---- */
/* Ahead of a text that may show pgweir.last_lsn: the server that answers is told it. */
void floor_tell(struct session *s, const char *text);
/* Ahead of a text; refuses what sets a setting of floors to no value of it. */
enum ahead floor_ahead_of_set(struct session *s, const struct verdict *v, const char *text, size_t length);

/* The name that the question has where it is prepared. */
#define FLOOR_QUESTION STATEMENT_PREFIX "lsn"

/* True when the server on which it reads may serve the request planned last as well. */
bool floor_still_suits(struct session *s);
/* The client was told what has been committed on the primary: it may look for that. */
void floor_heard(struct session *s);
/* The server goes back, or is gone. */
void floor_released(struct session *s);

/* ---- floor_ask.c: what feature.c asks and is answered; see there ---- */
void floor_settle(struct session *s, struct bytes *out);
void floor_row(struct session *s, const char *body, size_t length);
void floor_failed(struct session *s);
void floor_settled(struct session *s);

#endif
