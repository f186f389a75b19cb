/*
 * pool/account.c - one user's part of a ledger: its servers per host, its queues,
 * its limits, and what was learned from its logins.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "pool/pool_private.h"
#include "pool/profile.h"

struct cell *
cell_ref(struct cell *c)
{
	c->references++;
	return c;
}

void
cell_unref(struct cell *c)
{
	if (--c->references > 0)
		return;
	free(c->idle);
	free(c);
}

static struct cell *
cell_new(unsigned host, unsigned workers, unsigned *in_use)
{
	struct cell *c = memory_new(sizeof(*c));

	c->host = host;
	c->references = 1;
	c->in_use = in_use;
	c->idle = memory_array(workers, sizeof(*c->idle));
	for (unsigned w = 0; w < workers; w++)
		list_init(&c->idle[w]);
	return c;
}

void
account_set_hosts_locked(struct account *a, unsigned count)
{
	for (unsigned i = 0; i < a->cell_count; i++) {
		a->cells[i]->in_use = &a->cells[i]->forgotten;
		cell_unref(a->cells[i]);
	}
	a->cells = memory_resize(a->cells, count * sizeof(struct cell *));
	for (unsigned i = 0; i < count; i++)
		a->cells[i] = cell_new(i, hub_worker_count(a->ledger->hub), &a->ledger->balance.hosts[i].in_use);
	a->cell_count = count;
}

struct account *
account_new_locked(struct ledger *l, const char *user)
{
	struct account *a = memory_new(sizeof(*a));

	a->user = text_copy(user);
	a->ledger = l;
	a->counter = hub_counter(l->hub, user);
	account_make_queues(a);
	list_init(&a->dedicated);
	account_set_hosts_locked(a, cluster_host_count(l->cluster));
	HASH_ADD_KEYPTR(hh, l->accounts, a->user, strlen(a->user), a);
	return a;
}

static void
account_set_secret(struct account *a, const char *secret)
{
	if (a->secret != NULL)
		crypto_wipe(a->secret, strlen(a->secret));
	free(a->secret);
	a->secret = text_copy(secret);
}

void
account_free_locked(struct account *a)
{
	HASH_DEL(a->ledger->accounts, a);
	hub_counter_unref(a->ledger->hub, a->counter);
	for (unsigned i = 0; i < a->cell_count; i++)
		cell_unref(a->cells[i]);
	account_free_queues(a);
	account_forget_startups_locked(a);
	greeting_unref(a->greeting);
	account_set_secret(a, NULL);
	crypto_wipe_text(a->learned_secret);
	crypto_wipe(&a->client_keys, sizeof(a->client_keys));
	if (a->client_password != NULL)
		crypto_wipe(a->client_password, strlen(a->client_password));
	free(a->client_password);
	free(a->failure);
	free(a->cells);
	free(a->user);
	free(a);
}

void
account_configure_locked(struct account *a, const struct snapshot *s, const struct database_config *d)
{
	const struct user_config *u = snapshot_user(s, a->user);
	bool forced = d->user != NULL && text_equal(d->user, a->user);

	a->pool_size = snapshot_pool_size(s, d, u);
	a->replica_pool_size = snapshot_replica_pool_size(s, d, u);
	a->min_pool_size = snapshot_min_pool_size(s, d, u);
	a->reserve_pool_size = snapshot_reserve_pool_size(s, d, u);
	a->pool_mode = snapshot_pool_mode(s, d, u);
	atomic_store(&a->max_pinned, snapshot_max_pinned(s, d, u));
	a->forced_user = forced;
	account_set_secret(a, d->password != NULL && (forced || d->user == NULL) ? d->password : u != NULL ? u->secret : NULL);
	atomic_store(&a->counter->most, snapshot_max_user_connections(s, u));
}

struct account *
account_find_locked(struct ledger *l, const char *user, const struct snapshot *s, const struct database_config *d)
{
	struct account *a;

	HASH_FIND(hh, l->accounts, user, strlen(user), a);
	if (a == NULL) {
		a = account_new_locked(l, user);
		if (d != NULL)
			account_configure_locked(a, s, d);
	}
	return a;
}

struct account *
account_attach(struct ledger *l, const char *user, const struct snapshot *snapshot)
{
	const struct database_config *d = snapshot_database(snapshot, l->name);
	struct account *a;

	pthread_mutex_lock(&l->mutex);
	a = account_find_locked(l, user, snapshot, d);
	a->clients++;
	pthread_mutex_unlock(&l->mutex);
	return a;
}

void
account_detach(struct account *a)
{
	struct ledger *l = a->ledger;

	pthread_mutex_lock(&l->mutex);
	must(a->clients > 0);
	a->clients--;
	pthread_mutex_unlock(&l->mutex);
}

void
account_learn_keys(struct account *a, const struct scram_keys *keys)
{
	pthread_mutex_lock(&a->ledger->mutex);
	a->client_keys = *keys;
	a->has_client_keys = true;
	pthread_mutex_unlock(&a->ledger->mutex);
}

void
account_learn_password(struct account *a, const char *password)
{
	pthread_mutex_lock(&a->ledger->mutex);
	if (a->client_password != NULL)
		crypto_wipe(a->client_password, strlen(a->client_password));
	free(a->client_password);
	a->client_password = text_copy(password);
	pthread_mutex_unlock(&a->ledger->mutex);
}

void
account_forget_failure_locked(struct account *a)
{
	free(a->failure);
	a->failure = NULL;
	for (unsigned i = 0; i < a->cell_count; i++)
		a->cells[i]->failed_us = 0;
}

void
account_forget_database_locked(struct account *a)
{
	account_forget_failure_locked(a);
	account_forget_startups_locked(a);
	greeting_unref(a->greeting);
	a->greeting = NULL;
}

void
account_learn_secret(struct account *a, const char *secret)
{
	pthread_mutex_lock(&a->ledger->mutex);
	if (!text_equal(a->learned_secret, secret)) {
		crypto_wipe_text(a->learned_secret);
		a->learned_secret = text_copy(secret);
		crypto_wipe_text(a->client_password);
		a->client_password = NULL;
		account_forget_failure_locked(a);
	}
	pthread_mutex_unlock(&a->ledger->mutex);
}

const char *
account_secret_locked(const struct account *a)
{
	return a->secret != NULL && a->secret[0] != '\0' ? a->secret : a->learned_secret;
}

/* -------------------------------------------------------------- greeting */

struct greeting *
account_greeting(struct account *a)
{
	struct greeting *g;

	pthread_mutex_lock(&a->ledger->mutex);
	g = a->greeting;
	if (g != NULL)
		atomic_fetch_add(&g->references, 1);
	pthread_mutex_unlock(&a->ledger->mutex);
	return g;
}

void
greeting_unref(struct greeting *g)
{
	if (g == NULL || atomic_fetch_sub(&g->references, 1) > 1)
		return;
	for (unsigned i = 0; i < g->count; i++) {
		free(g->values[i].name);
		free(g->values[i].value);
	}
	free(g->values);
	free(g);
}

const char *
greeting_value(const struct greeting *g, const char *name)
{
	for (unsigned i = 0; i < g->count; i++)
		if (text_equal_nocase(g->values[i].name, name))
			return g->values[i].value;
	return NULL;
}

/* --------------------------------------------------------------- failure */

bool
account_is_failing_locked(const struct account *a)
{
	uint32_t mask = ledger_usable_locked(a->ledger);

	if (a->failure == NULL || a->total > 0 || mask == 0)
		return false;
	for (unsigned i = 0; i < a->cell_count; i++)
		if ((mask & 1u << i) != 0 && !cell_is_resting(a->cells[i], a->ledger))
			return false;
	return true;
}

static char *
account_failure_text(const struct account *a)
{
	return text_format("server login has been failing, cached error: %s (server_login_retry)", a->failure);
}

bool
account_is_failing(struct account *a, char **text, char *sqlstate)
{
	bool failing;

	pthread_mutex_lock(&a->ledger->mutex);
	failing = account_is_failing_locked(a);
	if (failing) {
		*text = account_failure_text(a);
		memcpy(sqlstate, a->failure_sqlstate, sizeof(a->failure_sqlstate));
	}
	pthread_mutex_unlock(&a->ledger->mutex);
	return failing;
}

bool
account_is_wanted(struct account *a)
{
	bool wanted;

	pthread_mutex_lock(&a->ledger->mutex);
	wanted = account_waiting(a) > 0 || !list_is_empty(&a->dedicated);
	pthread_mutex_unlock(&a->ledger->mutex);
	return wanted;
}

bool
account_is_all_pinned(struct account *a)
{
	bool all;

	pthread_mutex_lock(&a->ledger->mutex);
	all = a->total > 0 && atomic_load(&a->pinned) >= (int)a->total;
	pthread_mutex_unlock(&a->ledger->mutex);
	return all;
}

unsigned
account_clients(struct account *a)
{
	unsigned clients;

	pthread_mutex_lock(&a->ledger->mutex);
	clients = a->clients;
	pthread_mutex_unlock(&a->ledger->mutex);
	return clients;
}

bool
pool_abandon(struct borrower *b)
{
	pthread_mutex_lock(&b->account->ledger->mutex);
	b->abandoned = true;
	pthread_mutex_unlock(&b->account->ledger->mutex);
	return pool_withdraw(b);
}

/* A refusal on its way to the waiter's worker. */
struct refusal_message {
	struct message message;
	struct borrower *borrower; /* promised, so it lives */
	struct refusal why;
	char sqlstate[6];
	char text[];
};

static void
refusal_deliver(struct message *m)
{
	struct refusal_message *r = container_of(m, struct refusal_message, message);
	struct borrower *b = r->borrower;
	struct ledger *l = b->account->ledger;

	pthread_mutex_lock(&l->mutex);
	b->state = BORROWER_NONE;
	pthread_mutex_unlock(&l->mutex);
	b->events->refused(b, &r->why);
	free(r);
}

void
account_refuse_one_locked(struct borrower *b, const struct refusal *why)
{
	const char *text = why->message != NULL ? why->message : close_row(why->reason)->text;
	const char *sqlstate = why->sqlstate != NULL ? why->sqlstate : close_row(why->reason)->sqlstate;
	struct refusal_message *r = memory_new(sizeof(*r) + strlen(text) + 1);

	b->state = BORROWER_PROMISED;
	r->message.run = refusal_deliver;
	r->borrower = b;
	memcpy(r->text, text, strlen(text) + 1);
	if (sqlstate != NULL)
		memcpy(r->sqlstate, sqlstate, min_of(strlen(sqlstate), sizeof(r->sqlstate) - 1));
	r->why = (struct refusal){.reason = why->reason, .sqlstate = r->sqlstate, .message = r->text};
	loop_post(b->pool->loop, &r->message);
}

void
account_refuse_failing_locked(struct borrower *b)
{
	char *text = account_failure_text(b->account);
	struct refusal why = {.reason = CLOSE_server_login_retry, .sqlstate = b->account->failure_sqlstate, .message = text};

	account_refuse_one_locked(b, &why);
	free(text);
}

void
account_refuse_waiters_locked(struct account *a, const struct refusal *why)
{
	struct list *node;

	for (unsigned i = 0; i < a->queue_count; i++)
		queue_refuse_locked(a->queues[i], why);
	while ((node = list_first(&a->dedicated)) != NULL) {
		struct borrower *b = list_entry(node, struct borrower, order);

		dedicated_dequeue_locked(b);
		account_refuse_one_locked(b, why);
	}
}
