/*
 * session/restore_private.h - settings that follow the client, as its files share them:
 *
 *    learn.c ── a login: PostgreSQL judges the startup settings
 *    fence.c ── ahead of a request: the server gets the client's settings
 *    refit.c ── when it does not take them
 *    mend.c ─── a RESET on a server that has logged in with other startup settings
 *    insist.c ─ what cannot be mended has a server that has logged in as the client did
 *    touch.c ── which settings a text may change
 *    probe.c ── after the transaction: what they are now
 *    restore.c  what all of them know
 */
#ifndef PGWEIR_SESSION_RESTORE_PRIVATE_H
#define PGWEIR_SESSION_RESTORE_PRIVATE_H

#include "route/defaults.h"
#include "session/own.h"

/* What a transaction that touches settings needs besides. */
struct upkeep {
	char *touched;                  /* owned: names of what it may have changed, each with a NUL, then one more; NULL: none */
	char *mending;                  /* owned: the text that the next Execute runs, when its resets have to be put right; else NULL */
	bool is_probing;
	bool is_explained;              /* one of `likely` is in force */
	struct bytes likely;            /* of `touched`, those that are only taken for names, each with a NUL */
	struct bytes found;             /* what the probe has found so far */
	bool changes_defaults;          /* what later logins begin with may be otherwise */
	struct route_defaults defaults; /* whose */
	struct bytes lost;              /* names of settings that no server takes any more */
	struct bytes kept;              /* the defaults that the session goes on with */
};

/* Made when there is none.  upkeep_free ends it. */
struct upkeep *upkeep_of(struct session *s);

/* What has to be set, in this order. */
struct difference {
	const char **names;  /* owned array of borrowed names */
	const char **values; /* owned array; NULL: back to what the server logged in with */
	unsigned count;
	unsigned room;
	unsigned encoding;   /* so many of them end with client_encoding; 0: that stays */
	bool is_encoded;     /* a value behind it is not ASCII */
};

void difference_free(struct difference *d);
void difference_add(struct difference *d, const char *name, const char *value);
/* Appends COUNT names and values to a Bind that has begun, a name and its value in turn. */
void difference_bind(const struct difference *d, unsigned from, unsigned count, struct bytes *out);
/*
 * How a SERVER with the profile HAVE gets to be as WANT: back to its own user first, then
 * client_encoding, since values are texts in it, and the client's user and role last.
 * Where the login is no superuser's, what a role has set is changed in that role.
 * exit_on_error is not in it: the fence itself sets it.
 */
void difference_between(struct difference *d, const struct server *server, const struct profile *have, const struct profile *want);

/* Appends what undoes settings that another session has made on the server and that nobody knows of, if there may be any. */
void restore_unveil(struct session *s, struct bytes *out);

/* One column of a DataRow as a text; NULL for NULL.  Owned by the caller. */
char *row_text(struct reader *r);

/* Takes over the reference: what the session has from now on. */
void restore_set_profile(struct session *s, const struct profile *p);
/* True when a setting with that value has its place in the session's profile: it is said to differ from the default. */
bool restore_is_own(const struct session *s, const char *name, const char *value);

/* ---- learn.c, probe.c: rows of the answers ---- */
void learn_row(struct session *s, struct reader *r);
void probe_row(struct session *s, struct reader *r);

#endif
