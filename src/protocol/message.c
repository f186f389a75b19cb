/*
 * protocol/message.c - reading heads by the table of messages, writing messages.
 */
#include "protocol/message.h"

#include <endian.h>
#include <string.h>

struct message_row {
	bool known;
	uint32_t least;
	uint32_t most;
};

static const struct message_row frontend_rows[256] = {
#define FRONTEND(byte, name, ...) [byte] = {.known = true, __VA_ARGS__},
#include "tables/messages.h"
#undef FRONTEND
};

static const struct message_row backend_rows[256] = {
#define BACKEND(byte, name, ...) [byte] = {.known = true, __VA_ARGS__},
#include "tables/messages.h"
#undef BACKEND
};

static const struct message_row *
message_row_of(enum direction direction, char type)
{
	return direction == FROM_CLIENT ? &frontend_rows[(uint8_t)type] : &backend_rows[(uint8_t)type];
}

bool
frame_is_known(enum direction direction, char type)
{
	return message_row_of(direction, type)->known;
}

enum frame_state
frame_read(enum direction direction, const char *bytes, size_t length, uint32_t max_packet, char *type, size_t *size)
{
	const struct message_row *row;
	uint32_t said;

	if (length == 0)
		return FRAME_WAIT;
	row = message_row_of(direction, bytes[0]);
	if (!row->known)
		return FRAME_BROKEN;
	if (length < FRAME_HEAD)
		return FRAME_WAIT;
	memcpy(&said, bytes + 1, sizeof(said));
	said = be32toh(said);
	if (said < row->least || said > max_packet || (row->most > 0 && said > row->most))
		return FRAME_BROKEN;
	*type = bytes[0];
	*size = (size_t)said + 1;
	return FRAME_OK;
}

bool
frame_is_too_large(enum direction direction, const char *bytes, size_t length)
{
	char type;
	size_t size;

	return frame_read(direction, bytes, length, INT32_MAX, &type, &size) == FRAME_OK;
}

struct frames
frames_over(enum direction direction, const char *bytes, size_t length, uint32_t most)
{
	return (struct frames){.direction = direction, .most = most, .bytes = bytes, .length = length};
}

enum frame_state
frames_next(struct frames *f, struct whole_frame *out)
{
	size_t size, here = f->length - f->at;
	enum frame_state state;
	const char *frame;

	/* There may be no bytes at all. */
	if (here == 0)
		return FRAME_WAIT;
	frame = f->bytes + f->at;
	state = frame_read(f->direction, frame, here, f->most, &out->type, &size);
	if (state != FRAME_OK)
		return state;
	if (size > here)
		return FRAME_WAIT;
	out->body = frame + FRAME_HEAD;
	out->length = size - FRAME_HEAD;
	f->at += size;
	return FRAME_OK;
}

size_t
message_begin(struct bytes *b, char type)
{
	bytes_u8(b, (uint8_t)type);
	bytes_u32(b, 0);
	return b->length - 4;
}

void
message_end(struct bytes *b, size_t begun)
{
	bytes_set_u32(b, begun, (uint32_t)(b->length - begun));
}

/* ---------------------------------------------------------------- errors */

static void
error_field(struct bytes *b, char code, const char *value)
{
	if (value == NULL)
		return;
	bytes_u8(b, (uint8_t)code);
	bytes_text(b, value);
}

static void
message_error_as(struct bytes *b, char type, const char *severity, const struct error *e)
{
	size_t begun = message_begin(b, type);

	error_field(b, 'S', severity);
	error_field(b, 'V', severity);
	error_field(b, 'C', e->sqlstate);
	error_field(b, 'M', e->message);
	error_field(b, 'D', e->detail);
	error_field(b, 'H', e->hint);
	bytes_u8(b, 0);
	message_end(b, begun);
}

void
message_error(struct bytes *b, const struct error *e)
{
	message_error_as(b, BACKEND_ERROR, e->severity != NULL ? e->severity : "ERROR", e);
}

void
message_notice(struct bytes *b, const struct error *e)
{
	message_error_as(b, BACKEND_NOTICE, e->severity != NULL ? e->severity : "NOTICE", e);
}

bool
message_read_error(const char *body, size_t length, struct error *out)
{
	struct reader r = reader_over(body, length);

	*out = (struct error){0};
	while (reader_left(&r) > 0) {
		char code = (char)reader_u8(&r);
		const char *value;

		if (code == '\0')
			return reader_at_end(&r);
		value = reader_text(&r);
		if (!reader_ok(&r))
			return false;
		switch (code) {
		case 'S':
			if (out->severity == NULL)
				out->severity = value;
			break;
		case 'V':
			out->severity = value;
			break;
		case 'C':
			out->sqlstate = value;
			break;
		case 'M':
			out->message = value;
			break;
		case 'D':
			out->detail = value;
			break;
		case 'H':
			out->hint = value;
			break;
		default:
			break;
		}
	}
	return false;
}

/* ------------------------------------------------------ common messages */

void
message_ready(struct bytes *b, char status)
{
	size_t begun = message_begin(b, BACKEND_READY);

	bytes_u8(b, (uint8_t)status);
	message_end(b, begun);
}

void
message_parameter(struct bytes *b, const char *name, const char *value)
{
	size_t begun = message_begin(b, BACKEND_PARAMETER_STATUS);

	bytes_text(b, name);
	bytes_text(b, value);
	message_end(b, begun);
}

void
message_command(struct bytes *b, const char *tag)
{
	size_t begun = message_begin(b, BACKEND_COMMAND_COMPLETE);

	bytes_text(b, tag);
	message_end(b, begun);
}

void
message_query(struct bytes *b, const char *text)
{
	size_t begun = message_begin(b, FRONTEND_QUERY);

	bytes_text(b, text);
	message_end(b, begun);
}

void
message_parse(struct bytes *b, const char *name, const char *text)
{
	size_t begun = message_begin(b, FRONTEND_PARSE);

	bytes_text(b, name);
	bytes_text(b, text);
	bytes_u16(b, 0);
	message_end(b, begun);
}

void
message_sync(struct bytes *b)
{
	message_end(b, message_begin(b, FRONTEND_SYNC));
}

void
message_row_begin(struct bytes *b, size_t *begun, unsigned columns)
{
	*begun = message_begin(b, BACKEND_DATA_ROW);
	bytes_u16(b, (uint16_t)columns);
}

void
message_row_value(struct bytes *b, const char *value)
{
	size_t length = value != NULL ? strlen(value) : 0;

	bytes_u32(b, value != NULL ? (uint32_t)length : UINT32_MAX);
	bytes_append(b, value, length);
}

void
message_authentication(struct bytes *b, enum authentication kind, const void *data, size_t length)
{
	size_t begun = message_begin(b, BACKEND_AUTHENTICATION);

	bytes_u32(b, (uint32_t)kind);
	bytes_append(b, data, length);
	message_end(b, begun);
}
