/*
 * pool/opening.c - opening servers: for whom, on which host, and how many logins at a
 * time.  Everything here runs under the ledger's mutex; the login itself is ordered
 * from the worker that will own the server.
 */
#include "pool/pool_private.h"

struct server *
ledger_open_locked(struct account *a, unsigned host, struct pool *p, const struct borrower *waiter)
{
	bool from_reserve = false;
	struct server *s;

	if (a->ledger->vacating > 0 || cell_is_resting(a->cells[host], a->ledger))
		return NULL;
	if (!limit_allows_pool_locked(a, host, &from_reserve) || !limit_allows_database_locked(a, host, waiter != NULL))
		return NULL;
	if (!limit_reserve_user_locked(a, host, waiter != NULL))
		return NULL;
	s = server_new_locked(a, host, p, waiter != NULL ? borrower_set(waiter) : NULL);
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

/* The host of MASK with the fewest servers for its weight, beginning with the one whose turn it is. */
static unsigned
account_poorest(struct account *a, uint32_t mask)
{
	struct ledger *l = a->ledger;
	int64_t now_us = ledger_balance_us(l);
	unsigned best = CLUSTER_HOSTS_MOST;

	for (unsigned i = 0; i < a->cell_count; i++) {
		unsigned host = (l->turn + i) % a->cell_count;

		if ((mask & 1u << host) == 0)
			continue;
		if (best == CLUSTER_HOSTS_MOST ||
		    balance_is_poorer(&l->balance, host, a->cells[host]->total + 1, best, a->cells[best]->total + 1, now_us))
			best = host;
	}
	return best;
}

bool
account_open_one(struct account *a, uint32_t mask, struct pool *p, const struct borrower *waiter)
{
	if (a->ledger->one_host_at_a_time)
		return account_open_same(a, mask, p, waiter);
	while (mask != 0) {
		unsigned host = account_poorest(a, mask);

		if (ledger_open_locked(a, host, p, waiter) != NULL) {
			a->ledger->turn = (host + 1) % a->cell_count;
			return true;
		}
		mask &= ~(1u << host);
	}
	return false;
}

void
queue_open_servers(struct account *a, struct queue *q, uint32_t mask)
{
	struct list *node = list_first(&q->order);
	struct pool *p = list_entry(node, struct borrower, order)->pool;
	unsigned most = a->ledger->login_concurrency, logins = account_logins(a, mask);

	/* Those under way were begun for the first in the queue. */
	for (unsigned i = 0; i < logins && i < q->count; i++)
		node = node->next;
	for (; logins < q->count && logins < most; logins++, node = node->next) {
		struct borrower *b = list_entry(node, struct borrower, order);

		if (!account_open_one(a, mask, p, b))
			return;
		b->ordered = true;
	}
}

/* ------------------------------------------------- servers of one's own set */

struct startup_set *
borrower_set(const struct borrower *b)
{
	return b->private_set != NULL ? b->private_set : b->set;
}

bool
borrower_takes(const struct borrower *b, const struct server *s)
{
	return !b->insists || startup_set_settings(s->set) == startup_set_settings(borrower_set(b));
}

/* The hosts of MASK where one may log in. */
static uint32_t
account_open_hosts(const struct account *a, uint32_t mask)
{
	uint32_t open = mask;

	for (uint32_t left = mask; left != 0; left &= left - 1) {
		unsigned host = (unsigned)__builtin_ctz(left);

		if (cell_is_resting(a->cells[host], a->ledger))
			open &= ~(1u << host);
	}
	return open;
}

/* True when one of another set was closed, or will come back to those hosts, for B to have its place. */
static bool
borrower_finds_room(struct borrower *b, uint32_t hosts)
{
	struct account *a = b->account;
	unsigned servers = 0;
	struct server *s;

	b->insists = false;
	s = ledger_take_idle_locked(a, hosts, b);
	b->insists = true;
	if (s != NULL) {
		ledger_close_one_locked(s, "its startup settings are another client's");
		return true;
	}
	for (uint32_t left = hosts; left != 0; left &= left - 1)
		servers += a->cells[__builtin_ctz(left)]->total;
	return servers > 0 || a->total == 0;
}

void
borrower_insist_locked(struct borrower *b, uint32_t mask)
{
	struct account *a = b->account;
	uint32_t hosts = account_open_hosts(a, mask);
	unsigned logins = account_logins(a, mask), closing = 0;

	if (mask == 0 || a->ledger->vacating > 0)
		return;
	if (hosts == 0 || (borrower_set(b) != NULL && !startup_set_is_usable(borrower_set(b), a))) {
		b->insists = false;
		return;
	}
	for (unsigned i = 0; i < a->cell_count; i++)
		closing += a->cells[i]->by_state[SERVER_CLOSING];
	if (closing > 0 || (logins > 0 && (b->ordered || logins >= a->ledger->login_concurrency)))
		return;
	if (account_open_one(a, mask, b->pool, b))
		b->ordered = true;
	else
		b->insists = borrower_finds_room(b, hosts);
}

/*
 * True when all servers of the host are in use, and others get its turns, or one more leaves it no richer for its
 * weight than another one of the mask.
 */
static bool
host_wants_one(struct account *a, unsigned host, uint32_t mask)
{
	const struct cell *c = a->cells[host];

	if (c->by_state[SERVER_IDLE] + c->by_state[SERVER_LOGIN] > 0)
		return false;
	if (c->total == 0 || balance_is_owed(&a->ledger->balance, host, ledger_balance_us(a->ledger)))
		return true;
	for (uint32_t left = mask & ~(1u << host); left != 0; left &= left - 1) {
		unsigned other = (unsigned)__builtin_ctz(left);

		if (!balance_is_poorer(&a->ledger->balance, other, a->cells[other]->total, host, c->total + 1, ledger_balance_us(a->ledger)))
			return true;
	}
	return false;
}

void
ledger_even_out_locked(struct account *a, uint32_t mask)
{
	if ((mask & (mask - 1)) == 0 || a->ledger->paused || !cluster_is_monitored(a->ledger->cluster))
		return;
	for (uint32_t left = mask; left != 0; left &= left - 1) {
		unsigned host = (unsigned)__builtin_ctz(left);

		if (!host_wants_one(a, host, mask))
			continue;
		if (ledger_open_locked(a, host, hub_pool(a->ledger->hub, host % hub_worker_count(a->ledger->hub)), NULL) != NULL)
			return;
	}
}
