/*
 * session/audience.c - a worker's part of LISTEN; see audience.h.
 *
 * What a receiver says is passed on here, in its order, to the sessions that
 * subscribe to the channel; they share one notification.
 */
#include "session/audience.h"

#include <stdlib.h>
#include <string.h>

#include "session/listening.h"

struct channel {
	UT_hash_handle hh;
	struct list subscriptions; /* of subscription.in_channel */
	struct audience *audience; /* borrowed */
	bool is_told;              /* its subscriptions are being walked: it stays */
	char name[];
};

struct audience {
	struct list all;           /* in worker.audiences */
	struct receiver *receiver; /* owned reference */
	struct worker *worker;     /* borrowed */
	struct channel *channels;  /* uthash by name */
	unsigned users;            /* sessions that have it, and walks under way */
};

/* --------------------------------------------------------------- audiences */

struct audience *
audience_join(struct worker *w, struct ledger *ledger, const char *user, const char *encoding)
{
	struct audience *a;

	list_for_each(node, &w->audiences) {
		a = list_entry(node, struct audience, all);
		if (receiver_is(a->receiver, ledger, user, encoding)) {
			a->users++;
			return a;
		}
	}
	a = memory_new(sizeof(*a));
	a->worker = w;
	a->receiver = receiver_of(w, ledger, user, encoding);
	a->users = 1;
	list_push_back(&w->audiences, &a->all);
	return a;
}

void
audience_leave(struct audience **left)
{
	struct audience *a = *left;

	*left = NULL;
	if (a == NULL || --a->users > 0)
		return;
	must(a->channels == NULL);
	list_remove(&a->all);
	receiver_unref(a->receiver);
	free(a);
}

struct receiver *
audience_receiver(const struct audience *a)
{
	return a->receiver;
}

void
audience_ask(struct audience *a, const struct session *s, uint64_t number, bool waits, uint64_t marker)
{
	struct receiver_request *r = memory_new(sizeof(*r));

	r->worker = a->worker;
	r->slot = s->slot;
	r->generation = s->generation;
	r->number = number;
	r->wants_answer = true;
	r->waits = waits;
	r->marker = marker;
	receiver_ask(a->receiver, r);
}

/* ----------------------------------------------------------- subscriptions */

static void
audience_want(struct audience *a, const char *channel, bool wanted)
{
	struct receiver_request *r = memory_new(sizeof(*r));

	r->worker = a->worker;
	bytes_text(wanted ? &r->add : &r->drop, channel);
	receiver_ask(a->receiver, r);
}

static void
channel_free_unused(struct channel *c)
{
	if (c->is_told || !list_is_empty(&c->subscriptions))
		return;
	audience_want(c->audience, c->name, false);
	HASH_DEL(c->audience->channels, c);
	free(c);
}

struct subscription *
subscription_new(struct audience *a, struct listening *listening, const char *name)
{
	struct subscription *s = memory_new(sizeof(*s));
	size_t length = strlen(name);
	struct channel *c;

	HASH_FIND_STR(a->channels, name, c);
	if (c == NULL) {
		c = memory_new(sizeof(*c) + length + 1);
		c->audience = a;
		memcpy(c->name, name, length);
		list_init(&c->subscriptions);
		HASH_ADD_STR(a->channels, name, c);
		audience_want(a, name, true);
	}
	s->channel = c;
	s->listening = listening;
	s->is_pending = true;
	list_init(&s->in_session);
	list_push_back(&c->subscriptions, &s->in_channel);
	receiver_count(a->receiver, 1);
	return s;
}

void
subscription_end(struct subscription *s)
{
	list_remove(&s->in_channel);
	list_remove(&s->in_session);
	receiver_count(s->channel->audience->receiver, -1);
	channel_free_unused(s->channel);
	free(s);
}

const char *
subscription_channel(const struct subscription *s)
{
	return s->channel->name;
}

/* -------------------------------------------------- what the receiver says */

static struct session *
audience_session(const struct worker *w, uint32_t slot, uint32_t generation)
{
	struct session *s = slot < w->slot_count ? w->slots[slot] : NULL;

	return s != NULL && s->generation == generation && s->state != SESSION_CLOSING ? s : NULL;
}

void
audience_take_answer(struct message *m)
{
	struct receiver_request *r = container_of(m, struct receiver_request, message);
	struct session *s = audience_session(r->worker, r->slot, r->generation);

	if (s != NULL && s->listening != NULL)
		listening_answered(s, r);
	bytes_free(&r->add);
	bytes_free(&r->drop);
	free(r->problem);
	free(r);
}

static void
channel_tell(struct channel *c, struct notification *n)
{
	c->is_told = true;
	list_for_each_safe(node, &c->subscriptions) {
		struct subscription *s = list_entry(node, struct subscription, in_channel);

		if (!s->is_pending || listening_is_past_marker(s->listening))
			listening_take(s->listening, n);
	}
	c->is_told = false;
	channel_free_unused(c);
}

static void
audience_tell(struct audience *a, struct notification *n)
{
	struct channel *c;

	HASH_FIND_STR(a->channels, notification_channel(n), c);
	if (c == NULL)
		return;
	a->users++;
	channel_tell(c, n);
	audience_leave(&a);
}

/* Everybody who listens to this receiver, whatever the channel. */
static void
audience_tell_all(struct worker *w, uint64_t receiver, struct notification *n)
{
	list_for_each_safe(node, &w->sessions) {
		struct session *s = list_entry(node, struct session, all);

		if (s->listening != NULL && s->state != SESSION_CLOSING && listening_hears(s->listening, receiver))
			listening_take(s->listening, n);
	}
}

void
audience_take_news(struct message *m)
{
	struct receiver_news *n = container_of(m, struct receiver_news, message);
	struct session *s;

	if (n->kind == NEWS_MARKER) {
		s = audience_session(n->worker, n->slot, n->generation);
		if (s != NULL && s->listening != NULL)
			listening_marked(s, n->marker);
	} else if (n->kind == NEWS_ALL) {
		audience_tell_all(n->worker, n->receiver, n->notification);
	} else {
		list_for_each_safe(node, &n->worker->audiences) {
			struct audience *a = list_entry(node, struct audience, all);

			if (receiver_id(a->receiver) != n->receiver)
				continue;
			audience_tell(a, n->notification);
			break;
		}
	}
	notification_unref(n->notification);
	free(n);
}
