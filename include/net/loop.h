/*
 * net/loop.h - one event loop for one thread: its inbox, its timers, its read
 * buffer, and the way into the thread pool.  The door to libuv.
 *
 *      other threads                      this loop's thread
 *   ┌─────────────────┐  struct message  ┌──────────────────────────┐
 *   │ loop_post()     ├─────────────────▶│ inbox → message->run()   │
 *   └─────────────────┘                  │ timers → timer->fire()   │
 *   ┌─────────────────┐   work, done     │ streams → stream_events  │
 *   │ thread pool     │◀────────────────▶│                          │
 *   └─────────────────┘                  └──────────────────────────┘
 */
#ifndef PGWEIR_NET_LOOP_H
#define PGWEIR_NET_LOOP_H

#include "base/list.h"
#include "net/timer.h"

/* What one read takes at most; the buffer belongs to the loop, not to a connection. */
#define LOOP_READ_SIZE ((size_t)64 * 1024)

struct loop;
struct uv_loop_s;

/* Embedded in whatever is sent; run() is called once on the loop's thread and owns the message. */
struct message {
	void (*run)(struct message *m);
	struct message *next;
};

/* Something slow: work() runs in the thread pool, done() afterwards on the loop's thread. */
struct job {
	void (*work)(struct job *job);
	void (*done)(struct job *job);
};

/* A loop for worker NUMBER; USER is the caller's object for this thread (borrowed). */
struct loop *loop_new(unsigned number, void *user);
void loop_free(struct loop *loop); /* after loop_run has returned; runs what closes still */
void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop); /* on the loop's own thread */

unsigned loop_number(const struct loop *loop);
void *loop_user(const struct loop *loop);
struct timers *loop_timers(struct loop *loop);
struct uv_loop_s *loop_uv(struct loop *loop);  /* for neighbours in net/ and for cluster/'s monitor */
char *loop_read_buffer(struct loop *loop);     /* LOOP_READ_SIZE bytes */

/*
 * The time at which the event under way began: what needs no more precision than
 * that saves a look at the clock.  Own thread only.
 */
int64_t loop_now_us(const struct loop *loop);  /* monotonic */
int64_t loop_wall_us(const struct loop *loop); /* since 1970 */
void loop_refresh(struct loop *loop);          /* an event begins */

/* Thread-safe; messages of one sender arrive in order. */
void loop_post(struct loop *loop, struct message *m);

/* Queues the job; it must live until done() was called.  Never calls back before returning. */
void loop_work(struct loop *loop, struct job *job);

/* Calls HANDLER on the loop's thread for each arrival of signal NUMBER, for as long as the loop lives. */
void loop_on_signal(struct loop *loop, int number, void (*handler)(struct loop *loop, int number));

/* The version of libuv; static text. */
const char *loop_library_version(void);

/* libuv's thread pool is made at the first job: set its size before the first loop. */
void loop_set_pool_size(unsigned threads);

#endif
