/*
 * admin/switchover.h - PAUSE db PRIMARY and RESUME db PRIMARY.
 */
#ifndef PGWEIR_ADMIN_SWITCHOVER_H
#define PGWEIR_ADMIN_SWITCHOVER_H

struct console;

/* What operate_is_allowed has let through; both end the command themselves. */
void switchover_pause(struct console *c);
void switchover_resume(struct console *c);

#endif
