/*
 * admin/suspend.c - SUSPEND: what is under way is sent, then nothing moves until
 * RESUME.  Who cannot be sent to within suspend_timeout is closed.
 */
#include "session/suspend.h"

#include "admin/admin_private.h"
#include "admin/operate.h"
#include "base/clock.h"
#include "pool/pause.h"

#define LOOK_AGAIN_US ((int64_t)20 * 1000)
/* A server that changes its worker is in nobody's list for a moment. */
#define QUIET_LOOKS 2

static void
collect_unsent(struct worker *w, const struct question *q, struct bytes *out)
{
	(void)q;
	if (suspend_is_on(w->process))
		bytes_u32(out, suspend_hold(w));
}

static void
collect_close_unsent(struct worker *w, const struct question *q, struct bytes *out)
{
	(void)q;
	(void)out;
	if (suspend_is_on(w->process))
		suspend_close_unsent(w);
}

static void
finish_close_unsent(struct console *c, const struct question *q)
{
	(void)q;
	console_done(c, NULL);
}

static void suspend_ask(struct console *c);

static bool
suspend_is_late(const struct console *c)
{
	struct snapshot *s = hub_snapshot(console_hub(c));
	int64_t limit_us = s->global.suspend_timeout_ms * 1000;

	snapshot_unref(s);
	return limit_us > 0 && clock_monotonic_us() - c->began_us >= limit_us;
}

static void
finish_unsent(struct console *c, const struct question *q)
{
	unsigned unsent = 0;

	for (unsigned i = 0; i < q->count; i++) {
		struct reader r = reader_over(q->parts[i].bytes.data, q->parts[i].bytes.length);

		unsent += reader_left(&r) > 0 ? reader_u32(&r) : 0;
	}
	c->quiet_looks = unsent == 0 ? c->quiet_looks + 1 : 0;
	if (c->quiet_looks >= QUIET_LOOKS || !suspend_is_on(console_process(c)))
		console_done(c, NULL);
	else if (suspend_is_late(c))
		ask_workers(c, collect_close_unsent, finish_close_unsent, 0);
	else
		console_sleep(c, LOOK_AGAIN_US, suspend_ask);
}

static void
suspend_ask(struct console *c)
{
	ask_workers(c, collect_unsent, finish_unsent, 0);
}

static void
note_paused(struct ledger *l, void *any)
{
	*(bool *)any |= pause_is_one(l);
}

void
command_suspend(struct console *c)
{
	bool any_paused = false;

	if (!operate_is_allowed(c))
		return;
	if (operate_is_halted(c)) {
		console_fail(c, NULL, "already suspended/paused");
		return;
	}
	hub_each_ledger(console_hub(c), note_paused, &any_paused);
	if (any_paused) {
		console_fail(c, NULL, "cannot suspend with paused databases");
		return;
	}
	c->control->suspend(c->control->main, true);
	console_wait(c);
	c->resume_on_leave = true;
	c->quiet_looks = 0;
	c->began_us = clock_monotonic_us();
	suspend_ask(c);
}
