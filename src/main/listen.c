/*
 * main/listen.c - the sockets that clients come to.  One acceptor, on the first
 * worker's thread, gives each new connection to the worker with the fewest; its own
 * it takes at once (a hop between threads costs a quarter of a login).
 */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "main/main_private.h"
#include "net/connect.h"
#include "observe/log.h"

static void
listen_accepted(void *user, int fd)
{
	struct program *p = user;
	struct worker *own = p->process.workers[0], *best = own;

	for (unsigned i = 1; i < p->workers; i++)
		if (atomic_load(&p->process.workers[i]->load) < atomic_load(&best->load))
			best = p->process.workers[i];
	worker_accept(best, fd, own);
}

bool
listen_add(struct program *p, int fd, bool is_unix, const char *unix_path)
{
	if (p->listener_count == LISTENERS_MOST) {
		close(fd);
		log_error(NULL, "too many addresses to listen on, the rest is left out");
		return false;
	}
	p->listener_fds[p->listener_count] = fd;
	p->listener_is_unix[p->listener_count] = is_unix;
	p->unix_paths[p->listener_count] = text_copy(unix_path);
	p->listeners[p->listener_count++] = listener_new(p->loops[0], fd, listen_accepted, p);
	return true;
}

static struct listen_how
listen_how_of(const struct settings *set)
{
	return (struct listen_how){
	    .options = socket_options_of(set),
	    /* What the kernel holds back would be reset when this process stops listening, though another one could serve it. */
	    .defer_accept_s = set->so_reuseport ? 0 : set->tcp_defer_accept,
	    .backlog = set->listen_backlog,
	    .reuse_port = set->so_reuseport,
	};
}

static void
listen_on_address(struct program *p, const struct addrinfo *a, const struct settings *set)
{
	struct listen_how how = listen_how_of(set);
	char error[256], host[128] = "?";
	int fd = listen_tcp(a->ai_addr, a->ai_addrlen, &how, error, sizeof(error));

	getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST);
	if (fd < 0) {
		log_warning(NULL, "cannot listen on %s:%d: %s", host, set->listen_port, error);
		return;
	}
	if (listen_add(p, fd, false, NULL))
		log_info(NULL, "listening on %s:%d", host, set->listen_port);
}

static void
listen_on_name(struct program *p, const char *name, const struct settings *set)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
	char port[16];
	int result;

	snprintf(port, sizeof(port), "%d", set->listen_port);
	result = getaddrinfo(strcmp(name, "*") == 0 ? NULL : name, port, &hints, &found);
	if (result != 0) {
		log_warning(NULL, "cannot resolve listen_addr \"%s\": %s", name, gai_strerror(result));
		return;
	}
	for (const struct addrinfo *a = found; a != NULL; a = a->ai_next)
		listen_on_address(p, a, set);
	freeaddrinfo(found);
}

/* PostgreSQL marks its sockets so, and this name is one of them. */
static bool
listen_unix_is_locked(const char *path)
{
	char *lock = text_format("%s.lock", path);
	struct stat st;
	bool locked = path[0] != '@' && lstat(lock, &st) == 0;

	free(lock);
	return locked;
}

static bool
listen_on_unix(struct program *p, const struct settings *set)
{
	char error[256];
	char *path;
	int fd;

	if (set->unix_socket_dir[0] == '\0')
		return true;
	path = text_format("%s/.s.PGSQL.%d", set->unix_socket_dir, set->listen_port);
	if (listen_unix_is_locked(path)) {
		log_fatal(NULL, "unix port %d is in use", set->listen_port);
		free(path);
		return false;
	}
	fd = listen_unix(path, (unsigned)set->unix_socket_mode, set->unix_socket_group, set->listen_backlog, error, sizeof(error));
	if (fd < 0)
		log_fatal(NULL, "failed to create unix socket: %s: %s", path, error);
	else if (listen_add(p, fd, true, path))
		log_info(NULL, "listening on unix:%s", path);
	free(path);
	return fd >= 0;
}

void
listen_apply_options(struct program *p, const struct settings *set)
{
	struct listen_how how = listen_how_of(set);

	for (unsigned i = 0; i < p->listener_count; i++)
		if (p->listener_fds[i] >= 0)
			socket_apply_inherited(p->listener_fds[i], &how.options, how.defer_accept_s);
}

static bool
listen_as_configured(struct program *p, const struct settings *set)
{
	char *names = text_copy(set->listen_addr), *rest = names;
	bool wanted = set->listen_addr[0] != '\0';

	for (char *name; (name = strsep(&rest, ",")) != NULL;) {
		name += strspn(name, " \t");
		name[strcspn(name, " \t")] = '\0';
		if (name[0] != '\0')
			listen_on_name(p, name, set);
	}
	free(names);
	if (wanted && p->listener_count == 0) {
		log_fatal(NULL, "failed to listen on any address in listen_addr list: %s", set->listen_addr);
		return false;
	}
	return listen_on_unix(p, set);
}

bool
listen_all(struct program *p, const struct settings *set)
{
	if (!systemd_listen(p) && !listen_as_configured(p, set))
		return false;
	if (p->listener_count == 0)
		log_fatal(NULL, "nowhere to listen on");
	listen_apply_options(p, set);
	return p->listener_count > 0;
}

static void
listen_stop_here(struct program *p, bool also_unix)
{
	for (unsigned i = 0; i < p->listener_count; i++) {
		if (p->listeners[i] == NULL || (p->listener_is_unix[i] && !also_unix))
			continue;
		p->listener_fds[i] = -1;
		if (!also_unix)
			listener_drain(p->listeners[i]);
		listener_free(p->listeners[i]);
		p->listeners[i] = NULL;
		if (p->unix_paths[i] != NULL && p->unix_paths[i][0] != '@')
			unlink(p->unix_paths[i]);
		free(p->unix_paths[i]);
		p->unix_paths[i] = NULL;
	}
}

struct listen_message {
	struct message message;
	struct program *program;
	bool also_unix;
	bool held;
};

static void
listen_stop_run(struct message *m)
{
	struct listen_message *l = container_of(m, struct listen_message, message);

	listen_stop_here(l->program, l->also_unix);
	atomic_store(&l->program->tcp_closed, true);
	free(l);
}

void
listen_stop(struct program *p, bool also_unix)
{
	struct listen_message *l = memory_new(sizeof(*l));

	*l = (struct listen_message){.message.run = listen_stop_run, .program = p, .also_unix = also_unix};
	loop_post(p->loops[0], &l->message);
}

static void
listen_hold_run(struct message *m)
{
	struct listen_message *l = container_of(m, struct listen_message, message);

	for (unsigned i = 0; i < l->program->listener_count; i++)
		if (l->program->listeners[i] != NULL)
			listener_hold(l->program->listeners[i], l->held);
	free(l);
}

void
listen_hold(struct program *p, bool held)
{
	struct listen_message *l = memory_new(sizeof(*l));

	*l = (struct listen_message){.message.run = listen_hold_run, .program = p, .held = held};
	loop_post(p->loops[0], &l->message);
}
