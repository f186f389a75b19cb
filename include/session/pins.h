/*
 * session/pins.h - why sessions keep their servers over transactions, for those who
 * look on.  On the session's worker.
 */
#ifndef PGWEIR_SESSION_PINS_H
#define PGWEIR_SESSION_PINS_H

#include "session/session.h"

struct pin_report {
	const char *reason;    /* static */
	const char *statement; /* the shape of what took it, without constants; borrowed until the session goes on */
	int64_t since_us;      /* monotonic */
};

/* The text of a reason, below PIN_REASONS. */
const char *pin_reason_text(unsigned reason);
/* True, and *OUT, when the session is pinned for that reason. */
bool session_pin(const struct session *s, unsigned reason, struct pin_report *out);

#endif
