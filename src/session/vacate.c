/*
 * session/vacate.c - a client drops, renames, moves or copies a database: pgweir's
 * own servers leave it first, and stay out until the statement is over.  Who else is
 * there is for PostgreSQL to say, as ever (55006).
 */
#include "session/vacate.h"

#include <stdlib.h>
#include <string.h>

#include "pool/vacate.h"
#include "route/databases.h"

/* So long for servers to go that nobody has; PostgreSQL itself waits another 5 s. */
#define VACATE_MOST_US ((int64_t)2000 * 1000)
/* And so long for PostgreSQL to see that they have gone, or it would look again in 100 ms only. */
#define VACATE_SETTLE_US ((int64_t)20 * 1000)
#define VACATE_LOOK_US ((int64_t)5 * 1000)

struct vacating {
	struct timer timer;
	struct session *session; /* borrowed */
	struct vacancy *vacancy; /* owned */
	char *names;             /* owned: whom the last statement concerns */
	size_t length;
	int64_t until_us;
	bool reached;            /* they have left, or were waited for long enough */
};

static void
vacating_wait(struct vacating *v, int64_t delay_us)
{
	timer_arm(loop_timers(v->session->worker->loop), &v->timer, delay_us);
}

static void
vacating_look(struct timer *t)
{
	struct vacating *v = container_of(t, struct vacating, timer);
	bool left = vacancy_is_reached(v->vacancy) || loop_now_us(v->session->worker->loop) >= v->until_us;

	if (!left) {
		vacating_wait(v, VACATE_LOOK_US);
		return;
	}
	v->reached = true;
	request_resume(v->session);
}

/* True when the names are those that are vacated already. */
static bool
vacating_has(const struct vacating *v, const char *names, size_t length)
{
	return v != NULL && v->length == length && memcmp(v->names, names, length) == 0;
}

static size_t
names_length(const char *names)
{
	const char *end = names;

	while (*end != '\0')
		end += strlen(end) + 1;
	return (size_t)(end - names) + 1;
}

/* Takes over NAMES. */
static void
vacating_begin(struct session *s, char *names, size_t length)
{
	struct vacating *v = s->vacating;

	if (v == NULL) {
		v = memory_new(sizeof(*v));
		v->session = s;
		timer_init(&v->timer, vacating_look);
		s->vacating = v;
	}
	free(v->names);
	v->names = names;
	v->length = length;
	v->until_us = loop_now_us(s->worker->loop) + VACATE_MOST_US;
	vacancy_add(&v->vacancy, pool_hub(s->worker->pool), s->server->cluster, s->server->host, names);
	v->reached = vacancy_was_empty(v->vacancy);
	if (!v->reached)
		vacating_wait(v, VACATE_SETTLE_US);
}

enum ahead
vacate_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length)
{
	char *names;
	size_t names_size;

	(void)type;
	(void)v;
	/* Inside a transaction it fails, whoever is there. */
	if (s->server->status != 'I' || (names = route_databases(text, length)) == NULL)
		return AHEAD_GO;
	names_size = names_length(names);
	if (vacating_has(s->vacating, names, names_size)) {
		free(names);
		return s->vacating->reached ? AHEAD_GO : AHEAD_WAIT;
	}
	/* Another one may be under way yet. */
	if (s->server->answers.count > 0 && !s->in_batch) {
		free(names);
		return AHEAD_WAIT;
	}
	vacating_begin(s, names, names_size);
	return s->vacating->reached ? AHEAD_GO : AHEAD_WAIT;
}

void
vacate_end(struct session *s)
{
	struct vacating *v = s->vacating;

	s->vacating = NULL;
	timer_disarm(loop_timers(s->worker->loop), &v->timer);
	vacancy_end(&v->vacancy);
	free(v->names);
	free(v);
}
