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

	/* A Query ends the unnamed statement of the server, which was a client's. */
	server_set_unnamed(q->server, NULL);
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

unsigned
inquiry_server_version(const struct inquiry *q)
{
	const struct server_value *row = server_value(q->server, "server_version");
	unsigned major = row != NULL ? (unsigned)strtoul(row->value, NULL, 10) : 0;

	return major * 10000;
}

static const char *
inquiry_read_functions(const struct inquiry *q)
{
	const struct database_config *d = snapshot_database(pool_snapshot(q->worker->pool), q->ledger->name);

	return d != NULL ? d->read_functions : NULL;
}

static void
inquiry_make_facts(struct inquiry *q)
{
	facts_unref(&q->facts);
	q->facts = facts_new(atomic_fetch_add(&facts_last_generation, 1) + 1);
	if (!q->loads_routes)
		facts_leave_out_routes(q->facts);
	q->closure_digest = 0;
}

static void
inquiry_begin_facts(struct inquiry *q)
{
	inquiry_forget_load(q);
	q->graph = effect_graph_new();
	q->bodies = bodies_new();
	q->digest = 0;
	q->began_us = loop_now_us(q->worker->loop);
	q->names = catalog_names_new();
	pthread_mutex_lock(&q->ledger->mutex);
	q->loads_routes = q->routes;
	pthread_mutex_unlock(&q->ledger->mutex);
	inquiry_make_facts(q);
	q->loads_footprints = q->loads_routes && q->visit == NULL && atomic_load_explicit(&q->ledger->wants_footprints, memory_order_relaxed);
}

static void
inquiry_ask_closure(struct inquiry *q)
{
	struct facts_closure closure = {.pattern = q->pattern.data,
	    .read_functions = inquiry_read_functions(q),
	    .server_version_num = inquiry_server_version(q)};
	struct bytes text = {0}, hits = {0};

	rules_hits(q->rules, &hits);
	bytes_u8(&hits, 0);
	closure.hits = hits.data;
	closure.liars = q->liars.data != NULL ? q->liars.data : "";
	if (q->step == STEP_CAUSES)
		visit_ask_causes(q, &closure, &text);
	else
		facts_query_closure(&closure, &text);
	bytes_free(&hits);
	inquiry_send_bytes(q, &text);
}

static void
inquiry_ask_calls(struct inquiry *q)
{
	struct bytes text = {0}, oids = {0};
	bool some = rules_unknown(q->rules, &oids);

	bytes_u8(&oids, 0);
	facts_query_calls(some ? oids.data : NULL, &text);
	bytes_free(&oids);
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
	case STEP_CHANGE_SLOW:
		inquiry_send(q, facts_query(FACTS_QUERY_CHANGE_SLOW));
		break;
	case STEP_BEGIN:
		inquiry_begin_facts(q);
		inquiry_send(q, facts_query(FACTS_QUERY_BEGIN));
		break;
	case STEP_RULES:
		inquiry_send(q, facts_query(FACTS_QUERY_RULES));
		break;
	case STEP_CALLS:
		inquiry_ask_calls(q);
		break;
	case STEP_PATTERN:
		bytes_clear(&q->pattern);
		inquiry_send(q, facts_query(FACTS_QUERY_PATTERN));
		break;
	case STEP_CLOSURE:
		inquiry_make_facts(q);
		inquiry_ask_closure(q);
		break;
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
	case STEP_NAMES:
		facts_query_names(&text);
		inquiry_send_bytes(q, &text);
		break;
	case STEP_COMMIT:
		inquiry_send(q, facts_query(FACTS_QUERY_COMMIT));
		break;
	case STEP_DONE:
		break;
	}
}

/* Of a type both its name and its oid are unsafe. */
static void
inquiry_add_fact(struct catalog_facts *facts, char kind, const char *schema, const char *name, const char *attribute)
{
	facts_add(facts, kind, schema, name, attribute[0] == 't');
	if (kind == 't' && attribute[0] != '\0')
		facts_add(facts, 'p', "", attribute, false);
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
		inquiry_add_fact(q->facts, texts[0][0], texts[1], texts[2], texts[3]);
	else if (ok)
		facts_add_footprint(q->facts, texts[0][0], texts[1], texts[2], texts[3]);
	for (int i = 0; i < 4; i++)
		free(texts[i]);
	return ok;
}

/* A column's value with a NUL behind it, owned by the caller; NULL for NULL, and when the row ends. */
static char *
row_value(struct reader *r)
{
	uint32_t length = reader_u32(r);
	const char *value = length != UINT32_MAX ? reader_bytes(r, length) : NULL;

	return value != NULL ? text_copy_n(value, length) : NULL;
}

static uint32_t
row_oid(struct reader *r)
{
	char *text = row_value(r);
	uint32_t oid = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 0;

	free(text);
	return oid;
}

/* A name: kind, name, oid of a relation. */
static bool
inquiry_take_name(struct inquiry *q, struct reader *r)
{
	char *kind = row_value(r), *name = row_value(r);
	uint32_t relation = row_oid(r);
	bool ok = kind != NULL && name != NULL;

	if (ok)
		catalog_names_add(q->names, kind[0], name, relation);
	/* The bodies of functions call them. */
	if (ok && kind[0] == 'f')
		effect_graph_mention(q->graph, name, "");
	free(kind);
	free(name);
	return ok;
}

/* Who mentions what: each a name, or the oid of a relation. */
static bool
inquiry_take_mention(struct inquiry *q, struct reader *r)
{
	char *from_name = row_value(r), *to_name = row_value(r);
	struct mention_end from = {.name = from_name, .relation = row_oid(r)}, to = {.name = to_name, .relation = row_oid(r)};
	bool ok = (from.name != NULL || from.relation != 0) && (to.name != NULL || to.relation != 0);

	if (ok)
		q->digest += catalog_names_mention(q->names, from, to, q->graph);
	free(from_name);
	free(to_name);
	return ok;
}

/* A function: name, body, oid, schema, volatility, parameters. */
static bool
inquiry_take_source(struct inquiry *q, struct reader *r)
{
	char *name = row_value(r), *source = row_value(r), *oid = row_value(r), *schema = row_value(r), *volatility = row_value(r);
	char *parameters = row_value(r);
	bool ok = name != NULL && source != NULL && oid != NULL && schema != NULL && volatility != NULL;

	if (ok)
		effect_graph_source(q->graph, name, source, strlen(source));
	if (ok && q->loads_routes && volatility[0] != 'v')
		bodies_add(q->bodies, &(struct body_source){.oid = (uint32_t)strtoul(oid, NULL, 10), .schema = schema, .name = name,
		                          .source = source, .parameters = parameters});
	free(name);
	free(source);
	free(oid);
	free(schema);
	free(volatility);
	free(parameters);
	return ok;
}

/* A rule: oid, row version, relation; or what it calls or reads: oid, name, relation. */
static bool
inquiry_take_rule(struct inquiry *q, struct reader *r)
{
	uint32_t oid = row_oid(r);
	char *text = row_value(r);
	uint32_t relation = row_oid(r);
	bool ok = oid != 0 && (text != NULL || relation != 0);

	if (ok && q->step == STEP_CALLS)
		rules_call(q->rules, oid, text, relation);
	else if (ok && text != NULL)
		rules_list(q->rules, oid, text, relation);
	free(text);
	return ok;
}

void
inquiry_take_origin(struct inquiry *q)
{
	bool is_same = q->rules != NULL && q->asked_origin.length > 0 && q->asked_origin.length == q->origin.length &&
	    memcmp(q->asked_origin.data, q->origin.data, q->origin.length) == 0;

	if (!is_same) {
		rules_free(&q->rules);
		q->rules = rules_new();
		bytes_clear(&q->pattern);
	}
	rules_begin(q->rules);
	bytes_clear(&q->origin);
	bytes_append(&q->origin, q->asked_origin.data, q->asked_origin.length);
}

void
inquiry_take_rules(struct inquiry *q)
{
	if (q->step == STEP_RULES && rules_unknown_count(q->rules) > 0)
		return;
	rules_end(q->rules);
	q->digest += rules_mentions(q->rules, q->names, q->graph);
}

bool
inquiry_found_liars(struct inquiry *q)
{
	struct bytes found = {0};
	bool is_new;

	if (!q->loads_routes)
		return false;
	bodies_find_liars(q->bodies, q->facts, inquiry_read_functions(q), &found);
	is_new = found.length > 0 && (q->liars.data == NULL || strlen(q->liars.data) != found.length ||
	    memcmp(q->liars.data, found.data, found.length) != 0);
	if (is_new) {
		bytes_u8(&found, 0);
		bytes_free(&q->liars);
		q->liars = found;
	} else {
		bytes_free(&found);
	}
	return is_new;
}

void
inquiry_forget_load(struct inquiry *q)
{
	facts_unref(&q->facts);
	effect_graph_free(&q->graph);
	bodies_free(&q->bodies);
	q->has_bodies = false;
	bytes_free(&q->liars);
	catalog_names_free(&q->names);
	bytes_clear(&q->asked_origin);
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
inquiry_catalog_is_same(const struct inquiry *q)
{
	uint64_t generation;
	struct catalog_facts *facts = ledger_facts(q->ledger, &generation);
	bool wants = q->visit == NULL && atomic_load_explicit(&q->ledger->wants_footprints, memory_order_relaxed);
	bool known = facts != NULL && (!wants || !facts_knows_routes(facts) || facts_knows_footprints(facts));

	facts_unref(&facts);
	return known && q->changed.length > 0 && q->changed.length == q->change.length &&
	    memcmp(q->changed.data, q->change.data, q->change.length) == 0;
}

bool
inquiry_has_tested(const struct inquiry *q)
{
	return q->step == STEP_CHANGE_SLOW || (q->step == STEP_CHANGE && !q->is_uncounted);
}

static void
inquiry_take_change(struct inquiry *q, const char *value, size_t length, struct reader *r)
{
	char *is_counted;

	bytes_append(&q->changed, value, length);
	inquiry_take_defaults(q, r);
	is_counted = row_value(r);
	q->is_uncounted = is_counted == NULL || is_counted[0] != 't';
	free(is_counted);
}

static void
inquiry_take_pattern(struct inquiry *q, const char *value, size_t length)
{
	bytes_append(&q->pattern, value, length);
	bytes_u8(&q->pattern, 0);
}

bool
inquiry_take_row(struct inquiry *q, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	uint32_t size;
	const char *value;

	reader_u16(&r);
	/* rows come in any order */
	if (q->step == STEP_CLOSURE)
		q->closure_digest += hash_bytes(body, length);
	else if (q->step > STEP_MENTIONS)
		q->digest += hash_mix(hash_bytes(body, length), (uint64_t)q->step);
	if (q->step == STEP_NAMES)
		return inquiry_take_name(q, &r);
	if (q->step == STEP_RULES || q->step == STEP_CALLS)
		return inquiry_take_rule(q, &r);
	if (q->step == STEP_MENTIONS)
		return inquiry_take_mention(q, &r);
	if (q->step == STEP_SOURCES)
		return inquiry_take_source(q, &r);
	if (q->step == STEP_CLOSURE || q->step == STEP_FOOTPRINTS)
		return inquiry_take_fact(q, &r);
	size = reader_u32(&r);
	if (size == UINT32_MAX)
		return reader_ok(&r);
	value = reader_bytes(&r, size);
	if (value == NULL)
		return false;
	if (q->step == STEP_CHANGE)
		inquiry_take_change(q, value, size, &r);
	else if (q->step == STEP_CHANGE_SLOW)
		bytes_append(&q->changed, value, size);
	else if (q->step == STEP_PATTERN)
		inquiry_take_pattern(q, value, size);
	else if (q->step == STEP_BEGIN)
		bytes_append(&q->asked_origin, value, size);
	else if (q->step == STEP_CAUSES)
		visit_take_cause(q, value, size);
	return true;
}
