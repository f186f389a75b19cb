/*
 * session/insist.c - requests that tell what their session began with: reset_val of
 * pg_settings, a RESET that cannot be put right behind it (mend.c).  They are served by
 * a server that has logged in with the client's own startup settings:
 *
 *      TELLS_NOTHING ── any server
 *      TELLS_SHARED ─── one of the client's startup set
 *      TELLS_ALL ────── one of a private set, where the client came with more (application_name)
 *
 * That is decided where a server is lent, in session mode at the first request.  Inside a
 * transaction, and with a server that is pinned, the client stays where it is; but a
 * transaction that has only just begun begins again elsewhere (lazy.c).
 */
#include <string.h>
#include <strings.h>

#include "session/feature.h"
#include "session/forward_private.h"
#include "session/pin.h"
#include "session/restore_private.h"

/* So many messages of a batch are looked at. */
#define MESSAGES_MOST 64

enum tells { TELLS_NOTHING, TELLS_SHARED, TELLS_ALL };

/* What a request does, as far as its messages were read. */
struct request_tells {
	enum tells tells;
	bool resets;     /* it has a RESET that can be put right behind it, while nothing else is run there */
	unsigned binds;
};

/* What the client came with and a server can log in with.  The caller owns the reference. */
static const struct profile *
insist_wanted(const struct session *s)
{
	const struct profile *wanted = profile_ref(s->startup);

	for (unsigned i = 0; i < profile_count(s->startup); i++)
		if (!startup_set_takes_privately(profile_name(s->startup, i), profile_value(s->startup, i)))
			wanted = profile_with(wanted, profile_name(s->startup, i), NULL);
	return wanted;
}

static bool
session_has_private(const struct session *s)
{
	return profile_count(s->startup) > profile_count(startup_set_settings(s->borrower.set));
}

/* ------------------------------------------------------------- its texts */

/* set_config() of what may be NULL is a reset; a setting of a client's own making (a.b) has nothing to go back to. */
static bool
text_may_set_null(const char *text)
{
	const char *call = strcasestr(text, "set_config");
	size_t length;

	if (call == NULL || (strchr(call, '$') == NULL && strcasestr(call, "null") == NULL))
		return false;
	call += strlen("set_config");
	call += strspn(call, "( \t\r\n");
	length = *call == '\'' ? strcspn(call + 1, "'.") : 0;
	return length == 0 || call[1 + length] != '.';
}

static char
lower_of(char c)
{
	return (char)(c | 0x20);
}

/* The first "set" of TEXT that ends behind AT, in any case; NULL: none.  Most texts have none, and every third letter tells. */
static const char *
text_find_set(const char *text, size_t at, size_t length)
{
	while (at < length) {
		char c = lower_of(text[at]);

		if (c == 't' && lower_of(text[at - 1]) == 'e' && lower_of(text[at - 2]) == 's')
			return text + at - 2;
		at += c == 'e' ? 1 : c == 's' ? 2 : 3;
	}
	return NULL;
}

/* A quick look for what only texts have that tell something: "reset", "settings", "set_config". */
static bool
text_may_tell(const char *text)
{
	size_t length = strlen(text);
	const char *set;

	for (size_t at = 2; (set = text_find_set(text, at, length)) != NULL; at = (size_t)(set - text) + 5) {
		if (text_starts_nocase(set + 3, "tings") || text_starts_nocase(set + 3, "_config") || (set - text >= 2 && strncasecmp(set - 2, "re", 2) == 0))
			return true;
	}
	return false;
}

/* A look at pg_settings that is after other columns only. */
static bool
text_looks_elsewhere(const char *text)
{
	const char *view = strcasestr(text, "pg_settings");

	return view != NULL && strcasestr(view + 1, "pg_settings") == NULL && strcasestr(text, "reset") == NULL &&
	    strcasestr(text, "source") == NULL && strcasestr(text, "table") == NULL && strchr(text, '*') == NULL;
}

static bool
verdict_is_mended(const struct verdict *v)
{
	return v->statements == 1 && (v->kind == KIND_RESET || v->kind == KIND_SET || v->kind == KIND_SET_LOCAL || v->kind == KIND_DISCARD);
}

static void
tells_add(struct request_tells *r, const struct verdict *v, const char *text)
{
	bool resets = (v->effects & EFFECT_resets) != 0 || ((v->effects & EFFECT_settings) != 0 && text_may_set_null(text));

	/* Who keeps a server may look later on. */
	if ((v->surely & PIN_EFFECTS & ~(uint32_t)EFFECT_draws) != 0)
		r->tells = (enum tells)max_of(r->tells, TELLS_SHARED);
	if (!resets || text_looks_elsewhere(text))
		return;
	if (verdict_is_mended(v))
		r->resets = true;
	else
		r->tells = TELLS_ALL;
}

static void
tells_add_text(struct session *s, struct request_tells *r, const char *text, bool judges)
{
	struct verdict v;

	if (!judges && !text_may_tell(text))
		return;
	routing_judge(s, text, strlen(text), &v);
	tells_add(r, &v, text);
}

/* ---------------------------------------------------------- its messages */

static void
tells_add_bind(struct session *s, struct request_tells *r, const char *name, bool judges)
{
	const struct name_entry *e = name[0] != '\0' ? names_find(s, name) : NULL;
	const struct statement *statement = e != NULL ? e->statement : name[0] == '\0' && r->binds == 0 ? s->unnamed : NULL;
	uint32_t effects = e != NULL ? e->effects : s->unnamed_effects;

	r->binds++;
	if (statement != NULL && (effects & (EFFECT_resets | EFFECT_settings | PIN_EFFECTS)) != 0)
		tells_add_text(s, r, statement->body, judges);
}

/* False when the request ends there. */
static bool
tells_add_message(struct session *s, struct request_tells *r, char type, struct reader body, bool judges)
{
	const char *first = reader_text(&body);
	const char *second = type == FRONTEND_PARSE || type == FRONTEND_BIND ? reader_text(&body) : NULL;

	if (type == FRONTEND_SYNC || type == FRONTEND_FUNCTION_CALL)
		return false;
	if (!reader_ok(&body))
		return type == FRONTEND_FLUSH;
	if (type == FRONTEND_QUERY)
		tells_add_text(s, r, first, judges);
	else if (type == FRONTEND_PARSE)
		tells_add_text(s, r, second, judges);
	else if (type == FRONTEND_BIND)
		tells_add_bind(s, r, second, judges);
	return type != FRONTEND_QUERY;
}

static enum tells
request_tells(struct session *s, const char *bytes, size_t length, bool judges)
{
	struct request_tells r = {0};
	size_t at = 0, size;
	char type;

	for (unsigned i = 0; i < MESSAGES_MOST; i++, at += size)
		if (frame_read(FROM_CLIENT, bytes + at, length - at, UINT32_MAX, &type, &size) != FRAME_OK || size > length - at ||
		    !tells_add_message(s, &r, type, reader_over(bytes + at + FRAME_HEAD, size - FRAME_HEAD), judges))
			break;
	/* What puts a RESET right is a query, behind which not everything can be run in the same batch. */
	return r.resets && r.binds > 1 ? TELLS_ALL : r.tells;
}

/* ---------------------------------------------------------------- wanted */

static bool
session_insists_on_set(const struct session *s)
{
	if (!atomic_load_explicit(&s->borrower.account->has_sets, memory_order_relaxed))
		return false;
	return s->borrower.set == NULL || startup_set_is_usable(s->borrower.set, s->borrower.account);
}

static enum tells
insist_tells(struct session *s, const char *bytes, size_t length)
{
	/* There the first request gets the server for good: a login for each client that comes would leave nothing of a pool. */
	if (s->pool_mode == POOL_SESSION)
		return session_insists_on_set(s) && request_tells(s, bytes, length, false) != TELLS_NOTHING ? TELLS_SHARED : TELLS_NOTHING;
	if (!restore_may_insist(s))
		return TELLS_NOTHING;
	return request_tells(s, bytes, length, session_insists_on_set(s));
}

bool
restore_may_insist(const struct session *s)
{
	return s->pool_mode != POOL_SESSION && (session_insists_on_set(s) || session_has_private(s)) && feature_judges(s);
}

void
restore_insist(struct session *s, const char *bytes, size_t length)
{
	enum tells tells = insist_tells(s, bytes, length);
	struct borrower *b = &s->borrower;

	startup_set_unref(b->private_set);
	b->private_set = NULL;
	b->insists = tells != TELLS_NOTHING && session_insists_on_set(s);
	if (tells != TELLS_ALL || !session_has_private(s))
		return;
	b->private_set = startup_set_new_private(insist_wanted(s), atomic_load(&b->account->renewals));
	b->insists |= b->private_set != NULL;
}

bool
restore_wants_another(struct session *s, const char *bytes, size_t length)
{
	const struct profile *has = startup_set_settings(s->server->set);
	bool shared = has == startup_set_settings(s->borrower.set), differs;
	const struct profile *wanted;
	enum tells tells;

	if (likely(shared && !session_has_private(s)))
		return false;
	tells = insist_tells(s, bytes, length);
	if (tells != TELLS_ALL || !session_has_private(s))
		return tells != TELLS_NOTHING && !shared && session_insists_on_set(s);
	wanted = insist_wanted(s);
	differs = has != wanted;
	profile_unref(wanted);
	return differs;
}
