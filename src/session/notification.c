/*
 * session/notification.c - messages that many clients share; see notification.h.
 */
#include "session/notification.h"

#include <stdlib.h>
#include <string.h>

#include "pool/backend.h"

static struct notification *
notification_new(const struct bytes *frame)
{
	struct notification *n = memory_new(sizeof(*n) + frame->length);

	atomic_init(&n->references, 1);
	n->length = (uint32_t)frame->length;
	memcpy(n->frame, frame->data, frame->length);
	return n;
}

struct notification *
notification_read(const struct endpoint *host, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	uint32_t pid = reader_u32(&r);
	const char *channel = reader_text(&r);
	const char *payload = reader_text(&r);
	struct notification *n;
	struct bytes b = {0};
	size_t begun;

	if (!reader_at_end(&r))
		return NULL;
	begun = message_begin(&b, BACKEND_NOTIFICATION);
	bytes_u32(&b, backend_holder(host, pid));
	bytes_text(&b, channel);
	bytes_text(&b, payload);
	message_end(&b, begun);
	n = notification_new(&b);
	bytes_free(&b);
	return n;
}

struct notification *
notification_of_notice(const struct error *e)
{
	struct notification *n;
	struct bytes b = {0};

	message_notice(&b, e);
	n = notification_new(&b);
	bytes_free(&b);
	return n;
}

struct notification *
notification_ref(struct notification *n)
{
	atomic_fetch_add_explicit(&n->references, 1, memory_order_relaxed);
	return n;
}

void
notification_unref(struct notification *n)
{
	if (n != NULL && atomic_fetch_sub_explicit(&n->references, 1, memory_order_acq_rel) == 1)
		free(n);
}

const char *
notification_channel(const struct notification *n)
{
	return n->frame[0] == BACKEND_NOTIFICATION ? n->frame + FRAME_HEAD + sizeof(uint32_t) : "";
}

const char *
notification_payload(const struct notification *n)
{
	const char *channel = notification_channel(n);

	return channel[0] != '\0' ? channel + strlen(channel) + 1 : "";
}
