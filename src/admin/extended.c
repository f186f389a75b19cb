/*
 * admin/extended.c - the extended protocol of the console (PostgreSQL manual,
 * "Extended Query").  A statement is a call that was read at Parse; its command runs
 * at the portal's first Execute, and further Executes fetch the rest of its rows.
 */
#include "admin/extended.h"

#include <stdlib.h>
#include <string.h>

#define STATEMENTS_MOST 200
#define NAME_MOST 128

struct named_call {
	struct list node;
	enum call_outcome outcome; /* CALL_OK or CALL_EMPTY */
	struct call call;
	char name[];
};

/* An error in the extended protocol: the client is told, and heard again after Sync. */
#define extended_fail(c, ...) ((c)->extended = true, console_fail((c), __VA_ARGS__))

static void
put_empty(struct console *c, enum backend_message type)
{
	message_end(&c->out, message_begin(&c->out, (char)type));
}

/* ------------------------------------------------------------ statements */

static struct named_call *
statement_find(struct console *c, const char *name)
{
	list_for_each(node, &c->statements) {
		struct named_call *n = list_entry(node, struct named_call, node);

		if (strcmp(n->name, name) == 0)
			return n;
	}
	return NULL;
}

static void
statement_forget(struct console *c, struct named_call *n)
{
	if (n == NULL)
		return;
	list_remove(&n->node);
	c->statement_count--;
	call_forget(&n->call);
	free(n);
}

static void
statement_add(struct console *c, const char *name, enum call_outcome outcome, const struct call *call)
{
	size_t length = strlen(name) + 1;
	struct named_call *n = memory_new(sizeof(*n) + length);

	memcpy(n->name, name, length);
	n->outcome = outcome;
	n->call = call_copy(call);
	list_push_back(&c->statements, &n->node);
	c->statement_count++;
}

void
extended_forget_portal(struct console *c)
{
	free(c->portal.name);
	call_forget(&c->portal.call);
	c->portal = (struct portal){0};
	bytes_free(&c->rows);
}

void
extended_forget(struct console *c)
{
	struct list *node;

	while ((node = list_first(&c->statements)) != NULL)
		statement_forget(c, list_entry(node, struct named_call, node));
	extended_forget_portal(c);
}

static bool
extended_parse(struct console *c, struct reader *r)
{
	const char *name = reader_text(r), *text = reader_text(r);
	unsigned types = reader_u16(r);
	enum call_outcome outcome;
	struct call call;
	char problem[PROBLEM_SIZE];

	reader_bytes(r, (size_t)types * 4);
	if (!reader_at_end(r))
		return false;
	if (name[0] == '\0')
		statement_forget(c, statement_find(c, name));
	outcome = call_read(text, &call, problem, sizeof(problem));
	if (outcome == CALL_WRONG) {
		extended_fail(c, NULL, "%s", problem);
	} else if (types > 0) {
		extended_fail(c, "0A000", "the console takes no parameters");
	} else if (statement_find(c, name) != NULL) {
		extended_fail(c, "42P05", "prepared statement \"%s\" already exists", name);
	} else if (c->statement_count >= STATEMENTS_MOST || strlen(name) > NAME_MOST) {
		extended_fail(c, "53000", "too many or too long prepared statements for the console");
	} else {
		statement_add(c, name, outcome, &call);
		put_empty(c, BACKEND_PARSE_COMPLETE);
	}
	call_forget(&call);
	return true;
}

/* --------------------------------------------------------------- portals */

/* Reads the result formats into a mask: none, one for all, or one each. */
static uint64_t
read_formats(struct reader *r)
{
	unsigned count = reader_u16(r);
	uint64_t mask = 0;

	for (unsigned i = 0; i < count && reader_ok(r); i++)
		if (reader_u16(r) == 1 && i < 64)
			mask |= (uint64_t)1 << i;
	return count == 1 && mask == 1 ? UINT64_MAX : mask;
}

static bool
extended_bind(struct console *c, struct reader *r)
{
	const char *portal = reader_text(r), *name = reader_text(r);
	unsigned formats = reader_u16(r), values;
	const struct named_call *n;
	uint64_t binary;

	reader_bytes(r, (size_t)formats * 2);
	values = reader_u16(r);
	if (reader_ok(r) && values > 0) {
		extended_fail(c, "08P01", "bind message supplies %u parameters, but the console takes none", values);
		return true;
	}
	binary = read_formats(r);
	if (!reader_at_end(r))
		return false;
	n = statement_find(c, name);
	if (n == NULL) {
		extended_fail(c, "26000", "prepared statement \"%s\" does not exist", name);
		return true;
	}
	extended_forget_portal(c);
	c->portal = (struct portal){.name = text_copy(portal), .call = call_copy(&n->call), .outcome = n->outcome, .binary = binary};
	put_empty(c, BACKEND_BIND_COMPLETE);
	return true;
}

static bool
portal_is_named(const struct console *c, const char *name)
{
	return c->portal.name != NULL && strcmp(c->portal.name, name) == 0;
}

static void
describe_rows(struct console *c, enum call_outcome outcome, const struct call *call, uint64_t binary)
{
	const struct column *columns = outcome == CALL_OK ? call_columns(call) : NULL;

	if (columns != NULL)
		table_describe(&c->out, columns, binary);
	else
		put_empty(c, BACKEND_NO_DATA);
}

static bool
extended_describe(struct console *c, struct reader *r)
{
	uint8_t kind = reader_u8(r);
	const char *name = reader_text(r);
	const struct named_call *n;
	size_t begun;

	if (!reader_at_end(r) || (kind != 'S' && kind != 'P'))
		return false;
	if (kind == 'P' && portal_is_named(c, name)) {
		describe_rows(c, c->portal.outcome, &c->portal.call, c->portal.binary);
		return true;
	}
	n = kind == 'S' ? statement_find(c, name) : NULL;
	if (n == NULL) {
		extended_fail(c, kind == 'S' ? "26000" : "34000", "%s \"%s\" does not exist", kind == 'S' ? "prepared statement" : "portal", name);
		return true;
	}
	begun = message_begin(&c->out, BACKEND_PARAMETER_DESCRIPTION);
	bytes_u16(&c->out, 0);
	message_end(&c->out, begun);
	describe_rows(c, n->outcome, &n->call, 0);
	return true;
}

/* Sends as many of the rows as were asked for; they are whole DataRows, one behind the other. */
static void
portal_fetch(struct console *c)
{
	struct portal *p = &c->portal;
	size_t at = p->sent;

	for (uint32_t n = 0; at < c->rows.length && (c->fetch == 0 || n < c->fetch); n++) {
		struct reader r = reader_over(c->rows.data + at + 1, 4);

		at += 1 + reader_u32(&r);
	}
	if (at > p->sent)
		bytes_append(&c->out, c->rows.data + p->sent, at - p->sent);
	p->sent = at;
	if (at < c->rows.length)
		put_empty(c, BACKEND_PORTAL_SUSPENDED);
	else
		message_command(&c->out, c->tag);
}

void
extended_done(struct console *c)
{
	c->portal.has_run = true;
	portal_fetch(c);
}

static bool
extended_execute(struct console *c, struct reader *r)
{
	const char *name = reader_text(r);
	uint32_t fetch = reader_u32(r);

	if (!reader_at_end(r))
		return false;
	c->extended = true;
	c->fetch = fetch;
	if (!portal_is_named(c, name)) {
		extended_fail(c, "34000", "portal \"%s\" does not exist", name);
	} else if (c->portal.outcome == CALL_EMPTY) {
		put_empty(c, BACKEND_EMPTY_QUERY);
	} else if (c->portal.has_run) {
		portal_fetch(c);
	} else {
		struct call call = c->portal.call;

		console_run(c, &call, c->portal.binary);
	}
	return true;
}

static bool
extended_close(struct console *c, struct reader *r)
{
	uint8_t kind = reader_u8(r);
	const char *name = reader_text(r);

	if (!reader_at_end(r) || (kind != 'S' && kind != 'P'))
		return false;
	if (kind == 'S')
		statement_forget(c, statement_find(c, name));
	else if (portal_is_named(c, name))
		extended_forget_portal(c);
	put_empty(c, BACKEND_CLOSE_COMPLETE);
	return true;
}

bool
extended_message(struct console *c, char type, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);

	switch (type) {
	case FRONTEND_PARSE:
		return extended_parse(c, &r);
	case FRONTEND_BIND:
		return extended_bind(c, &r);
	case FRONTEND_DESCRIBE:
		return extended_describe(c, &r);
	case FRONTEND_EXECUTE:
		return extended_execute(c, &r);
	case FRONTEND_CLOSE:
		return extended_close(c, &r);
	case FRONTEND_SYNC:
		c->skipping = false;
		extended_forget_portal(c);
		message_ready(&c->out, 'I');
		return true;
	default:
		return type == FRONTEND_FLUSH;
	}
}
