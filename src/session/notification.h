/*
 * session/notification.h - one message for many clients: a NotificationResponse, or a
 * notice that takes its place among them.  Immutable and counted; any thread.
 */
#ifndef PGWEIR_SESSION_NOTIFICATION_H
#define PGWEIR_SESSION_NOTIFICATION_H

#include "net/connect.h"
#include "protocol/message.h"

#include <stdatomic.h>

struct notification {
	atomic_int references;
	uint32_t length; /* of the frame */
	char frame[];    /* as clients get it */
};

/*
 * Of a NotificationResponse's body that a server on HOST has sent; the process id in it becomes the one that the
 * sender was told.  NULL when the body is broken.  The reference is the caller's.
 */
struct notification *notification_read(const struct endpoint *host, const char *body, size_t length);
/* A NoticeResponse. */
struct notification *notification_of_notice(const struct error *e);
struct notification *notification_ref(struct notification *n);
void notification_unref(struct notification *n);
/* Its channel and payload, borrowed; "" of a notice. */
const char *notification_channel(const struct notification *n);
const char *notification_payload(const struct notification *n);

#endif
