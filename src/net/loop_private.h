/* net/loop_private.h - what timer.c needs of a loop. */
#ifndef PGWEIR_NET_LOOP_PRIVATE_H
#define PGWEIR_NET_LOOP_PRIVATE_H

#include <uv.h>

#include "net/timer.h"

#define TIMER_SLOTS 256
#define TIMER_TICK_MS 16

struct timers {
	uv_timer_t tick;
	struct loop *loop; /* borrowed: the one they belong to */
	struct list slots[TIMER_SLOTS];
	int64_t passed; /* the last tick that was walked */
	unsigned armed;
};

void timers_init(struct timers *timers, uv_loop_t *uv, struct loop *loop);
void timers_close(struct timers *timers);

#endif
