/*
 * cluster/cluster.c - the shared picture of an entry's hosts.
 *
 * The masks are one atomic word, so a reader never sees a primary of one moment
 * beside the replicas of another.  Reports are for people, and behind a mutex.
 * Positions are read under a sequence number, so that no reader waits for long and
 * the monitor for nobody.  Suspicions of any thread gather in one word; the first one posts a message to
 * the monitor's loop, the others ride along.
 */
#include "cluster/cluster.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cluster/cluster_private.h"
#include "net/loop.h"

#define POSITIONS_WANTED_US ((int64_t)1000000)
/* Beside a bit for each suspected host. */
#define ALARM_POSITIONS ((uint64_t)1 << CLUSTER_HOSTS_MOST)
#define ALARM_PRIMARY ((uint64_t)2 << CLUSTER_HOSTS_MOST)
/* Who waits says so again, but the monitor need not hear it each time. */
#define PRIMARY_WANTED_US ((int64_t)100000)

/* Written by the monitor alone; the sequence is odd while it writes. */
struct shared_position {
	atomic_uint sequence;
	atomic_uint timeline;
	_Atomic uint64_t lsn;
	_Atomic int64_t at_us;
	_Atomic int64_t since_us;
};

struct cluster_host {
	char *name; /* owned */
	uint16_t port;
	struct shared_position position;
	_Atomic int64_t up_since_us;
	_Atomic int64_t doubted_us;
	struct host_report report;
};

struct cluster {
	atomic_uint references;
	unsigned count;
	bool monitored;
	_Atomic uint64_t masks;	   /* primary in the upper half, replicas in the lower */
	_Atomic uint32_t dethroned;
	_Atomic uint64_t alarms;   /* not 0 exactly while the alarm is in the loop's inbox */
	_Atomic int64_t wanted_us; /* positions are wanted until then; monotonic */
	_Atomic int64_t primary_wanted_us; /* monotonic; 0 never */
	pthread_mutex_t mutex;	   /* guards the reports and what follows */
	struct loop *loop;	   /* borrowed; NULL while nobody watches */
	void (*suspected)(void *user, uint32_t hosts);
	void *user;	      /* borrowed */
	struct cluster_lag_limits lag_limits;
	struct message alarm; /* holds a reference while it is posted */
	struct cluster_host hosts[];
};

struct cluster *
cluster_new(const char *const *hosts, const uint16_t *ports, unsigned count, bool monitored)
{
	struct cluster *c;

	must(count <= CLUSTER_HOSTS_MOST);
	c = memory_new(sizeof(*c) + count * sizeof(c->hosts[0]));
	atomic_init(&c->references, 1);
	atomic_init(&c->masks, 0);
	atomic_init(&c->alarms, 0);
	pthread_mutex_init(&c->mutex, NULL);
	c->count = count;
	c->monitored = monitored;
	for (unsigned i = 0; i < count; i++) {
		struct host_report unknown = {.state = monitored ? HOST_DOWN : HOST_UP, .lag_us = -1, .lag_bytes = -1};

		c->hosts[i].name = text_copy(hosts[i]);
		c->hosts[i].port = ports[i];
		cluster_set_report(c, i, &unknown);
	}
	return c;
}

struct cluster *
cluster_ref(struct cluster *c)
{
	atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
	return c;
}

void
cluster_unref(struct cluster *c)
{
	if (c == NULL || atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < c->count; i++)
		free(c->hosts[i].name);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

unsigned
cluster_host_count(const struct cluster *c)
{
	return c->count;
}

const char *
cluster_host_name(const struct cluster *c, unsigned host)
{
	must(host < c->count);
	return c->hosts[host].name;
}

uint16_t
cluster_host_port(const struct cluster *c, unsigned host)
{
	must(host < c->count);
	return c->hosts[host].port;
}

bool
cluster_is_monitored(const struct cluster *c)
{
	return c->monitored;
}

bool
cluster_has_same_hosts(const struct cluster *c, const char *const *hosts, const uint16_t *ports, unsigned count)
{
	if (c->count != count)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (c->hosts[i].port != ports[i] || !text_equal(c->hosts[i].name, hosts[i]))
			return false;
	return true;
}

/* ----------------------------------------------------------------- roles */

struct cluster_masks
cluster_masks(const struct cluster *c)
{
	uint64_t word = atomic_load_explicit(&c->masks, memory_order_acquire);

	return (struct cluster_masks){.primary = (uint32_t)(word >> 32), .replicas = (uint32_t)word};
}

enum host_role
cluster_host_role(const struct cluster *c, unsigned host)
{
	struct cluster_masks masks = cluster_masks(c);
	uint32_t bit = host < CLUSTER_HOSTS_MOST ? (uint32_t)1 << host : 0;

	if (masks.primary & bit)
		return HOST_PRIMARY;
	return masks.replicas & bit ? HOST_REPLICA : HOST_UNKNOWN;
}

bool
cluster_set_masks(struct cluster *c, struct cluster_masks masks)
{
	uint64_t word = (uint64_t)masks.primary << 32 | masks.replicas;

	return atomic_exchange_explicit(&c->masks, word, memory_order_acq_rel) != word;
}

uint32_t
cluster_dethroned(const struct cluster *c)
{
	return atomic_load_explicit(&c->dethroned, memory_order_acquire);
}

void
cluster_set_dethroned(struct cluster *c, uint32_t hosts)
{
	atomic_store_explicit(&c->dethroned, hosts, memory_order_release);
}

/* ------------------------------------------------------------- positions */

struct cluster_position
cluster_position(const struct cluster *c, unsigned host)
{
	const struct shared_position *p = &c->hosts[host].position;
	struct cluster_position out;
	unsigned before;

	must(host < c->count);
	/* Who reads anything of a new position also sees the sequence that was odd before it. */
	do {
		before = atomic_load_explicit(&p->sequence, memory_order_acquire);
		out.lsn = atomic_load_explicit(&p->lsn, memory_order_acquire);
		out.timeline = atomic_load_explicit(&p->timeline, memory_order_acquire);
		out.at_us = atomic_load_explicit(&p->at_us, memory_order_acquire);
		out.since_us = atomic_load_explicit(&p->since_us, memory_order_acquire);
	} while (before % 2 != 0 || atomic_load_explicit(&p->sequence, memory_order_relaxed) != before);
	return out;
}

void
cluster_set_position(struct cluster *c, unsigned host, const struct cluster_position *position)
{
	struct shared_position *p = &c->hosts[host].position;
	unsigned sequence = atomic_load_explicit(&p->sequence, memory_order_relaxed);

	atomic_store_explicit(&p->sequence, sequence + 1, memory_order_relaxed);
	atomic_store_explicit(&p->lsn, position->lsn, memory_order_release);
	atomic_store_explicit(&p->timeline, position->timeline, memory_order_release);
	atomic_store_explicit(&p->at_us, position->at_us, memory_order_release);
	atomic_store_explicit(&p->since_us, position->since_us, memory_order_release);
	atomic_store_explicit(&p->sequence, sequence + 2, memory_order_release);
}

int64_t
cluster_up_since_us(const struct cluster *c, unsigned host)
{
	must(host < c->count);
	return atomic_load_explicit(&c->hosts[host].up_since_us, memory_order_relaxed);
}

void
cluster_set_up_since(struct cluster *c, unsigned host, int64_t at_us)
{
	atomic_store_explicit(&c->hosts[host].up_since_us, at_us, memory_order_relaxed);
}

/* --------------------------------------------------------------- reports */

void
cluster_report(const struct cluster *c, unsigned host, struct host_report *out)
{
	pthread_mutex_t *mutex = &((struct cluster *)(uintptr_t)c)->mutex;

	must(host < c->count);
	pthread_mutex_lock(mutex);
	*out = c->hosts[host].report;
	pthread_mutex_unlock(mutex);
}

void
cluster_set_report(struct cluster *c, unsigned host, const struct host_report *report)
{
	must(host < c->count);
	pthread_mutex_lock(&c->mutex);
	c->hosts[host].report = *report;
	c->hosts[host].report.host = c->hosts[host].name;
	c->hosts[host].report.port = c->hosts[host].port;
	pthread_mutex_unlock(&c->mutex);
}

/* ---------------------------------------------------------------- limits */

void
cluster_set_lag_limits(struct cluster *c, const struct cluster_lag_limits *limits)
{
	pthread_mutex_lock(&c->mutex);
	c->lag_limits = *limits;
	pthread_mutex_unlock(&c->mutex);
}

struct cluster_lag_limits
cluster_lag_limits(struct cluster *c)
{
	struct cluster_lag_limits limits;

	pthread_mutex_lock(&c->mutex);
	limits = c->lag_limits;
	pthread_mutex_unlock(&c->mutex);
	return limits;
}

/* ------------------------------------------------------------ suspicions */

static void
cluster_alarm_arrived(struct message *m)
{
	struct cluster *c = container_of(m, struct cluster, alarm);
	void (*suspected)(void *user, uint32_t hosts);
	void *user;
	uint32_t hosts;

	pthread_mutex_lock(&c->mutex);
	hosts = (uint32_t)atomic_exchange(&c->alarms, 0);
	suspected = c->loop != NULL ? c->suspected : NULL;
	user = c->user;
	pthread_mutex_unlock(&c->mutex);
	if (suspected != NULL)
		suspected(user, hosts);
	cluster_unref(c);
}

static void
cluster_raise_alarm(struct cluster *c, uint64_t bit)
{
	if (atomic_load_explicit(&c->alarms, memory_order_relaxed) & bit)
		return;
	pthread_mutex_lock(&c->mutex);
	if (c->loop != NULL && atomic_fetch_or(&c->alarms, bit) == 0) {
		c->alarm.run = cluster_alarm_arrived;
		loop_post(c->loop, &cluster_ref(c)->alarm);
	}
	pthread_mutex_unlock(&c->mutex);
}

void
cluster_suspect(struct cluster *c, unsigned host)
{
	if (host < c->count)
		cluster_raise_alarm(c, (uint64_t)1 << host);
}

void
cluster_doubt(struct cluster *c, unsigned host)
{
	if (host >= c->count)
		return;
	atomic_store_explicit(&c->hosts[host].doubted_us, clock_monotonic_us(), memory_order_relaxed);
	cluster_suspect(c, host);
}

int64_t
cluster_doubted_us(const struct cluster *c, unsigned host)
{
	return atomic_load_explicit(&c->hosts[host].doubted_us, memory_order_relaxed);
}

void
cluster_want_positions(struct cluster *c)
{
	int64_t now_us = clock_monotonic_us();
	int64_t until_us = atomic_load_explicit(&c->wanted_us, memory_order_relaxed);

	/* Half of the time is left: whoever waits on will call again. */
	if (until_us - now_us > POSITIONS_WANTED_US / 2)
		return;
	atomic_store_explicit(&c->wanted_us, now_us + POSITIONS_WANTED_US, memory_order_relaxed);
	if (until_us <= now_us)
		cluster_raise_alarm(c, ALARM_POSITIONS);
}

void
cluster_want_primary(struct cluster *c)
{
	int64_t now_us = clock_monotonic_us();

	if (now_us - atomic_load_explicit(&c->primary_wanted_us, memory_order_relaxed) < PRIMARY_WANTED_US)
		return;
	atomic_store_explicit(&c->primary_wanted_us, now_us, memory_order_relaxed);
	cluster_raise_alarm(c, ALARM_PRIMARY);
}

int64_t
cluster_primary_wanted_us(const struct cluster *c)
{
	return atomic_load_explicit(&c->primary_wanted_us, memory_order_relaxed);
}

bool
cluster_wants_positions(const struct cluster *c, int64_t now_us)
{
	return atomic_load_explicit(&c->wanted_us, memory_order_relaxed) > now_us;
}

void
cluster_listen(struct cluster *c, struct loop *loop, void (*suspected)(void *user, uint32_t hosts), void *user)
{
	pthread_mutex_lock(&c->mutex);
	c->loop = loop;
	c->suspected = suspected;
	c->user = user;
	pthread_mutex_unlock(&c->mutex);
}
