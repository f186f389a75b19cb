/*
 * pool/lending.c - the books of a ledger: who waits, what is idle, who gets what.
 * Everything here runs under the ledger's mutex and does no I/O: what has to be
 * done to a connection is ordered from the worker that owns it.
 */
#include <stdlib.h>

#include "pool/pool_private.h"

/* A waiter may be overtaken this often by waiters of the worker to which a server returns. */
#define OVERTAKEN_MOST 32
/* And by no one who came later than this: who is served first is for all to see. */
#define OVERTAKEN_LATER_US 2000
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

/* ----------------------------------------------------------------- queue */

/* Puts NODE into a list that is sorted by sequence; new ones belong at the end. */
static void
queue_insert(struct list *head, struct list *node, uint64_t sequence, bool own)
{
	struct list *place = head->prev;

	while (place != head) {
		const struct borrower *other = own ? list_entry(place, struct borrower, own) : list_entry(place, struct borrower, order);

		if (other->sequence < sequence)
			break;
		place = place->prev;
	}
	list_insert_after(place, node);
}

void
ledger_enqueue_locked(struct borrower *b)
{
	struct ledger *l = b->account->ledger;
	struct queue *q = &b->account->queues[b->target];

	queue_insert(&q->order, &b->order, b->sequence, false);
	queue_insert(&q->own[b->pool->number], &b->own, b->sequence, true);
	b->state = BORROWER_QUEUED;
	q->count++;
	l->waiting++;
}

void
ledger_dequeue_locked(struct borrower *b)
{
	struct queue *q = &b->account->queues[b->target];

	if (b->startup != NULL) {
		dedicated_dequeue_locked(b);
		return;
	}
	list_remove(&b->order);
	list_remove(&b->own);
	b->state = BORROWER_NONE;
	q->count--;
	b->account->ledger->waiting--;
}

static struct borrower *
older_of(struct borrower *a, struct borrower *b)
{
	if (a == NULL || (b != NULL && b->sequence < a->sequence))
		return b;
	return a;
}

struct borrower *
ledger_next_waiter_locked(struct account *a, unsigned host, unsigned worker)
{
	struct borrower *oldest = NULL, *own = NULL;

	if (a->ledger->waiting == 0 || a->ledger->paused)
		return NULL;
	for (unsigned t = 0; t < LEND_TARGETS; t++) {
		struct queue *q = &a->queues[t];
		struct list *first;

		if (q->count == 0 || (ledger_mask_locked(a->ledger, t) & 1u << host) == 0)
			continue;
		oldest = older_of(oldest, list_entry(list_first(&q->order), struct borrower, order));
		first = list_first(&q->own[worker]);
		if (first != NULL)
			own = older_of(own, list_entry(first, struct borrower, own));
	}
	if (oldest == NULL || own == NULL || own == oldest || oldest->overtaken >= OVERTAKEN_MOST)
		return oldest;
	if (own->since_us - oldest->since_us > OVERTAKEN_LATER_US)
		return oldest;
	oldest->overtaken++;
	return own;
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
 * An idle server of one of the target's hosts, starting with the host whose turn it
 * is: of the borrower's worker if there is one anywhere, else of another.
 */
struct server *
ledger_take_idle_locked(struct account *a, enum lend_target target, const struct borrower *for_whom)
{
	uint32_t mask = ledger_mask_locked(a->ledger, target);
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

/* ---------------------------------------------------------------- limits */

static int64_t
account_oldest_wait_us(const struct account *a)
{
	int64_t oldest_us = INT64_MAX;

	for (unsigned t = 0; t < LEND_TARGETS; t++) {
		struct list *first = list_first(&a->queues[t].order);

		if (first != NULL)
			oldest_us = min_of(oldest_us, list_entry(first, struct borrower, order)->since_us);
	}
	return oldest_us == INT64_MAX ? 0 : clock_monotonic_us() - oldest_us;
}

/* True when one more server on that host is within the pool's size, or within the reserve when that may be used. */
static bool
limit_allows_pool(const struct account *a, unsigned host, bool *from_reserve)
{
	bool monitored = cluster_is_monitored(a->ledger->cluster);
	bool replica = monitored && cluster_host_role(a->ledger->cluster, host) == HOST_REPLICA;
	unsigned total = monitored ? a->cells[host]->total - a->cells[host]->beyond : a->total - a->beyond;
	int size = replica ? a->replica_pool_size : a->pool_size;

	if (size <= 0 || total < (unsigned)size)
		return true;
	if (a->reserve_pool_size <= 0 || total >= (unsigned)(size + a->reserve_pool_size))
		return false;
	*from_reserve = account_oldest_wait_us(a) >= a->ledger->reserve_timeout_us;
	return *from_reserve;
}

/* An idle server of another account makes room under max_db_connections. */
static void
ledger_evict_locked(struct ledger *l, const struct account *for_account)
{
	struct server *oldest = NULL;

	for (struct account *a = l->accounts; a != NULL; a = a->hh.next) {
		for (unsigned i = 0; a != for_account && i < a->cell_count; i++) {
			if (a->cells[i]->by_state[SERVER_CLOSING] > 0)
				return;
			for (unsigned w = 0; w < hub_worker_count(l->hub); w++) {
				struct list *last = list_last(&a->cells[i]->idle[w]);
				struct server *s = last != NULL ? list_entry(last, struct server, idle) : NULL;

				if (s != NULL && (oldest == NULL || s->returned_us < oldest->returned_us))
					oldest = s;
			}
		}
	}
	if (oldest != NULL)
		ledger_close_one_locked(oldest, "evicted");
}

static bool
limit_allows_database(const struct account *a, bool for_waiter)
{
	struct ledger *l = a->ledger;

	if (l->max_connections <= 0 || l->total - l->beyond < (unsigned)l->max_connections)
		return true;
	if (for_waiter)
		ledger_evict_locked(l, a);
	return false;
}

/* Reserves a place in the process-wide count of the user's servers. */
static bool
limit_reserve_user(struct user_counter *c, bool for_waiter)
{
	int most = atomic_load(&c->most);

	if (atomic_fetch_add(&c->servers, 1) < most || most <= 0) {
		atomic_store(&c->wanted, false);
		return true;
	}
	atomic_fetch_sub(&c->servers, 1);
	if (for_waiter)
		atomic_store(&c->wanted, true);
	return false;
}

bool
cell_is_resting(const struct cell *c, const struct ledger *l)
{
	return c->failed_us != 0 && clock_monotonic_us() - c->failed_us < l->login_retry_us;
}

struct server *
ledger_open_locked(struct account *a, unsigned host, struct pool *p, const struct borrower *waiter)
{
	bool from_reserve = false;
	struct server *s;

	if (a->ledger->vacating > 0 || cell_is_resting(a->cells[host], a->ledger))
		return NULL;
	if (!limit_allows_pool(a, host, &from_reserve) || !limit_allows_database(a, waiter != NULL))
		return NULL;
	if (!limit_reserve_user(a->counter, waiter != NULL))
		return NULL;
	s = server_new_locked(a, host, p, waiter != NULL ? waiter->set : NULL);
	s->from_reserve = from_reserve;
	server_order_locked(s, ORDER_LOGIN);
	return s;
}

unsigned
account_logins(const struct account *a, uint32_t mask)
{
	unsigned logins = 0;

	for (unsigned i = 0; i < a->cell_count; i++)
		if ((mask & 1u << i) != 0)
			logins += a->cells[i]->by_state[SERVER_LOGIN] + a->cells[i]->by_state[SERVER_TESTING];
	return logins;
}

struct server *
ledger_open_beyond_locked(struct account *a, unsigned host, struct pool *p)
{
	struct server *s;

	if (cell_is_resting(a->cells[host], a->ledger))
		return NULL;
	s = server_new_locked(a, host, p, NULL);
	s->beyond = true;
	s->cell->beyond++;
	a->beyond++;
	a->ledger->beyond++;
	server_order_locked(s, ORDER_LOGIN);
	return s;
}

/* One more server on the host that has served so far, or, while that rests, on the next one, which then stays. */
static bool
account_open_same(struct account *a, uint32_t mask, struct pool *p, const struct borrower *waiter)
{
	struct ledger *l = a->ledger;

	for (unsigned i = 0; i < a->cell_count; i++) {
		unsigned host = (l->turn + i) % a->cell_count;

		if ((mask & 1u << host) == 0 || ledger_open_locked(a, host, p, waiter) == NULL)
			continue;
		l->turn = host;
		return true;
	}
	return false;
}

bool
account_open_one(struct account *a, uint32_t mask, struct pool *p, const struct borrower *waiter)
{
	if (a->ledger->one_host_at_a_time)
		return account_open_same(a, mask, p, waiter);
	for (uint32_t left = mask; left != 0;) {
		unsigned best = CLUSTER_HOSTS_MOST;

		for (unsigned i = 0; i < a->cell_count; i++) {
			unsigned host = (a->ledger->turn + i) % a->cell_count;

			if ((left & 1u << host) == 0)
				continue;
			if (best == CLUSTER_HOSTS_MOST || a->cells[host]->total < a->cells[best]->total)
				best = host;
		}
		if (best == CLUSTER_HOSTS_MOST)
			return false;
		if (ledger_open_locked(a, best, p, waiter) != NULL) {
			a->ledger->turn = (best + 1) % a->cell_count;
			return true;
		}
		left &= ~(1u << best);
	}
	return false;
}

/* Starts logins for the waiters of one target that no login under way will serve. */
static void
queue_open_servers(struct account *a, enum lend_target target)
{
	struct queue *q = &a->queues[target];
	uint32_t mask = ledger_mask_locked(a->ledger, target);
	struct list *node = list_first(&q->order);
	struct pool *p = list_entry(node, struct borrower, order)->pool;
	unsigned most = a->ledger->login_concurrency, logins = account_logins(a, mask);

	/* Those under way were begun for the first in the queue. */
	for (unsigned i = 0; i < logins && i < q->count; i++)
		node = node->next;
	for (; logins < q->count && logins < most; logins++, node = node->next)
		if (!account_open_one(a, mask, p, list_entry(node, struct borrower, order)))
			return;
}

/* Who insists waits for a server of its own set while one may come, and no longer. */
static void
borrower_insist_locked(struct borrower *b, uint32_t mask)
{
	struct account *a = b->account;
	unsigned closing = 0;

	for (unsigned i = 0; i < a->cell_count; i++)
		closing += a->cells[i]->by_state[SERVER_CLOSING];
	if (account_logins(a, mask) == 0 && closing == 0 && !account_open_one(a, mask, b->pool, b))
		b->insists = false;
}

bool
ledger_make_room_locked(struct borrower *b)
{
	struct account *a = b->account;
	struct server *s;

	if (!account_open_one(a, ledger_mask_locked(a->ledger, (enum lend_target)b->target), b->pool, b)) {
		b->insists = false;
		s = ledger_take_idle_locked(a, (enum lend_target)b->target, b);
		if (s == NULL)
			return false;
		b->insists = true;
		ledger_close_one_locked(s, "its startup settings are another client's");
	}
	ledger_enqueue_locked(b);
	return true;
}

void
ledger_pump_locked(struct account *a)
{
	struct ledger *l = a->ledger;

	if (l->paused || l->waiting == 0)
		return;
	for (unsigned t = 0; t < LEND_TARGETS; t++) {
		struct queue *q = &a->queues[t];

		while (q->count > 0) {
			struct borrower *b = list_entry(list_first(&q->order), struct borrower, order);
			struct server *s;

			if (b->insists)
				borrower_insist_locked(b, ledger_mask_locked(l, t));
			s = ledger_take_idle_locked(a, t, b);
			if (s == NULL)
				break;
			ledger_promise_locked(s, b);
		}
		if (q->count > 0)
			queue_open_servers(a, t);
	}
	dedicated_pump_locked(a);
}

void
ledger_pump_all_locked(struct ledger *l)
{
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next)
		ledger_pump_locked(a);
}

void
ledger_even_out_locked(struct account *a, enum lend_target target)
{
	uint32_t mask = ledger_mask_locked(a->ledger, target);
	unsigned most = 0, fewest = UINT32_MAX, poorest = 0;
	struct pool *p;

	if ((mask & (mask - 1)) == 0 || a->ledger->paused || !cluster_is_monitored(a->ledger->cluster))
		return;
	for (unsigned i = 0; i < a->cell_count; i++) {
		if ((mask & 1u << i) == 0)
			continue;
		most = max_of(most, a->cells[i]->total);
		if (a->cells[i]->total < fewest) {
			fewest = a->cells[i]->total;
			poorest = i;
		}
	}
	if (fewest >= most || a->cells[poorest]->by_state[SERVER_LOGIN] > 0)
		return;
	p = hub_pool(a->ledger->hub, poorest % hub_worker_count(a->ledger->hub));
	ledger_open_locked(a, poorest, p, NULL);
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
