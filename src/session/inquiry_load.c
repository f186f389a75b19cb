/*
 * session/inquiry_load.c - the questions of an inquiry's steps, and what it does with
 * the rows that come.
 */
#include "session/inquiry_private.h"

#include <stdlib.h>
#include <string.h>

#include "pool/renew.h"

/* Numbers every set of facts in the process, so that verdicts taken with another one are told apart. */
static _Atomic uint64_t facts_last_generation;

static void
inquiry_send(struct inquiry *q, const char *text)
{
	struct bytes b = {0};

	answers_push(&q->server->answers, ANSWER_QUERY, ANSWER_FORWARD);
	message_query(&b, text);
	stream_send_bytes(&q->server->stream, b.data, b.length);
	bytes_free(&b);
}

static void
inquiry_send_bytes(struct inquiry *q, struct bytes *text)
{
	bytes_u8(text, 0);
	inquiry_send(q, text->data);
	bytes_free(text);
}

static unsigned
inquiry_server_version(const struct inquiry *q)
{
	const struct server_value *row = server_value(q->server, "server_version");
	unsigned major = row != NULL ? (unsigned)strtoul(row->value, NULL, 10) : 0;

	return major * 10000;
}

static void
inquiry_begin_facts(struct inquiry *q)
{
	facts_unref(&q->facts);
	effect_graph_free(&q->graph);
	q->facts = facts_new(atomic_fetch_add(&facts_last_generation, 1) + 1);
	q->graph = effect_graph_new();
	q->digest = 0;
	pthread_mutex_lock(&q->ledger->mutex);
	q->loads_routes = q->routes;
	pthread_mutex_unlock(&q->ledger->mutex);
	if (!q->loads_routes)
		facts_leave_out_routes(q->facts);
	q->loads_footprints = q->loads_routes && q->visit == NULL && atomic_load_explicit(&q->ledger->wants_footprints, memory_order_relaxed);
}

static void
inquiry_ask_closure(struct inquiry *q)
{
	struct snapshot *snap = pool_snapshot(q->worker->pool);
	const struct database_config *d = snapshot_database(snap, q->ledger->name);
	struct facts_closure closure = {.pattern = q->pattern.data,
	    .read_functions = d != NULL ? d->read_functions : NULL,
	    .server_version_num = inquiry_server_version(q)};
	struct bytes text = {0};

	bytes_u8(&q->hits, 0);
	closure.hits = q->hits.data;
	if (q->step == STEP_CAUSES)
		visit_ask_causes(q, &closure, &text);
	else
		facts_query_closure(&closure, &text);
	inquiry_send_bytes(q, &text);
}

void
inquiry_ask(struct inquiry *q)
{
	struct bytes text = {0};

	switch (q->step) {
	case STEP_RESET:
		inquiry_send(q, "reset role; reset session authorization; reset all");
		break;
	case STEP_CHANGE:
		bytes_clear(&q->changed);
		inquiry_send(q, facts_query(FACTS_QUERY_CHANGE));
		break;
	case STEP_BEGIN:
		inquiry_begin_facts(q);
		inquiry_send(q, facts_query(FACTS_QUERY_BEGIN));
		break;
	case STEP_PATTERN:
		inquiry_send(q, facts_query(FACTS_QUERY_PATTERN));
		break;
	case STEP_HITS:
		bytes_u8(&q->pattern, 0);
		facts_query_hits(q->pattern.data, NULL, &text);
		inquiry_send_bytes(q, &text);
		break;
	case STEP_CLOSURE:
	case STEP_CAUSES:
		inquiry_ask_closure(q);
		break;
	case STEP_MENTIONS:
		facts_query_mentions(inquiry_server_version(q), &text);
		inquiry_send_bytes(q, &text);
		break;
	case STEP_SOURCES:
		facts_query_sources(inquiry_server_version(q), &text);
		inquiry_send_bytes(q, &text);
		break;
	case STEP_FOOTPRINTS:
		facts_query_footprints(&text);
		inquiry_send_bytes(q, &text);
		break;
	case STEP_COMMIT:
		inquiry_send(q, facts_query(FACTS_QUERY_COMMIT));
		break;
	case STEP_DONE:
		break;
	}
}

static void
inquiry_append_text(struct bytes *b, const char *value, uint32_t length, const char *separator)
{
	if (b->length > 0)
		bytes_chars(b, separator);
	bytes_append(b, value, length);
}

/* A row of the closure: kind, schema, name, attribute; or of the footprints, with a target in the place of that. */
static bool
inquiry_take_fact(struct inquiry *q, struct reader *r)
{
	char *texts[4] = {NULL};
	bool ok = true;

	for (int i = 0; i < 4; i++) {
		uint32_t length = reader_u32(r);
		const char *value = length == UINT32_MAX ? "" : reader_bytes(r, length);

		ok = ok && value != NULL;
		texts[i] = value != NULL ? text_copy_n(value, length == UINT32_MAX ? 0 : length) : NULL;
	}
	if (ok && q->step == STEP_CLOSURE)
		facts_add(q->facts, texts[0][0], texts[1], texts[2], texts[3][0] == 't');
	else if (ok)
		facts_add_footprint(q->facts, texts[0][0], texts[1], texts[2], texts[3]);
	for (int i = 0; i < 4; i++)
		free(texts[i]);
	return ok;
}

/* A row of two: who mentions what, or the body of a function. */
static bool
inquiry_take_effect(struct inquiry *q, struct reader *r)
{
	uint32_t name_length = reader_u32(r), length;
	const char *name = reader_bytes(r, name_length), *value;
	char *from, *to;

	length = reader_u32(r);
	value = reader_bytes(r, length);
	if (name == NULL || value == NULL)
		return false;
	from = text_copy_n(name, name_length);
	if (q->step == STEP_SOURCES) {
		effect_graph_source(q->graph, from, value, length);
	} else {
		to = text_copy_n(value, length);
		effect_graph_mention(q->graph, from, to);
		free(to);
	}
	free(from);
	return true;
}

/* What code that nobody can look into has done to them is found here, and what somebody else has. */
static void
inquiry_take_defaults(struct inquiry *q, struct reader *r)
{
	uint32_t size = reader_u32(r), renewals = atomic_load(&q->ledger->renewals);
	const char *value = size < sizeof(q->defaults) ? reader_bytes(r, size) : NULL;
	bool is_explained = q->defaults[0] == '\0' || renewals != q->renewals;

	if (value == NULL || (strlen(q->defaults) == size && memcmp(q->defaults, value, size) == 0))
		return;
	memcpy(q->defaults, value, size);
	q->defaults[size] = '\0';
	q->renewals = renewals;
	if (is_explained)
		return;
	renew_servers(pool_hub(q->worker->pool), q->server->cluster, q->server->host, NULL, NULL);
	q->renewals = atomic_load(&q->ledger->renewals);
}

bool
inquiry_take_row(struct inquiry *q, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	uint32_t size;
	const char *value;

	reader_u16(&r);
	/* rows come in any order */
	if (q->step >= STEP_CLOSURE)
		q->digest += hash_mix(hash_bytes(body, length), (uint64_t)q->step);
	if (q->step == STEP_MENTIONS || q->step == STEP_SOURCES)
		return inquiry_take_effect(q, &r);
	if (q->step == STEP_CLOSURE || q->step == STEP_FOOTPRINTS)
		return inquiry_take_fact(q, &r);
	size = reader_u32(&r);
	if (size == UINT32_MAX)
		return reader_ok(&r);
	value = reader_bytes(&r, size);
	if (value == NULL)
		return false;
	if (q->step == STEP_CHANGE)
	{
		inquiry_append_text(&q->changed, value, size, "");
		inquiry_take_defaults(q, &r);
	}
	else if (q->step == STEP_PATTERN)
		inquiry_append_text(&q->pattern, value, size, "");
	else if (q->step == STEP_HITS)
		inquiry_append_text(&q->hits, value, size, ",");
	else if (q->step == STEP_CAUSES)
		visit_take_cause(q, value, size);
	return true;
}
