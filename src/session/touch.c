/*
 * session/touch.c - which settings a text may change: they are asked for when its
 * transaction is over.
 *
 * A name too many costs a row of the probe, one that is missed reaches the next client
 * of that server; so whatever looks like SET name = is taken for it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "pool/renew.h"
#include "session/feature.h"
#include "session/ignore.h"
#include "session/restore_private.h"

/* Of a text or of parameters, at most so many are taken for names. */
#define LIKELY_MOST 64
#define LIKELY_LENGTH_MOST 128
/* So much of a text that is too long to be read is looked at: SET a.b has its name in front of its value. */
#define HEAD_MOST 1024

/* PostgreSQL lists no settings of a client's own making (a.b), so whatever looks like the name of one is asked for. */
static bool
looks_like_name(const char *name, size_t length)
{
	if (length < 3 || length > LIKELY_LENGTH_MOST || isdigit((unsigned char)name[0]) || name[0] == '.' || name[length - 1] == '.')
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)name[i];

		if (!isalnum(c) && c != '_' && c != '$' && c != '.' && c < 128)
			return false;
	}
	return true;
}

static bool
touch_likely(struct session *s, const char *name, size_t length)
{
	char *copy;

	if (!looks_like_name(name, length))
		return false;
	copy = text_copy_n(name, length);
	restore_touch(s, copy);
	bytes_text(&upkeep_of(s)->likely, copy);
	free(copy);
	return true;
}

/* Names are worked out somewhere: mostly from what is written between quotes. */
static void
touch_quoted(struct session *s, const char *text, size_t length)
{
	const char *end = text + length, *from = memchr(text, '\'', length), *to;
	unsigned taken = 0;

	for (; from != NULL && taken < LIKELY_MOST; from = to) {
		to = memchr(from + 1, '\'', (size_t)(end - from - 1));
		if (to != NULL)
			taken += touch_likely(s, from + 1, (size_t)(to - from - 1));
	}
}

/* Where nobody knows what is text and what is quoted: SET [SESSION] a.b, written anywhere. */
static void
touch_sets(struct session *s, const char *text)
{
	static const char spaces[] = " \t\r\n\"";
	unsigned taken = 0;

	for (const char *word = text; taken < LIKELY_MOST && (word = strcasestr(word, "set")) != NULL;) {
		size_t length;

		word += strlen("set");
		word += strspn(word, spaces);
		if (strncasecmp(word, "session", strlen("session")) == 0)
			word += strlen("session") + strspn(word + strlen("session"), spaces);
		length = strcspn(word, " \t\r\n\"=;'");
		taken += touch_likely(s, word, length);
	}
}

void
touch_head(struct session *s, const char *text, size_t length)
{
	char *head = text_copy_n(text, min_of(length, (size_t)HEAD_MOST));

	if (s->features != FEATURES_IGNORE)
		touch_sets(s, head);
	free(head);
}

void
touch_parameters(struct session *s, struct reader body)
{
	unsigned count, taken = 0, i;

	if (!s->probe || !s->names_unknown || s->features == FEATURES_IGNORE)
		return;
	count = reader_u16(&body);
	reader_bytes(&body, (size_t)count * 2);
	count = reader_u16(&body);
	for (i = 0; i < count && taken < LIKELY_MOST && reader_ok(&body); i++) {
		uint32_t length = reader_u32(&body);
		const char *value = length != UINT32_MAX ? reader_bytes(&body, length) : NULL;

		if (value != NULL)
			taken += touch_likely(s, value, length);
		/* A name may be as long as it likes. */
		s->hides |= s->by_parameters && value != NULL && length > LIKELY_LENGTH_MOST;
	}
	s->hides |= i < count;
}

static void
touch_name(void *user, const char *name)
{
	restore_touch(user, name);
}

/* Logins will begin otherwise; the session itself goes on as it is. */
static void
touch_defaults(struct session *s, const char *text, size_t length)
{
	struct upkeep *u = upkeep_of(s);

	s->probe = true;
	route_defaults_free(&u->defaults);
	/* Of several, whatever it is that they have in common. */
	if (!u->changes_defaults)
		u->defaults = route_defaults_of(text, length);
	u->changes_defaults = true;
}

void
restore_defaults_changed(struct session *s)
{
	const struct server *server = s->server;
	bool is_told = s->upkeep != NULL && s->upkeep->changes_defaults;

	if (is_told)
		renew_servers(pool_hub(s->worker->pool), server->cluster, server->host, s->upkeep->defaults.role, s->upkeep->defaults.database);
	else if (s->redefaulted)
		renew_servers(pool_hub(s->worker->pool), server->cluster, server->host, NULL, NULL);
	s->redefaulted = false;
}

/*
 * True when the text may make settings of which nobody knows: the server keeps them, and whoever gets it next resets
 * all of them (restore_unveil).
 */
static bool
touch_hides(struct session *s, const struct verdict *v, enum settings_named named)
{
	switch (v->kind) {
	case KIND_RESET:
	case KIND_DISCARD:
		return false;
	case KIND_PREPARE:
		s->prepares_hiding |= named != NAMED_ALL;
		s->prepares_hidden |= (v->effects & EFFECT_hides) != 0;
		return false;
	case KIND_EXECUTE:
		if (s->prepares_hidden)
			s->effects |= EFFECT_hides;
		return s->prepares_hiding;
	default:
		return named == NAMED_NOT;
	}
}

void
touch_text(struct session *s, const struct verdict *v, const char *text, size_t length)
{
	enum settings_named named;

	if (s->features == FEATURES_IGNORE) {
		if (ignore_looks(s, text)) {
			routing_settings_named(s, text, length, touch_name, s);
			s->probe = true;
		}
		return;
	}
	if (v == NULL) {
		s->unjudged = true;
		return;
	}
	/* Of what nobody could read, the tags tell. */
	if ((v->effects & EFFECT_defaults) != 0 && v->effects != EFFECTS_ALL)
		touch_defaults(s, text, length);
	if ((v->effects & EFFECT_settings) == 0)
		return;
	s->probe = true;
	named = routing_settings_named(s, text, length, touch_name, s);
	if ((v->effects & EFFECT_unknown) != 0)
		named = NAMED_NOT;
	/* What was prepared by SQL is no command, so it hardly ever has a setting that the session has not. */
	s->hides |= touch_hides(s, v, named);
	s->by_parameters |= named == NAMED_BY_PARAMETERS;
	if (named == NAMED_ALL)
		return;
	s->names_unknown |= v->kind != KIND_EXECUTE;
	touch_sets(s, text);
	touch_quoted(s, text, length);
}
