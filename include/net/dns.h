/*
 * net/dns.h - the addresses of host names, looked up once for the whole process.
 *
 * What a look-up found is used for dns_max_ttl, what it did not find is remembered
 * for dns_nxdomain_ttl.  A name is looked up once at a time, in the thread pool, and
 * all who wait for it are served.  Any thread, but for what is said below.
 */
#ifndef PGWEIR_NET_DNS_H
#define PGWEIR_NET_DNS_H

#include "base/base.h"

#include <stdatomic.h>
#include <sys/socket.h>

struct loop;

struct dns_address {
	struct sockaddr_storage address; /* port 0 */
	socklen_t length;
	char text[64]; /* numeric */
};

/* What a look-up found: immutable, counted. */
struct dns_addresses {
	atomic_int references;
	unsigned count; /* at least 1 */
	struct dns_address list[];
};

struct dns_addresses *dns_addresses_ref(struct dns_addresses *a);
void dns_addresses_unref(struct dns_addresses *a); /* NULL is fine */
/* True when the numeric address TEXT is one of them. */
bool dns_addresses_have(const struct dns_addresses *a, const char *text);

/* FIRST is whose turn it is; it moves on with every answer. */
struct dns_answer {
	struct dns_addresses *addresses; /* a reference of the receiver's; NULL: not found */
	unsigned first;
};

/* A look-up somebody waits for. */
struct dns_wait;

/*
 * True with the answer when it is known; else FOUND will be called on LOOP's thread, exactly
 * once, unless the wait is cancelled before.  On LOOP's thread.
 */
bool dns_find(struct loop *loop, const char *name, struct dns_answer *out, struct dns_wait **wait,
    void (*found)(void *user, struct dns_answer answer), void *user);
/* On the thread of its loop; NULL is fine. */
void dns_cancel(struct dns_wait *wait);

/* From the settings dns_max_ttl and dns_nxdomain_ttl; counts at once, for what is known already too. */
void dns_configure(int64_t max_ttl_us, int64_t nxdomain_ttl_us);
/* Told under no lock when a name has other addresses than before, or is new; one listener, set before the first look-up. */
void dns_on_change(void (*changed)(void *user, const char *name, struct dns_addresses *now), void *user);
/* Forgets all names; no look-up may be under way. */
void dns_free(void);

/* ---- for the console ---- */

struct dns_row {
	char *name;      /* owned */
	char *addresses; /* owned: "10.0.0.1:0,[::1]:0"; "" when it was not found */
	int64_t ttl_s;   /* seconds for which it is still used; 0 while it is looked up */
};

struct dns_report {
	struct dns_row *rows; /* owned, by name */
	unsigned names;
	unsigned queries;     /* look-ups under way */
	unsigned pending;     /* who waits for them */
};

struct dns_report dns_report(void);
void dns_report_free(struct dns_report *r);

#endif
