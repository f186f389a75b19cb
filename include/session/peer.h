/*
 * session/peer.h - the processes of [peers]: a cancel request whose key was given
 * by one of them is sent on to it.
 *
 *   CancelRequest ─▶ key's peer_id is another's ─▶ its pool: at most pool_size connections,
 *                                                   the rest wait for cancel_wait_timeout
 */
#ifndef PGWEIR_SESSION_PEER_H
#define PGWEIR_SESSION_PEER_H

#include "base/base.h"

struct peer_config;
struct peers;
struct session;
struct snapshot;
struct worker;

/* One for the process; its workers have ended when it is freed. */
struct peers *peers_new(void);
void peers_free(struct peers *p);

/*
 * Sends the request to the peer and closes S, who brought it, when the peer is done
 * with it.  PID and the LENGTH bytes of SECRET are written as they are.
 */
void peer_forward(struct session *s, const struct peer_config *peer, uint32_t pid, const uint8_t *secret, size_t length);

/* On the worker's thread: ends what it forwards. */
void peer_end_all(struct worker *w);

/* A row of SHOW PEER_POOLS. */
struct peer_report {
	int id;
	unsigned cl_active_cancel_req;  /* requests that have a connection, or one that is being made */
	unsigned cl_waiting_cancel_req; /* requests that wait for a place */
	unsigned sv_active_cancel;      /* connections that have been made */
	unsigned sv_login;              /* connections that are being made */
};

/* The peers of the snapshot, by id.  Any thread; ROWS is the caller's to free, NULL when there are none. */
unsigned peers_report(struct peers *p, const struct snapshot *s, struct peer_report **rows);

#endif
