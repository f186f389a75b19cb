/*
 * observe/log.c - log lines for people and for pgBadger.
 *
 * The file's descriptor never changes while the process lives: a new file is put
 * in its place with dup2, so a writer in another thread can never hit a number
 * that now belongs to a client.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dup3 */
#endif
#include "observe/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"

enum { LOG_LONGEST = 8192, LOG_MILLISECONDS_AT = 20 };

static atomic_int log_file = -1;
static atomic_bool log_file_is_used;
static atomic_bool log_is_quiet;
static atomic_bool log_syslog_is_used;
static atomic_int log_verbosity;
static char *log_path; /* owned; of one caller at a time */

static const char *const log_names[] = {
    [LEVEL_FATAL] = "FATAL",
    [LEVEL_ERROR] = "ERROR",
    [LEVEL_WARNING] = "WARNING",
    [LEVEL_LOG] = "LOG",
    [LEVEL_DEBUG] = "DEBUG",
    [LEVEL_NOISE] = "NOISE",
};

/* ---------------------------------------------------------- destinations */

static bool
log_use_file(const char *path)
{
	int fresh = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	int old = atomic_load(&log_file);
	bool ok = true;

	if (fresh < 0)
		return false;
	if (old < 0) {
		atomic_store(&log_file, fresh);
		return true;
	}
	ok = dup3(fresh, old, O_CLOEXEC) >= 0;
	close(fresh);
	return ok;
}

bool
log_open(const char *path, bool quiet, int verbosity)
{
	bool is_named = path != NULL && path[0] != '\0';
	char *copy;

	if (is_named && !log_use_file(path))
		return false;
	copy = is_named ? text_copy(path) : NULL;
	free(log_path);
	log_path = copy;
	/* Without a file the old descriptor stays open, unused: its number must not be given away. */
	atomic_store(&log_file_is_used, is_named);
	atomic_store(&log_is_quiet, quiet);
	log_set_verbosity(verbosity);
	return true;
}

bool
log_reopen(void)
{
	return log_path == NULL || log_use_file(log_path);
}

void
log_set_verbosity(int verbosity)
{
	atomic_store_explicit(&log_verbosity, verbosity, memory_order_relaxed);
}

bool
log_is_wanted(enum log_level level)
{
	if (level <= LEVEL_LOG)
		return true;
	return atomic_load_explicit(&log_verbosity, memory_order_relaxed) >= (int)level - (int)LEVEL_LOG;
}

/* ---------------------------------------------------------------- syslog */

static const struct log_facility {
	const char *name;
	int number;
} log_facilities[] = {
    {"auth", LOG_AUTH},
    {"authpriv", LOG_AUTHPRIV},
    {"daemon", LOG_DAEMON},
    {"user", LOG_USER},
    {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5},
    {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},
};

static const int log_priorities[] = {
    [LEVEL_FATAL] = LOG_CRIT,
    [LEVEL_ERROR] = LOG_ERR,
    [LEVEL_WARNING] = LOG_WARNING,
    [LEVEL_LOG] = LOG_INFO,
    [LEVEL_DEBUG] = LOG_DEBUG,
    [LEVEL_NOISE] = LOG_DEBUG,
};

bool
log_use_syslog(bool wanted, const char *facility, const char *ident)
{
	/* The C library keeps the address, and another thread may be reading what was there before. */
	static char idents[2][64];
	static unsigned turn;
	int number = LOG_DAEMON;
	bool found = false;

	for (size_t i = 0; i < array_length(log_facilities) && !found; i++) {
		found = text_equal_nocase(facility, log_facilities[i].name);
		number = found ? log_facilities[i].number : number;
	}
	if (wanted) {
		if (strcmp(idents[turn], ident) != 0)
			snprintf(idents[turn ^= 1], sizeof(idents[0]), "%s", ident);
		openlog(idents[turn], LOG_PID, number);
	}
	atomic_store(&log_syslog_is_used, wanted);
	if (!wanted)
		closelog();
	return found;
}

/* -------------------------------------------------------------- the line */

struct log_text {
	char data[LOG_LONGEST];
	size_t length;
};

/* The clock as text; the C library, and its lock, is asked once per second and thread. */
static const char *
log_clock(void)
{
	static _Thread_local char text[40];
	static _Thread_local int64_t second;
	int64_t now_us = clock_wall_us();
	int millisecond = (int)(now_us / 1000 % 1000);

	if (now_us / 1000000 != second) {
		second = now_us / 1000000;
		return clock_format_milli(now_us, text, sizeof(text));
	}
	text[LOG_MILLISECONDS_AT] = (char)('0' + millisecond / 100);
	text[LOG_MILLISECONDS_AT + 1] = (char)('0' + millisecond / 10 % 10);
	text[LOG_MILLISECONDS_AT + 2] = (char)('0' + millisecond % 10);
	return text;
}

/* Room is kept for the mark of a cut and the newline. */
static bool
log_has_room(const struct log_text *line, size_t more)
{
	return more <= sizeof(line->data) - 4 - line->length;
}

/* Adds a text in which no one else can begin a line: control characters become escapes.  False when it was cut. */
static bool
log_add_escaped(struct log_text *line, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool is_control = c < 0x20 || c == 0x7f;

		if (!log_has_room(line, is_control ? 4 : 1))
			return false;
		if (!is_control) {
			line->data[line->length++] = (char)c;
			continue;
		}
		line->data[line->length++] = '\\';
		line->data[line->length++] = 'x';
		line->data[line->length++] = digits[c >> 4];
		line->data[line->length++] = digits[c & 15];
	}
	return true;
}

static void
log_finish(struct log_text *line, bool whole)
{
	/* Not between the bytes of one UTF-8 character. */
	while (!whole && line->length > 0 && ((unsigned char)line->data[line->length - 1] & 0xc0) == 0x80)
		line->length--;
	if (!whole && line->length > 0 && (unsigned char)line->data[line->length - 1] >= 0xc0)
		line->length--;
	if (!whole) {
		memcpy(line->data + line->length, "...", 3);
		line->length += 3;
	}
	line->data[line->length++] = '\n';
}

static void
log_write(int fd, const struct log_text *line)
{
	/* Nobody can be told that a log cannot be written. */
	ssize_t ignored = write(fd, line->data, line->length);

	(void)ignored;
}

void
log_line(enum log_level level, const char *subject, const char *format, ...)
{
	int saved_errno = errno;
	struct log_text line = {.length = 0};
	char message[LOG_LONGEST];
	va_list args;
	bool whole;
	size_t head;

	if (!log_is_wanted(level))
		return;
	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	va_end(args);
	head = line.length =
	    (size_t)snprintf(line.data, sizeof(line.data), "%s [%d] %s ", log_clock(), (int)getpid(), log_names[level]);
	whole =
	    subject == NULL || subject[0] == '\0' || (log_add_escaped(&line, subject) && log_add_escaped(&line, " "));
	whole = whole && log_add_escaped(&line, message);
	log_finish(&line, whole);
	if (!atomic_load_explicit(&log_is_quiet, memory_order_relaxed))
		log_write(STDERR_FILENO, &line);
	if (atomic_load_explicit(&log_file_is_used, memory_order_relaxed))
		log_write(atomic_load(&log_file), &line);
	/* It has a clock, a process id and a level of its own. */
	if (atomic_load_explicit(&log_syslog_is_used, memory_order_relaxed))
		syslog(log_priorities[level], "%.*s", (int)(line.length - head - 1), line.data + head);
	errno = saved_errno;
}
