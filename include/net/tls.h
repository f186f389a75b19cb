/*
 * net/tls.h - the door to OpenSSL's TLS: what the client_tls_* and server_tls_*
 * settings make of it.  How a connection uses it is net/stream.h's business.
 *
 *      snapshot + files ──▶ tls_set_new ──▶ struct tls_set, one for each worker
 *                                             ├ accept context   (client_tls_*)
 *                                             └ connect contexts (server_tls_*, one per combination)
 *
 * A set is immutable and counted.  Each worker has its own, since OpenSSL counts
 * the references to a context at every handshake, and shared counts contend.
 */
#ifndef PGWEIR_NET_TLS_H
#define PGWEIR_NET_TLS_H

#include "base/bytes.h"

struct database_config;
struct snapshot;
struct tls_context;
struct tls_set;

/* The words of the sslmode settings, in their order. */
enum tls_mode { TLS_DISABLE, TLS_ALLOW, TLS_PREFER, TLS_REQUIRE, TLS_VERIFY_CA, TLS_VERIFY_FULL };

/* The words of server_tls_sslnegotiation, in their order. */
enum tls_negotiation { TLS_POSTGRES, TLS_DIRECT };

/* The protocol that a direct TLS connection has to name (ALPN). */
#define TLS_ALPN "postgresql"

/* What session tickets for clients are sealed with: made once per process, the same in all sets. */
struct tls_ticket_keys {
	uint8_t bytes[80];
};

/* False when the system has no randomness. */
bool tls_ticket_keys_make(struct tls_ticket_keys *keys);

/*
 * Reads the files that the snapshot names, once, and makes COUNT equal sets of them
 * in OUT, each with one reference.  False: nothing was made, and ERRORS has at least
 * one line, each with a newline and the name of the setting that is wrong.
 */
bool tls_sets_new(const struct snapshot *s, const struct tls_ticket_keys *keys, struct tls_set **out, unsigned count,
    struct bytes *errors);
struct tls_set *tls_set_ref(struct tls_set *set);
void tls_set_unref(struct tls_set *set); /* NULL is fine; frees with the last reference */

/* For connections of clients; NULL when client_tls_sslmode is disable.  Borrowed from the set. */
struct tls_context *tls_set_accept(const struct tls_set *set);
/* For servers of that entry, by the snapshot that the set was made of; NULL when its mode is disable.  Borrowed. */
struct tls_context *tls_set_connect(const struct tls_set *set, const struct snapshot *s, const struct database_config *d);
enum tls_mode tls_context_mode(const struct tls_context *c);
/* A name for what the files of the entry's context hold now: it changes when servers must log in anew. */
uint64_t tls_context_stamp(const struct tls_context *c);

/*
 * The meaning of a list of protocols ("secure", "all", "tlsv1.2,tlsv1.3", "all,!tlsv1.0"):
 * bit n stands for TLS 1.n.  0 when it is no such list.
 */
unsigned tls_protocols_parse(const char *list);

#endif
