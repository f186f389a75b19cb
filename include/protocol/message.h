/*
 * protocol/message.h - messages of the frontend/backend protocol, version 3
 * (PostgreSQL manual, chapter "Frontend/Backend Protocol").  Pure: no I/O.
 */
#ifndef PGWEIR_PROTOCOL_MESSAGE_H
#define PGWEIR_PROTOCOL_MESSAGE_H

#include "base/bytes.h"

enum frontend_message {
#define FRONTEND(byte, name, ...) FRONTEND_##name = (byte),
#include "tables/messages.h"
#undef FRONTEND
};

enum backend_message {
#define BACKEND(byte, name, ...) BACKEND_##name = (byte),
#include "tables/messages.h"
#undef BACKEND
};

enum direction { FROM_CLIENT, FROM_SERVER };

/* Type byte and length field. */
#define FRAME_HEAD 5

enum frame_state {
	FRAME_WAIT,  /* the head is not complete yet */
	FRAME_OK,    /* `type` and `size` are set; the body may still be on its way */
	FRAME_BROKEN /* an unknown type, or a length that the type cannot have */
};

/* Reads the head at BYTES; *SIZE is the whole frame's length, head included. */
enum frame_state frame_read(enum direction direction, const char *bytes, size_t length, uint32_t max_packet, char *type, size_t *size);

/* Whether messages of this type come from there at all. */
bool frame_is_known(enum direction direction, char type);

/* Of a frame that is broken: true when it is one but for max_packet. */
bool frame_is_too_large(enum direction direction, const char *bytes, size_t length);

/* Bytes that were received, to be read one whole frame after the other. */
struct frames {
	enum direction direction;
	uint32_t most; /* longer frames are broken */
	const char *bytes;
	size_t length;
	size_t at; /* behind the last whole frame that was read */
};

struct whole_frame {
	char type;
	size_t length; /* of the body */
	const char *body;
};

struct frames frames_over(enum direction direction, const char *bytes, size_t length, uint32_t most);
/* Reads the next one; FRAME_WAIT when it is not all here, or there is none. */
enum frame_state frames_next(struct frames *f, struct whole_frame *out);

/* Writes a head whose length is filled in by message_end. */
size_t message_begin(struct bytes *b, char type);
void message_end(struct bytes *b, size_t begun);

/* What an ErrorResponse or NoticeResponse says.  Any text may be NULL; severity defaults to ERROR. */
struct error {
	const char *severity;
	const char *sqlstate;
	const char *message;
	const char *detail;
	const char *hint;
};

void message_error(struct bytes *b, const struct error *e);  /* ErrorResponse */
void message_notice(struct bytes *b, const struct error *e); /* NoticeResponse */
/* Reads the fields of an ErrorResponse's body; they point into it.  Missing ones are NULL; a broken body is false. */
bool message_read_error(const char *body, size_t length, struct error *out);

void message_ready(struct bytes *b, char status);
void message_parameter(struct bytes *b, const char *name, const char *value);
void message_command(struct bytes *b, const char *tag);
void message_query(struct bytes *b, const char *text);
void message_sync(struct bytes *b);
void message_parse(struct bytes *b, const char *name, const char *text); /* without parameter types */
/* A text column, as the console sends them: table 0, no modifier. */
void message_row_begin(struct bytes *b, size_t *begun, unsigned columns);
void message_row_value(struct bytes *b, const char *value); /* NULL is NULL */

/* Authentication requests (manual, "Authentication*"). */
enum authentication { AUTHENTICATION_OK = 0, AUTHENTICATION_CLEARTEXT = 3, AUTHENTICATION_MD5 = 5, AUTHENTICATION_GSS = 7,
	AUTHENTICATION_SASL = 10, AUTHENTICATION_SASL_CONTINUE = 11, AUTHENTICATION_SASL_FINAL = 12 };

void message_authentication(struct bytes *b, enum authentication kind, const void *data, size_t length);

#endif
