/*
 * net/loop.c - the event loop of a thread, over libuv.
 */
#include "net/loop.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "net/loop_private.h"
#include "net/poller.h"

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	struct timers timers;
	struct poller poller;
	pthread_mutex_t inbox_mutex;
	struct message *inbox_first; /* owned by the inbox until run */
	struct message **inbox_last;
	unsigned number;
	void *user;                  /* borrowed */
	char *read_buffer;           /* owned */
	int64_t now_us;
	int64_t wall_offset_us;      /* wall clock minus monotonic clock */
	int64_t wall_checked_us;
};

/* The wall clock is looked at again this often: it may be set. */
#define WALL_CHECK_US ((int64_t)1000 * 1000)


struct loop_job {
	uv_work_t work;
	struct job *job; /* borrowed until done */
};

struct loop_signal {
	uv_signal_t handle;
	void (*handler)(struct loop *loop, int number);
};

static void
loop_read_inbox(uv_async_t *wake)
{
	struct loop *loop = container_of(wake, struct loop, wake);
	struct message *m;

	loop_refresh(loop);
	pthread_mutex_lock(&loop->inbox_mutex);
	m = loop->inbox_first;
	loop->inbox_first = NULL;
	loop->inbox_last = &loop->inbox_first;
	pthread_mutex_unlock(&loop->inbox_mutex);

	while (m != NULL) {
		struct message *next = m->next;

		m->run(m);
		m = next;
	}
}

struct loop *
loop_new(unsigned number, void *user)
{
	struct loop *loop = memory_new(sizeof(*loop));

	loop->number = number;
	loop->user = user;
	loop->read_buffer = memory_new(LOOP_READ_SIZE);
	loop->inbox_last = &loop->inbox_first;
	pthread_mutex_init(&loop->inbox_mutex, NULL);
	must(uv_loop_init(&loop->uv) == 0);
	must(uv_async_init(&loop->uv, &loop->wake, loop_read_inbox) == 0);
	timers_init(&loop->timers, &loop->uv, loop);
	poller_init(&loop->poller, &loop->uv);
	loop_refresh(loop);
	return loop;
}

static void
loop_signal_closed(uv_handle_t *handle)
{
	free(container_of((uv_signal_t *)(void *)handle, struct loop_signal, handle));
}

static void
loop_close_handle(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle))
		uv_close(handle, handle->type == UV_SIGNAL ? loop_signal_closed : NULL);
}

void
loop_free(struct loop *loop)
{
	loop_read_inbox(&loop->wake);
	poller_close_handles(&loop->poller);
	uv_walk(&loop->uv, loop_close_handle, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	must(uv_loop_close(&loop->uv) == 0);
	poller_free(&loop->poller);
	pthread_mutex_destroy(&loop->inbox_mutex);
	free(loop->read_buffer);
	free(loop);
}

void
loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void
loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

unsigned
loop_number(const struct loop *loop)
{
	return loop->number;
}

void *
loop_user(const struct loop *loop)
{
	return loop->user;
}

struct timers *
loop_timers(struct loop *loop)
{
	return &loop->timers;
}

struct poller *
loop_poller(struct loop *loop)
{
	return &loop->poller;
}

struct uv_loop_s *
loop_uv(struct loop *loop)
{
	return &loop->uv;
}

char *
loop_read_buffer(struct loop *loop)
{
	return loop->read_buffer;
}

int64_t
loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

int64_t
loop_wall_us(const struct loop *loop)
{
	return loop->now_us + loop->wall_offset_us;
}

void
loop_refresh(struct loop *loop)
{
	loop->now_us = clock_monotonic_us();
	if (loop->now_us - loop->wall_checked_us < WALL_CHECK_US && loop->wall_checked_us != 0)
		return;
	loop->wall_checked_us = loop->now_us;
	loop->wall_offset_us = clock_wall_us() - loop->now_us;
}

void
loop_post(struct loop *loop, struct message *m)
{
	bool first;

	m->next = NULL;
	pthread_mutex_lock(&loop->inbox_mutex);
	first = loop->inbox_first == NULL;
	*loop->inbox_last = m;
	loop->inbox_last = &m->next;
	pthread_mutex_unlock(&loop->inbox_mutex);
	if (first)
		uv_async_send(&loop->wake);
}

/* ----------------------------------------------------------- thread pool */

static void
loop_job_work(uv_work_t *work)
{
	struct loop_job *j = container_of(work, struct loop_job, work);

	j->job->work(j->job);
}

static void
loop_job_done(uv_work_t *work, int status)
{
	struct loop_job *j = container_of(work, struct loop_job, work);
	struct job *job = j->job;

	must(status == 0);
	loop_refresh(container_of(work->loop, struct loop, uv));
	free(j);
	job->done(job);
}

void
loop_work(struct loop *loop, struct job *job)
{
	struct loop_job *j = memory_new(sizeof(*j));

	j->job = job;
	must(uv_queue_work(&loop->uv, &j->work, loop_job_work, loop_job_done) == 0);
}

const char *
loop_library_version(void)
{
	return uv_version_string();
}

void
loop_set_pool_size(unsigned threads)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", threads);
	setenv("UV_THREADPOOL_SIZE", text, 0);
}

/* --------------------------------------------------------------- signals */

static void
loop_signal_arrived(uv_signal_t *handle, int number)
{
	struct loop_signal *s = container_of(handle, struct loop_signal, handle);
	struct loop *loop = container_of(handle->loop, struct loop, uv);

	s->handler(loop, number);
}

void
loop_on_signal(struct loop *loop, int number, void (*handler)(struct loop *loop, int number))
{
	struct loop_signal *s = memory_new(sizeof(*s));

	s->handler = handler;
	must(uv_signal_init(&loop->uv, &s->handle) == 0);
	must(uv_signal_start(&s->handle, loop_signal_arrived, number) == 0);
}
