/*
 * Fuzzes the scanner of shapes against PostgreSQL's own.
 *
 *     text ─▶ libpg_query's tokens ─▶ the same tokens, other spacing and comments ─▶ the same shape
 *                                 └─▶ other constants of the same kind ─▶ of the same shape: the same verdict
 *
 * A shape that is folded must see tokens where PostgreSQL sees them, and two texts of one
 * shape must have one verdict, whatever their constants are.
 */
#include "route/verdict.h"

#include "../unit/route_rows.h"

#include <pg_query.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of libpg_query's protocol-buffers enumeration of tokens. */
enum { TOKEN_FCONST = 260, TOKEN_SCONST = 261, TOKEN_ICONST = 266, TOKEN_SQL_COMMENT = 275, TOKEN_C_COMMENT = 276 };

struct token {
	size_t start, end;
	unsigned kind;
};

static uint64_t
read_varint(const unsigned char **at, const unsigned char *end)
{
	uint64_t value = 0;

	for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
		unsigned char byte = *(*at)++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			break;
	}
	return value;
}

/* A ScanToken: start = 1, end = 2, token = 4, all of them numbers. */
static struct token
read_token(const unsigned char *at, const unsigned char *end)
{
	struct token token = {0};

	while (at < end) {
		uint64_t field = read_varint(&at, end) >> 3, value = read_varint(&at, end);

		if (field == 1)
			token.start = (size_t)value;
		else if (field == 2)
			token.end = (size_t)value;
		else if (field == 4)
			token.kind = (unsigned)value;
	}
	return token;
}

/* A ScanResult: tokens are field 2. */
static size_t
read_tokens(const PgQueryProtobuf *bytes, struct token *out, size_t most)
{
	const unsigned char *at = (const unsigned char *)bytes->data, *end = at + bytes->len;
	size_t count = 0;

	while (at < end && count < most) {
		uint64_t head = read_varint(&at, end), value = read_varint(&at, end);

		if ((head & 7) != 2)
			continue;
		if (head >> 3 == 2)
			out[count++] = read_token(at, at + value);
		at += value;
	}
	return count;
}

static void
put_constant(struct bytes *out, const char *text, const struct token *token)
{
	bool is_plain_string = token->kind == TOKEN_SCONST && text[token->start] == '\'';
	bool is_plain_number = token->kind == TOKEN_ICONST && token->end - token->start < 8;

	if (is_plain_string)
		bytes_chars(out, "'another ''one'' -- /*'");
	else if (is_plain_number)
		bytes_chars(out, "4711");
	else
		bytes_append(out, text + token->start, token->end - token->start);
}

/* The text's tokens; a blank, or a comment, where anything stands between two. */
static void
write_tokens(const char *text, size_t length, const struct token *tokens, size_t count, bool new_constants, struct bytes *out)
{
	const char *gap = new_constants ? "\n" : " /* ' */ ";
	size_t before = 0;

	for (size_t i = 0; i < count; i++) {
		if (tokens[i].kind == TOKEN_SQL_COMMENT || tokens[i].kind == TOKEN_C_COMMENT)
			continue;
		if (out->length > 0 && tokens[i].start > before)
			bytes_chars(out, gap);
		if (new_constants)
			put_constant(out, text, &tokens[i]);
		else
			bytes_append(out, text + tokens[i].start, tokens[i].end - tokens[i].start);
		before = tokens[i].end;
	}
	if (out->length > 0 && before < length)
		bytes_chars(out, gap);
}

static bool
shape_is(const struct shape *shape, const struct bytes *text)
{
	struct shape other;

	shape_scan(text->data != NULL ? text->data : "", text->length, &other);
	return shape->hash[0] == other.hash[0] && shape->hash[1] == other.hash[1];
}

static void
expect_one_verdict(const char *text, size_t length, const struct bytes *other)
{
	static const struct route_context ctx = {.standard_conforming_strings = true, .ascii_safe_encoding = true, .is_utf8 = true};
	struct verdict a, b;

	route_judge(NULL, &ctx, text, length, &a);
	route_judge(NULL, &ctx, other->data != NULL ? other->data : "", other->length, &b);
	if (a.statements == ROUTE_STATEMENTS_UNKNOWN || b.statements == ROUTE_STATEMENTS_UNKNOWN)
		return;
	must(a.target == b.target && a.reason == b.reason && a.kind == b.kind && a.statements == b.statements);
	must(a.effects == b.effects && a.modes == b.modes && a.may_copy_in == b.may_copy_in);
}

/* True when nothing may stand behind the last token that the other scanner does not see. */
static bool
is_covered(const char *text, size_t length, const struct token *tokens, size_t count)
{
	size_t end = count > 0 ? tokens[count - 1].end : 0;

	return end <= length && strspn(text + end, " \t\n\r\f;") == length - end;
}

static void
compare(const char *text, size_t length, const struct token *tokens, size_t count)
{
	struct bytes same = {0}, other = {0};
	struct shape shape;

	shape_scan(text, length, &shape);
	write_tokens(text, length, tokens, count, false, &same);
	write_tokens(text, length, tokens, count, true, &other);
	/* Behind set_config a comment is doubt. */
	if (shape.is_folded && is_covered(text, length, tokens, count) && strpbrk(text, ";") == NULL && strcasestr(text, "set_config") == NULL)
		must(shape_is(&shape, &same));
	/* A hint is a comment, and no comment is left. */
	if (shape.hint == HINT_NONE && shape_is(&shape, &other))
		expect_one_verdict(text, length, &other);
	bytes_free(&same);
	bytes_free(&other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_copy_n((const char *)data, size);
	struct token *tokens = memory_array(size + 1, sizeof(*tokens));
	PgQueryScanResult result;

	if (strlen(text) == size && size < ROUTE_TEXT_MAX_BYTES) {
		result = pg_query_scan(text);
		if (result.error == NULL)
			compare(text, size, tokens, read_tokens(&result.pbuf, tokens, size + 1));
		pg_query_free_scan_result(result);
	}
	free(tokens);
	free(text);
	return 0;
}
