/*
 * session/routing.c - where a request may go: the text's verdict, then what the
 * session adds to it.
 */
#include "session/heal.h"
#include "session/session_private.h"

#include <stdio.h>
#include <string.h>

#include "cluster/cluster.h"
#include "pool/route_counts.h"
#include "session/floor.h"
#include "session/pin.h"

bool
routing_judges(const struct session *s)
{
	return s->route == ROUTE_SPLIT && s->pool_mode != POOL_SESSION;
}

enum route_reason
routing_fixed_reason(enum route_mode route)
{
	switch (route) {
	case ROUTE_SPLIT:
		return ROUTE_REASON_session_mode;
	case ROUTE_REPLICA:
		return ROUTE_REASON_route_replica;
	case ROUTE_PREFER_REPLICA:
		return ROUTE_REASON_route_prefer_replica;
	case ROUTE_ANY:
		return ROUTE_REASON_route_any;
	default:
		return ROUTE_REASON_route_primary;
	}
}

enum lend_target
routing_home(enum route_mode route)
{
	switch (route) {
	case ROUTE_ANY:
		return LEND_ANY;
	case ROUTE_REPLICA:
		return LEND_REPLICA_ONLY;
	case ROUTE_PREFER_REPLICA:
		return LEND_PREFER_REPLICA;
	default:
		return LEND_PRIMARY;
	}
}

enum lend_target
routing_home_of(const struct session *s)
{
	return s->dry_run ? LEND_PRIMARY : routing_home((enum route_mode)s->route);
}

/* Where a request would go if nobody only looked on (route_dry_run). */
static enum lend_target
routing_target_meant(const struct session *s, const struct brief *brief)
{
	if (s->route == ROUTE_SPLIT && routing_judges(s) && brief->target == TARGET_REPLICA)
		return LEND_REPLICA;
	if (unlikely(brief->reason == ROUTE_REASON_hint_replica) && s->route == ROUTE_PRIMARY)
		return LEND_REPLICA;
	if (unlikely(brief->reason == ROUTE_REASON_hint_primary))
		return LEND_PRIMARY;
	return routing_home(s->route);
}

enum lend_target
routing_target(const struct session *s, const struct brief *brief)
{
	return s->dry_run ? LEND_PRIMARY : routing_target_meant(s, brief);
}

bool
routing_is_held_back(const struct session *s, const struct brief *brief)
{
	enum lend_target meant = s->dry_run ? routing_target_meant(s, brief) : LEND_PRIMARY;

	return meant != LEND_PRIMARY && meant != LEND_ANY;
}

/* Twice the inquiry's rest, and more: while an entry is in use it is asked for a change of its catalog more often. */
#define FACTS_OLD_US ((int64_t)2500 * 1000)

bool
facts_are_old(const struct session *s)
{
	const struct ledger *l = s->ledger;

	if (atomic_load_explicit(&l->facts_watch, memory_order_relaxed) != FACTS_WATCHED)
		return true;
	return loop_now_us(s->worker->loop) - atomic_load_explicit(&l->facts_looked_us, memory_order_relaxed) > FACTS_OLD_US;
}

struct route_context
routing_context_of(const struct ledger *l, const struct database_config *database, const struct catalog_facts *facts)
{
	return (struct route_context){
	    .facts = facts,
	    .standard_conforming_strings = true,
	    .ascii_safe_encoding = true,
	    .is_utf8 = true,
	    .database_id = l->id,
	    .read_functions = database != NULL ? database->read_functions : NULL,
	};
}

static inline struct route_context
routing_context(struct session *s)
{
	const struct catalog_facts *facts = facts_of_session(s);

	return (struct route_context){
	    .facts = facts,
	    .former = facts == NULL ? s->facts : NULL,
	    .facts_are_old = facts_are_old(s),
	    .standard_conforming_strings = !s->escaped_strings,
	    .ascii_safe_encoding = !s->unsafe_encoding,
	    .is_utf8 = s->utf8,
	    .database_id = s->ledger->id,
	    .read_functions = s->database != NULL ? s->database->read_functions : NULL,
	};
}

enum settings_named
routing_settings_named(struct session *s, const char *text, size_t length, void (*take)(void *user, const char *name), void *user)
{
	struct route_context ctx = routing_context(s);

	return route_settings_named(&ctx, text, length, take, user);
}

void
routing_judge(struct session *s, const char *text, size_t length, struct verdict *out)
{
	struct route_context ctx = routing_context(s);

	route_judge(s->worker->verdicts, &ctx, text, length, out);
	if (unlikely(out->has_new_relation) && !pin_has_temporary(s))
		out->effects |= EFFECTS_UNKNOWN;
	if (unlikely(out->lacks_catalog) && s->features != FEATURES_IGNORE && s->pool_mode != POOL_SESSION)
		inquiry_begin(s);
}

static struct brief
brief_of(const struct verdict *v)
{
	return (struct brief){.target = (uint8_t)v->target,
	    .reason = (uint8_t)v->reason,
	    .kind = (uint8_t)v->kind,
	    .known = true,
	    .heals = v->is_proven && (v->kind == KIND_READ || v->kind == KIND_COPY_OUT),
	    .generation = (uint32_t)v->generation,
	    .key = v->key};
}

static const struct brief brief_mixed = {.target = TARGET_PRIMARY, .reason = ROUTE_REASON_batch_mixed, .known = true};

/*
 * The worst of a batch decides: everything goes where its most demanding statement
 * must go.  What follows the session makes a read follow it too, but for a batch
 * that begins a read-only transaction.
 */
static void
brief_add(struct brief *batch, const struct brief *one)
{
	if (!batch->known || batch->kind == KIND_EMPTY) {
		*batch = *one;
		return;
	}
	if (batch->target == TARGET_PRIMARY || one->kind == KIND_EMPTY)
		return;
	batch->heals &= one->heals;
	batch->key = batch->key * 31 + one->key;
	if (one->target == TARGET_PRIMARY)
		*batch = *one;
	else if (batch->target != one->target && batch->kind != KIND_BEGIN_READ_ONLY)
		*batch = brief_mixed;
}

static struct brief
routing_brief_text(struct session *s, const char *text)
{
	struct verdict v;

	routing_judge(s, text, strlen(text), &v);
	if (unlikely(s->floor != NULL))
		floor_gather(s, &v);
	return brief_of(&v);
}

/* Users' own objects have larger oids. */
#define OID_OF_USERS 16384

/* A value of a domain is checked when it is bound, and by what the domain calls. */
static bool
routing_binds_unsafe_type(struct session *s, struct reader *types)
{
	struct catalog_facts *facts = facts_of_session(s);
	char oid[16];

	for (unsigned count = reader_u16(types); count > 0 && reader_ok(types); count--) {
		struct facts_mention mention = {.place = FACTS_PARAMETER, .name = oid, .exact_encoding = true};
		uint32_t type = reader_u32(types);

		if (type < OID_OF_USERS)
			continue;
		snprintf(oid, sizeof(oid), "%u", type);
		if (!facts_knows_routes(facts) || facts_is_unsafe(facts, &mention))
			return true;
	}
	return false;
}

/* A Parse: its text, and TYPES, which is what stands behind that. */
static struct brief
routing_brief_parse(struct session *s, const char *text, struct reader types)
{
	struct brief brief = routing_brief_text(s, text);

	if (brief.target == TARGET_REPLICA && routing_binds_unsafe_type(s, &types)) {
		brief.target = TARGET_PRIMARY;
		brief.reason = ROUTE_REASON_unsafe_type;
		brief.heals = false;
	}
	return brief;
}

static struct brief
routing_brief_statement(struct session *s, const struct statement *statement)
{
	size_t text = min_of(strlen(statement->body) + 1, statement->body_length);

	return routing_brief_parse(s, statement->body, reader_over(statement->body + text, statement->body_length - text));
}

/* The verdict of a prepared statement: taken once, and again when the catalog's facts have changed. */
static struct brief
routing_brief_name(struct session *s, const char *name)
{
	static const struct brief unknown = {.target = TARGET_PRIMARY, .reason = ROUTE_REASON_not_parsed, .known = true};
	struct catalog_facts *facts = facts_of_session(s);
	uint32_t generation = facts != NULL ? (uint32_t)facts_generation(facts) : 0;
	struct name_entry *e;

	if (name[0] == '\0')
		return s->unnamed != NULL ? routing_brief_statement(s, s->unnamed) : unknown;
	e = names_find(s, name);
	if (e == NULL)
		return unknown;
	if (!e->brief.known || e->brief.generation != generation || (unlikely(s->floor != NULL) && floor_reads_tables(s))) {
		e->brief = routing_brief_statement(s, e->statement);
		e->brief.generation = generation;
	}
	return e->brief;
}

/* The messages of a batch up to the one that is looked at. */
struct walked {
	const char *bytes;
	size_t length;
};

/* True when the statement was prepared in this batch, and judged there. */
static bool
walked_parses(const struct walked *w, const char *name)
{
	char type;
	size_t size;

	for (size_t at = 0; at < w->length; at += size) {
		if (frame_read(FROM_CLIENT, w->bytes + at, w->length - at, UINT32_MAX, &type, &size) != FRAME_OK)
			return false;
		if (type == FRONTEND_PARSE && strcmp(w->bytes + at + FRAME_HEAD, name) == 0)
			return true;
	}
	return false;
}

static void
routing_add_bind(struct session *s, struct brief *batch, const struct walked *w, const char *name)
{
	struct brief one;

	if (batch->known && batch->target == TARGET_PRIMARY)
		return;
	if ((name[0] == '\0' || names_find(s, name) == NULL) && walked_parses(w, name))
		return;
	one = routing_brief_name(s, name);
	brief_add(batch, &one);
}

static void
routing_add_message(struct session *s, struct brief *batch, const struct walked *w, char type, const char *body, size_t length)
{
	static const struct brief function_call = {.target = TARGET_PRIMARY, .reason = ROUTE_REASON_unsafe_function, .known = true};
	struct reader r = reader_over(body, length);
	const char *first = reader_text(&r), *second;
	struct brief one;

	if (type == FRONTEND_FUNCTION_CALL) {
		brief_add(batch, &function_call);
		return;
	}
	if (!reader_ok(&r))
		return;
	if (type == FRONTEND_QUERY) {
		one = routing_brief_text(s, first);
		brief_add(batch, &one);
		return;
	}
	second = reader_text(&r);
	if (!reader_ok(&r))
		return;
	if (type == FRONTEND_BIND)
		routing_add_bind(s, batch, w, second);
	if (type != FRONTEND_PARSE || (batch->known && batch->target == TARGET_PRIMARY))
		return;
	one = routing_brief_parse(s, second, r);
	brief_add(batch, &one);
}

struct brief
routing_brief(struct session *s, const char *bytes, size_t length)
{
	struct brief batch = {0};
	struct walked walked = {.bytes = bytes};
	struct frames frames = frames_over(FROM_CLIENT, bytes, length, UINT32_MAX);
	struct whole_frame frame;

	while (frames_next(&frames, &frame) == FRAME_OK) {
		walked.length = (size_t)(frame.body - FRAME_HEAD - bytes);
		routing_add_message(s, &batch, &walked, frame.type, frame.body, frame.length);
	}
	return batch;
}

static void
plan_lend(const struct session *s, const struct brief *brief, struct plan *plan)
{
	plan->outcome = PLAN_LEND;
	plan->is_judged = brief->known;
	if (!brief->known)
		plan->brief = (struct brief){.target = TARGET_PRIMARY, .reason = ROUTE_REASON_utility, .known = true};
	else if (brief->target == TARGET_REPLICA && heal_diverts(s, brief->key))
		plan->brief = (struct brief){.target = TARGET_PRIMARY, .reason = ROUTE_REASON_refused_lately, .kind = brief->kind, .known = true, .heals = brief->heals};
	else
		plan->brief = *brief;
}

unsigned
routing_default_isolation(struct session *s)
{
	const struct catalog_facts *facts;

	if (s->own_isolation != 0)
		return s->own_isolation;
	facts = facts_of_session(s);
	if (facts == NULL || !facts_has_defaults(facts))
		return MODE_READ_COMMITTED;
	if (facts_default_is(facts, s->borrower.account->user, "default_transaction_isolation=serializable"))
		return MODE_SERIALIZABLE;
	if (facts_default_is(facts, s->borrower.account->user, "default_transaction_isolation=repeatable read"))
		return MODE_REPEATABLE_READ;
	return MODE_READ_COMMITTED;
}

bool
routing_is_read_only_by_default(struct session *s)
{
	const char *own = profile_find(s->profile, "default_transaction_read_only");
	const char *user = s->borrower.account->user;
	const struct catalog_facts *facts = facts_of_session(s);

	if (own != NULL)
		return strcmp(own, "on") == 0;
	return facts != NULL && facts_default_is(facts, user, "default_transaction_read_only=on") &&
	    !facts_default_is(facts, user, "default_transaction_read_only=off");
}

/* True when a request ends with this message: it is acted on without waiting for more. */
static bool
type_ends_request(char type)
{
	return type == FRONTEND_QUERY || type == FRONTEND_FUNCTION_CALL || type == FRONTEND_SYNC || type == FRONTEND_FLUSH ||
	    type == FRONTEND_TERMINATE || type == FRONTEND_PASSWORD;
}

/* What the statements alone could not tell: serializable transactions are refused by a replica. */
static void
plan_judged(struct session *s, struct brief *batch, struct plan *plan)
{
	if (batch->target == TARGET_REPLICA && batch->reason != ROUTE_REASON_hint_replica && batch->known &&
	    unlikely(routing_default_isolation(s) == MODE_SERIALIZABLE)) {
		batch->target = TARGET_PRIMARY;
		batch->reason = ROUTE_REASON_serializable;
	}
	plan_lend(s, batch, plan);
}

/* Nobody looks at texts, but for their hints.  Without a text in it nothing was judged: an Execute goes on where its portal is. */
static void
plan_fixed(struct session *s, const struct hints *hints, struct plan *plan)
{
	plan->outcome = PLAN_LEND;
	plan->is_judged = hints->seen;
	plan->brief = (struct brief){.target = TARGET_PRIMARY, .reason = (uint8_t)routing_fixed_reason((enum route_mode)s->route), .known = true};
	if (!hints->seen)
		return;
	hinted_decide(s, hints, &plan->brief);
	plan_lend(s, &plan->brief, plan);
	plan->is_judged = true;
}

/* Too much to keep: it goes where everything may go. */
static void
plan_unread(struct session *s, bool judges, struct plan *plan)
{
	static const struct brief too_long = {.target = TARGET_PRIMARY, .reason = ROUTE_REASON_too_long, .known = true};
	static const struct hints none = {0};

	if (!judges)
		plan_fixed(s, &none, plan);
	else
		plan_lend(s, &too_long, plan);
	plan->is_judged = true;
}

struct plan
routing_plan(struct session *s, const char *bytes, size_t length)
{
	struct plan plan = {.outcome = PLAN_WAIT};
	struct brief batch = {0};
	struct walked walked = {.bytes = bytes};
	bool judges = routing_judges(s), takes_hints = hinted_matters(s);
	struct hints hints = {0};
	size_t at = 0;

	if (unlikely(s->floor != NULL))
		floor_gather_begin(s);
	while (at < length) {
		char type;
		size_t size;

		switch (frame_read(FROM_CLIENT, bytes + at, length - at, (uint32_t)s->snapshot->global.max_packet_size, &type, &size)) {
		case FRAME_BROKEN:
			plan.outcome = PLAN_BROKEN;
			return plan;
		case FRAME_WAIT:
			return plan;
		default:
			break;
		}
		if (size > length - at) {
			if (size > AHEAD_MOST || length > AHEAD_MOST)
				plan_unread(s, judges, &plan);
			return plan;
		}
		walked.length = at;
		if (judges)
			routing_add_message(s, &batch, &walked, type, bytes + at + FRAME_HEAD, size - FRAME_HEAD);
		else if (takes_hints)
			hinted_add(s, &hints, type, bytes + at + FRAME_HEAD, size - FRAME_HEAD);
		at += size;
		if (!type_ends_request(type))
			continue;
		if (judges)
			plan_judged(s, &batch, &plan);
		else
			plan_fixed(s, &hints, &plan);
		return plan;
	}
	if (length > AHEAD_MOST)
		plan_unread(s, judges, &plan);
	return plan;
}

static enum routed
routing_class(const struct session *s)
{
	if (!cluster_is_monitored(s->server->cluster))
		return ROUTED_OTHER;
	return cluster_host_role(s->server->cluster, s->server->host) == HOST_REPLICA ? ROUTED_REPLICA : ROUTED_PRIMARY;
}

/* Was it kept from a replica that would have taken it? */
static bool
routing_was_held_back(const struct session *s)
{
	return s->held_back && routing_class(s) == ROUTED_PRIMARY && cluster_masks(s->server->cluster).replicas != 0;
}

/* A read that ran on the primary although a replica would have done. */
static enum route_reason
routing_reason(const struct session *s, enum route_reason reason)
{
	bool read = reason == ROUTE_REASON_plain_read || reason == ROUTE_REASON_read_only_transaction || reason == ROUTE_REASON_hint_replica;

	if (!read || (s->target != LEND_REPLICA && !s->held_back) || routing_class(s) != ROUTED_PRIMARY || routing_was_held_back(s))
		return reason;
	if (cluster_host_count(s->server->cluster) == 1)
		return ROUTE_REASON_no_replica;
	if (snapshot_read_from_primary(s->snapshot, s->database) == READ_FROM_PRIMARY_ALWAYS && cluster_masks(s->server->cluster).replicas != 0)
		return ROUTE_REASON_read_from_primary;
	return ROUTE_REASON_replica_down;
}

bool
routing_is_on_replica(const struct session *s)
{
	return routing_class(s) == ROUTED_REPLICA;
}

void
routing_count(struct session *s, enum route_reason reason)
{
	struct ledger_stats *stats = session_stats(s);
	const struct server *server = s->server;

	reason = routing_reason(s, reason);
	route_counts_add(stats, server->cluster, server->host, reason, routing_class(s));
	if (unlikely(routing_was_held_back(s)))
		route_counts_add(stats, server->cluster, server->host, reason, ROUTED_DRY);
}

void
routing_notice(struct session *s, enum route_reason reason)
{
	static const char *const roles[] = {"primary", "replica", "server"};
	struct gather *g = &s->worker->to_client;
	struct bytes *out = gather_make(g);
	size_t before = out->length;
	char message[256];
	struct error notice = {.sqlstate = "00000", .message = message};

	snprintf(message, sizeof(message), "pgweir: %s %s:%u (%s%s)", roles[routing_class(s)],
	    cluster_host_name(s->server->cluster, s->server->host), cluster_host_port(s->server->cluster, s->server->host),
	    route_reason_name(routing_reason(s, reason)), routing_was_held_back(s) ? ", dry run: a replica's" : "");
	message_notice(out, &notice);
	gather_made(g, before);
}

void
routing_write_held_notice(struct bytes *out)
{
	char message[64];
	struct error notice = {.sqlstate = "00000", .message = message};

	snprintf(message, sizeof(message), "pgweir: no server (%s)", route_reason_name(ROUTE_REASON_begin_held));
	message_notice(out, &notice);
}
