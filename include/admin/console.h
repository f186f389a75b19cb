/*
 * admin/console.h - the console: databases `pgbouncer` and `pgweir`, in the simple
 * and the extended protocol (tables/commands.h has a row for each command).
 */
#ifndef PGWEIR_ADMIN_CONSOLE_H
#define PGWEIR_ADMIN_CONSOLE_H

#include "session/worker.h"

struct cluster;

enum { LISTENERS_END = -2 };

/* What the console asks of main/: called on a worker's thread, carried out on the main thread. */
struct console_control {
	/* Reloads the configuration; DONE is called on the worker's LOOP afterwards, with ok and the error's text for the log. */
	void (*reload)(void *main, struct loop *loop, void (*done)(void *user, bool ok), void *user);
	/* SET key = value: false and a line in ERRORS when it cannot be. */
	bool (*set)(void *main, const char *key, const char *value, struct bytes *errors);
	void (*shutdown)(void *main, enum shutdown_mode mode);
	/* Begins or ends a SUSPEND, the listeners included; on any thread. */
	void (*suspend)(void *main, bool suspended);
	/* The descriptor of listener NUMBER, -1 when it is closed, LISTENERS_END behind the last; on the first worker's thread. */
	int (*listener)(void *main, unsigned number);
	void *main;
};

/* The hooks for struct process; CONTROL is borrowed and must outlive the workers. */
const struct console_hooks *console_hooks(const struct console_control *control);

/* Every stats_period, on the main thread: takes the sums from which averages are made, and logs the stats line. */
void console_sample(struct hub *hub);

/* Appends the list of commands as pgweir(8) has it. */
void console_write_commands(struct bytes *out);

/* Room for a stats line. */
#define CONSOLE_STATS_SIZE 512

/* The stats line of the last period; false while there has been none.  Any thread. */
bool console_stats_line(char *out, size_t size);

#endif
