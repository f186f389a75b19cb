/*
 * protocol/startup.c - reading the packet that opens a connection.
 */
#include "protocol/startup.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define CODE_CANCEL 80877102u
#define CODE_SSL 80877103u
#define CODE_GSS 80877104u

static enum startup_kind
startup_kind_of(uint32_t code)
{
	if (code == CODE_SSL)
		return STARTUP_SSL;
	if (code == CODE_GSS)
		return STARTUP_GSS;
	if (code == CODE_CANCEL)
		return STARTUP_CANCEL;
	if (code >> 16 == 2)
		return STARTUP_V2;
	return code >> 16 == 3 ? STARTUP_SESSION : STARTUP_UNSUPPORTED;
}

static void
startup_read_cancel(struct startup *s, struct reader *r)
{
	s->cancel_pid = reader_u32(r);
	s->cancel_secret_length = reader_left(r);
	s->cancel_secret = reader_bytes(r, s->cancel_secret_length);
	if (!reader_ok(r) || s->cancel_secret_length < 4 || s->cancel_secret_length > CANCEL_KEY_MOST)
		s->kind = STARTUP_BROKEN;
}

struct startup
startup_read(const char *bytes, size_t length)
{
	struct startup s = {.kind = STARTUP_WAIT};
	struct reader r;
	uint32_t size;

	if (length < 8)
		return s;
	r = reader_over(bytes, 8);
	size = reader_u32(&r);
	s.version = reader_u32(&r);
	if (size < 8 || size > STARTUP_MOST) {
		s.kind = STARTUP_BROKEN;
		return s;
	}
	if (length < size)
		return s;
	s.size = size;
	s.kind = startup_kind_of(s.version);
	s.body = bytes + 8;
	s.body_length = size - 8;
	r = reader_over(s.body, s.body_length);
	if (s.kind == STARTUP_CANCEL)
		startup_read_cancel(&s, &r);
	else if ((s.kind == STARTUP_SSL || s.kind == STARTUP_GSS) && size != 8)
		s.kind = STARTUP_BROKEN;
	return s;
}

bool
startup_next(struct reader *r, const char **name, const char **value)
{
	*name = reader_text(r);
	if (!reader_ok(r))
		return false;
	if (**name == '\0') {
		if (reader_left(r) > 0)
			r->failed = true;
		return false;
	}
	*value = reader_text(r);
	return reader_ok(r);
}

/* --------------------------------------------------------------- options */

/* One word of the options text, its backslashes taken out; NULL at the end.  Owned by the caller. */
static char *
option_word(const char **at)
{
	struct bytes word = {0};
	const char *p = *at;

	while (isspace((unsigned char)*p))
		p++;
	if (*p == '\0') {
		*at = p;
		return NULL;
	}
	for (; *p != '\0' && !isspace((unsigned char)*p); p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		bytes_u8(&word, (uint8_t)*p);
	}
	*at = p;
	return bytes_take(&word);
}

enum option_state
startup_next_option(const char **at, char **name, char **value)
{
	char *word = option_word(at);
	char *setting = word;
	char *equals;
	enum option_state state = OPTION_UNSUPPORTED;

	if (word == NULL)
		return OPTION_END;
	if (strcmp(word, "-c") == 0) {
		free(word);
		word = option_word(at);
		setting = word;
	} else if (strncmp(word, "--", 2) == 0 || strncmp(word, "-c", 2) == 0) {
		setting = word + 2;
	} else {
		setting = NULL;
	}
	equals = setting != NULL ? strchr(setting, '=') : NULL;
	if (equals != NULL && equals > setting) {
		*equals = '\0';
		/* As PostgreSQL reads a setting's name on its command line, a dash stands for an underscore. */
		for (char *p = setting; *p != '\0'; p++)
			*p = *p == '-' ? '_' : *p;
		*name = text_copy(setting);
		*value = text_copy(equals + 1);
		state = OPTION_SETTING;
	}
	free(word);
	return state;
}

void
startup_write_ssl_request(struct bytes *out)
{
	bytes_u32(out, 8);
	bytes_u32(out, CODE_SSL);
}

void
startup_write_cancel(struct bytes *out, uint32_t pid, const void *key, size_t length)
{
	bytes_u32(out, (uint32_t)(12 + length));
	bytes_u32(out, CODE_CANCEL);
	bytes_u32(out, pid);
	bytes_append(out, key, length);
}
