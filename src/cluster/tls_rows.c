/*
 * cluster/tls_rows.c - rows of struct monitor_tls, owned.
 */
#include "cluster/tls_rows.h"

#include <stdlib.h>

#define TEXTS 7

/* The row's texts, one after the other. */
static const char **
row_text(struct monitor_tls *row, unsigned i)
{
	const char **texts[TEXTS] = {&row->host, &row->sslmode, &row->sslrootcert, &row->sslcert, &row->sslkey,
	    &row->least_protocol, &row->most_protocol};

	return texts[i];
}

static bool
row_is(const struct monitor_tls *a, const struct monitor_tls *b)
{
	struct monitor_tls mine = *a, other = *b;

	for (unsigned i = 0; i < TEXTS; i++)
		if (!text_equal(*row_text(&mine, i), *row_text(&other, i)))
			return false;
	return a->port == b->port;
}

static bool
rows_are(const struct tls_rows *t, const struct monitor_tls *fresh, unsigned count)
{
	if (t->count != count)
		return false;
	for (unsigned n = 0; n < count; n++)
		if (!row_is(&t->rows[n], &fresh[n]))
			return false;
	return true;
}

void
tls_rows_free(struct tls_rows *t)
{
	for (unsigned n = 0; n < t->count; n++)
		for (unsigned i = 0; i < TEXTS; i++)
			free((char *)(uintptr_t)*row_text(&t->rows[n], i));
	free(t->rows);
	*t = (struct tls_rows){0};
}

bool
tls_rows_replace(struct tls_rows *t, const struct monitor_tls *fresh, unsigned count)
{
	if (rows_are(t, fresh, count))
		return false;
	tls_rows_free(t);
	t->rows = count > 0 ? memory_copy(fresh, count * sizeof(*fresh)) : NULL;
	t->count = count;
	for (unsigned n = 0; n < count; n++)
		for (unsigned i = 0; i < TEXTS; i++)
			*row_text(&t->rows[n], i) = text_copy(*row_text(&t->rows[n], i));
	return true;
}

const struct monitor_tls *
tls_rows_find(const struct tls_rows *t, const char *host, uint16_t port)
{
	const struct monitor_tls *found = NULL;

	for (unsigned n = 0; n < t->count; n++) {
		const struct monitor_tls *row = &t->rows[n];

		if (row->host != NULL && row->port == port && text_equal(row->host, host))
			return row;
		if (row->host == NULL)
			found = row;
	}
	return found;
}
