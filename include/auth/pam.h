/*
 * auth/pam.h - passwords checked by PAM.  The door to libpam; a build without it
 * (HAVE_PAM) fails every check.
 *
 * Blocks, for as long as a module likes: for threads that may hang.  Calls from
 * several threads at once are fine as far as the modules are.
 */
#ifndef PGWEIR_AUTH_PAM_H
#define PGWEIR_AUTH_PAM_H

#include "auth/verify.h"
#include "base/bytes.h"

struct pam_question {
	const char *service;
	const char *directory; /* where the service's file is; NULL or "": where the system has them */
	const char *user;
	const char *password;
	const char *remote_host; /* PAM_RHOST */
};

/*
 * Authentication, then whether the account may be used.  The conversation answers
 * prompts without echo with the password and refuses all others.  An empty password
 * is refused without a question.  Appends to WHY (without a NUL), for the log, what is
 * wrong unless it is VERIFY_OK.
 */
enum verify_result pam_verify(const struct pam_question *question, struct bytes *why);

#endif
