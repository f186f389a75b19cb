/*
 * cluster/tls_rows.h - how the monitor's connections are secured: a row for each host
 * whose entry says so, and one for all others.
 */
#ifndef PGWEIR_CLUSTER_TLS_ROWS_H
#define PGWEIR_CLUSTER_TLS_ROWS_H

#include "cluster/monitor.h"

struct tls_rows {
	struct monitor_tls *rows; /* owned, and their texts */
	unsigned count;
};

/* Takes copies of the rows; false when they are what was there. */
bool tls_rows_replace(struct tls_rows *t, const struct monitor_tls *fresh, unsigned count);
/* Borrowed until the next replacement; NULL when there is none. */
const struct monitor_tls *tls_rows_find(const struct tls_rows *t, const char *host, uint16_t port);
void tls_rows_free(struct tls_rows *t);

#endif
