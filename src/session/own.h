/*
 * session/own.h - requests of our own on a client's server.
 *
 * They use neither the unnamed statement nor the unnamed portal, which are the client's.
 */
#ifndef PGWEIR_SESSION_OWN_H
#define PGWEIR_SESSION_OWN_H

#include "session/session_private.h"

/* Appends a Parse of TEXT under NAME, which has that many parameters, all of type text. */
void own_parse(const char *name, const char *text, unsigned parameters, struct bytes *out);
/* Begins a Bind of our portal to the statement NAME; the values follow with own_bind_value, then own_execute. */
size_t own_bind_begin(struct bytes *out, const char *name, unsigned parameters);
void own_bind_value(struct bytes *out, const char *value); /* NULL is NULL */
/* Ends the Bind that begun at BEGUN and appends Execute and Sync. */
void own_execute(struct bytes *out, size_t begun);
/* The same without the Sync: inside a batch of the client's. */
void own_execute_unsynced(struct bytes *out, size_t begun);
/* Appends a Close of that statement, or of our portal, which need not exist. */
void own_close(struct bytes *out, const char *name);
void own_close_portal(struct bytes *out);
/*
 * A statement that is there only to be run once, inside a batch of the client's and without a Sync: in a transaction
 * that has failed it leaves nothing.  Its answers, and of them that of the Execute.
 */
size_t own_once_begin(struct bytes *out, const char *name, const char *text, unsigned parameters);
void own_once_end(struct bytes *out, size_t begun, const char *name);
struct answer *own_once_expect(struct server *server, enum answer_purpose purpose);
/* Expects the answers of Parse (if PARSE), Bind, Execute and Sync, all swallowed. */
void own_expect(struct server *server, bool parse, enum answer_purpose purpose);

#endif
