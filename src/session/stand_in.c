/*
 * session/stand_in.c - a statement that the server lacks, in a transaction that has
 * failed: there nothing can be prepared but what ends it, and yet PostgreSQL tells
 * more of a statement that it has than that the transaction has failed.
 *
 *     Bind one ─▶ Close "…_0" · Parse "…_0": an empty text with the same parameters · Bind "…_0"
 *
 * An empty text is taken, cannot be bound there, and is described as without rows.
 * Of the unnamed statement the server's own becomes the stand-in.  One also stands in for
 * a name that is taken: what it was prepared for may not be possible any more.
 */
#include <stdlib.h>
#include <string.h>

#include "route/shape.h"
#include "session/feature.h"
#include "session/forward_private.h"
#include "session/relay_private.h"

/* No statement has this number. */
#define STAND_IN STATEMENT_PREFIX "0"

#define PARAMETERS_UNKNOWN UINT32_MAX

/* The transaction has failed, and nothing is on its way or has run in this batch that could end it. */
static bool
transaction_has_surely_failed(const struct session *s)
{
	const struct answers *a = &s->server->answers;

	if (s->server->status != 'E' || s->executed)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		enum answer_kind kind = answers_at(a, i)->kind;

		if (kind == ANSWER_EXECUTE || kind == ANSWER_QUERY || kind == ANSWER_FUNCTION || kind == ANSWER_SYNC)
			return false;
	}
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_of_word(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '$' || (c & 0x80) != 0;
}

/* The highest parameter that a text names; unknown where quotes are not plain. */
static uint32_t
text_parameters(const char *text)
{
	bool quoted = false, odd = strpbrk(text, "\\\"") != NULL || strstr(text, "--") != NULL || strstr(text, "/*") != NULL;
	uint32_t most = 0;

	for (const char *at = text; *at != '\0'; at++) {
		quoted ^= *at == '\'';
		if (*at != '$' || quoted)
			continue;
		if (odd || !is_digit(at[1]) || (at > text && is_of_word(at[-1])))
			return PARAMETERS_UNKNOWN;
		most = (uint32_t)max_of((unsigned long)most, strtoul(at + 1, NULL, 10));
	}
	return most;
}

/* How many parameters it has: those whose types were declared, and those that its text names. */
static uint32_t
statement_parameters(const struct statement *statement, const struct verdict *v, uint32_t declared)
{
	uint32_t named;

	if (memchr(statement->body, '$', strlen(statement->body)) == NULL)
		return declared;
	/* What PREPARE, EXECUTE, DO, COPY and CREATE name are no parameters of theirs. */
	if (!window_is_analyzed(statement))
		return declared;
	if ((v->kind != KIND_READ && v->kind != KIND_WRITE) || (v->effects & EFFECT_executes) != 0)
		return PARAMETERS_UNKNOWN;
	named = text_parameters(statement->body);
	return named > UINT16_MAX ? PARAMETERS_UNKNOWN : named > declared ? named : declared;
}

/* True when it is sure to return no rows.  DESCRIBED: its description's hash, where that is known; else 0. */
static bool
statement_is_rowless(const struct statement *statement, uint64_t described, const struct verdict *v)
{
	struct shape shape;

	switch (v->kind) {
	case KIND_READ:
	case KIND_WRITE:
		return described == description_of_nothing();
	case KIND_SHOW:
	case KIND_EXECUTE:
	case KIND_FETCH:
		return false;
	case KIND_OTHER:
		shape_scan(statement->body, strlen(statement->body), &shape);
		return shape.first_word[0] != '\0' && strcmp(shape.first_word, "call") != 0;
	default:
		return true;
	}
}

static bool
statement_ends_transaction(const struct verdict *v)
{
	return v->kind == KIND_COMMIT || v->kind == KIND_ROLLBACK || v->kind == KIND_ROLLBACK_TO || v->kind == KIND_TWO_PHASE;
}

static bool
types_are_known(struct reader types, uint32_t count)
{
	while (count-- > 0)
		if (reader_u32(&types) == 0)
			return false;
	return reader_ok(&types);
}

/* What a stand-in has of the statement: its parameters, of which the first DECLARED have TYPES. */
struct likeness {
	const char *types;
	uint32_t declared;
	uint32_t count;
};

static void
stand_in_send(struct session *s, const char *name, const struct likeness *like)
{
	struct bytes *out = gather_make(&s->worker->to_server);
	size_t before = out->length, begun = message_begin(out, FRONTEND_PARSE);

	bytes_text(out, name);
	bytes_text(out, "");
	bytes_u16(out, (uint16_t)like->count);
	bytes_append(out, like->types, (size_t)like->declared * 4);
	for (uint32_t i = like->declared; i < like->count; i++)
		bytes_u32(out, 0);
	message_end(out, begun);
	gather_made(&s->worker->to_server, before);
	forward_expect(s, ANSWER_PARSE, ANSWER_SWALLOW)->purpose = PURPOSE_REPREPARE;
}

/* False when what PostgreSQL tells of it there is not known, or can be had of itself. */
static bool
stand_in_is_like(struct session *s, const struct statement *statement, uint64_t described, char type, struct likeness *like)
{
	size_t length = strlen(statement->body);
	struct reader types = reader_over(statement->body + length + 1, statement->body_length - length - 1);
	struct verdict v = {0};

	like->declared = reader_u16(&types);
	like->types = types.at;
	routing_judge(s, statement->body, length, &v);
	if (v.statements != 1 || statement_ends_transaction(&v))
		return false;
	like->count = statement_parameters(statement, &v, like->declared);
	if (like->count == PARAMETERS_UNKNOWN || !reader_ok(&types))
		return false;
	if (type != FRONTEND_DESCRIBE)
		return true;
	return like->count <= like->declared && types_are_known(types, like->count) && statement_is_rowless(statement, described, &v);
}

const char *
stand_in_for_taken(struct session *s)
{
	static const struct likeness nothing = {.types = ""};

	inject_close(s, NULL, STAND_IN);
	stand_in_send(s, STAND_IN, &nothing);
	return STAND_IN;
}

const char *
stand_in_ensure(struct session *s, const struct name_entry *e, char type)
{
	struct likeness like;

	if (!feature_judges(s) || !transaction_has_surely_failed(s) || server_find_prepared(s->server, e->statement) != NULL)
		return NULL;
	if (!stand_in_is_like(s, e->statement, e->described, type, &like))
		return NULL;
	inject_close(s, NULL, STAND_IN);
	stand_in_send(s, STAND_IN, &like);
	return STAND_IN;
}

bool
stand_in_for_unnamed(struct session *s, char type)
{
	struct likeness like;

	if (!feature_judges(s) || !transaction_has_surely_failed(s))
		return false;
	if (!stand_in_is_like(s, s->unnamed, 0, type, &like))
		return false;
	stand_in_send(s, "", &like);
	answers_last(&s->server->answers)->of_unnamed = true;
	server_set_unnamed(s->server, NULL);
	return true;
}
