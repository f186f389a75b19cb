/*
 * pool/startup.c - startup settings that PostgreSQL has accepted, and what servers
 * log in with for them.
 */
#include "pool/startup.h"

#include <stdlib.h>
#include <string.h>

#include "pool/pool_private.h"
#include "pool/profile.h"

/* More startup profiles than this are not remembered: they are clients' inventions. */
#define STARTUPS_MOST 1000

struct startup_set *
startup_set_new(const struct profile *settings, const struct profile *defaults, unsigned renewals)
{
	struct startup_set *set;

	if (settings == profile_empty()) {
		profile_unref(defaults);
		return NULL;
	}
	set = memory_new(sizeof(*set));
	atomic_init(&set->references, 1);
	set->renewals = renewals;
	set->settings = settings;
	set->defaults = defaults;
	return set;
}

struct startup_set *
startup_set_new_private(const struct profile *settings, unsigned renewals)
{
	struct startup_set *set = startup_set_new(settings, profile_ref(profile_empty()), renewals);

	if (set != NULL)
		set->is_private = true;
	return set;
}

struct startup_set *
startup_set_ref(struct startup_set *set)
{
	if (set != NULL)
		atomic_fetch_add(&set->references, 1);
	return set;
}

void
startup_set_unref(struct startup_set *set)
{
	if (set == NULL || atomic_fetch_sub(&set->references, 1) > 1)
		return;
	profile_unref(set->settings);
	profile_unref(set->defaults);
	free(set);
}

const struct profile *
startup_set_settings(const struct startup_set *set)
{
	return set != NULL ? set->settings : profile_empty();
}

bool
startup_set_is_usable(const struct startup_set *set, struct account *a)
{
	return set != NULL && !atomic_load(&set->refused) && set->renewals == atomic_load(&a->renewals);
}

/* An idle server must not end by a client's timeouts, nor fail its checks by them. */
static const char *const never_taken[] = {
	"application_name", "exit_on_error", "idle_in_transaction_session_timeout", "idle_session_timeout", "lock_timeout", "role",
	"session_authorization", "statement_timeout",
};

/* Startup packets are read in the server's encoding, the value is in the client's. */
static bool
value_is_ascii(const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p >= 128)
			return false;
	return true;
}

bool
startup_set_takes(const char *name, const char *value)
{
	/* One of a client's own making cannot be taken off a server again. */
	if (strchr(name, '.') != NULL)
		return false;
	for (size_t i = 0; i < array_length(never_taken); i++)
		if (text_equal_nocase(name, never_taken[i]))
			return false;
	return value_is_ascii(value);
}

bool
startup_set_takes_privately(const char *name, const char *value)
{
	/* Who it is to the server is what the pool says; and the fence alone says when an error ends it. */
	static const char *const never[] = {"exit_on_error", "role", "session_authorization"};

	for (size_t i = 0; i < array_length(never); i++)
		if (text_equal_nocase(name, never[i]))
			return false;
	return value_is_ascii(value);
}

/* ------------------------------------------------------------ what is known */

const struct profile *
account_known_startup(struct account *a, const struct profile *asked, struct startup_set **set)
{
	const struct profile *accepted = NULL;
	struct known_startup *k;

	*set = NULL;
	pthread_mutex_lock(&a->ledger->mutex);
	HASH_FIND_PTR(a->startups, &asked, k);
	if (k != NULL) {
		accepted = profile_ref(k->accepted);
		*set = startup_set_ref(k->set);
	}
	pthread_mutex_unlock(&a->ledger->mutex);
	return accepted;
}

void
account_learn_startup(struct account *a, const struct profile *asked, const struct profile *accepted, struct startup_set *set,
    unsigned renewals)
{
	struct known_startup *k;

	pthread_mutex_lock(&a->ledger->mutex);
	HASH_FIND_PTR(a->startups, &asked, k);
	if (k == NULL && renewals == atomic_load(&a->renewals)) {
		if (HASH_COUNT(a->startups) >= STARTUPS_MOST)
			account_forget_startups_locked(a);
		k = memory_new(sizeof(*k));
		k->asked = profile_ref(asked);
		k->accepted = profile_ref(accepted);
		k->set = startup_set_ref(set);
		if (set != NULL)
			atomic_store(&a->has_sets, true);
		HASH_ADD_PTR(a->startups, asked, k);
	}
	pthread_mutex_unlock(&a->ledger->mutex);
}

void
account_forget_startups_locked(struct account *a)
{
	struct known_startup *k, *next;

	HASH_ITER(hh, a->startups, k, next) {
		HASH_DEL(a->startups, k);
		profile_unref(k->asked);
		profile_unref(k->accepted);
		startup_set_unref(k->set);
		free(k);
	}
}
