/*
 * session/verifier.h - passwords that PAM or an LDAP server has to judge, which may
 * take for ever: threads of their own wait for that, so that a hung one stops nothing
 * but the logins behind it.
 *
 *    session ── verifier_begin ──▶ queue ──▶ a thread: pam_verify(), ldap_verify()
 *       ▲                                              │
 *       └────── proof_verified() ◀──── inbox ◀─────────┘
 */
#ifndef PGWEIR_SESSION_VERIFIER_H
#define PGWEIR_SESSION_VERIFIER_H

#include "config/snapshot.h"

struct session;
struct verification;

/* What waits for a thread at most; beyond that logins are refused. */
#define VERIFIER_QUEUE_MOST 1000

/*
 * Queues the question whether PASSWORD is that of the session's user; METHOD is AUTH_PAM or
 * AUTH_LDAP, OPTIONS the latter's (as of auth_ldap_options).  All texts are copied.
 * proof_verified() is called once, later, on the session's worker, unless
 * verifier_forget() comes before.  NULL, with a line in the log: too many wait.
 * On the session's worker.
 */
struct verification *verifier_begin(
    struct session *s, enum auth_type method, const char *password, const char *options);

/* The session is going: its question is dropped, or answered to nobody.  NULLs the pointer.  On the session's worker. */
void verifier_forget(struct verification **v);

/* The loops are about to be freed: what is under way is answered to nobody.  Main thread, after the workers have ended. */
void verifier_stop(void);

#endif
