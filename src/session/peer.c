/*
 * session/peer.c - cancel requests on their way to the process that gave their key.
 *
 * A forward belongs to the worker of the session that brought the request.  The
 * places at a peer are counted for the whole process: a place that becomes free is
 * promised, by message, to the forward that has waited longest.
 */
#include "session/peer.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "net/connect.h"
#include "observe/log.h"
#include "session/session_private.h"

#define DEADLINE_MS 10000 /* when cancel_wait_timeout is off */

enum forward_state { FORWARD_WAITING, FORWARD_PROMISED, FORWARD_CONNECTING, FORWARD_ACTIVE };

struct peer_pool {
	UT_hash_handle hh;
	int id;
	unsigned limit; /* 0: none */
	unsigned places;
	unsigned connecting; /* of the places */
	unsigned waiting;
	struct list queue; /* of forward.queued, oldest first */
};

struct peers {
	pthread_mutex_t mutex;
	struct peer_pool *pools; /* owned, uthash by id */
};

struct forward {
	struct stream stream;
	struct message message;      /* the promise of a place */
	struct list all;             /* in worker.forwards */
	struct list queued;          /* in the pool's queue */
	struct timer timer;
	struct connector *connector; /* owned while connecting */
	struct worker *worker;       /* borrowed */
	struct peer_pool *pool;      /* borrowed; it lasts as long as the process */
	char *host;                  /* owned */
	uint16_t port;
	uint8_t state;               /* under the mutex while it waits */
	bool abandoned;              /* under the mutex: ended while the promise was on its way */
	uint32_t slot, generation;   /* of the session that brought it */
	struct bytes packet;
};

static void forward_connect(struct forward *f);

/* ---------------------------------------------------------------- places */

struct peers *
peers_new(void)
{
	struct peers *p = memory_new(sizeof(*p));

	pthread_mutex_init(&p->mutex, NULL);
	return p;
}

void
peers_free(struct peers *p)
{
	struct peer_pool *pool, *next;

	HASH_ITER (hh, p->pools, pool, next) {
		HASH_DEL(p->pools, pool);
		free(pool);
	}
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

static struct peer_pool *
peers_pool_locked(struct peers *p, int id)
{
	struct peer_pool *pool;

	HASH_FIND_INT(p->pools, &id, pool);
	if (pool != NULL)
		return pool;
	pool = memory_new(sizeof(*pool));
	pool->id = id;
	list_init(&pool->queue);
	HASH_ADD_INT(p->pools, id, pool);
	return pool;
}

static struct peers *
forward_peers(const struct forward *f)
{
	return f->worker->process->peers;
}

static void
forward_free(struct forward *f)
{
	bytes_free(&f->packet);
	free(f->host);
	free(f);
}

/* Gives the place back: the one that has waited longest gets it. */
static void
forward_leave_place_locked(struct forward *f)
{
	struct peer_pool *pool = f->pool;
	struct list *node;

	pool->places--;
	if (pool->limit > 0 && pool->places >= pool->limit)
		return;
	node = list_pop_front(&pool->queue);
	if (node == NULL)
		return;
	f = list_entry(node, struct forward, queued);
	pool->waiting--;
	pool->places++;
	f->state = FORWARD_PROMISED;
	loop_post(f->worker->loop, &f->message);
}

static void
forward_promised(struct message *m)
{
	struct forward *f = container_of(m, struct forward, message);
	struct peers *p = forward_peers(f);

	if (!f->abandoned) {
		forward_connect(f);
		return;
	}
	pthread_mutex_lock(&p->mutex);
	forward_leave_place_locked(f);
	pthread_mutex_unlock(&p->mutex);
	forward_free(f);
}

/* True when a place was free; else it waits for one. */
static bool
forward_take_place(struct forward *f, int id, unsigned limit)
{
	struct peers *p = forward_peers(f);
	struct peer_pool *pool;
	bool free_place;

	pthread_mutex_lock(&p->mutex);
	pool = f->pool = peers_pool_locked(p, id);
	pool->limit = limit;
	free_place = limit == 0 || pool->places < limit;
	if (free_place) {
		pool->places++;
	} else {
		pool->waiting++;
		list_push_back(&pool->queue, &f->queued);
	}
	pthread_mutex_unlock(&p->mutex);
	return free_place;
}

/* -------------------------------------------------------------- its life */

/* The session that brought the request is told that it is done, if it is still there. */
static void
forward_tell(struct forward *f)
{
	struct worker *w = f->worker;
	struct session *s = f->slot < w->slot_count ? w->slots[f->slot] : NULL;

	if (s != NULL && s->generation == f->generation && s->state == SESSION_CANCEL)
		session_close(s, CLOSE_cancel_done, NULL);
}

static void
forward_end(struct forward *f)
{
	struct peers *p = forward_peers(f);
	bool is_promised;

	list_remove(&f->all);
	timer_disarm(loop_timers(f->worker->loop), &f->timer);
	connector_cancel(f->connector);
	f->connector = NULL;
	forward_tell(f);
	pthread_mutex_lock(&p->mutex);
	is_promised = f->state == FORWARD_PROMISED;
	f->abandoned = is_promised;
	if (f->state == FORWARD_WAITING) {
		list_remove(&f->queued);
		f->pool->waiting--;
	} else if (!is_promised) {
		f->pool->connecting -= f->state == FORWARD_CONNECTING;
		forward_leave_place_locked(f);
	}
	pthread_mutex_unlock(&p->mutex);
	if (is_promised)
		return;
	if (f->stream.attached)
		stream_close(&f->stream);
	else
		forward_free(f);
}

static size_t
forward_data(struct stream *stream, char *bytes, size_t length)
{
	(void)stream;
	(void)bytes;
	return length;
}

static void
forward_ended(struct stream *stream, int error)
{
	(void)error;
	forward_end(container_of(stream, struct forward, stream));
}

static void
forward_drained(struct stream *stream)
{
	(void)stream;
}

static void
forward_closed(struct stream *stream)
{
	forward_free(container_of(stream, struct forward, stream));
}

static const struct stream_events forward_stream_events = {
	.data = forward_data,
	.drained = forward_drained,
	.ended = forward_ended,
	.closed = forward_closed,
};

static void
forward_connected(void *user, int fd, const char *error)
{
	struct forward *f = user;
	struct peers *p = forward_peers(f);

	f->connector = NULL;
	if (fd < 0) {
		log_warning(NULL, "could not forward a cancel request to peer %d: %s", f->pool->id, error);
		forward_end(f);
		return;
	}
	pthread_mutex_lock(&p->mutex);
	f->pool->connecting--;
	f->state = FORWARD_ACTIVE;
	pthread_mutex_unlock(&p->mutex);
	stream_init(&f->stream, fd, &forward_stream_events);
	stream_attach(&f->stream, f->worker->loop);
	stream_send_bytes(&f->stream, f->packet.data, f->packet.length);
}

static void
forward_timed_out(struct timer *t)
{
	struct forward *f = container_of(t, struct forward, timer);

	log_info(NULL, "cancel request for peer %d was not done within cancel_wait_timeout", f->pool->id);
	forward_end(f);
}

static void
forward_arm(struct forward *f)
{
	int64_t limit_ms = pool_snapshot(f->worker->pool)->global.cancel_wait_timeout_ms;

	timer_arm(loop_timers(f->worker->loop), &f->timer, (limit_ms > 0 ? limit_ms : DEADLINE_MS) * 1000);
}

static void
forward_connect(struct forward *f)
{
	static const struct connector_events events = {.connected = forward_connected};
	struct socket_options options = socket_options_of(&pool_snapshot(f->worker->pool)->global);
	struct peers *p = forward_peers(f);

	pthread_mutex_lock(&p->mutex);
	f->state = FORWARD_CONNECTING;
	f->pool->connecting++;
	pthread_mutex_unlock(&p->mutex);
	forward_arm(f);
	f->connector = connector_start(f->worker->loop, f->host, f->port, &options, &events, f);
}

void
peer_forward(struct session *s, const struct peer_config *peer, uint32_t pid, const uint8_t *secret, size_t length)
{
	struct forward *f = memory_new(sizeof(*f));
	int limit = peer->pool_size >= 0 ? peer->pool_size : s->snapshot->global.default_pool_size;

	f->worker = s->worker;
	f->slot = s->slot;
	f->generation = s->generation;
	f->host = text_copy(peer->host);
	f->port = peer->port;
	f->message.run = forward_promised;
	f->stream.fd = -1;
	list_init(&f->queued);
	timer_init(&f->timer, forward_timed_out);
	list_push_back(&s->worker->forwards, &f->all);
	startup_write_cancel(&f->packet, pid, secret, length);
	if (forward_take_place(f, peer->id, (unsigned)max_of(limit, 0)))
		forward_connect(f);
	else
		forward_arm(f);
}

void
peer_end_all(struct worker *w)
{
	for (struct list *node; (node = list_first(&w->forwards)) != NULL;)
		forward_end(list_entry(node, struct forward, all));
}

/* ---------------------------------------------------------------- report */

static int
report_order(const void *a, const void *b)
{
	return ((const struct peer_report *)a)->id - ((const struct peer_report *)b)->id;
}

unsigned
peers_report(struct peers *p, const struct snapshot *s, struct peer_report **rows)
{
	unsigned count = 0;

	*rows = NULL;
	if (s->peers == NULL)
		return 0;
	*rows = memory_array(HASH_COUNT(s->peers), sizeof(**rows));
	pthread_mutex_lock(&p->mutex);
	for (const struct peer_config *peer = s->peers; peer != NULL; peer = peer->hh.next) {
		const struct peer_pool *pool = peers_pool_locked(p, peer->id);

		(*rows)[count++] = (struct peer_report){
		    .id = peer->id,
		    .cl_active_cancel_req = pool->places,
		    .cl_waiting_cancel_req = pool->waiting,
		    .sv_active_cancel = pool->places - pool->connecting,
		    .sv_login = pool->connecting,
		};
	}
	pthread_mutex_unlock(&p->mutex);
	qsort(*rows, count, sizeof(**rows), report_order);
	return count;
}
