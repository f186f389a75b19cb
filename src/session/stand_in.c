/*
 * session/stand_in.c - a statement that the server lacks, in a transaction that has
 * failed: there nothing can be prepared but what ends it, and yet PostgreSQL tells
 * more of a statement that it has than that the transaction has failed.
 *
 *     Bind one ─▶ Close "…_0" · Parse "…_0": an empty text with the same parameters · Bind "…_0"
 *
 * An empty text is taken, cannot be bound there, and is described as without rows.
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
	/* What PREPARE, EXECUTE, COPY and CREATE name are no parameters of theirs. */
	if ((v->kind != KIND_READ && v->kind != KIND_WRITE) || (v->effects & EFFECT_executes) != 0)
		return PARAMETERS_UNKNOWN;
	named = text_parameters(statement->body);
	return named > UINT16_MAX ? PARAMETERS_UNKNOWN : named > declared ? named : declared;
}

/* True when it is sure to return no rows. */
static bool
statement_is_rowless(const struct name_entry *e, const struct verdict *v)
{
	struct shape shape;

	switch (v->kind) {
	case KIND_READ:
	case KIND_WRITE:
		return e->described == description_of_nothing();
	case KIND_SHOW:
	case KIND_EXECUTE:
	case KIND_FETCH:
		return false;
	case KIND_OTHER:
		shape_scan(e->statement->body, strlen(e->statement->body), &shape);
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

static void
stand_in_send(struct session *s, const char *types, uint32_t declared, uint32_t count)
{
	struct bytes *out;
	size_t before, begun;

	inject_close(s, NULL, STAND_IN);
	out = gather_make(&s->worker->to_server);
	before = out->length;
	begun = message_begin(out, FRONTEND_PARSE);
	bytes_text(out, STAND_IN);
	bytes_text(out, "");
	bytes_u16(out, (uint16_t)count);
	bytes_append(out, types, (size_t)declared * 4);
	for (; declared < count; declared++)
		bytes_u32(out, 0);
	message_end(out, begun);
	gather_made(&s->worker->to_server, before);
	forward_expect(s, ANSWER_PARSE, ANSWER_SWALLOW)->purpose = PURPOSE_REPREPARE;
}

const char *
stand_in_ensure(struct session *s, const struct name_entry *e, char type)
{
	const struct statement *statement = e->statement;
	size_t length = strlen(statement->body);
	struct reader types = reader_over(statement->body + length + 1, statement->body_length - length - 1);
	uint32_t declared = reader_u16(&types), count;
	struct verdict v = {0};

	if (!feature_judges(s) || !transaction_has_surely_failed(s) || server_find_prepared(s->server, statement) != NULL)
		return NULL;
	routing_judge(s, statement->body, length, &v);
	if (v.statements != 1 || statement_ends_transaction(&v))
		return NULL;
	count = statement_parameters(statement, &v, declared);
	if (count == PARAMETERS_UNKNOWN || !reader_ok(&types))
		return NULL;
	if (type == FRONTEND_DESCRIBE && (count > declared || !types_are_known(types, count) || !statement_is_rowless(e, &v)))
		return NULL;
	stand_in_send(s, types.at, declared, count);
	return STAND_IN;
}
