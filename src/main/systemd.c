/*
 * main/systemd.c - what systemd passes and wants to hear (sd_notify(3),
 * sd_listen_fds(3), sd_watchdog_enabled(3)).
 *
 * The watchdog is told that all is well only when every thread has answered: the
 * main thread sends each worker a message, and its own loop runs this.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "main/main_private.h"
#include "net/connect.h"
#include "observe/log.h"

#ifdef HAVE_SYSTEMD

#include <systemd/sd-daemon.h>

/* ------------------------------------------------------------ activation */

static void
systemd_take_socket(struct program *p, int fd)
{
	struct endpoint local;

	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
		log_warning(NULL, "descriptor %d from systemd is not a listening stream socket", fd);
		close(fd);
		return;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	socket_describe_local(fd, &local);
	if (listen_add(p, fd, local.is_unix, NULL))
		log_info(NULL, "listening on %s:%u, passed by systemd", local.host, local.port);
}

bool
systemd_listen(struct program *p)
{
	int count = sd_listen_fds(1);

	for (int i = 0; i < count; i++)
		systemd_take_socket(p, SD_LISTEN_FDS_START + i);
	return count > 0;
}

/* ---------------------------------------------------------------- states */

void
systemd_tell_ready(void)
{
	sd_notify(0, "READY=1");
}

void
systemd_tell_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_us());
}

void
systemd_tell_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void
systemd_tell_status(const char *text)
{
	sd_notifyf(0, "STATUS=%s", text);
}

/* -------------------------------------------------------------- watchdog */

struct beat {
	struct message message;
	struct watchdog *watchdog; /* borrowed */
};

struct watchdog {
	int64_t period_us;
	int64_t asked_us;    /* when the round under way began */
	atomic_uint answers;
	struct beat *beats;  /* owned, one for each worker */
};

static void
beat_run(struct message *m)
{
	atomic_fetch_add(&container_of(m, struct beat, message)->watchdog->answers, 1);
}

static void
watchdog_ask(struct program *p)
{
	struct watchdog *w = p->watchdog;

	w->asked_us = clock_monotonic_us();
	atomic_store(&w->answers, 0);
	for (unsigned i = 0; i < p->workers; i++)
		loop_post(p->loops[i], &w->beats[i].message);
}

void
systemd_watchdog_begin(struct program *p)
{
	uint64_t limit_us = 0;

	if (sd_watchdog_enabled(0, &limit_us) <= 0 || limit_us == 0)
		return;
	p->watchdog = memory_new(sizeof(*p->watchdog));
	p->watchdog->period_us = (int64_t)(limit_us / 3);
	p->watchdog->beats = memory_array(p->workers, sizeof(*p->watchdog->beats));
	for (unsigned i = 0; i < p->workers; i++)
		p->watchdog->beats[i] = (struct beat){.message.run = beat_run, .watchdog = p->watchdog};
	watchdog_ask(p);
}

void
systemd_watchdog_look(struct program *p)
{
	const struct watchdog *w = p->watchdog;

	if (w == NULL || clock_monotonic_us() - w->asked_us < w->period_us || atomic_load(&w->answers) < p->workers)
		return;
	sd_notify(0, "WATCHDOG=1");
	watchdog_ask(p);
}

void
systemd_watchdog_end(struct program *p)
{
	if (p->watchdog != NULL)
		free(p->watchdog->beats);
	free(p->watchdog);
	p->watchdog = NULL;
}

#else

bool
systemd_listen(struct program *p)
{
	(void)p;
	return false;
}

void
systemd_tell_ready(void)
{
}

void
systemd_tell_reloading(void)
{
}

void
systemd_tell_stopping(void)
{
}

void
systemd_tell_status(const char *text)
{
	(void)text;
}

void
systemd_watchdog_begin(struct program *p)
{
	(void)p;
}

void
systemd_watchdog_look(struct program *p)
{
	(void)p;
}

void
systemd_watchdog_end(struct program *p)
{
	(void)p;
}

#endif
