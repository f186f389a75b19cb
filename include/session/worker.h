/*
 * session/worker.h - one thread's world: its loop, its part of the pool, its
 * clients, and what they share without a lock.
 */
#ifndef PGWEIR_SESSION_WORKER_H
#define PGWEIR_SESSION_WORKER_H

#include "net/loop.h"
#include "pool/ledger.h"
#include "session/gather.h"

#include <stdatomic.h>

struct lookups;
struct name_entry;
struct peers;
struct session;
struct verdict_cache;
struct worker;

/* How the process is ending. */
enum shutdown_mode { SHUTDOWN_NONE, SHUTDOWN_WAIT_CLIENTS, SHUTDOWN_WAIT_SERVERS, SHUTDOWN_NOW };

/* The console lives above the sessions: it is called through this. */
struct console_hooks {
	/* The session has logged in to the console's database. */
	void (*open)(struct session *s, bool is_admin);
	/* Bytes of a console session; returns how many were consumed. */
	size_t (*data)(struct session *s, char *bytes, size_t length);
	/* A CancelRequest came for a console session. */
	void (*cancel)(struct session *s);
	/* The session is going: whatever was under way for it is forgotten. */
	void (*close)(struct session *s);
};

/* What the whole process shares; made by main/ before the threads start. */
struct process {
	struct hub *hub;                /* owned by main/ */
	struct worker **workers;        /* owned by main/; hub_worker_count of them */
	const struct console_hooks *console;
	struct peers *peers;            /* owned by main/ */
	atomic_uint clients;            /* sessions, the ones logging in included */
	atomic_uint consoles;           /* of them, those of the console */
	atomic_int shutdown;            /* enum shutdown_mode */
	atomic_bool suspended;          /* session/suspend.h */
	uint8_t secret[32];             /* random: cancel keys and mock logins are derived from it */
	int64_t started_wall_us;
};

struct worker {
	struct process *process; /* borrowed */
	struct loop *loop;       /* owned by main/ */
	struct pool *pool;       /* owned by main/ */
	unsigned number;
	struct list sessions;    /* of session.all */
	struct list drawing;     /* of pins.drawing */
	struct list heals;       /* of heal.free: those that no session has */
	struct list lazies;      /* of lazy.free, likewise */
	struct timer drawing_timer; /* runs while there are any */
	struct lookups *lookups; /* owned: what auth_query has found, and is asked just now */
	struct list inquiries;   /* of inquiry.all: what pgweir itself asks from here */
	struct list receivers;   /* of receiver.all: those whose home this is */
	struct list audiences;   /* of audience.all */
	struct list forwards;    /* of forward.all: cancel requests on their way to peers */
	struct session **slots;  /* owned: a cancel key's slot → session, NULL when free */
	uint32_t slot_count;
	uint32_t slot_hint;      /* where to look for a free slot first */
	atomic_uint load;        /* sessions here, read by the acceptor */
	struct name_entry *names; /* uthash: (session, name) → statement */
	struct verdict_cache *verdicts; /* owned */
	struct gather to_client;
	struct gather to_server;
	struct bytes scratch;    /* for a message under construction; empty between them */
	uint32_t generation;
};

struct worker *worker_new(struct process *process, struct loop *loop, struct pool *pool);
void worker_free(struct worker *w);
/* Gives the worker a new connection, from the thread of worker FROM. */
void worker_accept(struct worker *w, int fd, const struct worker *from);
/* On the worker's thread: auth_user's accounts whose auth_query is under way, and how many sessions wait for it. */
void worker_each_lookup(struct worker *w, void (*each)(void *user, const struct account *a, unsigned sessions), void *user);
/* Any thread: what a change of the shutdown mode asks of its sessions. */
void worker_shutdown(struct worker *w, enum shutdown_mode mode);
/*
 * Any thread: clients of entries that the configuration no longer has are told, and with server_fast_close those
 * who keep a server that is outdated; those in a transaction at its end.
 */
void worker_drop_outdated(struct worker *w);
/* Any thread: what reads on a host of C that is down now, and may do so elsewhere, waits no longer. */
void worker_hosts_changed(struct worker *w, struct cluster *c);

#endif
