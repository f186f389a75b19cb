/*
 * pool/profile.c - interned settings.  One table for the process behind a mutex
 * that is taken when a profile is made or ends, never when it is compared.
 */
#include "pool/profile.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/map.h"

struct profile {
	UT_hash_handle hh;
	atomic_int references;
	unsigned count;
	size_t key_length;
	const char **texts; /* name, value, name, value…; owned array into `key` */
	char key[];         /* the same texts, each with its NUL */
};

static pthread_mutex_t profile_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct profile *profile_table;

/* Finds or makes the profile of that key; takes profile_mutex. */
static const struct profile *
profile_intern(const char *key, size_t length)
{
	struct profile *p;

	pthread_mutex_lock(&profile_mutex);
	HASH_FIND(hh, profile_table, key, length, p);
	if (p == NULL) {
		unsigned texts = 0;

		p = memory_new(sizeof(*p) + length + 1);
		memcpy(p->key, key, length);
		p->key_length = length;
		for (size_t i = 0; i < length; i++)
			texts += key[i] == '\0';
		p->count = texts / 2;
		p->texts = memory_array(texts + 1, sizeof(*p->texts));
		for (unsigned i = 0, at = 0; i < texts; i++) {
			p->texts[i] = p->key + at;
			at += (unsigned)strlen(p->key + at) + 1;
		}
		HASH_ADD_KEYPTR(hh, profile_table, p->key, length, p);
	}
	atomic_fetch_add(&p->references, 1);
	pthread_mutex_unlock(&profile_mutex);
	return p;
}

const struct profile *
profile_empty(void)
{
	static _Atomic(const struct profile *) empty;
	const struct profile *p = atomic_load_explicit(&empty, memory_order_acquire);

	if (p == NULL) {
		p = profile_intern("", 0);
		atomic_store_explicit(&empty, p, memory_order_release);
	}
	return p;
}

const struct profile *
profile_ref(const struct profile *p)
{
	atomic_fetch_add_explicit(&((struct profile *)p)->references, 1, memory_order_relaxed);
	return p;
}

void
profile_unref(const struct profile *p)
{
	struct profile *mine = (struct profile *)p;

	if (p == NULL || p == profile_empty())
		return;
	/* Not the last reference: no lock.  The last one may be found by profile_intern meanwhile. */
	for (int seen = atomic_load(&mine->references); seen > 1;)
		if (atomic_compare_exchange_weak(&mine->references, &seen, seen - 1))
			return;
	pthread_mutex_lock(&profile_mutex);
	if (atomic_fetch_sub(&mine->references, 1) == 1) {
		HASH_DEL(profile_table, mine);
		free(mine->texts);
		free(mine);
	}
	pthread_mutex_unlock(&profile_mutex);
}

static void
profile_put(struct bytes *key, const char *name, const char *value)
{
	size_t at = key->length;

	bytes_text(key, name);
	for (; at < key->length; at++)
		key->data[at] = (char)tolower((unsigned char)key->data[at]);
	bytes_text(key, value);
}

const struct profile *
profile_with(const struct profile *p, const char *name, const char *value)
{
	struct bytes key = {0};
	const struct profile *made;
	bool done = false;

	for (unsigned i = 0; i < p->count; i++) {
		int order = strcasecmp(name, profile_name(p, i));

		if (order <= 0 && !done) {
			if (value != NULL)
				profile_put(&key, name, value);
			done = true;
		}
		if (order != 0)
			profile_put(&key, profile_name(p, i), profile_value(p, i));
	}
	if (!done && value != NULL)
		profile_put(&key, name, value);
	made = profile_intern(key.data != NULL ? key.data : "", key.length);
	bytes_free(&key);
	profile_unref(p);
	return made;
}

struct said {
	const char *name, *value; /* borrowed */
};

/* By name, and of one name as they were said. */
static int
said_order(const void *a, const void *b)
{
	const struct said *x = a, *y = b;
	int order = strcasecmp(x->name, y->name);

	return order != 0 ? order : (x->name > y->name) - (x->name < y->name);
}

void
profile_list(struct bytes *texts, const char *name, const char *value)
{
	bytes_text(texts, name);
	bytes_text(texts, value);
}

const struct profile *
profile_of(const char *texts, size_t length)
{
	struct said *all;
	struct bytes key = {0};
	const struct profile *made;
	size_t count = 0;

	if (length == 0)
		return profile_ref(profile_empty());
	all = memory_array(length / 2 + 1, sizeof(*all));
	for (const char *at = texts, *end = texts + length; at < end; count++) {
		all[count].name = at;
		all[count].value = at += strlen(at) + 1;
		at += strlen(at) + 1;
	}
	qsort(all, count, sizeof(*all), said_order);
	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || strcasecmp(all[i].name, all[i + 1].name) != 0)
			profile_put(&key, all[i].name, all[i].value);
	made = profile_intern(key.data != NULL ? key.data : "", key.length);
	bytes_free(&key);
	free(all);
	return made;
}

unsigned
profile_count(const struct profile *p)
{
	return p->count;
}

const char *
profile_name(const struct profile *p, unsigned i)
{
	return p->texts[2 * i];
}

const char *
profile_value(const struct profile *p, unsigned i)
{
	return p->texts[2 * i + 1];
}

const char *
profile_find(const struct profile *p, const char *name)
{
	for (unsigned i = 0; i < p->count; i++)
		if (strcasecmp(profile_name(p, i), name) == 0)
			return profile_value(p, i);
	return NULL;
}
