/*
 * session/suspend.h - SUSPEND: what is on its way out goes out, and nothing is read
 * from clients and servers until it ends.  The console is read all the while.
 */
#ifndef PGWEIR_SESSION_SUSPEND_H
#define PGWEIR_SESSION_SUSPEND_H

#include "session/worker.h"

/* Begins or ends it; false when it was so already.  Any thread; each worker follows by message. */
bool suspend_all(struct process *p, bool suspended);
bool suspend_is_on(const struct process *p);

/* On the worker's thread, while it is on: holds what has come meanwhile; answers how many connections still have to send. */
unsigned suspend_hold(struct worker *w);
/* On the worker's thread: ends those that still have to send. */
void suspend_close_unsent(struct worker *w);

#endif
