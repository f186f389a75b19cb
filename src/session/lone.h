/*
 * session/lone.h - a request that is one statement without parameters, in either
 * protocol, and its answer when pgweir itself gives it.
 */
#ifndef PGWEIR_SRC_SESSION_LONE_H
#define PGWEIR_SRC_SESSION_LONE_H

#include "session/session_private.h"

enum lone_state {
	LONE_NO,
	LONE_YES,
	LONE_WAIT, /* so far it may be one */
};

struct lone {
	const char *text;     /* borrowed, of the request or of a prepared statement */
	size_t length;        /* of the whole request */
	const char *name;     /* of the statement that its Parse makes, or NULL; borrowed */
	const char *parse;    /* the body of its Parse behind the name, or NULL; borrowed */
	size_t parse_length;
	bool names;           /* its Parse may make a name */
	bool is_query;        /* by the simple protocol */
	bool binds;
	bool describes_statement;
	bool describes_portal;
};

enum lone_state lone_read(struct session *s, const char *bytes, size_t length, struct lone *out);
/* The same, where there is no server that a name could be told from: its Parse may make a new one. */
enum lone_state lone_read_named(struct session *s, const char *bytes, size_t length, struct lone *out);

/* Appends the answer up to its CommandComplete, and keeps what the request has done to the unnamed statement. */
void lone_answer(struct session *s, const struct lone *lone, const char *tag, struct bytes *out);

#endif
