/*
 * observe/close.c - the table of close reasons.
 */
#include "observe/close.h"

#include "base/base.h"

static const struct close_row close_rows[CLOSE_COUNT] = {
#define CLOSE(id, ...) [CLOSE_##id] = {.name = #id, __VA_ARGS__},
#include "tables/closes.h"
#undef CLOSE
};

const struct close_row *
close_row(enum close_reason reason)
{
	must((unsigned)reason < CLOSE_COUNT);
	return &close_rows[reason];
}
