/*
 * pool/lending.c - the books of a ledger: which hosts serve, what is idle, who gets
 * what.  Who waits is in queue.c, who may open a server in limits.c and opening.c.
 * Everything here runs under the ledger's mutex and does no I/O: what has to be
 * done to a connection is ordered from the worker that owns it.
 */
#include <stdlib.h>

#include "pool/pool_private.h"
#include "pool/report.h"

/* So many idle servers are looked at for one with the borrower's startup set, and so many when it insists. */
#define IDLE_LOOKED_AT 4
#define IDLE_SEARCHED 64
/* Behind so many waiters who insist on what is not there nobody is looked at. */
#define WAITERS_LOOKED_AT 64

/* ----------------------------------------------------------------- hosts */

uint32_t
ledger_usable_locked(const struct ledger *l)
{
	unsigned count = cluster_host_count(l->cluster);
	struct cluster_masks masks;

	if (!cluster_is_monitored(l->cluster))
		return count >= CLUSTER_HOSTS_MOST ? UINT32_MAX : (1u << count) - 1;
	masks = cluster_masks(l->cluster);
	return unlikely(l->primary_paused) ? masks.replicas : masks.primary | masks.replicas;
}

static uint32_t
or_else(uint32_t mask, uint32_t other)
{
	return mask != 0 ? mask : other;
}

/* The hosts of that target which are up and not paused. */
static uint32_t
ledger_up_locked(const struct ledger *l, enum lend_target target)
{
	struct cluster_masks masks;

	if (!cluster_is_monitored(l->cluster))
		return ledger_usable_locked(l);
	masks = cluster_masks(l->cluster);
	if (unlikely(l->primary_paused))
		masks.primary = 0;
	switch (target) {
	case LEND_PRIMARY:
		return masks.primary;
	case LEND_REPLICA:
		if (l->read_from_primary == READ_FROM_PRIMARY_NEVER)
			return masks.replicas;
		return l->read_from_primary == READ_FROM_PRIMARY_ALWAYS ? masks.replicas | masks.primary
		                                                        : or_else(masks.replicas, masks.primary);
	case LEND_REPLICA_ONLY:
		return masks.replicas;
	case LEND_PREFER_REPLICA:
		return or_else(masks.replicas, masks.primary);
	default:
		return masks.primary | masks.replicas;
	}
}

uint32_t
ledger_hosts(struct ledger *l, enum lend_target target)
{
	uint32_t mask;

	pthread_mutex_lock(&l->mutex);
	mask = balance_mask(&l->balance, ledger_up_locked(l, target));
	pthread_mutex_unlock(&l->mutex);
	return mask;
}

/* Where a request goes whose own hosts do not serve. */
static uint32_t
ledger_last_resort_locked(const struct ledger *l, enum lend_target target)
{
	if (target == LEND_REPLICA_ONLY || (target == LEND_REPLICA && l->read_from_primary == READ_FROM_PRIMARY_NEVER))
		return 0;
	return cluster_is_monitored(l->cluster) ? ledger_up_locked(l, LEND_PRIMARY) : ledger_usable_locked(l);
}

/* The hosts of MASK where the account has servers, or may try to log in. */
static uint32_t
account_reachable(const struct account *a, uint32_t mask)
{
	uint32_t reachable = mask;

	for (uint32_t left = mask; left != 0; left &= left - 1) {
		const struct cell *c = a->cells[__builtin_ctz(left)];

		if (unlikely(c->failed_us != 0) && c->total == c->by_state[SERVER_CLOSING] && cell_is_resting(c, a->ledger))
			reachable &= ~(1u << c->host);
	}
	return reachable;
}

static uint32_t
account_mask_of_some_locked(const struct account *a, enum lend_target target, uint32_t hosts)
{
	const struct ledger *l = a->ledger;
	uint32_t mask, reachable;

	mask = ledger_up_locked(l, target);
	if (a->cell_count == 1 || target == LEND_PRIMARY)
		return mask;
	if (hosts != 0)
		mask = or_else(mask & hosts, or_else(ledger_last_resort_locked(l, target), target == LEND_REPLICA ? mask : 0));
	reachable = account_reachable(a, mask);
	if (reachable == 0)
		reachable = account_reachable(a, ledger_last_resort_locked(l, target));
	return balance_mask(&l->balance, or_else(reachable, mask));
}

uint32_t
account_mask_locked(const struct account *a, enum lend_target target, uint32_t hosts)
{
	if (likely(a->cell_count == 1 && !cluster_is_monitored(a->ledger->cluster)))
		return 1;
	return account_mask_of_some_locked(a, target, hosts);
}

uint32_t
borrower_mask_locked(const struct borrower *b)
{
	return account_mask_locked(b->account, (enum lend_target)b->target, b->hosts);
}

/* ---------------------------------------------------------------- states */

/* The states in which somebody has the server, or its host still works for somebody. */
#define STATES_IN_USE (1u << SERVER_CLAIMED | 1u << SERVER_IN_TRANSIT | 1u << SERVER_ACTIVE | 1u << SERVER_CANCELLING)

void
cell_leave_state(struct cell *c, enum server_state state)
{
	c->by_state[state]--;
	*c->in_use -= STATES_IN_USE >> state & 1;
}

void
server_enter_locked(struct server *s, enum server_state state)
{
	struct cell *c = s->cell;

	c->by_state[s->state]--;
	c->by_state[state]++;
	*c->in_use += (STATES_IN_USE >> state & 1) - (STATES_IN_USE >> s->state & 1);
	s->state = (uint8_t)state;
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
	const struct profile *wanted = startup_set_settings(borrower_set(b));
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

int64_t
ledger_balance_us(const struct ledger *l)
{
	return unlikely(l->balance.warming != 0) ? clock_monotonic_us() : 0;
}

void
ledger_gave_locked(struct ledger *l, unsigned host, enum lend_target target)
{
	if (target != LEND_PRIMARY)
		balance_gave(&l->balance, host, ledger_balance_us(l));
}

/* The hosts of MASK with an idle server. */
static uint32_t
account_idle_hosts(const struct account *a, uint32_t mask)
{
	uint32_t idle = mask;

	for (uint32_t left = mask; left != 0; left &= left - 1) {
		unsigned host = (unsigned)__builtin_ctz(left);

		if (a->cells[host]->by_state[SERVER_IDLE] == 0)
			idle &= ~(1u << host);
	}
	return idle;
}

/*
 * An idle server of one of those hosts, of the one whose turn it is: of the borrower's
 * worker if there is one, else of another.
 */
struct server *
ledger_take_idle_locked(struct account *a, uint32_t mask, const struct borrower *for_whom)
{
	struct ledger *l = a->ledger;

	for (uint32_t left = account_idle_hosts(a, mask); left != 0;) {
		unsigned host = (left & (left - 1)) == 0 ? (unsigned)__builtin_ctz(left) : balance_choose(&l->balance, left, ledger_balance_us(l));
		struct server *s = cell_take_best(a->cells[host], for_whom);

		if (s != NULL) {
			if (a->cell_count > 1)
				ledger_gave_locked(l, host, (enum lend_target)for_whom->target);
			return s;
		}
		left &= ~(1u << host);
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

static struct server *
waiter_take_idle(struct borrower *b, uint32_t mask)
{
	struct server *s = ledger_take_idle_locked(b->account, mask, b);

	if (s != NULL || !b->insists)
		return s;
	borrower_insist_locked(b, mask);
	return b->insists ? NULL : ledger_take_idle_locked(b->account, mask, b);
}

/* Idle servers for the waiters of one queue, and logins for those who are left.  Who insists is in nobody's way. */
static void
queue_pump(struct account *a, struct queue *q)
{
	uint32_t mask = queue_mask_locked(a, q);
	unsigned looked = 0;

	list_for_each_safe(node, &q->order) {
		struct borrower *b = list_entry(node, struct borrower, order);
		struct server *s = waiter_take_idle(b, mask);

		if (s != NULL)
			ledger_promise_locked(s, b);
		else if (!b->insists || ++looked == WAITERS_LOOKED_AT)
			break;
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
	cell_leave_state(s->cell, (enum server_state)s->state);
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
