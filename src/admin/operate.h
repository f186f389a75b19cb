/* admin/operate.h - what console.c needs of the commands that change something. */
#ifndef PGWEIR_ADMIN_OPERATE_H
#define PGWEIR_ADMIN_OPERATE_H

#include <stdbool.h>

struct console;

/* False, with the answer given, while the process is ending. */
bool operate_is_allowed(struct console *c);
/* True while everything is paused or suspended. */
bool operate_is_halted(const struct console *c);
/* The client of a PAUSE or SUSPEND that waits has gone: what it held up goes on. */
void operate_undo_pause(struct console *c);

#endif
