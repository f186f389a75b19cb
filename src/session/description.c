/*
 * session/description.c - what a client was told of a statement's rows.
 *
 * A change of a table may give a statement other columns.  PostgreSQL refuses to run a
 * plan whose rows are not those that were described; so does a copy of it that was
 * prepared later, on another server.
 */
#include "session/relay_private.h"

uint64_t
description_of_nothing(void)
{
	return hash_bytes("n", 1) | 1;
}

/* What PostgreSQL compares of two descriptions: names and types, and not where the columns come from.  Never 0. */
static uint64_t
description_hash(const struct relay_frame *f)
{
	struct reader r = reader_over(f->body, f->length);
	struct bytes about = {0};
	uint64_t hash;

	if (f->type == BACKEND_NO_DATA)
		return description_of_nothing();
	for (unsigned count = reader_u16(&r); count > 0 && reader_ok(&r); count--) {
		bytes_text(&about, reader_text(&r));
		reader_bytes(&r, 6);
		bytes_append(&about, reader_bytes(&r, 10), reader_ok(&r) ? 10 : 0);
		reader_u16(&r);
	}
	hash = hash_bytes(about.data, about.length) | 1;
	bytes_free(&about);
	return hash;
}

void
description_note(struct session *s, const struct relay_frame *f)
{
	const struct answer *head = answers_head(&s->server->answers);
	struct name_entry *e;

	if (head == NULL || head->kind != ANSWER_DESCRIBE || !head->describes_statement || !f->whole)
		return;
	if (head->purpose == PURPOSE_COMPARE) {
		s->changed = head->way == ANSWER_SWALLOW && description_hash(f) != head->described;
		return;
	}
	e = head->own_name != NULL ? names_find(s, head->own_name) : NULL;
	if (e != NULL && e->statement == head->statement)
		e->described = description_hash(f);
}
