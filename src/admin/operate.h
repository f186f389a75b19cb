/* admin/operate.h - what console.c needs of the commands that change something. */
#ifndef PGWEIR_ADMIN_OPERATE_H
#define PGWEIR_ADMIN_OPERATE_H

struct console;

/* The client of a PAUSE that waits has gone: what it paused goes on. */
void operate_undo_pause(struct console *c);

#endif
