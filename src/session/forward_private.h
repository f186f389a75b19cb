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
size_t forward_wait_for_answers(struct session *s);
size_t forward_broken(struct session *s);
uint8_t forward_does_unjudged(const struct session *s);
bool forward_has_to_judge(const struct session *s, const char *text);

/* ---- extended.c ---- */
size_t extended_parse(struct session *s, struct frame *f);
size_t extended_bind(struct session *s, struct frame *f);
size_t extended_describe(struct session *s, struct frame *f);
size_t extended_close(struct session *s, struct frame *f);
size_t extended_execute(struct session *s, struct frame *f);
size_t extended_sync(struct session *s, const struct frame *f);
size_t extended_flush(struct session *s, const struct frame *f);
void forward_made(struct session *s); /* what is answered here and whose turn it is goes to the client now */

/* ---- inject.c: messages of ours in front of the client's; their answers are swallowed ---- */
bool inject_renames(const struct session *s); /* the client's statement names are changed */
void inject_describe(struct session *s, const char *name); /* of the statement that the server calls so; what answers is the caller's to expect */
void inject_close(struct session *s, struct statement *gone, const char *name);
void inject_make_room(struct session *s, struct statement *statement);
void inject_send_parse(struct session *s, const struct statement *statement, bool unnamed); /* the message alone */
void inject_parse(struct session *s, struct statement *statement, bool unnamed);
void inject_ensure(struct session *s, struct statement *statement);
void inject_ensure_unnamed(struct session *s, char type);
/* TYPE: of the message that mentions it. */
const char *inject_server_name(struct session *s, const char *name, char type);
/* Before a Bind or a Describe of that name: asks whether a statement that the server lacked is still what the client knows. */
enum ahead inject_ahead_of_use(struct session *s, struct name_entry *e, char type);

/* ---- stand_in.c: what a failed transaction says of a statement that the server lacks ---- */
/* The name of what stands in for it on the server, for a message of that TYPE; NULL: nothing can, or need. */
const char *stand_in_ensure(struct session *s, const struct name_entry *e, char type);
/* The name of an empty statement, for a Parse under a name that is taken: the server has to have one of that name, whatever it is. */
const char *stand_in_for_taken(struct session *s);
/* As stand_in_ensure for the unnamed statement, which there has to be: true when the server's own stands in for it now. */
bool stand_in_for_unnamed(struct session *s, char type);

/* ---- window.c: a statement's own settings around its Parse ---- */
/* True when its Parse looks into it, or nobody can say.  A PREPARE runs, and has done so. */
bool window_is_analyzed(const struct statement *statement);
/* False: they are those of now, and nothing was sent.  Else window_close has to follow. */
bool window_open(struct session *s, const struct statement *statement, enum answer_purpose purpose);
void window_close(struct session *s, const struct statement *statement, enum answer_purpose purpose);

/* ---- unnamed.c: the unnamed statement ---- */
/* The message whose answer was just queued makes it NEXT (taken; NULL: nothing); the answer keeps what it was. */
void unnamed_change(struct session *s, struct answer *a, struct statement *next);
void unnamed_drop(struct session *s); /* by a message that nothing can skip */
/* True when an earlier batch has yet to tell what it is, as it may have skipped what made it so. */
bool unnamed_is_in_doubt(const struct session *s);
#endif
