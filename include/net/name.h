/*
 * net/name.h - the verified name of a peer: its address is looked up, and the name
 * counts only if looking that up leads back to the address, as PostgreSQL has it.
 * Slow and done in the thread pool; login asks for it when a host-based rule names a host.
 */
#ifndef PGWEIR_NET_NAME_H
#define PGWEIR_NET_NAME_H

#include "base/address.h"
#include "net/loop.h"

enum { NAME_LONGEST = 1025 }; /* with its NUL (NI_MAXHOST) */

/* Embedded in whoever asks; must live until DONE was called. */
struct name_lookup {
	struct message message;
	struct loop *loop; /* borrowed */
	struct address peer;
	char name[NAME_LONGEST]; /* "" when the peer has no name that leads back to it */
	void (*done)(struct name_lookup *lookup);
};

/* Looks up LOOKUP's peer; done() is called on the loop's thread, never before this returns. */
void name_lookup(struct loop *loop, struct name_lookup *lookup);

/*
 * The address of the socket's peer, IPv4 inside of IPv6 as IPv4; family 0 for a unix
 * socket, ADDRESS_LOST when a TCP connection was reset meanwhile: what it sent before
 * must not pass for local.
 */
struct address name_peer_address(int fd);

/* The addresses and masks of this machine's interfaces that are up; owned by the caller, NULL when there are none. */
struct network *name_list_networks(size_t *count);

#endif
