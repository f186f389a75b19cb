/*
 * pool/vacate.c - ledgers that are held empty while a statement has their database
 * to itself.
 */
#include "pool/vacate.h"

#include <stdlib.h>
#include <string.h>

#include "pool/hub_private.h"
#include "pool/pool_private.h"

struct vacancy {
	struct ledger **ledgers; /* owned array of references, each held once */
	unsigned count;
	bool had_servers;        /* that serve no borrower, at the last vacancy_add */
};

struct search {
	struct vacancy *vacancy;
	struct snapshot *snapshot;
	const char *host; /* borrowed */
	uint16_t port;
	const char *names;
};

static bool
host_is_local(const char *host)
{
	return host[0] == '/' || host[0] == '@' || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

bool
ledger_has_host(const struct ledger *l, const char *host, uint16_t port)
{
	const struct cluster *c = l->cluster;

	for (unsigned i = 0; i < cluster_host_count(c); i++) {
		const char *name = cluster_host_name(c, i);

		if (cluster_host_port(c, i) == port && (strcmp(name, host) == 0 || (host_is_local(name) && host_is_local(host))))
			return true;
	}
	return false;
}

static bool
names_have(const char *names, const char *name)
{
	for (; *names != '\0'; names += strlen(names) + 1)
		if (strcmp(names, name) == 0)
			return true;
	return false;
}

static bool
ledger_is_there(struct ledger *l, const struct search *search)
{
	const struct database_config *d = snapshot_database(search->snapshot, l->name);

	if (d == NULL || !names_have(search->names, d->dbname != NULL ? d->dbname : l->name))
		return false;
	return ledger_has_host(l, search->host, search->port);
}

/* Others than those that serve a borrower. */
static bool
ledger_has_servers_locked(const struct ledger *l)
{
	unsigned others = l->total;

	for (const struct account *a = l->accounts; a != NULL; a = a->hh.next)
		for (unsigned i = 0; i < a->cell_count; i++)
			others -= a->cells[i]->by_state[SERVER_ACTIVE];
	return others > 0;
}

static void
ledger_vacate(struct ledger *l, void *user)
{
	struct search *search = user;
	struct vacancy *v = search->vacancy;

	if (!ledger_is_there(l, search))
		return;
	v->ledgers = memory_resize(v->ledgers, (v->count + 1) * sizeof(struct ledger *));
	v->ledgers[v->count++] = ledger_ref(l);
	pthread_mutex_lock(&l->mutex);
	l->vacating++;
	v->had_servers |= ledger_has_servers_locked(l);
	ledger_close_idle_all_locked(l, VACATE_TEXT);
	pthread_mutex_unlock(&l->mutex);
}

void
vacancy_add(struct vacancy **v, struct hub *h, const struct cluster *c, unsigned host, const char *names)
{
	struct search search = {.snapshot = hub_snapshot(h), .host = cluster_host_name(c, host), .port = cluster_host_port(c, host), .names = names};

	if (*v == NULL)
		*v = memory_new(sizeof(**v));
	search.vacancy = *v;
	(*v)->had_servers = false;
	hub_each_ledger(h, ledger_vacate, &search);
	snapshot_unref(search.snapshot);
}

bool
vacancy_was_empty(const struct vacancy *v)
{
	return !v->had_servers;
}

bool
vacancy_is_reached(const struct vacancy *v)
{
	for (unsigned i = 0; i < v->count; i++) {
		bool reached;

		pthread_mutex_lock(&v->ledgers[i]->mutex);
		reached = !ledger_has_servers_locked(v->ledgers[i]);
		pthread_mutex_unlock(&v->ledgers[i]->mutex);
		if (!reached)
			return false;
	}
	return true;
}

/* It may be another database of the same name now, or the first one. */
static void
ledger_settle(struct ledger *l)
{
	pthread_mutex_lock(&l->mutex);
	l->vacating--;
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next)
		account_forget_database_locked(a);
	ledger_pump_all_locked(l);
	pthread_mutex_unlock(&l->mutex);
	ledger_set_facts(l, NULL);
}

void
vacancy_end(struct vacancy **v)
{
	struct vacancy *gone = *v;

	*v = NULL;
	if (gone == NULL)
		return;
	for (unsigned i = 0; i < gone->count; i++) {
		ledger_settle(gone->ledgers[i]);
		ledger_unref(gone->ledgers[i]);
	}
	free(gone->ledgers);
	free(gone);
}
