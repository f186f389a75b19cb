/*
 * config/userlist.c - reads the userlist.
 *
 * Two double-quoted texts per line, "" is a quote inside of them, what follows is
 * ignored; lines that begin with ; or # are comments.
 */
#include "config/userlist.h"

#include <ctype.h>
#include <string.h>

#include "base/bytes.h"

enum { USERLIST_LONGEST_NAME = 127, USERLIST_LONGEST_SECRET = 65531 };

struct userlist_cursor {
	const char *at;
	const char *end;
};

static void
userlist_skip_blanks(struct userlist_cursor *c)
{
	while (c->at < c->end && isspace((unsigned char)*c->at))
		c->at++;
}

/* One quoted text into OUT, with a NUL; false when there is none. */
static bool
userlist_read_quoted(struct userlist_cursor *c, struct bytes *out)
{
	bytes_clear(out);
	userlist_skip_blanks(c);
	if (c->at == c->end || *c->at != '"')
		return false;
	for (c->at++; c->at < c->end; c->at++) {
		bool is_quote = *c->at == '"';

		if (is_quote && (c->at + 1 == c->end || c->at[1] != '"')) {
			c->at++;
			bytes_u8(out, 0);
			return true;
		}
		bytes_u8(out, (uint8_t)*c->at);
		c->at += is_quote;
	}
	return false;
}

static const char *
userlist_check(const struct bytes *name, const struct bytes *secret)
{
	if (name->length <= 1)
		return "user name is empty";
	if (name->length - 1 > USERLIST_LONGEST_NAME)
		return "user name is too long";
	return secret->length - 1 > USERLIST_LONGEST_SECRET ? "secret is too long" : NULL;
}

static void
userlist_read_line(struct userlist_cursor c, struct userlist_line *line, struct bytes *name, struct bytes *secret)
{
	if (memchr(c.at, '\0', (size_t)(c.end - c.at)) != NULL)
		line->problem = "line contains a zero byte";
	else if (!userlist_read_quoted(&c, name))
		line->problem = "expected a user name in double quotes";
	else if (!userlist_read_quoted(&c, secret))
		line->problem = "expected a secret in double quotes behind the user name";
	else
		line->problem = userlist_check(name, secret);
	if (line->problem != NULL)
		return;
	line->name = name->data;
	line->secret = secret->data;
}

void
userlist_read(const char *text, size_t length, userlist_visit visit, void *context)
{
	struct userlist_cursor c = {text, text + length};
	struct bytes name = {0}, secret = {0};

	for (unsigned number = 1; c.at < c.end; number++) {
		struct userlist_line line = {.number = number};
		const char *newline = memchr(c.at, '\n', (size_t)(c.end - c.at));
		struct userlist_cursor one = {c.at, newline != NULL ? newline : c.end};

		c.at = newline != NULL ? newline + 1 : c.end;
		userlist_skip_blanks(&one);
		if (one.at == one.end || *one.at == ';' || *one.at == '#')
			continue;
		userlist_read_line(one, &line, &name, &secret);
		visit(context, &line);
	}
	if (secret.data != NULL)
		explicit_bzero(secret.data, secret.capacity);
	bytes_free(&name);
	bytes_free(&secret);
}
