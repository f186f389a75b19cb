/*
 * session/floor_ask.c - where the primary's log is, behind a transaction there: asked
 * when the client has its answer already, and before the server is returned.
 *
 * After a read too: it has seen what others had written by then, and the session's next
 * read must not miss it.  What is asked in the middle of a commit of others may be more
 * than was needed, never less.
 */
#include <stdlib.h>
#include <string.h>

#include "base/lsn.h"
#include "session/floor.h"
#include "session/own.h"

/* No row on a host that is a replica after all. */
static const char question[] =
	"select pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text,"
	" pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8)"
	" where not pg_catalog.pg_is_in_recovery()";

static void
floor_expect(struct server *server, enum answer_kind kind)
{
	answers_push(&server->answers, kind, ANSWER_SWALLOW)->purpose = PURPOSE_LSN;
}

static void
floor_ask(struct session *s, struct bytes *out)
{
	struct server *server = s->server;

	if (!server->lsn_question) {
		own_close(out, FLOOR_QUESTION);
		own_parse(FLOOR_QUESTION, question, 0, out);
		floor_expect(server, ANSWER_CLOSE);
		floor_expect(server, ANSWER_PARSE);
		server->lsn_question = true;
	}
	own_execute(out, own_bind_begin(out, FLOOR_QUESTION, 0));
	own_expect(server, false, PURPOSE_LSN);
	s->floor->asked = true;
	s->floor->answered = false;
}

static void
floor_note_read(struct session *s)
{
	struct floor *f = s->floor;

	f->cluster = s->server->cluster;
	f->host = (uint8_t)s->server->host;
	/* Not the loop's time: the server may have read after this turn began. */
	f->read_us = clock_monotonic_us();
}

void
floor_settle(struct session *s, struct bytes *out)
{
	struct floor *f = s->floor;
	bool owes;

	if (f == NULL)
		return;
	if (cluster_host_role(s->server->cluster, s->server->host) == HOST_REPLICA) {
		floor_note_read(s);
		floor_tell_tables(s, 0, 0);
		return;
	}
	owes = floor_owes_tables(s);
	f->unknown |= f->mode == CONSISTENCY_SESSION;
	/* While it is pinned it reads there anyway; once it is not, its first read does, and asks. */
	if (owes || (f->unknown && s->pins == 0))
		floor_ask(s, out);
}

/* The first eight digits of a segment's name. */
static unsigned
timeline_read(const char *digits, uint32_t length)
{
	char text[9] = {0};

	if (digits == NULL || length >= sizeof(text))
		return 0;
	memcpy(text, digits, length);
	return (unsigned)strtoul(text, NULL, 16);
}

void
floor_row(struct session *s, const char *body, size_t length)
{
	struct floor *f = s->floor;
	struct reader r = reader_over(body, length);
	char text[LSN_TEXT_SIZE] = {0};
	const char *value;
	uint64_t lsn;
	uint32_t size;
	unsigned timeline;

	reader_u16(&r);
	size = reader_u32(&r);
	value = reader_bytes(&r, size);
	if (f == NULL || !f->asked || value == NULL || size >= sizeof(text))
		return;
	memcpy(text, value, size);
	size = reader_u32(&r);
	timeline = timeline_read(reader_bytes(&r, size), size);
	f->answered = lsn_read(text, &lsn) && timeline >= f->timeline;
	if (!f->answered)
		return;
	floor_tell_tables(s, lsn_normalise(lsn), timeline);
	/* The primary is at least as far as any replica that was read before. */
	f->lsn = lsn_normalise(lsn);
	f->timeline = timeline;
	f->cluster = NULL;
	f->unknown = false;
}

void
floor_failed(struct session *s)
{
	s->server->lsn_question = false;
	if (s->floor != NULL)
		floor_released(s);
}

void
floor_settled(struct session *s)
{
	struct floor *f = s->floor;

	if (f == NULL || !f->asked)
		return;
	f->asked = false;
	/* It was a replica: the session has read there. */
	if (!f->answered && s->server != NULL) {
		floor_note_read(s);
		floor_tell_tables(s, 0, 0);
	}
}
