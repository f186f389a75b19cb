/*
 * main/daemon.c - the process as the operating system sees it: user, pidfile,
 * background, descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "main/main_private.h"
#include "observe/log.h"

bool
daemon_drop_root(const char *user)
{
	struct passwd *pw;

	if (user == NULL || user[0] == '\0') {
		if (geteuid() != 0)
			return true;
		log_fatal(NULL, "pgweir should not run as root");
		return false;
	}
	pw = getpwnam(user);
	if (pw == NULL) {
		log_fatal(NULL, "could not find user \"%s\" to switch to", user);
		return false;
	}
	if (pw->pw_uid == geteuid())
		return daemon_drop_root(NULL);
	if (geteuid() != 0) {
		log_fatal(NULL, "must be root to switch to user \"%s\"", user);
		return false;
	}
	if (initgroups(user, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0) {
		log_fatal(NULL, "could not switch to user \"%s\": %s", user, strerror(errno));
		return false;
	}
	return daemon_drop_root(NULL);
}

/* --------------------------------------------------------------- pidfile */

/* The process that the file names, if it lives; 0 for a stale or empty file. */
static pid_t
pidfile_owner(const char *path)
{
	FILE *f = fopen(path, "re");
	long pid = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld", &pid) != 1)
		pid = 0;
	fclose(f);
	if (pid <= 0 || (kill((pid_t)pid, 0) != 0 && errno == ESRCH))
		return 0;
	return (pid_t)pid;
}

bool
daemon_pidfile_is_free(const char *path)
{
	if (path[0] == '\0' || pidfile_owner(path) == 0)
		return true;
	log_fatal(NULL, "pidfile '%s' exists, another instance running?", path);
	return false;
}

bool
daemon_claim_pidfile(struct program *p, const char *path)
{
	int fd;

	if (path[0] == '\0')
		return true;
	if (!daemon_pidfile_is_free(path))
		return false;
	if (unlink(path) == 0)
		log_info(NULL, "stale pidfile '%s' removed", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
		log_fatal(NULL, "could not write pidfile '%s': %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	close(fd);
	p->pidfile = text_copy(path);
	return true;
}

void
daemon_release_pidfile(struct program *p)
{
	if (p->pidfile != NULL)
		unlink(p->pidfile);
	free(p->pidfile);
	p->pidfile = NULL;
}

/* ------------------------------------------------------------------- log */

bool
daemon_open_log(const struct program *p, const struct settings *set)
{
	bool opened = log_open(set->logfile, p->quiet, p->verbose > 0 ? p->verbose : set->verbose);
	int why = errno;

	if (!log_use_syslog(set->syslog, set->syslog_facility, set->syslog_ident) && set->syslog)
		log_warning(NULL, "syslog_facility \"%s\" is unknown, using \"daemon\"", set->syslog_facility);
	errno = why;
	return opened;
}

/* ------------------------------------------------------------ background */

bool
daemon_detach(struct program *p)
{
	pid_t pid = fork();
	int null;

	if (pid < 0) {
		log_fatal(NULL, "could not go into the background: %s", strerror(errno));
		return false;
	}
	if (pid > 0)
		_exit(0);
	setsid();
	p->quiet = true;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	return true;
}

void
daemon_raise_descriptors(const struct settings *set)
{
	struct rlimit limit;
	unsigned long expected = (unsigned long)max_of(set->max_client_conn, 0) + 200;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	log_info(NULL, "kernel file descriptor limit: %ld (hard: %ld); max_client_conn: %d, max expected fd use: %lu", (long)limit.rlim_cur,
	    (long)limit.rlim_max, set->max_client_conn, expected);
}
