/*
 * pool/dedicated.c - servers that are opened for one borrower and for nobody else:
 * replication connections, whose startup packet is the client's own, and listeners.
 * They are never idle, and close when they come back.  The former count as every
 * server does; a listener is beside the limits, for those who wait for it hold
 * servers that are counted.
 *
 *   pool_dedicate ─▶ account.dedicated ── the limits allow one more ─▶ login ─▶ granted()
 *                          ▲                                             │
 *                          └───── the server could not be reached ◀──────┴─▶ refused()
 */
#include "pool/pool_private.h"

/* One idle server of the account makes room under its own limits. */
static void
dedicated_make_room_locked(struct account *a, const struct borrower *b)
{
	struct server *s;

	for (unsigned i = 0; i < a->cell_count; i++)
		if (a->cells[i]->by_state[SERVER_CLOSING] > 0)
			return;
	s = ledger_take_idle_locked(a, borrower_mask_locked(b), b);
	if (s != NULL)
		ledger_close_one_locked(s, "evicted");
}

static bool
dedicated_open_locked(struct account *a, struct borrower *b)
{
	uint32_t left = borrower_mask_locked(b);

	while (left != 0) {
		unsigned host = balance_choose(&a->ledger->balance, left, ledger_balance_us(a->ledger));
		struct server *s;

		left &= ~(1u << host);
		s = b->beyond ? ledger_open_beyond_locked(a, host, b->pool) : ledger_open_locked(a, host, b->pool, b);
		if (s == NULL)
			continue;
		dedicated_dequeue_locked(b);
		b->state = BORROWER_PROMISED;
		s->dedicated = b;
		s->replication = !b->beyond;
		ledger_gave_locked(a->ledger, host, (enum lend_target)b->target);
		return true;
	}
	return false;
}

static void
dedicated_enqueue_locked(struct borrower *b)
{
	list_push_back(&b->account->dedicated, &b->order);
	b->state = BORROWER_QUEUED;
	b->account->ledger->waiting++;
}

void
dedicated_dequeue_locked(struct borrower *b)
{
	list_remove(&b->order);
	b->state = BORROWER_NONE;
	b->account->ledger->waiting--;
}

void
dedicated_pump_locked(struct account *a)
{
	struct list *node;

	while ((node = list_first(&a->dedicated)) != NULL) {
		struct borrower *b = list_entry(node, struct borrower, order);

		if (!dedicated_open_locked(a, b)) {
			if (!b->beyond)
				dedicated_make_room_locked(a, b);
			return;
		}
	}
}

void
pool_dedicate(struct borrower *b, enum lend_target target, const struct bytes *startup)
{
	struct ledger *l = b->account->ledger;

	b->target = (uint8_t)target;
	b->startup = startup;
	b->since_us = loop_now_us(b->pool->loop);
	pthread_mutex_lock(&l->mutex);
	must(b->state == BORROWER_NONE);
	b->sequence = ++l->sequence;
	dedicated_enqueue_locked(b);
	ledger_pump_locked(b->account);
	pthread_mutex_unlock(&l->mutex);
}

void
dedicated_refuse_locked(struct server *s, const struct refusal *why)
{
	struct borrower *b = s->dedicated;

	s->dedicated = NULL;
	if (b != NULL)
		account_refuse_one_locked(b, why);
}

void
dedicated_retry_locked(struct server *s)
{
	static const struct refusal gone = {.reason = CLOSE_server_lost};
	struct borrower *b = s->dedicated;

	if (b == NULL || b->abandoned) {
		dedicated_refuse_locked(s, &gone);
		return;
	}
	s->dedicated = NULL;
	dedicated_enqueue_locked(b);
}

void
dedicated_grant(struct server *s)
{
	struct borrower *b = s->dedicated;

	pthread_mutex_lock(&s->ledger->mutex);
	s->dedicated = NULL;
	b->state = BORROWER_NONE;
	server_enter_locked(s, SERVER_ACTIVE);
	/* Those who wait for ordinary servers may have counted on this login. */
	ledger_pump_locked(s->account);
	pthread_mutex_unlock(&s->ledger->mutex);
	/* A listener goes when its owner closes it, and is no server that is being got rid of. */
	s->close_needed = !s->beyond;
	server_lend(s, b);
	b->events->granted(b, s);
}
