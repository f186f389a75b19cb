/*
 * protocol/startup.h - the packet that opens a connection: StartupMessage,
 * SSLRequest, GSSENCRequest or CancelRequest (PostgreSQL manual, "Message Formats").
 */
#ifndef PGWEIR_PROTOCOL_STARTUP_H
#define PGWEIR_PROTOCOL_STARTUP_H

#include "base/bytes.h"

#define PROTOCOL_3_0 0x00030000u
#define PROTOCOL_3_2 0x00030002u

/* PostgreSQL refuses startup packets longer than this, and so do we. */
#define STARTUP_MOST 10000
#define CANCEL_KEY_MOST 256

enum startup_kind {
	STARTUP_WAIT,    /* not complete yet */
	STARTUP_SESSION, /* a StartupMessage: parameters follow */
	STARTUP_SSL,
	STARTUP_GSS,
	STARTUP_CANCEL,
	STARTUP_V2,      /* protocol 2 */
	STARTUP_UNSUPPORTED, /* a major version that is not 3 */
	STARTUP_BROKEN
};

struct startup {
	enum startup_kind kind;
	size_t size;         /* the whole packet */
	uint32_t version;
	const char *body;    /* STARTUP_SESSION: name and value texts, each with its NUL, then one more NUL */
	size_t body_length;
	uint32_t cancel_pid; /* STARTUP_CANCEL */
	const char *cancel_secret;
	size_t cancel_secret_length;
};

/* Looks at the first bytes of a connection.  Points into BYTES. */
struct startup startup_read(const char *bytes, size_t length);

/*
 * Walks the parameters of a StartupMessage: call with the reader over the body
 * until it returns false; then reader_ok tells whether the layout was right.
 */
bool startup_next(struct reader *r, const char **name, const char **value);

/*
 * Walks the switches of the `options` parameter as PostgreSQL's pg_split_opts does: blanks
 * separate, a backslash takes the next character as it is.  Only `-c name=value`, `-cname=value`
 * and `--name=value` are settings.  *AT moves on; NAME and VALUE are owned by the caller.
 */
enum option_state { OPTION_SETTING, OPTION_END, OPTION_UNSUPPORTED };
enum option_state startup_next_option(const char **at, char **name, char **value);

/* Appends an SSLRequest. */
void startup_write_ssl_request(struct bytes *out);
/* Appends a CancelRequest; a key has CANCEL_KEY_MOST bytes at the most. */
void startup_write_cancel(struct bytes *out, uint32_t pid, const void *key, size_t length);

#endif
