/*
 * session/lookup.c - auth_query: the secret of a user whom auth_file does not name is
 * asked for in PostgreSQL, by auth_user.
 *
 *   session's worker                     the worker that looks this user up
 *   lookup_begin ── question ──────────▶ kept? ── yes ──────────────┐
 *                                          └ no ▶ flight (flight.c) ┤
 *   proof_secret_known ◀──────────────────────────── answer ────────┘
 *
 * A user has one such worker in the process, so that a storm of its logins is few
 * queries and no lock is needed.  A session that ends meanwhile stays until its
 * answer has come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "observe/log.h"
#include "pool/report.h"
#include "session/lookup_private.h"

/* ------------------------------------------------------------------- key */

struct lookup_key
lookup_key_new(const struct ledger *l, const char *auth_user, const char *query, const char *user)
{
	struct bytes b = {0};

	bytes_u64(&b, l->id);
	bytes_text(&b, auth_user);
	bytes_text(&b, query);
	bytes_text(&b, user);
	return (struct lookup_key){.bytes = b.data, .length = b.length};
}

struct lookup_key
lookup_key_copy(const struct lookup_key *key)
{
	return (struct lookup_key){.bytes = memory_copy(key->bytes, key->length), .length = key->length};
}

void
lookup_key_free(struct lookup_key *key)
{
	free(key->bytes);
	*key = (struct lookup_key){0};
}

const char *
lookup_key_auth_user(const struct lookup_key *key)
{
	return key->bytes + sizeof(uint64_t);
}

const char *
lookup_key_query(const struct lookup_key *key)
{
	const char *before = lookup_key_auth_user(key);

	return before + strlen(before) + 1;
}

const char *
lookup_key_user(const struct lookup_key *key)
{
	const char *before = lookup_key_query(key);

	return before + strlen(before) + 1;
}

/* -------------------------------------------------------------- a worker */

struct lookups *
lookups_new(void)
{
	struct lookups *l = memory_new(sizeof(*l));

	l->cache = lookup_cache_new();
	return l;
}

void
lookups_free(struct lookups *l)
{
	must(l->flights == NULL);
	lookup_cache_free(l->cache);
	free(l);
}

void
lookup_end_all(struct worker *w)
{
	w->lookups->ended = true;
	flight_end_all(w);
}

static struct lookup_era
lookup_era_now(struct worker *w, struct ledger *l)
{
	return (struct lookup_era){.snapshot = pool_snapshot(w->pool)->number, .epoch = ledger_epoch(l)};
}

void
lookup_keep(struct worker *w, struct ledger *l, const struct lookup_key *key, const struct lookup_result *result)
{
	int64_t ttl_us = pool_snapshot(w->pool)->global.auth_query_cache_ttl_ms * 1000;

	if (ttl_us <= 0 || result->outcome == LOOKUP_FAILED)
		return;
	lookup_cache_put(w->lookups->cache, key, lookup_era_now(w, l), loop_now_us(w->loop) + ttl_us, result->secret);
}

/* ------------------------------------------------------------- questions */

static void
lookup_free(struct lookup *q)
{
	crypto_wipe_text(q->result.secret);
	lookup_key_free(&q->key);
	ledger_unref(q->ledger);
	free(q);
}

static void
lookup_come_back(struct message *m)
{
	struct lookup *q = container_of(m, struct lookup, message);
	struct session *s = q->session;
	struct lookup_result *r = &q->result;

	s->login->looked_up = r->outcome == LOOKUP_FOUND;
	s->login->cached = r->cached && r->outcome == LOOKUP_FOUND;
	if (r->outcome != LOOKUP_FAILED)
		proof_secret_known(s, r->secret);
	else if (login_resumed(s))
		session_close(s, r->reason, NULL);
	lookup_free(q);
}

void
lookup_answer(struct lookup *q, const struct lookup_result *result)
{
	q->result = *result;
	q->result.secret = text_copy(result->secret);
	q->message.run = lookup_come_back;
	loop_post(q->session->worker->loop, &q->message);
}

bool
lookup_answer_at_once(struct lookup *q)
{
	static const struct lookup_result ending = {.outcome = LOOKUP_FAILED, .reason = CLOSE_pooler_shutdown};
	struct worker *w = q->home;
	struct lookup_result kept = {.cached = true};
	const char *secret;

	if (w->lookups->ended) {
		lookup_answer(q, &ending);
		return true;
	}
	if (q->fresh)
		lookup_cache_drop(w->lookups->cache, &q->key);
	if (!lookup_cache_get(w->lookups->cache, &q->key, lookup_era_now(w, q->ledger), loop_now_us(w->loop), &secret))
		return false;
	kept.outcome = secret != NULL ? LOOKUP_FOUND : LOOKUP_UNKNOWN;
	kept.secret = (char *)secret;
	lookup_answer(q, &kept);
	return true;
}

static void
lookup_arrive(struct message *m)
{
	struct lookup *q = container_of(m, struct lookup, message);

	if (!lookup_answer_at_once(q))
		flight_take(q);
}

/* ---------------------------------------------------------- the session */

struct source {
	const char *auth_user; /* all borrowed from the snapshot or the login; NULL: nobody to ask with */
	const char *database;
	const char *query;
};

static const char *
first_said(const char *special, const char *general)
{
	if (special != NULL && special[0] != '\0')
		return special;
	return general != NULL && general[0] != '\0' ? general : NULL;
}

static struct source
lookup_source(const struct session *s)
{
	const struct settings *set = &s->snapshot->global;
	const struct database_config *d = s->login->console ? NULL : snapshot_database(s->snapshot, s->login->database);
	struct source from = {.auth_user = first_said(d != NULL ? d->auth_user : NULL, set->auth_user),
	    .database = first_said(d != NULL ? d->auth_dbname : NULL, set->auth_dbname),
	    .query = first_said(d != NULL ? d->auth_query : NULL, set->auth_query)};

	if (from.database == NULL && d != NULL)
		from.database = s->login->database;
	if (from.database == NULL || from.query == NULL)
		from.auth_user = NULL;
	return from;
}

bool
lookup_is_configured(const struct session *s)
{
	return lookup_source(s).auth_user != NULL;
}

/* The ledger to ask in, a reference of the caller's; NULL when the session was closed instead. */
static struct ledger *
lookup_ledger(struct session *s, const char *database)
{
	struct ledger *l = hub_ledger(s->worker->process->hub, database);
	const char *problem = NULL;
	char who[256];

	if (l == NULL || l->removed || snapshot_database(s->snapshot, database) == NULL)
		problem = "is not configured.";
	else if (l->disabled)
		problem = "is disabled";
	if (problem == NULL)
		return l;
	session_describe(s, who, sizeof(who));
	log_warning(who, "authentication database \"%s\" %s", database, problem);
	ledger_unref(l);
	session_close(s, CLOSE_configuration, NULL);
	return NULL;
}

void
lookup_begin(struct session *s)
{
	struct process *process = s->worker->process;
	struct source from = lookup_source(s);
	struct ledger *l = from.auth_user != NULL ? lookup_ledger(s, from.database) : NULL;
	struct lookup *q;

	if (l == NULL) {
		proof_secret_known(s, NULL);
		return;
	}
	q = memory_new(sizeof(*q));
	list_init(&q->node);
	q->session = s;
	q->fresh = s->login->cached;
	q->ledger = l;
	q->key = lookup_key_new(l, from.auth_user, from.query, s->user_name);
	q->home = process->workers[hash_bytes(q->key.bytes, q->key.length) % hub_worker_count(process->hub)];
	q->message.run = lookup_arrive;
	loop_post(q->home->loop, &q->message);
}
