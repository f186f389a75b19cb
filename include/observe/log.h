/*
 * observe/log.h - log lines: `2026-07-10 22:19:13.123 UTC [pid] LEVEL subject message`.
 *
 * Safe from any thread.  A line is formatted on the caller's stack and written by
 * one write(2) per destination; no lock is held.  Messages are in PostgreSQL's
 * style: lower case, no full stop, no newline.
 */
#ifndef PGWEIR_OBSERVE_LOG_H
#define PGWEIR_OBSERVE_LOG_H

#include "base/base.h"

enum log_level { LEVEL_FATAL, LEVEL_ERROR, LEVEL_WARNING, LEVEL_LOG, LEVEL_DEBUG, LEVEL_NOISE };

/*
 * Sets the destinations: standard error unless QUIET, and the file at PATH (NULL or
 * "": none), appended to.  May be called again.  False with errno when the file
 * cannot be opened; the destinations are then as before.  One caller at a time.
 */
bool log_open(const char *path, bool quiet, int verbosity);

/* Opens the file again by its name, for log rotation.  False with errno: the old one stays in use.  One caller at a time. */
bool log_reopen(void);

/*
 * Sends lines to syslog(3) as well, or not, with the FACILITY of that name (else
 * "daemon", and the answer is false) and IDENT, of which 63 bytes are used.  One
 * caller at a time.
 */
bool log_use_syslog(bool wanted, const char *facility, const char *ident);

/* 0: up to LOG, 1: DEBUG too, 2 and 3: NOISE too.  At any time, from any thread. */
void log_set_verbosity(int verbosity);
bool log_is_wanted(enum log_level level);

/*
 * Writes one line when the level is wanted.  SUBJECT says who it is about
 * ("C-…: db/user@host:port"); NULL or "" for the process itself.  Control
 * characters are escaped, and a text longer than 8 KB is cut.  Keeps errno.
 */
void log_line(enum log_level level, const char *subject, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_fatal(subject, ...) log_line(LEVEL_FATAL, (subject), __VA_ARGS__) /* says so; ends nothing */
#define log_error(subject, ...) log_line(LEVEL_ERROR, (subject), __VA_ARGS__)
#define log_warning(subject, ...) log_line(LEVEL_WARNING, (subject), __VA_ARGS__)
#define log_info(subject, ...) log_line(LEVEL_LOG, (subject), __VA_ARGS__)
/* Their arguments are evaluated only when the level is wanted. */
#define log_debug(subject, ...) (log_is_wanted(LEVEL_DEBUG) ? log_line(LEVEL_DEBUG, (subject), __VA_ARGS__) : (void)0)
#define log_noise(subject, ...) (log_is_wanted(LEVEL_NOISE) ? log_line(LEVEL_NOISE, (subject), __VA_ARGS__) : (void)0)

#endif
