/*
 * session/reject.h - session_features = reject: what needs a server for longer than
 * its transaction is an error.
 */
#ifndef PGWEIR_SESSION_REJECT_H
#define PGWEIR_SESSION_REJECT_H

#include "session/feature.h"

/* AHEAD_REFUSE when the text says itself that it uses such a feature, else AHEAD_GO. */
enum ahead reject_ahead(struct session *s, const struct verdict *v, const char *text, size_t length);

#endif
