/*
 * config/hba.c - a file of host-based rules as one immutable object.
 */
#include "config/hba.h"

#include <stdlib.h>

#include "hba_rule.h"

struct hba *
hba_ref(struct hba *h)
{
	if (h != NULL)
		__atomic_add_fetch(&h->references, 1, __ATOMIC_RELAXED);
	return h;
}

void
hba_unref(struct hba *h)
{
	if (h == NULL || __atomic_sub_fetch(&h->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t i = 0; i < h->count; i++)
		hba_rule_free(&h->rules[i]);
	free(h->rules);
	free(h->networks);
	free(h);
}

void
hba_take_networks(struct hba *h, struct network *networks, size_t count)
{
	free(h->networks);
	h->networks = networks;
	h->network_count = count;
	h->wants_networks = false;
}

static void
hba_take_line(struct hba_scan *scan, const struct hba_line *line)
{
	struct hba *h = scan->context;
	struct hba_rule rule = {0};

	if (!hba_rule_read(scan, line, &rule)) {
		hba_rule_free(&rule);
		return;
	}
	if ((h->count & (h->count - 1)) == 0)
		h->rules = memory_resize(h->rules, max_of(2 * h->count, 1) * sizeof(*h->rules));
	h->rules[h->count++] = rule;
	h->wants_networks |= rule.place == HBA_SAMEHOST || rule.place == HBA_SAMENET;
}

static struct hba_scan
hba_begin(const struct hba_sink *sink)
{
	struct hba *h = memory_new(sizeof(*h));

	h->references = 1;
	return (struct hba_scan){.sink = sink, .take = hba_take_line, .context = h};
}

/* The rules, or NULL when anything was wrong. */
static struct hba *
hba_end(struct hba_scan *scan, const char *name)
{
	struct hba *h = scan->context;
	struct hba_line whole = {.file = name};

	if (scan->errors > 0) {
		hba_unref(h);
		return NULL;
	}
	if (h->count == 0)
		hba_scan_warning(scan, &whole, "there is no rule: no client can log in");
	return h;
}

struct hba *
hba_read_file(const char *path, const struct hba_sink *sink)
{
	struct hba_scan scan = hba_begin(sink);

	scan.may_open = true;
	hba_scan_file(&scan, path);
	return hba_end(&scan, path);
}

struct hba *
hba_read_text(const char *name, const char *text, size_t length, const struct hba_sink *sink)
{
	struct hba_scan scan = hba_begin(sink);

	hba_scan_text(&scan, name, text, length);
	return hba_end(&scan, name);
}
