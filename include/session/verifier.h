/*
 * session/verifier.h - passwords that PAM or an LDAP server has to judge, which may
 * take for ever: threads of their own wait for that, so that a hung one stops nothing
 * but the logins behind it.
 *
 *    session ── verifier_ask_*() ──▶ queue ──▶ a thread: pam_verify(), ldap_verify()
 *       ▲                                                │
 *       └────── proof_verified() ◀──── inbox ◀───────────┘
 *
 * Everything is copied into the question, and nothing of the session is touched by
 * another thread: it may go at any time.
 */
#ifndef PGWEIR_SESSION_VERIFIER_H
#define PGWEIR_SESSION_VERIFIER_H

#include "config/ldap_options.h"

struct session;
struct verification;

/* What waits for a thread at most; beyond that logins are refused. */
#define VERIFIER_QUEUE_MOST 1000

/*
 * Queue the question whether PASSWORD is that of the session's user.  Later, never before
 * they return, proof_verified() is called once on the session's worker, unless
 * verifier_forget() comes first.  NULL, with a line in the log: too many wait already.
 * On the session's worker.
 */
struct verification *verifier_ask_pam(struct session *s, const char *service, const char *password);
struct verification *verifier_ask_ldap(struct session *s, const struct ldap_options *options, const char *password);

/* The session is going: a question that waits is dropped, one under way is answered to nobody.  NULLs the pointer. */
void verifier_forget(struct verification **v);

/* The loops are about to be freed: nobody is answered any more.  Main thread, when the workers have ended. */
void verifier_stop(void);
/* A thread is under way still: the process has to end by _exit(), since exit() takes down what that one uses. */
bool verifier_is_busy(void);

#endif
