/*
 * pool/startup.h - what a server logs in with on behalf of the client that it is
 * opened for, so that RESET goes back there and pg_settings.reset_val shows it.
 *
 * A set is the part of a client's startup settings that PostgreSQL has accepted
 * once and that can be said in a startup packet for many clients: not what differs
 * for each (application_name), what the owner of a pool must be able to do without
 * (timeouts), or what a later client could not get rid of (a.b, role).
 *
 * Who looks at what its session began with has a server for that alone which has
 * logged in with the rest, too.  It closes when it comes back.
 */
#ifndef PGWEIR_POOL_STARTUP_H
#define PGWEIR_POOL_STARTUP_H

#include <stdatomic.h>

#include "base/base.h"

struct account;
struct profile;

/* Immutable but for its counts, and shared by threads; NULL stands for a login without settings. */
struct startup_set {
	atomic_int references;
	atomic_bool refused;            /* a server has refused to log in with it: no other one tries */
	bool is_private;                /* all that one client came with: its server serves nobody else */
	unsigned renewals;              /* of the account, as the server had it that told the defaults */
	const struct profile *settings; /* as servers spell them; owned reference */
	const struct profile *defaults; /* what the same names are without the set; owned reference */
};

/* Takes over both profiles.  RENEWALS: of the server that told them.  NULL when SETTINGS is empty. */
struct startup_set *startup_set_new(const struct profile *settings, const struct profile *defaults, unsigned renewals);
/* One of a client's alone; takes over the profile.  RENEWALS: of the account, now. */
struct startup_set *startup_set_new_private(const struct profile *settings, unsigned renewals);
struct startup_set *startup_set_ref(struct startup_set *set);
void startup_set_unref(struct startup_set *set);
/* Borrowed; the empty profile for NULL.  Two sets are equal when these pointers are. */
const struct profile *startup_set_settings(const struct startup_set *set);
/* True when servers of that account may log in with it: its defaults are those of their logins, and none has refused. */
bool startup_set_is_usable(const struct startup_set *set, struct account *a);
/* True for a setting that may be part of a set. */
bool startup_set_takes(const char *name, const char *value);
/* True for one that may be part of a private set. */
bool startup_set_takes_privately(const char *name, const char *value);

/*
 * A startup profile as servers spell it, if one has accepted it; NULL if not known.  *SET is what servers log in with
 * for it.  References of the caller's.
 */
const struct profile *account_known_startup(struct account *a, const struct profile *asked, struct startup_set **set);
/* RENEWALS: of the server that has judged it.  One that is outdated meanwhile is not believed. */
void account_learn_startup(struct account *a, const struct profile *asked, const struct profile *accepted, struct startup_set *set,
    unsigned renewals);
/* What logins begin with has changed: nothing is known any more. */
void account_forget_startups_locked(struct account *a);

#endif
