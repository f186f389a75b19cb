/*
 * pool/queue.c - who waits: an account's queues, one for each target, and one more
 * for each set of hosts that waiters of a target insist on.
 *
 *   account.queues   [any] [primary] [replica] [replica only] [replica, hosts 0110] …
 *                      │                 │                        │
 *                     order             order                    order     by age; `own` the same for one worker
 *
 * So a server that comes back looks at the heads alone, and who waits for one host
 * is in nobody's way who may have another.  Everything here runs under the
 * ledger's mutex.
 */
#include <stdlib.h>

#include "pool/pool_private.h"

/* A waiter may be overtaken this often by waiters of the worker to which a server returns. */
#define OVERTAKEN_MOST 32
/* And by no one who came later than this: who is served first is for all to see. */
#define OVERTAKEN_LATER_US 2000

/* ---------------------------------------------------- an account's queues */

static struct queue *
queue_new(enum lend_target target, uint32_t hosts, unsigned workers)
{
	struct queue *q = memory_new(sizeof(*q));

	q->target = (uint8_t)target;
	q->hosts = hosts;
	list_init(&q->order);
	q->own = memory_array(workers, sizeof(struct list));
	for (unsigned w = 0; w < workers; w++)
		list_init(&q->own[w]);
	return q;
}

void
account_make_queues(struct account *a)
{
	a->queues = memory_array(LEND_TARGETS, sizeof(struct queue *));
	for (unsigned t = 0; t < LEND_TARGETS; t++)
		a->queues[t] = queue_new((enum lend_target)t, 0, hub_worker_count(a->ledger->hub));
	a->queue_count = LEND_TARGETS;
}

void
account_free_queues(struct account *a)
{
	for (unsigned i = 0; i < a->queue_count; i++) {
		free(a->queues[i]->own);
		free(a->queues[i]);
	}
	free(a->queues);
}

/* That borrower's queue; an empty one is made it when there is none. */
static struct queue *
queue_of(const struct borrower *b)
{
	struct account *a = b->account;
	struct queue *unused = NULL;

	if (b->hosts == 0)
		return a->queues[b->target];
	for (unsigned i = LEND_TARGETS; i < a->queue_count; i++) {
		struct queue *q = a->queues[i];

		if (q->target == b->target && q->hosts == b->hosts)
			return q;
		if (q->count == 0)
			unused = q;
	}
	if (unused == NULL) {
		a->queues = memory_resize(a->queues, (a->queue_count + 1) * sizeof(struct queue *));
		unused = a->queues[a->queue_count++] = queue_new(b->target, b->hosts, hub_worker_count(a->ledger->hub));
	}
	unused->target = b->target;
	unused->hosts = b->hosts;
	return unused;
}

struct borrower *
queue_first(const struct queue *q)
{
	struct list *first = list_first(&q->order);

	return first != NULL ? list_entry(first, struct borrower, order) : NULL;
}

uint32_t
queue_mask_locked(const struct account *a, const struct queue *q)
{
	return account_mask_locked(a, (enum lend_target)q->target, q->hosts);
}

unsigned
account_waiting(const struct account *a)
{
	unsigned waiting = 0;

	for (unsigned i = 0; i < a->queue_count; i++)
		waiting += a->queues[i]->count;
	return waiting;
}

int64_t
account_oldest_wait_us(const struct account *a, uint32_t hosts, int64_t now_us)
{
	int64_t oldest_us = now_us;

	for (unsigned i = 0; i < a->queue_count; i++)
		if (a->queues[i]->count > 0 && (hosts == UINT32_MAX || (queue_mask_locked(a, a->queues[i]) & hosts) != 0))
			oldest_us = min_of(oldest_us, queue_first(a->queues[i])->since_us);
	return now_us - oldest_us;
}

void
queue_refuse_locked(struct queue *q, const struct refusal *why)
{
	struct borrower *b;

	while ((b = queue_first(q)) != NULL) {
		ledger_dequeue_locked(b);
		account_refuse_one_locked(b, why);
	}
}

/* The hosts have other numbers now: who insisted on some of them gets the one that serves all, or any of its only kind. */
void
account_forget_hosts_locked(struct account *a)
{
	for (unsigned i = LEND_TARGETS; i < a->queue_count; i++) {
		struct borrower *b;

		while ((b = queue_first(a->queues[i])) != NULL) {
			ledger_dequeue_locked(b);
			b->hosts = 0;
			b->target = b->target == LEND_REPLICA ? LEND_PRIMARY : b->target;
			ledger_enqueue_locked(b);
		}
	}
}

/* --------------------------------------------------------- in and out */

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
	struct queue *q = queue_of(b);

	queue_insert(&q->order, &b->order, b->sequence, false);
	queue_insert(&q->own[b->pool->number], &b->own, b->sequence, true);
	b->state = BORROWER_QUEUED;
	q->count++;
	b->account->ledger->waiting++;
}

void
ledger_dequeue_locked(struct borrower *b)
{
	if (b->startup != NULL) {
		dedicated_dequeue_locked(b);
		return;
	}
	queue_of(b)->count--;
	list_remove(&b->order);
	list_remove(&b->own);
	b->state = BORROWER_NONE;
	b->account->ledger->waiting--;
}

/* --------------------------------------------------------- who is next */

static struct borrower *
older_of(struct borrower *a, struct borrower *b)
{
	if (a == NULL || (b != NULL && b->sequence < a->sequence))
		return b;
	return a;
}

struct borrower *
ledger_private_waiter_locked(const struct server *s)
{
	struct account *a = s->account;

	for (unsigned i = 0; i < a->queue_count && !a->ledger->paused; i++) {
		struct queue *q = a->queues[i];

		if (q->count == 0 || (queue_mask_locked(a, q) & 1u << s->host) == 0)
			continue;
		list_for_each(node, &q->order) {
			struct borrower *b = list_entry(node, struct borrower, order);

			if (b->private_set != NULL && startup_set_settings(b->private_set) == startup_set_settings(s->set))
				return b;
		}
	}
	return NULL;
}

struct borrower *
ledger_next_waiter_locked(struct account *a, unsigned host, unsigned worker)
{
	struct borrower *oldest = NULL, *own = NULL;

	if (a->ledger->waiting == 0 || a->ledger->paused)
		return NULL;
	for (unsigned i = 0; i < a->queue_count; i++) {
		struct queue *q = a->queues[i];
		struct list *first;

		if (q->count == 0 || (queue_mask_locked(a, q) & 1u << host) == 0)
			continue;
		oldest = older_of(oldest, queue_first(q));
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
