/*
 * admin/table.c - RowDescription and DataRow for the console's tables, in text and in
 * binary format (PostgreSQL manual, "Message Formats"; numeric as its send function
 * writes it: digits of base 10000).
 */
#include <stdio.h>
#include <string.h>

#include "admin/admin_private.h"
#include "base/clock.h"

#define COLUMNS(name) const struct column name##_columns[] = {
#define COLUMN(name, type) {name, COLUMN_##type},
#define COLUMNS_END {NULL, 0} };
#include "tables/columns.h"
#undef COLUMNS
#undef COLUMN
#undef COLUMNS_END

struct type_row {
	uint32_t oid;
	int16_t size;
};

static const struct type_row types[] = {
	[COLUMN_TEXT] = {.oid = 25, .size = -1},
	[COLUMN_INT] = {.oid = 23, .size = 4},
	[COLUMN_BIGINT] = {.oid = 20, .size = 8},
	[COLUMN_NUMERIC] = {.oid = 1700, .size = -1},
	[COLUMN_BYTEA] = {.oid = 17, .size = -1},
};

unsigned
columns_count(const struct column *columns)
{
	unsigned n = 0;

	while (columns[n].name != NULL)
		n++;
	return n;
}

void
table_describe(struct bytes *out, const struct column *columns, uint64_t binary)
{
	size_t begun = message_begin(out, BACKEND_ROW_DESCRIPTION);
	unsigned count = columns_count(columns);

	bytes_u16(out, (uint16_t)count);
	for (unsigned i = 0; i < count; i++) {
		bytes_text(out, columns[i].name);
		bytes_u32(out, 0);
		bytes_u16(out, 0);
		bytes_u32(out, types[columns[i].type].oid);
		bytes_u16(out, (uint16_t)types[columns[i].type].size);
		bytes_u32(out, UINT32_MAX);
		bytes_u16(out, (uint16_t)(binary >> i & 1));
	}
	message_end(out, begun);
}

void
table_row(struct table *t)
{
	message_row_begin(t->out, &t->begun, columns_count(t->columns));
	t->at = 0;
}

void
table_end(struct table *t)
{
	must(t->columns[t->at].name == NULL);
	message_end(t->out, t->begun);
}

void
table_text(struct table *t, const char *text)
{
	must(text == NULL || t->columns[t->at].type == COLUMN_TEXT);
	message_row_value(t->out, text);
	t->at++;
}

void
table_time(struct table *t, int64_t wall_us)
{
	char text[40];

	table_text(t, wall_us > 0 ? clock_format_second(wall_us, text, sizeof(text)) : NULL);
}

static void
put_numeric(struct bytes *out, int64_t value)
{
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	uint16_t digits[8];
	unsigned count = 0;

	for (; left > 0; left /= 10000)
		digits[count++] = (uint16_t)(left % 10000);
	bytes_u32(out, 8 + 2 * count);
	bytes_u16(out, (uint16_t)count);
	bytes_u16(out, (uint16_t)(count > 0 ? count - 1 : 0));
	bytes_u16(out, value < 0 ? 0x4000 : 0);
	bytes_u16(out, 0);
	while (count > 0)
		bytes_u16(out, digits[--count]);
}

static void
put_binary(struct bytes *out, enum column_type type, int64_t value)
{
	switch (type) {
	case COLUMN_INT:
		bytes_u32(out, 4);
		bytes_u32(out, (uint32_t)value);
		break;
	case COLUMN_BIGINT:
		bytes_u32(out, 8);
		bytes_u64(out, (uint64_t)value);
		break;
	default:
		put_numeric(out, value);
	}
}

/* An int4 column says the nearest number that it can. */
void
table_int(struct table *t, int64_t value)
{
	enum column_type type = t->columns[t->at].type;
	char text[24];

	must(type != COLUMN_TEXT && type != COLUMN_BYTEA);
	if (type == COLUMN_INT)
		value = max_of(min_of(value, (int64_t)INT32_MAX), (int64_t)INT32_MIN);
	if ((t->binary >> t->at & 1) != 0) {
		put_binary(t->out, type, value);
	} else {
		snprintf(text, sizeof(text), "%lld", (long long)value);
		message_row_value(t->out, text);
	}
	t->at++;
}
