/*
 * session/ignore.h - session_features = ignore: what follows the client all the same.
 */
#ifndef PGWEIR_SESSION_IGNORE_H
#define PGWEIR_SESSION_IGNORE_H

#include "session/session_private.h"

/* True for the settings that PgBouncer tracks (and track_extra_parameters), and for pgweir's own. */
bool ignore_follows(const struct session *s, const char *name);
/* True for pgweir's own settings, which no server reports. */
bool ignore_asks(const char *name);
/* True when the text may change one of them. */
bool ignore_looks(const struct session *s, const char *text);

#endif
