/*
 * session/verifier.c - the threads that wait for PAM and LDAP.
 *
 * One queue and its threads for the process; a thread is started when a question comes
 * and none is free, up to auth_threads.  They are never joined: one may hang when the
 * process ends, and must not keep it from ending.
 */
#include "session/verifier.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "auth/ldap.h"
#include "auth/pam.h"
#include "observe/log.h"
#include "session/session_private.h"

struct verification {
	struct message message;
	struct list queued;      /* in verifier.queue; under its mutex */
	struct session *session; /* borrowed; NULL once it has gone.  Its worker's alone */
	struct loop *loop;       /* borrowed: where the answer goes */
	enum auth_type method;
	struct ldap_options ldap; /* owned */
	char *service;            /* owned; of PAM */
	char *directory;          /* owned; of PAM */
	char *user;               /* owned */
	char *password;           /* owned, wiped */
	char *remote_host;        /* owned */
	char who[256];
	enum verify_result result;
};

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t wanted;
	struct list queue;
	unsigned waiting; /* in the queue */
	unsigned threads;
	unsigned idle;
	bool stopped;
} verifier = {
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.wanted = PTHREAD_COND_INITIALIZER,
	.queue = {&verifier.queue, &verifier.queue},
};

static void
verification_free(struct verification *v)
{
	if (v->password != NULL)
		explicit_bzero(v->password, strlen(v->password));
	ldap_options_free(&v->ldap);
	free(v->password);
	free(v->service);
	free(v->directory);
	free(v->user);
	free(v->remote_host);
	free(v);
}

/* --------------------------------------------------------------- threads */

static void
verifier_judge(struct verification *v)
{
	struct pam_question question = {.service = v->service, .directory = v->directory, .user = v->user,
	    .password = v->password, .remote_host = v->remote_host};
	struct bytes why = {0};

	if (v->method == AUTH_PAM)
		v->result = pam_verify(&question, &why);
	else
		v->result = ldap_verify(&v->ldap, v->user, v->password, &why);
	bytes_u8(&why, 0);
	if (v->result == VERIFY_REFUSED)
		log_info(v->who, "%s refused the login: %s", v->method == AUTH_PAM ? "PAM" : "LDAP", why.data);
	if (v->result == VERIFY_FAILED)
		log_warning(v->who, "%s could not judge the login: %s", v->method == AUTH_PAM ? "PAM" : "LDAP", why.data);
	bytes_free(&why);
}

static void
verifier_deliver(struct message *m)
{
	struct verification *v = container_of(m, struct verification, message);
	struct session *s = v->session;
	bool ok = v->result == VERIFY_OK;

	verification_free(v);
	if (s != NULL)
		proof_verified(s, ok);
}

static void *
verifier_run(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&verifier.mutex);
	for (;;) {
		struct verification *v;

		verifier.idle++;
		while (list_is_empty(&verifier.queue))
			pthread_cond_wait(&verifier.wanted, &verifier.mutex);
		verifier.idle--;
		verifier.waiting--;
		v = list_entry(list_pop_front(&verifier.queue), struct verification, queued);
		pthread_mutex_unlock(&verifier.mutex);
		verifier_judge(v);
		pthread_mutex_lock(&verifier.mutex);
		if (verifier.stopped)
			verification_free(v);
		else
			loop_post(v->loop, &v->message);
	}
	return NULL;
}

/* Signals are the main thread's. */
static bool
verifier_start_thread_locked(void)
{
	sigset_t all, before;
	pthread_attr_t detached;
	pthread_t thread;
	int failed;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&thread, &detached, verifier_run, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&detached);
	verifier.threads += failed == 0;
	return failed == 0;
}

/* ------------------------------------------------------------- questions */

static bool
verifier_queue(struct verification *v, unsigned threads_most)
{
	bool ok;

	pthread_mutex_lock(&verifier.mutex);
	ok = verifier.waiting < VERIFIER_QUEUE_MOST && !verifier.stopped;
	if (ok && verifier.waiting >= verifier.idle && verifier.threads < threads_most)
		verifier_start_thread_locked();
	ok = ok && verifier.threads > 0;
	if (ok) {
		list_push_back(&verifier.queue, &v->queued);
		verifier.waiting++;
		pthread_cond_signal(&verifier.wanted);
	}
	pthread_mutex_unlock(&verifier.mutex);
	return ok;
}

static struct verification *
verification_new(struct session *s, enum auth_type method, const char *password)
{
	struct verification *v = memory_new(sizeof(*v));
	struct endpoint peer;

	socket_describe_peer(s->stream.fd, &peer);
	v->message.run = verifier_deliver;
	list_init(&v->queued);
	v->session = s;
	v->loop = s->worker->loop;
	v->method = method;
	v->user = text_copy(s->user_name);
	v->password = text_copy(password);
	v->remote_host = text_copy(peer.host);
	session_describe(s, v->who, sizeof(v->who));
	return v;
}

static struct verification *
verifier_begin(struct verification *v, const struct settings *set)
{
	if (verifier_queue(v, (unsigned)set->auth_threads))
		return v;
	log_warning(v->who, "too many logins wait for PAM or LDAP");
	verification_free(v);
	return NULL;
}

struct verification *
verifier_ask_pam(struct session *s, const char *service, const char *password)
{
	struct verification *v = verification_new(s, AUTH_PAM, password);

	v->service = text_copy(service);
	v->directory = text_copy(s->snapshot->global.auth_pam_dir);
	return verifier_begin(v, &s->snapshot->global);
}

struct verification *
verifier_ask_ldap(struct session *s, const struct ldap_options *options, const char *password)
{
	struct verification *v = verification_new(s, AUTH_LDAP, password);

	v->ldap = ldap_options_copy(options);
	return verifier_begin(v, &s->snapshot->global);
}

/* Whoever takes it out of the queue frees it; the answer to one under way meets no session. */
void
verifier_forget(struct verification **forgotten)
{
	struct verification *v = *forgotten;
	bool waits;

	*forgotten = NULL;
	if (v == NULL)
		return;
	pthread_mutex_lock(&verifier.mutex);
	waits = !list_is_empty(&v->queued);
	if (waits) {
		list_remove(&v->queued);
		verifier.waiting--;
	}
	pthread_mutex_unlock(&verifier.mutex);
	v->session = NULL;
	if (waits)
		verification_free(v);
}

void
verifier_stop(void)
{
	struct list *node;

	pthread_mutex_lock(&verifier.mutex);
	verifier.stopped = true;
	while ((node = list_pop_front(&verifier.queue)) != NULL)
		verification_free(list_entry(node, struct verification, queued));
	verifier.waiting = 0;
	pthread_mutex_unlock(&verifier.mutex);
}

bool
verifier_is_busy(void)
{
	bool busy;

	pthread_mutex_lock(&verifier.mutex);
	busy = verifier.idle < verifier.threads;
	pthread_mutex_unlock(&verifier.mutex);
	return busy;
}
