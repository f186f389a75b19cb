/*
 * net/timer.c - the timer wheel.  A timer lies in the slot of its due tick; one
 * that is due in a later round stays when its slot is walked.  libuv's timer
 * runs only while something is armed.
 */
#include "net/timer.h"

#include "net/loop.h"
#include "net/loop_private.h"

#define TICK_US ((int64_t)TIMER_TICK_MS * 1000)

static void
timers_walk_slot(struct timers *timers, struct list *slot, int64_t now_us)
{
	struct list due;

	list_init(&due);
	list_for_each_safe(node, slot) {
		struct timer *t = list_entry(node, struct timer, node);

		if (t->due_us > now_us)
			continue;
		list_remove(node);
		list_push_back(&due, node);
	}
	for (struct list *node; (node = list_pop_front(&due)) != NULL;) {
		struct timer *t = list_entry(node, struct timer, node);

		timers->armed--;
		t->fire(t);
	}
}

static void
timers_tick(uv_timer_t *handle)
{
	struct timers *timers = container_of(handle, struct timers, tick);
	int64_t now_us, now_tick;

	loop_refresh(timers->loop);
	now_us = loop_now_us(timers->loop);
	now_tick = now_us / TICK_US;

	if (now_tick - timers->passed > TIMER_SLOTS)
		timers->passed = now_tick - TIMER_SLOTS;
	while (timers->passed < now_tick) {
		timers->passed++;
		timers_walk_slot(timers, &timers->slots[timers->passed % TIMER_SLOTS], now_us);
	}
	if (timers->armed == 0)
		uv_timer_stop(&timers->tick);
}

void
timers_init(struct timers *timers, uv_loop_t *uv, struct loop *loop)
{
	timers->loop = loop;
	for (unsigned i = 0; i < TIMER_SLOTS; i++)
		list_init(&timers->slots[i]);
	uv_timer_init(uv, &timers->tick);
}

void
timers_close(struct timers *timers)
{
	uv_close((uv_handle_t *)&timers->tick, NULL);
}

void
timer_init(struct timer *t, void (*fire)(struct timer *t))
{
	list_init(&t->node);
	t->due_us = 0;
	t->fire = fire;
}

bool
timer_is_armed(const struct timer *t)
{
	return !list_is_empty(&t->node);
}

void
timer_disarm(struct timers *timers, struct timer *t)
{
	if (!timer_is_armed(t))
		return;
	list_remove(&t->node);
	timers->armed--;
}

void
timer_arm(struct timers *timers, struct timer *t, int64_t delay_us)
{
	int64_t now_us = loop_now_us(timers->loop);
	int64_t tick;

	timer_disarm(timers, t);
	t->due_us = now_us + max_of(delay_us, (int64_t)0);
	tick = (t->due_us + TICK_US - 1) / TICK_US;
	if (timers->armed++ == 0) {
		timers->passed = now_us / TICK_US;
		uv_timer_start(&timers->tick, timers_tick, TIMER_TICK_MS, TIMER_TICK_MS);
	}
	tick = max_of(tick, timers->passed + 1);
	list_push_back(&timers->slots[tick % TIMER_SLOTS], &t->node);
}
