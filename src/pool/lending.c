/*
 * pool/lending.c - the books of a ledger: which hosts serve, what is idle, who gets
 * what.  Who waits is in queue.c, who may open a server in limits.c and opening.c.
 * Everything here runs under the ledger's mutex and does no I/O: what has to be
 * done to a connection is ordered from the worker that owns it.
 */
#include <stdlib.h>

#include "pool/pool_private.h"

/* So many idle servers are looked at for one with the borrower's startup set, and so many when it insists. */
#define IDLE_LOOKED_AT 4
#define IDLE_SEARCHED 64

uint32_t
ledger_mask_locked(const struct ledger *l, enum lend_target target)
{
	unsigned count = cluster_host_count(l->cluster);
	struct cluster_masks masks;

	if (!cluster_is_monitored(l->cluster))
		return count >= CLUSTER_HOSTS_MOST ? UINT32_MAX : (1u << count) - 1;
	masks = cluster_masks(l->cluster);
	switch (target) {
	case LEND_PRIMARY:
		return masks.primary;
	case LEND_REPLICA:
		return masks.replicas != 0 ? masks.replicas : masks.primary;
	case LEND_REPLICA_ONLY:
		return masks.replicas;
	default:
		return masks.primary | masks.replicas;
	}
}

uint32_t
ledger_hosts_locked(const struct ledger *l, enum lend_target target, uint32_t hosts)
{
	uint32_t mask = ledger_mask_locked(l, target);

	if (hosts == 0 || target == LEND_PRIMARY)
		return mask;
	if ((mask & hosts) != 0 || target == LEND_REPLICA_ONLY)
		return mask & hosts;
	return cluster_is_monitored(l->cluster) ? ledger_mask_locked(l, LEND_PRIMARY) : mask;
}

uint32_t
borrower_mask_locked(const struct borrower *b)
{
	return ledger_hosts_locked(b->account->ledger, (enum lend_target)b->target, b->hosts);
}

void
server_enter_locked(struct server *s, enum server_state state)
{
	s->cell->by_state[s->state]--;
	s->state = (uint8_t)state;
	s->cell->by_state[state]++;
}

void
server_enter(struct server *s, enum server_state state)
{
	pthread_mutex_lock(&s->ledger->mutex);
	server_enter_locked(s, state);
	pthread_mutex_unlock(&s->ledger->mutex);
}

/* ------------------------------------------------------------------ idle */

void
ledger_idle_locked(struct server *s)
{
	struct list *idle = &s->cell->idle[s->pool->number];

	server_enter_locked(s, SERVER_IDLE);
	s->borrower = NULL;
	if (s->ledger->round_robin)
		list_push_back(idle, &s->idle);
	else
		list_push_front(idle, &s->idle);
}

static struct server *
cell_take_idle(struct cell *c, unsigned worker)
{
	struct list *node = list_pop_front(&c->idle[worker]);

	return node != NULL ? list_entry(node, struct server, idle) : NULL;
}

/* One that has logged in with the borrower's set, if it is among the first. */
static struct server *
cell_take_equal(struct cell *c, unsigned worker, const struct borrower *b)
{
	const struct profile *wanted = startup_set_settings(b->set);
	unsigned looked = 0;

	list_for_each(node, &c->idle[worker]) {
		struct server *s = list_entry(node, struct server, idle);

		if (startup_set_settings(s->set) == wanted) {
			list_remove(node);
			return s;
		}
		if (++looked == (b->insists ? IDLE_SEARCHED : IDLE_LOOKED_AT))
			break;
	}
	return NULL;
}

/* The one that the borrower had last, if it is among the first. */
static struct server *
cell_take_preferred(struct cell *c, unsigned worker, const struct borrower *b)
{
	unsigned looked = 0;

	list_for_each(node, &c->idle[worker]) {
		struct server *s = list_entry(node, struct server, idle);

		if (s->number == b->prefers) {
			list_remove(node);
			return s;
		}
		if (++looked == IDLE_SEARCHED)
			break;
	}
	return NULL;
}

static struct server *
cell_take_best(struct cell *c, const struct borrower *b)
{
	unsigned workers = hub_worker_count(b->pool->hub), own = b->pool->number;
	struct server *s = NULL;

	for (unsigned w = 0; s == NULL && b->prefers != 0 && !b->insists && w < workers; w++)
		s = cell_take_preferred(c, (own + w) % workers, b);
	if (s != NULL)
		return s;
	s = cell_take_equal(c, own, b);

	if (s == NULL && !b->insists)
		s = cell_take_idle(c, own);
	for (unsigned w = 0; s == NULL && w < workers; w++) {
		s = cell_take_equal(c, w, b);
		if (s == NULL && !b->insists)
			s = cell_take_idle(c, w);
	}
	return s;
}

/*
 * An idle server of one of those hosts, starting with the host whose turn it
 * is: of the borrower's worker if there is one anywhere, else of another.
 */
struct server *
ledger_take_idle_locked(struct account *a, uint32_t mask, const struct borrower *for_whom)
{
	unsigned start = a->next_host;

	for (unsigned i = 0; i < a->cell_count; i++) {
		unsigned host = (start + i) % a->cell_count;
		struct cell *c = a->cells[host];
		struct server *s;

		if ((mask & 1u << host) == 0 || c->by_state[SERVER_IDLE] == 0)
			continue;
		s = cell_take_best(c, for_whom);
		if (s == NULL)
			continue;
		a->next_host = (host + 1) % a->cell_count;
		return s;
	}
	return NULL;
}

void
ledger_promise_locked(struct server *s, struct borrower *b)
{
	if (b->state == BORROWER_QUEUED)
		ledger_dequeue_locked(b);
	b->state = BORROWER_PROMISED;
	s->borrower = b;
	server_enter_locked(s, SERVER_CLAIMED);
	server_order_locked(s, ORDER_HAND_OVER);
}

void
ledger_close_one_locked(struct server *s, const char *text)
{
	list_remove(&s->idle);
	s->close_text = text;
	server_enter_locked(s, SERVER_CLOSING);
	server_order_locked(s, ORDER_CLOSE);
}

void
ledger_close_idle_locked(struct account *a, uint32_t hosts, const char *text)
{
	for (unsigned host = 0; host < a->cell_count; host++) {
		struct server *s;

		if ((hosts & 1u << host) == 0)
			continue;
		for (unsigned w = 0; w < hub_worker_count(a->ledger->hub); w++) {
			while ((s = cell_take_idle(a->cells[host], w)) != NULL)
				ledger_close_one_locked(s, text);
		}
	}
}

/* ------------------------------------------------------------------ pump */

/* Idle servers for the waiters of one queue, and logins for those who are left. */
static void
queue_pump(struct account *a, struct queue *q)
{
	uint32_t mask = queue_mask_locked(a->ledger, q);
	struct borrower *b;

	while ((b = queue_first(q)) != NULL) {
		struct server *s;

		if (b->insists)
			borrower_insist_locked(b, mask);
		s = ledger_take_idle_locked(a, mask, b);
		if (s == NULL)
			break;
		ledger_promise_locked(s, b);
	}
	if (q->count > 0)
		queue_open_servers(a, q, mask);
}

void
ledger_pump_locked(struct account *a)
{
	struct ledger *l = a->ledger;

	if (l->paused || l->waiting == 0)
		return;
	for (unsigned i = 0; i < a->queue_count; i++)
		if (a->queues[i]->count > 0)
			queue_pump(a, a->queues[i]);
	dedicated_pump_locked(a);
}

void
ledger_pump_all_locked(struct ledger *l)
{
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next)
		ledger_pump_locked(a);
}

void
ledger_forget(struct server *s)
{
	struct ledger *l = s->ledger;
	struct account *a = s->account;

	pthread_mutex_lock(&l->mutex);
	list_remove(&s->idle);
	s->cell->by_state[s->state]--;
	s->cell->total--;
	a->total--;
	l->total--;
	if (s->beyond) {
		s->cell->beyond--;
		a->beyond--;
		l->beyond--;
	} else {
		atomic_fetch_sub(&a->counter->servers, 1);
	}
	ledger_pump_all_locked(l);
	cell_unref(s->cell);
	s->cell = NULL;
	pthread_mutex_unlock(&l->mutex);
}
