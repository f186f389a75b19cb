/*
 * admin/console_private.h - what talk.c needs of console.c beside the commands.
 */
#ifndef PGWEIR_ADMIN_CONSOLE_PRIVATE_H
#define PGWEIR_ADMIN_CONSOLE_PRIVATE_H

#include "admin/admin_private.h"

/* While more than this is unsent, no further command begins. */
#define UNSENT_MOST ((size_t)256 * 1024)
#define OFFER_AGAIN_US ((int64_t)20 * 1000)

/* Sends what the console has to say. */
void console_flush(struct console *c);
/* Goes on with what the client has sent meanwhile; the console may be gone afterwards. */
void console_offer(struct console *c);
/* Nothing is waited for any more. */
void console_settle(struct console *c);
/* The console's timer has fired. */
void console_timer(struct timer *t);

#endif
