/*
 * session/release.c - the end of a transaction: what it did to the session is
 * found out, then the server goes back.
 */
#include <stdlib.h>

#include "session/feature.h"
#include "session/floor.h"
#include "session/heal.h"
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
	const struct profile *others = startup_set_settings(s->server->set);
	struct gather *g = &s->worker->to_client;
	struct bytes *b = gather_make(g);
	size_t before = b->length;

	for (unsigned i = 0; i < profile_count(others); i++) {
		const struct server_value *row = server_value(s->server, profile_name(others, i));

		if (row != NULL && profile_find(s->startup, row->name) == NULL)
			message_parameter(b, row->name, server_default(s->server, row->name));
	}
	for (unsigned i = 0; i < profile_count(s->startup); i++) {
		const struct server_value *row = server_value(s->server, profile_name(s->startup, i));

		if (row != NULL && !text_equal(row->value, profile_value(s->startup, i)))
			message_parameter(b, row->name, profile_value(s->startup, i));
	}
	gather_made(g, before);
}

/* DISCARD ALL: the server is as it was at its login, the session as it was at its own. */
static void
release_start_over(struct session *s)
{
	server_set_profile(s->server, startup_set_settings(s->server->set));
	s->server->veiled_by = 0;
	release_set_profile(s, s->startup);
	restore_apply_pgweir(s);
	s->reported = false;
}

void
release_forget(struct session *s)
{
	if (s->upkeep != NULL)
		upkeep_free(s);
	s->probe = false;
	s->reported = false;
	s->names_unknown = false;
	s->hides = false;
	s->names_brought = false;
	s->by_parameters = false;
	s->unjudged = false;
	s->mends = false;
	s->has_begun = false;
	s->discarded = false;
	s->settling = false;
	s->disarming = false;
	if (s->lazy == NULL)
		s->transaction_us = 0;
}

void
release_server(struct session *s)
{
	release_forget(s);
	if (s->heal != NULL)
		heal_end(s);
	if (s->floor != NULL)
		floor_released(s);
	if (s->vacating != NULL)
		vacate_end(s);
	s->idle_us = loop_now_us(s->worker->loop);
	sequence_released(s);
	if (s->server->veiled_by == s->id)
		s->borrower.prefers = s->server->number;
	unnamed_release(s);
	lazy_released(s);
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
	struct bytes out = {0};

	if (listening_continues(s)) {
		s->settling = true;
		return;
	}
	if (!s->disarming)
		feature_settled(s);
	if (s->disarming || session_keeps_server(s) || !restore_disarm(s, &out)) {
		listening_release(s);
		release_server(s);
		return;
	}
	s->settling = true;
	s->disarming = true;
	stream_send_bytes(&s->server->stream, out.data, out.length);
	bytes_free(&out);
}

void
release_transaction(struct session *s)
{
	/* A session that keeps its server has its settings there; only its route may have been among them. */
	bool probes = s->probe && !s->discarded && (s->pool_mode != POOL_SESSION || cluster_is_monitored(s->server->cluster));
	struct bytes out = {0};

	/* Nothing is asked for the sake of settings that nobody follows. */
	probes &= s->features != FEATURES_IGNORE || restore_has_touched(s);

	if (s->settling) {
		release_settled(s);
		return;
	}
	if (s->discarded) {
		/* What was set behind it in the same batch is not known. */
		s->server->close_needed |= s->probe && restore_has_touched(s);
		release_start_over(s);
	}
	if (s->reported && !probes)
		restore_take_reported(s);
	s->probe = probes;
	feature_settle(s, &out);
	if (out.length > 0) {
		s->settling = true;
		stream_send_bytes(&s->server->stream, out.data, out.length);
		bytes_free(&out);
		return;
	}
	release_settled(s);
}
