/*
 * config/connstr.c - connection strings, pair by pair.
 *
 * A value ends at a blank, or is between single quotes where '' is a quote; it
 * may not be empty unless quoted quotes make it so, which is refused as well: an
 * empty value has no meaning in any key.
 */
#include "config/connstr.h"

#include <ctype.h>
#include <string.h>

static const char CONNSTR_KEY[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

struct connstr
connstr_over(const char *text)
{
	return (struct connstr){.at = text};
}

void
connstr_free(struct connstr *c)
{
	bytes_free(&c->key);
	bytes_free(&c->value);
}

static void
connstr_skip_blanks(struct connstr *c)
{
	while (isspace((unsigned char)*c->at))
		c->at++;
}

static void
connstr_store(struct bytes *to, const char *text, size_t length)
{
	bytes_clear(to);
	bytes_append(to, text, length);
	bytes_u8(to, 0);
}

static bool
connstr_fail(struct connstr *c, const char *problem)
{
	c->problem = problem;
	return false;
}

/* At the quote; leaves the cursor behind the closing one. */
static bool
connstr_read_quoted(struct connstr *c)
{
	bytes_clear(&c->value);
	for (;;) {
		const char *start = ++c->at;

		c->at = strchr(start, '\'');
		if (c->at == NULL)
			return connstr_fail(c, "quoted value is not closed");
		bytes_append(&c->value, start, (size_t)(c->at - start));
		c->at++;
		if (*c->at != '\'')
			break;
		bytes_u8(&c->value, '\'');
	}
	bytes_u8(&c->value, 0);
	if (*c->at != '\0' && !isspace((unsigned char)*c->at))
		return connstr_fail(c, "expected a blank behind a quoted value");
	return true;
}

static bool
connstr_read_value(struct connstr *c)
{
	const char *start = c->at;

	if (*c->at == '\'')
		return connstr_read_quoted(c);
	while (*c->at != '\0' && !isspace((unsigned char)*c->at))
		c->at++;
	connstr_store(&c->value, start, (size_t)(c->at - start));
	return true;
}

static bool
connstr_read_key(struct connstr *c)
{
	size_t length = strspn(c->at, CONNSTR_KEY);

	if (length == 0)
		return connstr_fail(c, "expected \"key=value\" in a connection string");
	connstr_store(&c->key, c->at, length);
	c->at += length;
	connstr_skip_blanks(c);
	if (*c->at != '=')
		return connstr_fail(c, "expected \"=\" behind a key of a connection string");
	c->at++;
	connstr_skip_blanks(c);
	return true;
}

bool
connstr_next(struct connstr *c)
{
	if (c->problem != NULL || c->at_comment)
		return false;
	connstr_skip_blanks(c);
	c->at_comment = *c->at == '#' || *c->at == ';';
	if (*c->at == '\0' || c->at_comment)
		return false;
	if (!connstr_read_key(c) || !connstr_read_value(c))
		return false;
	return c->value.length > 1 || connstr_fail(c, "empty values are not allowed in a connection string");
}
