/*
 * pool/pool_private.h - what the files of pool/ share.  Functions named ledger_…_locked
 * need the ledger's mutex.
 */
#ifndef PGWEIR_POOL_POOL_PRIVATE_H
#define PGWEIR_POOL_POOL_PRIVATE_H

#include "base/clock.h"
#include "net/tls.h"
#include "pool/ledger.h"

/* Why a server closes whose database somebody wants for himself; for the log. */
#define VACATE_TEXT "its database is dropped, renamed, moved or copied"
/* Why one closes whose login began with other defaults than the next one will. */
#define RENEW_TEXT "defaults of its role or database have changed"

struct pool {
	struct hub *hub;           /* borrowed */
	struct loop *loop;         /* borrowed */
	unsigned number;
	struct list servers;       /* of server.all */
	struct list cancels;       /* of cancel.all: cancel connections under way */
	struct snapshot *snapshot; /* owned reference; changed by message */
	struct tls_set *tls;       /* owned reference; likewise */
};

/* Process-wide count of one user's servers. */
struct user_counter {
	UT_hash_handle hh;
	char *user; /* owned, key */
	int references;
	atomic_int servers;
	atomic_int clients;
	atomic_int most; /* 0: no limit */
	atomic_bool wanted; /* somebody waits for a place: an idle server of another ledger goes */
};

/* What connections to servers of that entry are secured with now, on this worker; NULL: not at all.  Borrowed. */
struct tls_context *pool_tls_of(const struct pool *p, const struct ledger *l);
/* True when TLS to them begins without asking for it. */
bool pool_tls_is_direct(const struct pool *p, const struct ledger *l);

struct user_counter *hub_counter(struct hub *h, const char *user);
void hub_counter_unref(struct hub *h, struct user_counter *c);

/* ---- accounts ---- */
struct account *account_new_locked(struct ledger *l, const char *user);
/* The account of that user, made when there is none. */
struct account *account_find_locked(struct ledger *l, const char *user, const struct snapshot *s, const struct database_config *d);
void account_free_locked(struct account *a);
void account_configure_locked(struct account *a, const struct snapshot *s, const struct database_config *d);
/* What its servers are logged in with, or NULL: the configured secret, else the learned one.  Borrowed. */
const char *account_secret_locked(const struct account *a);
void account_set_hosts_locked(struct account *a, unsigned count);
void account_refuse_waiters_locked(struct account *a, const struct refusal *why);
/* B is in no queue. */
void account_refuse_one_locked(struct borrower *b, const struct refusal *why);
/* True while logins fail on every host and no server is up. */
bool account_is_failing_locked(const struct account *a);
/* What failed with an old secret or old settings may be tried again at once. */
void account_forget_failure_locked(struct account *a);
/* Its database may be another one now. */
void account_forget_database_locked(struct account *a);
/* The borrower is told so; it is in no queue. */
void account_refuse_failing_locked(struct borrower *b);
struct cell *cell_ref(struct cell *c);
void cell_unref(struct cell *c);

/* ---- who waits, src/pool/queue.c ---- */
void account_make_queues(struct account *a);
void account_free_queues(struct account *a);
/* The hosts of the ledger have changed: no waiter insists on any. */
void account_forget_hosts_locked(struct account *a);
/* The oldest waiter, or NULL. */
struct borrower *queue_first(const struct queue *q);
/* The hosts that may serve its waiters now. */
uint32_t queue_mask_locked(const struct account *a, const struct queue *q);
/* For how long the oldest waiter waits whom one of those hosts may serve (UINT32_MAX: of all); 0: nobody does. */
int64_t account_oldest_wait_us(const struct account *a, uint32_t hosts, int64_t now_us);
void queue_refuse_locked(struct queue *q, const struct refusal *why);
/* Queues the borrower by its sequence number: behind all of its age, before the younger. */
void ledger_enqueue_locked(struct borrower *b);
void ledger_dequeue_locked(struct borrower *b);
/* The waiter for whom a server of a private set was opened; NULL when it is gone. */
struct borrower *ledger_private_waiter_locked(const struct server *s);
struct borrower *ledger_next_waiter_locked(struct account *a, unsigned host, unsigned worker);

/* ---- the ledger's books, src/pool/lending.c ---- */
/* The hosts that are up and not paused. */
uint32_t ledger_usable_locked(const struct ledger *l);
/* The hosts that may serve a borrower of the account with that target which wants no other than HOSTS (borrower.hosts). */
uint32_t account_mask_locked(const struct account *a, enum lend_target target, uint32_t hosts);
uint32_t borrower_mask_locked(const struct borrower *b);
/* What balance_choose takes for the time. */
int64_t ledger_balance_us(const struct ledger *l);
/* A server of that host was lent to a borrower with that target. */
void ledger_gave_locked(struct ledger *l, unsigned host, enum lend_target target);
/* A server of the cell is in that state no more. */
void cell_leave_state(struct cell *c, enum server_state state);
void server_enter_locked(struct server *s, enum server_state state);
void server_enter(struct server *s, enum server_state state); /* the same, without the mutex */
/* FOR lends it: one of its worker is preferred, and one that has logged in with its set. */
struct server *ledger_take_idle_locked(struct account *a, uint32_t mask, const struct borrower *for_whom);
/* Gives idle servers to waiters and starts the logins that the limits allow. */
void ledger_pump_locked(struct account *a);
void ledger_pump_all_locked(struct ledger *l);
void ledger_promise_locked(struct server *s, struct borrower *b);
void ledger_idle_locked(struct server *s);
/* Closes an idle server, or all idle ones of those hosts; TEXT, a literal, is logged. */
void ledger_close_one_locked(struct server *s, const char *text);
void ledger_close_idle_locked(struct account *a, uint32_t hosts, const char *text);
/* Why a server is not used again, or NULL: its age (their ends are spaced), or an address that its host has no more. */
const char *server_aged_locked(struct server *s, int64_t now_us);
const char *server_moved_locked(struct server *s);
/* Takes the server out of all counts and serves who waited for the place. */
void ledger_forget(struct server *s);

/* ---- how many servers there may be, src/pool/limits.c ---- */
/* True when one more server on that host is within the pool's size, or within the reserve when that may be used. */
bool limit_allows_pool_locked(const struct account *a, unsigned host, bool *from_reserve);
/* FOR_WAITER: an idle server of another account, or of a host with another role, is closed where that makes room. */
bool limit_allows_database_locked(const struct account *a, unsigned host, bool for_waiter);
/* Reserves a place in the process-wide count of the user's servers; likewise. */
bool limit_reserve_user_locked(const struct account *a, unsigned host, bool for_waiter);
/* True while a failed login on that host keeps new ones waiting. */
bool cell_is_resting(const struct cell *c, const struct ledger *l);

/* ---- opening servers, src/pool/opening.c ---- */
/* Starts logins for waiters of the queue that no login under way will serve; MASK: its hosts. */
void queue_open_servers(struct account *a, struct queue *q, uint32_t mask);
/* What a server that is opened for it logs in with; borrowed, NULL: nothing. */
struct startup_set *borrower_set(const struct borrower *b);
/* False when it insists on a server of its own set, and this is another. */
bool borrower_takes(const struct borrower *b, const struct server *s);
/*
 * The waiter insists on a server of its own set, and none is idle: one is opened for it, or one of another set is closed
 * to make room.  It goes on to insist while one may come, and no longer.  MASK: its hosts.
 */
void borrower_insist_locked(struct borrower *b, uint32_t mask);
/* A replica or host that has fewer servers than its peers gets one more, so that reads spread. */
void ledger_even_out_locked(struct account *a, uint32_t mask);
/* Logins under way on those hosts, and checks. */
unsigned account_logins(const struct account *a, uint32_t mask);
/* One more server on the host of the mask with the fewest, beginning with the one whose turn it is; false if none may open.  WAITER may be NULL. */
bool account_open_one(struct account *a, uint32_t mask, struct pool *p, const struct borrower *waiter);
struct server *ledger_open_locked(struct account *a, unsigned host, struct pool *p, const struct borrower *waiter);
/* The same beside all limits, and counted in none. */
struct server *ledger_open_beyond_locked(struct account *a, unsigned host, struct pool *p);

/* ---- servers for one borrower, src/pool/dedicated.c ---- */
void dedicated_pump_locked(struct account *a);
void dedicated_dequeue_locked(struct borrower *b);
/* The login is done: its one borrower has the server. */
void dedicated_grant(struct server *s);
/* The login for the server's one borrower has failed: for good, or it waits again. */
void dedicated_refuse_locked(struct server *s, const struct refusal *why);
void dedicated_retry_locked(struct server *s);

/* ---- servers ---- */
void server_lend(struct server *s, struct borrower *b);
struct server *server_new_locked(struct account *a, unsigned host, struct pool *p, struct startup_set *set);
void server_order_locked(struct server *s, enum server_order order);
/* True while an order for it is on its way: it runs on the owner's thread, so the server must last. */
bool server_is_ordered(struct server *s);
extern const struct stream_events server_stream_events;
void server_login_begin(struct server *s);
void server_login_free(struct server_login *login);
size_t server_login_data(struct server *s, char *bytes, size_t length);
/* The handshake of its TLS is over, well; or the connection has ended during the login. */
void server_login_secured(struct server *s);
void server_login_ended(struct server *s);
/* The stream has had its last event: true when the login goes on with another one. */
bool server_login_closed(struct server *s);
bool server_login_is_retrying(const struct server *s);
/* The login has ended, well (MESSAGE is NULL) or not. */
void pool_login_done(struct server *s, const char *message, const char *sqlstate);
void server_free(struct server *s);
/* ---- servers that nobody has, src/pool/clean.c ---- */
/* True when the last borrower has left nothing; else it is being undone, pool_return follows, or the server was closed. */
bool clean_server(struct server *s);
/* The row of one column that answers whether there is a temporary schema (PURPOSE_LOOK). */
bool clean_row_is_zero(const char *body, size_t length);
/* Runs a query of ours; pool_return follows, or the server is closed. */
void clean_begin(struct server *s, const char *query, enum answer_purpose purpose);

/* ---- servers whose client is gone, src/pool/recover.c ---- */
size_t recover_data(struct server *s, const char *bytes, size_t length);
void recover_cancelled(struct server *s); /* no cancel request is under way any more */
void recover_timed_out(struct server *s);
/* Ends all cancel connections of this worker. */
void pool_end_cancels(struct pool *p);

#endif
