/*
 * admin/ask.c - a question to every worker: each answers about its own on its own
 * thread, the last one sends the whole back to the asker's.
 *
 *     asker ──┬─▶ worker 1: collect ─┐
 *             └─▶ worker 2: collect ─┴─ (the last) ─▶ asker: finish
 */
#include <stdlib.h>

#include "admin/admin_private.h"

static void
question_answered(struct message *m)
{
	struct question *q = container_of(m, struct question, message);
	struct console *c = console_find(&q->asker);

	if (c != NULL)
		q->finish(c, q);
	for (unsigned i = 0; i < q->count; i++)
		bytes_free(&q->parts[i].bytes);
	ledger_unref(q->ledger);
	free(q);
}

static void
part_collect(struct message *m)
{
	struct part *p = container_of(m, struct part, message);
	struct question *q = p->question;

	q->collect(p->worker, q, &p->bytes);
	if (atomic_fetch_sub(&q->left, 1) > 1)
		return;
	q->message.run = question_answered;
	loop_post(q->asker.worker->loop, &q->message);
}

void
ask_workers(struct console *c, void (*collect)(struct worker *w, const struct question *q, struct bytes *out),
    void (*finish)(struct console *c, const struct question *q), int64_t number)
{
	struct process *process = console_process(c);
	unsigned count = hub_worker_count(process->hub);
	struct question *q = memory_new(sizeof(*q) + count * sizeof(q->parts[0]));

	console_wait(c);
	q->asker = console_address(c);
	q->control = c->control;
	q->collect = collect;
	q->finish = finish;
	q->table = (struct table){.columns = c->table.columns, .binary = c->table.binary};
	q->number = number;
	q->ledger = c->ledger != NULL ? ledger_ref(c->ledger) : NULL;
	q->count = count;
	atomic_init(&q->left, count);
	for (unsigned i = 0; i < count; i++) {
		q->parts[i].message.run = part_collect;
		q->parts[i].question = q;
		q->parts[i].worker = process->workers[i];
	}
	/* The last answer may come before the last question is sent: nothing of Q is touched behind it. */
	for (unsigned i = 0; i < count; i++)
		loop_post(process->workers[i]->loop, &q->parts[i].message);
}
