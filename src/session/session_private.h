/*
 * session/session_private.h - what the files of session/ share.
 */
#ifndef PGWEIR_SESSION_SESSION_PRIVATE_H
#define PGWEIR_SESSION_SESSION_PRIVATE_H

#include "session/session.h"

#include "base/clock.h"
#include "pool/profile.h"
#include "protocol/startup.h"

/* Above this many unsent bytes on one side, the other side is not read. */
#define HIGH_WATER ((size_t)256 * 1024)
/* A client that waits may have sent this much ahead before it is not read any more. */
#define AHEAD_MOST ((size_t)64 * 1024)
/* One lend covers at most this many requests that were sent ahead. */
#define REQUESTS_MOST 128
/* A server owes at most about this many answers before its client is not heard. */
#define ANSWERS_MOST 4096

/* ---- session.c ---- */
extern const char *const session_state_names[SESSION_STATES];
void session_enter(struct session *s, enum session_state state);
void session_configure(struct session *s); /* takes the snapshot in force, with all that follows from it */
struct ledger_stats *session_stats(struct session *s);
void session_free_if_settled(struct session *s);

/* ---- deadline.c ---- */
void session_arm(struct session *s);       /* the timer, by what the session is doing now */
void deadline_passed(struct timer *t);      /* the timer's: what is due is done */

/* ---- login.c ---- */
size_t login_data(struct session *s, char *bytes, size_t length);
void login_free(struct session_login *login);
bool login_is_busy(const struct session_login *login); /* something still works for it: it cannot be freed */
/* ---- upgrade.c ---- */
void upgrade_done(struct session *s); /* the handshake of TLS went well */
/* ---- proof.c ---- */
/*
 * The answer to lookup_begin: the user's secret ("": a user without a usable password), or NULL when there is
 * no such user.  Exactly once, on the session's worker, also for a session that has ended meanwhile: it may be
 * freed by this.  The secret is copied.
 */
void proof_secret_known(struct session *s, const char *secret);
/* The answer to verifier_begin: whether the password is the user's. */
void proof_verified(struct session *s, bool ok);

/* ---- lookup.c: secrets that auth_query finds ---- */
/* True when somebody is configured who could ask for secrets on behalf of this login. */
bool lookup_is_configured(const struct session *s);
/* Finds the secret of s->user_name; s->login->database is what it asks for.  proof_secret_known follows, maybe before the return. */
void lookup_begin(struct session *s);
/* A worker's part of it. */
struct lookups *lookups_new(void);
void lookups_free(struct lookups *l);
/* On a worker's thread: ends what is asked there just now, and asks nothing any more. */
void lookup_end_all(struct worker *w);

/* ---- welcome.c ---- */
bool welcome_granted(struct session *s);        /* a server came for a session that is logging in */
void welcome_learned(struct session *s);          /* the server has judged the startup settings */
void welcome_learn_failed(struct session *s, const struct error *e); /* it refuses them: kept until its answer is complete */

/* ---- replication.c: a client that has a server of its own ---- */
/* Finds out whether it is one, and keeps its startup parameters: they are passed on as they are. */
void replication_take_startup(struct session *s, const struct startup *packet);
void replication_begin(struct session *s);   /* it is who it says: asks for its server */
void replication_granted(struct session *s);
/* Bytes of either side; they answer what was consumed. */
size_t replication_request(struct session *s, const char *bytes, size_t length);
size_t replication_answer(struct session *s, struct server *server, const char *bytes, size_t length);

/* ---- request.c: from the client ---- */
size_t request_data(struct session *s, char *bytes, size_t length);
void request_broken(struct session *s, const char *bytes, size_t length); /* no message begins like that, or it is too large */
/* It waited, and was lent a server, whose host may have gone meanwhile: true when it has one that may be used. */
bool request_takes(struct session *s);
void request_resume(struct session *s);         /* goes on with what the client had sent ahead */
void cancel_waiting(struct session *s);         /* the request that waits for a server ends here, as cancelled */

/* ---- forward.c: one message of the client to its server ---- */
size_t forward_frame(struct session *s, const char *bytes, size_t length);
void forward_fenced(struct session *s);         /* the fence that the request waited for is over, one way or the other */

/* ---- relay.c: from the server ---- */
size_t relay_data(struct session *s, struct server *server, const char *bytes, size_t length);
void relay_flush(struct session *s);            /* what was gathered for the client goes */
void relay_made(struct session *s);             /* answers made here whose turn has come */
void relay_drop_batch(struct session *s);       /* an error: what the batch still owes will not come */
void relay_settle(struct session *s);           /* undoes what the queue still promises; the server is lost */

/* ---- release.c ---- */
void release_transaction(struct session *s);    /* the transaction has ended: settings, then the server goes back */
void release_server(struct session *s);
void release_forget(struct session *s);         /* what was noted of the transaction */
void release_tell_startup(struct session *s);   /* the startup settings count again, and the client had heard others */

/* ---- fence.c: the server gets the session's settings ---- */
void restore_fence(struct session *s);          /* into to_server */
/* The same for any server, and appended to OUT; the answers (PURPOSE_FENCE) are whoever's who sends it. */
void restore_fence_server(struct server *server, const struct profile *want, struct bytes *out);
bool restore_is_needed(const struct session *s);
/* True while the request has to wait for the end of the fence, which is sent by this. */
bool restore_waits_for_fence(struct session *s);
/* Takes back what would end an idle server; true when something was appended to OUT. */
bool restore_disarm(struct session *s, struct bytes *out);

/* ---- refit.c: the server does not take them ---- */
/* True when the requests that were sent with the fence may be answered by the error, and the session goes on. */
bool refit_may_tell(const struct session *s, const struct error *e);
void refit_tell(struct session *s, const struct error *e); /* it has no server then */
/* The same for what was put in front of them and failed for another reason; WHY the server closes is for the log. */
void refit_refuse(struct session *s, const struct error *e, const char *why);
void refit_write(struct session *s, struct bytes *out);    /* one by one, each with a Sync */
bool refit_failed(struct session *s, const struct error *e); /* one of them; false: the session cannot go on */
void refit_done(struct session *s);

/* ---- learn.c, probe.c: settings are asked for ---- */
void restore_learn(struct session *s);          /* the startup settings, so that PostgreSQL judges them */
void restore_probe(struct session *s, struct bytes *out); /* asks what the transaction left; the answers are swallowed */
void restore_take_probe(struct session *s);     /* the answers are complete, if any were asked for */
void restore_forget_probe(struct session *s);
void restore_defaults_changed(struct session *s); /* a transaction that may have changed some has ended */
void upkeep_free(struct session *s);
bool restore_is_owed(const struct session *s); /* the client was told that it has made settings, and what they are is being asked */
bool restore_is_explained(const struct session *s); /* a name that was taken for likely is that of a setting that is in force */
bool restore_has_touched(const struct session *s); /* settings are named that the transaction may have changed */
void restore_touch(struct session *s, const char *name); /* the transaction may have changed that one */

/* ---- mend.c: RESET on a server with other startup settings ---- */
bool mend_query(struct session *s, const char *text, size_t length); /* true: forwarded, in another form */
void mend_note_bind(struct session *s, const char *text); /* the next Execute runs that text; NULL: one without resets */
void mend_execute(struct session *s);           /* behind that Execute */
bool mend_hides(const struct session *s, const char *name, const char *value); /* the report of that parameter is not the client's business yet */

/* ---- restore.c: settings ---- */
void restore_row(struct session *s, const struct answer *answer, const char *body, size_t length);
void restore_take_reported(struct session *s);
bool restore_name_is_followed(const struct session *s, const char *name);
void restore_apply_pgweir(struct session *s);   /* reads out of the profile what pgweir itself acts upon */
int64_t restore_idle_timeout_ms(const struct session *s); /* the client's own idle_session_timeout; 0: none */

/* ---- insist.c: who tells what the session began with ---- */
/* Has the borrower insist on a server of its startup settings when the request that begins there depends on them. */
void restore_insist(struct session *s, const char *bytes, size_t length);
/* False when no request of the session's does. */
bool restore_may_insist(const struct session *s);
/* True when a request sent ahead depends on them too, and the session's server has logged in with others. */
bool restore_wants_another(struct session *s, const char *bytes, size_t length);

/* ---- touch.c ---- */
/* Notes what the text may set.  V: its verdict, or NULL when nobody has judged it. */
void touch_text(struct session *s, const struct verdict *v, const char *text, size_t length);
/* The same of a text that is too long: as much of it as is here. */
void touch_head(struct session *s, const char *text, size_t length);
/* BODY: of a Bind, behind the names.  Parameters of a statement that works its names out may be these. */
void touch_parameters(struct session *s, struct reader body);

/* ---- lazy.c: BEGIN, held back ---- */
/* What a ReadyForQuery says to a client that has no server. */
char lazy_status(const struct session *s);
/* The transaction of a session that is losing its server, or waits for one, is lost: the client is in 'E' until it ends it. */
void lazy_fail(struct session *s);
/* The same, and the client does not know: it is told E at its next statement, unless that rolls back. */
void lazy_fail_untold(struct session *s, const struct error *e);
/* What waits for a server ends with that, without one: the rest of the request is dropped, and a transaction held back has failed. */
void lazy_fail_waiting(struct session *s, const struct error *e);
/* True when a transaction held back makes that of what would end the session as it waits; what WHY lacks, the reason's row has. */
bool lazy_outlives_wait(struct session *s, enum close_reason reason, const struct error *why);
bool lazy_has_failed(const struct session *s);
/* Its server has ended, and it has not begun there or is just ending there: it begins on another one. */
bool lazy_outlives_server(const struct session *s);
/* BEGIN was sent, and nothing has been answered behind it. */
bool lazy_is_unanswered(const struct session *s);
void lazy_released(struct session *s); /* the server goes back */
void lazy_free(struct session *s);
void lazy_free_all(struct worker *w);

/* ---- names.c: the client's prepared statements ---- */
struct name_change {
	struct session *session;  /* borrowed */
	struct name_entry *before; /* owned; NULL: there was none */
	char name[];
};

/* PostgreSQL looks at no more of a name, whoever gives it (NAMEDATALEN). */
#define NAME_MOST 63

struct name_entry {
	UT_hash_handle hh;
	struct list in_session;
	struct statement *statement; /* owned reference */
	struct brief brief;
	uint8_t does;                /* enum does: of its text */
	uint32_t effects;
	uint32_t surely;
	uint32_t effects_generation; /* of the facts by which they were judged */
	uint64_t described;          /* a hash of the rows' description that the client was given; 0: none */
	size_t key_length;
	char key[];                  /* the session's address, then the name; the length is without the NUL behind it */
};

struct name_entry *names_find(struct session *s, const char *name);
const char *names_text(const struct name_entry *e); /* the name, or as much of it as is kept; borrowed */
/* Puts the statement under that name, or takes the name away when it is NULL; answers how to undo it, NULL: nothing has changed. */
struct name_change *names_change(struct session *s, const char *name, struct statement *statement);
void names_undo(struct name_change **change);
void names_keep(struct name_change **change);
void names_clear(struct session *s);
/* True when a Close of the name, in an earlier batch that has yet to be answered, may be skipped by an error. */
bool names_is_in_doubt(const struct session *s, const char *name);
/* True while a Parse of the name in an earlier batch has yet to be answered, and may fail. */
bool names_is_owed(const struct session *s, const char *name);

/* The settings that what is prepared now is prepared under, as far as they are known.  The caller owns the reference. */
const struct profile *names_profile(const struct session *s);

/* ---- unnamed.c ---- */
void unnamed_judge(struct session *s);   /* it is another one again: what are its effects? */
void unnamed_release(struct session *s); /* the server goes back: a long statement is kept no longer */

/* ---- routing.c ---- */
struct plan {
	enum { PLAN_WAIT, PLAN_LEND, PLAN_BROKEN } outcome;
	struct brief brief;
	bool is_judged; /* false: nothing in it could be judged, and anywhere will do */
};
/* Judges the request or batch that begins at BYTES, as far as it has been read. */
struct plan routing_plan(struct session *s, const char *bytes, size_t length);
/* What the whole messages there were judged to be, whatever the entry's route. */
struct brief routing_brief(struct session *s, const char *bytes, size_t length);
/* What the comments of a request's messages ask for, where nobody judges its texts. */
struct hints {
	bool seen;    /* there was a text */
	bool primary; /* one of them asks for the primary */
	bool others;  /* not all of them ask for a replica */
};
bool hinted_matters(const struct session *s);
/* True when a hint with that reason leads a text elsewhere than the route does. */
bool hinted_moves(enum route_mode route, enum route_reason reason);
void hinted_add(struct session *s, struct hints *h, char type, const char *body, size_t length);
/* *BATCH becomes what they ask for, if that is not where it goes anyhow. */
void hinted_decide(const struct session *s, const struct hints *h, struct brief *batch);
/* Where what is no statement of a client's goes: logins, replication, our own questions. */
enum lend_target routing_home(enum route_mode route);
enum lend_target routing_home_of(const struct session *s);
enum lend_target routing_target(const struct session *s, const struct brief *brief);
/* The reason where nobody looks at texts: route is not split, or pool_mode is session. */
enum route_reason routing_fixed_reason(enum route_mode route);
/* How texts of a client of the entry are judged, that speaks UTF8 and has changed no setting. */
struct route_context routing_context_of(const struct ledger *l, const struct database_config *database, const struct catalog_facts *facts);
/* As route_settings_named, for this session. */
enum settings_named routing_settings_named(struct session *s, const char *text, size_t length, void (*take)(void *user, const char *name), void *user);
void routing_judge(struct session *s, const char *text, size_t length, struct verdict *out);
/* Would the request go to a replica, if route_dry_run did not keep it on the primary? */
bool routing_is_held_back(const struct session *s, const struct brief *brief);
/* A request for that reason was answered by the session's server: it is counted, and the client is told. */
void routing_count(struct session *s, enum route_reason reason);
void routing_notice(struct session *s, enum route_reason reason);
bool routing_judges(const struct session *s);
/* True while the session's server is known to be a replica. */
bool routing_is_on_replica(const struct session *s);
/* What a transaction of the session begins with where it says nothing: an isolation of enum transaction_mode. */
unsigned routing_default_isolation(struct session *s);
bool routing_is_read_only_by_default(struct session *s);
/* As routing_notice, for what was answered here. */
void routing_write_held_notice(struct bytes *out);

/* ---- inquiry.c: what pgweir itself asks the databases ---- */
/* The facts about the session's catalog as it knows them, refreshed when they have changed; borrowed, may be NULL. */
struct catalog_facts *facts_of_session(struct session *s);
/* While those are not known: the ones from before the catalog changed; borrowed, may be NULL. */
struct catalog_facts *facts_former_of_session(struct session *s);
/* True when nobody has looked for a while whether they still hold. */
bool facts_are_old(const struct session *s);
/* Sees to it that somebody asks for the catalog of this session's database. */
void inquiry_begin(struct session *s);
/* The catalog has changed, or may have: nothing is known of it until it has been asked again. */
void inquiry_catalog_changed(struct session *s);
/* The catalog may be another than is known: it is looked at now, and what is known counts until then. */
void inquiry_look(struct session *s);
/* On a worker's thread: ends the inquiries that run there. */
void inquiry_end_all(struct worker *w);

/* ---- receiver.c ---- */
/* On a worker's thread: ends the connections that listen from there. */
void receiver_end_all(struct worker *w);

/* ---- cancel.c ---- */
void cancel_request(struct session *s, uint32_t pid, const char *secret, size_t length);

#endif
