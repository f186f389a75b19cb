/*
 * doubles.c - stands between a program and three calls of the C library (LD_PRELOAD); see doubles.py.
 *
 * getaddrinfo: names of the file $DOUBLES_HOSTS ("name address address…", a line without an address is a name
 * that is not found) have the addresses that stand there at the time; each question is written to $DOUBLES_CALLS.
 * getnameinfo: of an address, while the file has a line "slow-reverse", takes two seconds.
 * setsockopt: what succeeds is written there too, as "option level name value".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static void
note(const char *what, const char *name, int value)
{
	const char *path = getenv("DOUBLES_CALLS");
	FILE *f = path != NULL ? fopen(path, "a") : NULL;

	if (f == NULL)
		return;
	fprintf(f, "%s %s %d\n", what, name, value);
	fclose(f);
}

/* The line of that name, or 0. */
static int
find(const char *name, char *line, size_t size)
{
	const char *path = getenv("DOUBLES_HOSTS");
	FILE *f = path != NULL ? fopen(path, "r") : NULL;
	size_t length = strlen(name);
	int found = 0;

	while (f != NULL && !found && fgets(line, (int)size, f) != NULL)
		found = strncmp(line, name, length) == 0 && (line[length] == ' ' || line[length] == '\n');
	if (f != NULL)
		fclose(f);
	return found;
}

int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
	    (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo numeric = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo **end = out;
	struct timespec nap = {.tv_nsec = 100000000};
	char line[1024], *word, *rest;

	if (name == NULL || !find(name, line, sizeof(line)))
		return real(name, service, hints, out);
	note("lookup", name, 0);
	*out = NULL;
	strtok_r(line, " \n", &rest);
	while ((word = strtok_r(NULL, " \n", &rest)) != NULL) {
		if (strcmp(word, "slowly") == 0)
			nanosleep(&nap, NULL);
		else if (real(word, service, &numeric, end) == 0)
			end = &(*end)->ai_next;
	}
	return *out != NULL ? 0 : EAI_NONAME;
}

int
getnameinfo(const struct sockaddr *of, socklen_t length, char *name, socklen_t size, char *service, socklen_t service_size, int flags)
{
	int (*real)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int) =
	    (int (*)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int))dlsym(RTLD_NEXT, "getnameinfo");
	struct timespec nap = {.tv_sec = 2};
	char line[1024];

	if ((flags & NI_NAMEREQD) != 0 && find("slow-reverse", line, sizeof(line))) {
		note("lookup", "slow-reverse", 0);
		nanosleep(&nap, NULL);
	}
	return real(of, length, name, size, service, service_size, flags);
}

int
setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	int (*real)(int, int, int, const void *, socklen_t) = (int (*)(int, int, int, const void *, socklen_t))dlsym(RTLD_NEXT, "setsockopt");
	int result = real(fd, level, name, value, length);
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	char what[64];

	/* Of connected sockets; which side of the program they are on is seen by the peer's port. */
	if (result == 0 && length == sizeof(int) && getpeername(fd, (struct sockaddr *)&peer, &size) == 0) {
		char port[16] = "0";

		getnameinfo((struct sockaddr *)&peer, size, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
		snprintf(what, sizeof(what), "%d/%d", level, name);
		note(what, port, *(const int *)value);
	}
	return result;
}
