/*
 * pool/server.c - what a server connection has: reported values, prepared
 * statements, settings.  Who may use it is the ledger's business.
 */
#include "pool/server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/backend.h"
#include "pool/pool_private.h"
#include "pool/profile.h"

struct server *
server_new_locked(struct account *a, unsigned host, struct pool *p, struct startup_set *set)
{
	static _Atomic uint64_t last;
	struct server *s = memory_new(sizeof(*s));

	list_init(&s->all);
	list_init(&s->idle);
	list_init(&s->backends);
	list_init(&s->prepared_used);
	list_init(&s->own_used);
	s->number = atomic_fetch_add(&last, 2) + 1;
	s->id = hub_next_connection(a->ledger->hub);
	s->pool = p;
	s->ledger = ledger_ref(a->ledger);
	s->account = a;
	s->cell = cell_ref(a->cells[host]);
	s->host = host;
	s->cluster = cluster_ref(a->ledger->cluster);
	s->epoch = a->ledger->epoch;
	s->renewals = atomic_load(&a->renewals);
	s->status = 'I';
	s->state = SERVER_LOGIN;
	s->set = startup_set_is_usable(set, a) ? startup_set_ref(set) : NULL;
	s->profile = profile_ref(startup_set_settings(s->set));
	s->stream.fd = -1;
	s->cell->by_state[SERVER_LOGIN]++;
	s->cell->total++;
	a->total++;
	a->ledger->total++;
	return s;
}

bool
server_is_ordered(struct server *s)
{
	bool ordered;

	pthread_mutex_lock(&s->ledger->mutex);
	ordered = s->order != ORDER_NONE;
	pthread_mutex_unlock(&s->ledger->mutex);
	return ordered;
}

static void
server_drop_answers(struct server *s)
{
	while (s->answers.count > 0) {
		struct answer gone = answers_pop(&s->answers);

		/* A borrower settles its name changes before it lets go of the server. */
		must(gone.change == NULL);
		statement_unref(gone.statement);
		free(gone.own_name);
	}
	answers_free(&s->answers);
}

void
server_free(struct server *s)
{
	backend_remove(s);
	server_drop_answers(s);
	server_forget_prepared(s);
	profile_unref(s->profile);
	startup_set_unref(s->set);
	for (unsigned i = 0; i < s->value_count; i++) {
		free(s->values[i].name);
		free(s->values[i].value);
		free(s->values[i].initial);
	}
	free(s->values);
	cluster_unref(s->cluster);
	ledger_unref(s->ledger);
	free(s);
}

/* ---------------------------------------------------------------- values */

static struct server_value *
server_value_row(const struct server *s, const char *name)
{
	for (unsigned i = 0; i < s->value_count; i++)
		if (text_equal_nocase(s->values[i].name, name))
			return &s->values[i];
	return NULL;
}

const struct server_value *
server_value(const struct server *s, const char *name)
{
	return server_value_row(s, name);
}

/* PostgreSQL tells of a promotion with its next answer, long before the next check. */
static void
server_note_standby(const struct server *s, bool is_standby)
{
	if (cluster_is_monitored(s->cluster) && is_standby == (cluster_host_role(s->cluster, s->host) == HOST_PRIMARY))
		cluster_suspect(s->cluster, s->host);
}

void
server_set_value(struct server *s, const char *name, const char *value)
{
	struct server_value *row = server_value_row(s, name);

	if (strcmp(name, "in_hot_standby") == 0)
		server_note_standby(s, strcmp(value, "on") == 0);

	if (row != NULL) {
		free(row->value);
		row->value = text_copy(value);
		s->risen |= strcmp(name, "is_superuser") == 0 && strcmp(value, "on") == 0 && strcmp(row->initial, "off") == 0;
		return;
	}
	if (s->value_count == SERVER_VALUES_MOST)
		return;
	s->values = memory_resize(s->values, (s->value_count + 1) * sizeof(*s->values));
	s->values[s->value_count++] = (struct server_value){.name = text_copy(name), .value = text_copy(value), .initial = text_copy(value)};
}

void
server_set_profile(struct server *s, const struct profile *profile)
{
	if (s->profile == profile)
		return;
	profile_unref(s->profile);
	s->profile = profile_ref(profile);
}

void
server_start_over(struct server *s)
{
	server_forget_prepared(s);
	server_set_profile(s, startup_set_settings(s->set));
	s->veiled_by = 0;
}

const char *
server_default(const struct server *s, const char *name)
{
	const char *replaced = s->set != NULL ? profile_find(s->set->defaults, name) : NULL;
	const struct server_value *row = replaced == NULL ? server_value_row(s, name) : NULL;

	return row != NULL ? row->initial : replaced;
}

const char *
server_unset_value(const struct server *s, const char *name)
{
	bool replaced = profile_find(startup_set_settings(s->set), name) != NULL;

	return replaced ? server_default(s, name) : NULL;
}

/* ---------------------------------------------------- prepared statements */

struct prepared *
server_find_prepared(struct server *s, const struct statement *statement)
{
	struct prepared *p;

	HASH_FIND(hh, s->prepared, &statement->number, sizeof(statement->number), p);
	if (p == NULL)
		return NULL;
	list_remove(&p->used);
	list_push_back(&s->prepared_used, &p->used);
	return p;
}

static struct statement *
server_take_prepared(struct server *s, struct prepared *p)
{
	struct statement *statement = p->statement;

	HASH_DEL(s->prepared, p);
	list_remove(&p->used);
	free(p);
	return statement;
}

struct statement *
server_prepare(struct server *s, struct statement *statement, unsigned most)
{
	struct statement *evicted = NULL;
	struct prepared *p;

	if (HASH_COUNT(s->prepared) >= most && !list_is_empty(&s->prepared_used))
		evicted = server_take_prepared(s, list_entry(list_first(&s->prepared_used), struct prepared, used));
	p = memory_new(sizeof(*p));
	p->number = statement->number;
	p->statement = statement_ref(statement);
	list_push_back(&s->prepared_used, &p->used);
	HASH_ADD(hh, s->prepared, number, sizeof(p->number), p);
	return evicted;
}

void
server_unprepare(struct server *s, const struct statement *statement)
{
	struct prepared *p;

	HASH_FIND(hh, s->prepared, &statement->number, sizeof(statement->number), p);
	if (p != NULL)
		statement_unref(server_take_prepared(s, p));
}

void
server_forget_prepared(struct server *s)
{
	struct prepared *p, *next;

	HASH_ITER(hh, s->prepared, p, next)
		statement_unref(server_take_prepared(s, p));
	server_name_forget_all(s);
	server_set_unnamed(s, NULL);
	s->fences = 0;
	s->pin_questions = 0;
	s->lsn_question = false;
}

void
server_set_unnamed(struct server *s, struct statement *statement)
{
	if (s->unnamed == statement)
		return;
	statement_unref(s->unnamed);
	s->unnamed = statement != NULL ? statement_ref(statement) : NULL;
}

void
server_describe(const struct server *s, char *out, size_t size)
{
	snprintf(out, size, "S-0x%llx: %s/%s@%s:%u", (unsigned long long)s->number, s->ledger->name, s->account->user,
	    cluster_host_name(s->cluster, s->host), cluster_host_port(s->cluster, s->host));
}
