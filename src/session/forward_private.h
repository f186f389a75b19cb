/*
 * session/forward_private.h - one message of the client, as forward.c (which one is
 * it, and may it go now), extended.c (Parse, Bind and their kin) and inject.c (what
 * the server lacks) share it.
 */
#ifndef PGWEIR_SESSION_FORWARD_PRIVATE_H
#define PGWEIR_SESSION_FORWARD_PRIVATE_H

#include "session/feature.h"
#include "session/session_private.h"

struct frame {
	char type;
	const char *bytes;  /* the whole frame, as far as it is here */
	size_t size;        /* what it will be */
	size_t here;        /* what of it is here */
	struct reader body; /* what is here of its body */
};

/* ---- forward.c; what returns a size answers how much of the message was consumed, 0 for none yet ---- */
struct answer *forward_expect(struct session *s, enum answer_kind kind, enum answer_way way);
struct answer *forward_expect_end(struct session *s, enum answer_kind kind);
size_t forward_rest(struct session *s, const struct frame *f, size_t from);
bool frame_is_whole(const struct frame *f);
size_t forward_wait(struct session *s);
size_t forward_broken(struct session *s);
bool forward_has_to_judge(const struct session *s, const char *text);
bool forward_note_statement(struct session *s, const struct verdict *v, const char *text, size_t length);
bool forward_parse_deallocate(struct session *s, const char *text, size_t length);

/* ---- extended.c ---- */
size_t extended_parse(struct session *s, struct frame *f);
size_t extended_bind(struct session *s, struct frame *f);
size_t extended_describe(struct session *s, struct frame *f);
size_t extended_close(struct session *s, struct frame *f);
size_t extended_execute(struct session *s, struct frame *f);
size_t extended_sync(struct session *s, const struct frame *f);
size_t extended_flush(struct session *s, const struct frame *f);
void extended_made(struct session *s); /* what is answered here and whose turn it is goes to the client now */

/* ---- inject.c: messages of ours in front of the client's; their answers are swallowed ---- */
bool inject_renames(const struct session *s); /* the client's statement names are changed */
void inject_close(struct session *s, struct statement *gone, const char *name);
void inject_make_room(struct session *s, struct statement *statement);
void inject_parse(struct session *s, struct statement *statement, bool unnamed);
void inject_ensure(struct session *s, struct statement *statement);
void inject_ensure_unnamed(struct session *s);
const char *inject_server_name(struct session *s, const char *name);
void inject_gone(struct session *s);

#endif
