/*
 * session/own.c - requests of our own on a client's server: one prepared statement
 * with text parameters, its portal, and what the server will answer.
 */
#include "session/own.h"

#include <string.h>

#define OID_TEXT 25

void
own_parse(const char *name, const char *text, unsigned parameters, struct bytes *out)
{
	size_t begun = message_begin(out, FRONTEND_PARSE);

	bytes_text(out, name);
	bytes_text(out, text);
	bytes_u16(out, (uint16_t)parameters);
	for (unsigned i = 0; i < parameters; i++)
		bytes_u32(out, OID_TEXT);
	message_end(out, begun);
}

void
own_bind_value(struct bytes *out, const char *value)
{
	size_t length = value != NULL ? strlen(value) : 0;

	bytes_u32(out, value != NULL ? (uint32_t)length : UINT32_MAX);
	bytes_append(out, value, length);
}

size_t
own_bind_begin(struct bytes *out, const char *name, unsigned parameters)
{
	size_t begun = message_begin(out, FRONTEND_BIND);

	bytes_text(out, STATEMENT_PREFIX "portal");
	bytes_text(out, name);
	bytes_u16(out, 0);
	bytes_u16(out, (uint16_t)parameters);
	return begun;
}

void
own_execute_unsynced(struct bytes *out, size_t begun)
{
	bytes_u16(out, 0);
	message_end(out, begun);
	begun = message_begin(out, FRONTEND_EXECUTE);
	bytes_text(out, STATEMENT_PREFIX "portal");
	bytes_u32(out, 0);
	message_end(out, begun);
}

void
own_execute(struct bytes *out, size_t begun)
{
	own_execute_unsynced(out, begun);
	message_sync(out);
}

static void
own_close_what(struct bytes *out, char what, const char *name)
{
	size_t begun = message_begin(out, FRONTEND_CLOSE);

	bytes_u8(out, (uint8_t)what);
	bytes_text(out, name);
	message_end(out, begun);
}

void
own_close(struct bytes *out, const char *name)
{
	own_close_what(out, 'S', name);
}

void
own_close_portal(struct bytes *out)
{
	own_close_what(out, 'P', STATEMENT_PREFIX "portal");
}

size_t
own_once_begin(struct bytes *out, const char *name, const char *text, unsigned parameters)
{
	own_close(out, name);
	/* An error ahead may have left it in this transaction. */
	own_close_portal(out);
	own_parse(name, text, parameters, out);
	return own_bind_begin(out, name, parameters);
}

void
own_once_end(struct bytes *out, size_t begun, const char *name)
{
	own_execute_unsynced(out, begun);
	own_close_portal(out);
	own_close(out, name);
}

struct answer *
own_once_expect(struct server *server, enum answer_purpose purpose)
{
	static const uint8_t kinds[] = {ANSWER_CLOSE, ANSWER_CLOSE, ANSWER_PARSE, ANSWER_BIND, ANSWER_EXECUTE, ANSWER_CLOSE, ANSWER_CLOSE};
	struct answers *a = &server->answers;

	for (size_t i = 0; i < array_length(kinds); i++) {
		struct answer *made = answers_push(a, kinds[i], ANSWER_SWALLOW);

		made->purpose = (uint8_t)purpose;
	}
	return answers_at(a, a->count - 3);
}

void
own_expect(struct server *server, bool parse, enum answer_purpose purpose)
{
	struct answers *a = &server->answers;

	if (parse)
		answers_push(a, ANSWER_PARSE, ANSWER_SWALLOW)->purpose = (uint8_t)purpose;
	answers_push(a, ANSWER_BIND, ANSWER_SWALLOW)->purpose = (uint8_t)purpose;
	answers_push(a, ANSWER_EXECUTE, ANSWER_SWALLOW)->purpose = (uint8_t)purpose;
	answers_push(a, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = (uint8_t)purpose;
}
