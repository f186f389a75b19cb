/*
 * net/timer.h - one timer wheel per loop.  Arming and disarming are list
 * operations, no system call; a timer fires at most 20 ms late on an idle loop.
 */
#ifndef PGWEIR_NET_TIMER_H
#define PGWEIR_NET_TIMER_H

#include "base/list.h"

struct timers;

/* Embedded in its owner; disarm it before the owner's memory goes. */
struct timer {
	struct list node;
	int64_t due_us;
	void (*fire)(struct timer *t);
};

void timer_init(struct timer *t, void (*fire)(struct timer *t));
/* (Re)arms the timer to fire once, DELAY_US from now; a delay of 0 or less fires at the next tick. */
void timer_arm(struct timers *timers, struct timer *t, int64_t delay_us);
void timer_disarm(struct timers *timers, struct timer *t); /* harmless when it is not armed */
bool timer_is_armed(const struct timer *t);

#endif
