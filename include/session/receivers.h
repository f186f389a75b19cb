/*
 * session/receivers.h - the connections that LISTEN for many sessions, for those who
 * look on.  On the worker's thread.
 */
#ifndef PGWEIR_SESSION_RECEIVERS_H
#define PGWEIR_SESSION_RECEIVERS_H

#include "session/worker.h"

struct receiver_report {
	const char *database, *user;      /* borrowed until the receiver goes on */
	const char *encoding;             /* likewise: client_encoding, "" for the server's own */
	unsigned channels;                /* that somebody listens to */
	unsigned subscriptions;           /* of sessions to them, on all workers */
	const struct server *server;      /* borrowed; NULL while there is no connection */
	int64_t lost_wall_us;             /* since when notifications may be lost; 0: all is well */
};

/* Calls TAKE for each receiver whose connection is the worker's. */
void receivers_each(const struct worker *w, void (*take)(void *user, const struct receiver_report *report), void *user);

#endif
