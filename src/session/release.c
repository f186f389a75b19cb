/*
 * session/release.c - the end of a transaction: what it did to the session is
 * found out, then the server goes back.
 */
#include <stdlib.h>

#include "session/feature.h"
#include "session/listening.h"
#include "session/sequence.h"
#include "session/vacate.h"

static void
release_set_profile(struct session *s, const struct profile *p)
{
	const struct profile *fresh = profile_ref(p);

	profile_unref(s->profile);
	s->profile = fresh;
}

/* The client's own startup values are in force again, and the server told it others. */
void
release_tell_startup(struct session *s)
{
	struct bytes b = {0};

	for (unsigned i = 0; i < profile_count(s->startup); i++) {
		const struct server_value *row = server_value(s->server, profile_name(s->startup, i));

		if (row != NULL && !text_equal(row->value, profile_value(s->startup, i)))
			message_parameter(&b, row->name, profile_value(s->startup, i));
	}
	session_send(s, &b);
	bytes_free(&b);
}

/* DISCARD ALL and RESET ALL: the server is as it was at its login, the session as it was at its own. */
static void
release_start_over(struct session *s)
{
	server_set_profile(s->server, profile_empty());
	release_set_profile(s, s->startup);
	release_tell_startup(s);
	restore_apply_pgweir(s);
	s->reported = false;
	s->probe = false;
}

static void
release_forget_transaction(struct session *s)
{
	free(s->touched);
	s->touched = NULL;
	s->probe = false;
	s->reset_one = false;
	s->reset_all = false;
	s->reset_held = false;
	s->discarded = false;
	s->settling = false;
	s->transaction_us = 0;
}

void
release_server(struct session *s)
{
	release_forget_transaction(s);
	if (s->vacating != NULL)
		vacate_end(s);
	s->idle_us = loop_now_us(s->worker->loop);
	sequence_released(s);
	if (!session_keeps_server(s)) {
		session_enter(s, SESSION_IDLE);
		pool_return(&s->server);
	}
	if (s->ledger->removed) {
		session_close(s, CLOSE_database_removed, NULL);
		return;
	}
	if (session_must_fast_close(s)) {
		session_close(s, CLOSE_database_changed, NULL);
		return;
	}
	session_arm(s);
	request_resume(s);
}

/* What the transaction has left is known. */
static void
release_settled(struct session *s)
{
	if (listening_continues(s)) {
		s->settling = true;
		return;
	}
	feature_settled(s);
	listening_release(s);
	release_server(s);
}

void
release_transaction(struct session *s)
{
	/* A session that keeps its server has its settings there; only its route may have been among them. */
	bool probes = s->probe && (s->pool_mode != POOL_SESSION || cluster_is_monitored(s->server->cluster));
	bool start_over = s->discarded || (s->reset_all && s->probe && !probes);
	const struct profile *before;
	struct bytes out = {0};

	/* Nothing is asked for the sake of settings that nobody follows. */
	probes &= s->features != FEATURES_IGNORE || s->touched != NULL;

	if (s->settling) {
		release_settled(s);
		return;
	}
	/* What was set behind a DISCARD ALL in the same batch is not known. */
	if (s->discarded && probes && s->touched != NULL)
		s->server->close_needed = true;
	if (start_over)
		release_start_over(s);
	before = s->profile;
	if (s->reported)
		restore_take_reported(s);
	s->reset_held = s->profile != before;
	s->probe = probes && !start_over;
	feature_settle(s, &out);
	if (out.length > 0) {
		s->settling = true;
		stream_send_bytes(&s->server->stream, out.data, out.length);
		bytes_free(&out);
		return;
	}
	release_settled(s);
}
