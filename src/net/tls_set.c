/*
 * net/tls_set.c - all contexts that a snapshot needs, one set for each worker.
 *
 * Every file is read once, whatever the number of entries and workers, so that no
 * two of them have different halves of a change.
 */
#include "net/tls_private.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "config/file.h"
#include "config/snapshot.h"

/* A context for connections to servers, and the settings that it stands for. */
struct connect_row {
	struct server_tls wanted; /* its texts are owned */
	struct tls_context *context;
};

struct tls_set {
	atomic_int references;
	struct tls_context *accept;
	struct connect_row *rows; /* owned */
	unsigned count;
};

/* Files that were read for the sets under construction. */
struct file_row {
	char *path; /* owned */
	struct bytes text;
	const char *problem; /* static; NULL when it was read */
};

struct set_build {
	const struct snapshot *snapshot;
	const struct tls_ticket_keys *keys;
	struct bytes *errors;
	struct file_row *files; /* owned */
	unsigned file_count;
	struct tls_set *set;
	bool failed;
};

bool
tls_ticket_keys_make(struct tls_ticket_keys *keys)
{
	if (RAND_bytes(keys->bytes, sizeof(keys->bytes)) == 1)
		return true;
	ERR_clear_error();
	return false;
}

/* --------------------------------------------------------------------- files */

static unsigned
build_find_file(struct set_build *b, const char *path)
{
	struct file_row *f;

	for (unsigned i = 0; i < b->file_count; i++)
		if (strcmp(b->files[i].path, path) == 0)
			return i;
	b->files = memory_resize(b->files, (b->file_count + 1) * sizeof(*b->files));
	f = &b->files[b->file_count];
	*f = (struct file_row){.path = text_copy(path)};
	f->problem = file_read(path, &f->text);
	return b->file_count++;
}

/* False, with a line in the errors, when the file cannot be read; a path that is "" is no file. */
static bool
build_read(struct set_build *b, const char *prefix, const char *key, const char *path, int *row)
{
	*row = -1;
	if (path[0] == '\0')
		return true;
	*row = (int)build_find_file(b, path);
	if (b->files[*row].problem == NULL)
		return true;
	bytes_format(b->errors, "%s_%s: could not read \"%s\": %s\n", prefix, key, path, b->files[*row].problem);
	return false;
}

static const struct bytes *
build_text(const struct set_build *b, int row)
{
	return row >= 0 ? &b->files[row].text : NULL;
}

static void
build_forget_files(struct set_build *b)
{
	for (unsigned i = 0; i < b->file_count; i++) {
		if (b->files[i].text.data != NULL)
			OPENSSL_cleanse(b->files[i].text.data, b->files[i].text.length);
		bytes_free(&b->files[i].text);
		free(b->files[i].path);
	}
	free(b->files);
}

/* NULL when anything is wrong with it. */
static struct tls_context *
build_context(struct set_build *b, struct tls_recipe *r)
{
	int ca, cert, key;
	bool readable = build_read(b, r->prefix, "ca_file", r->ca_path, &ca);

	readable &= build_read(b, r->prefix, "cert_file", r->cert_path, &cert);
	readable &= build_read(b, r->prefix, "key_file", r->key_path, &key);
	if (!readable) {
		b->failed = true;
		return NULL;
	}
	r->ca = build_text(b, ca);
	r->cert = build_text(b, cert);
	r->key = build_text(b, key);
	return tls_context_new(r, b->errors);
}

/* ----------------------------------------------------------------- contexts */

static void
build_accept(struct set_build *b)
{
	const struct settings *g = &b->snapshot->global;
	struct tls_recipe r = {
	    .prefix = "client_tls",
	    .mode = (enum tls_mode)g->client_tls_sslmode,
	    .accepts = true,
	    .protocols = g->client_tls_protocols,
	    .ciphers = g->client_tls_ciphers,
	    .tls13_ciphers = g->client_tls13_ciphers,
	    .ecdhcurve = g->client_tls_ecdhcurve,
	    .dheparams = g->client_tls_dheparams,
	    .ca_path = g->client_tls_ca_file,
	    .cert_path = g->client_tls_cert_file,
	    .key_path = g->client_tls_key_file,
	    .keys = b->keys,
	};

	if (g->auth_type == AUTH_CERT && r.mode != TLS_VERIFY_FULL) {
		bytes_format(b->errors, "auth_type=cert requires client_tls_sslmode=verify-full\n");
		b->failed = true;
		return;
	}
	if (r.mode == TLS_DISABLE)
		return;
	b->set->accept = build_context(b, &r);
	b->failed |= b->set->accept == NULL;
}

static bool
server_tls_equal(const struct server_tls *a, const struct server_tls *b)
{
	return a->sslmode == b->sslmode && a->sslnegotiation == b->sslnegotiation && text_equal(a->ca_file, b->ca_file) &&
	    text_equal(a->cert_file, b->cert_file) && text_equal(a->key_file, b->key_file) &&
	    text_equal(a->protocols, b->protocols) && text_equal(a->ciphers, b->ciphers) &&
	    text_equal(a->tls13_ciphers, b->tls13_ciphers);
}

static struct connect_row *
set_find(const struct tls_set *set, const struct server_tls *wanted)
{
	for (unsigned i = 0; i < set->count; i++)
		if (server_tls_equal(&set->rows[i].wanted, wanted))
			return &set->rows[i];
	return NULL;
}

static struct server_tls
server_tls_copy(const struct server_tls *from)
{
	struct server_tls to = *from;

	to.ca_file = text_copy(from->ca_file);
	to.cert_file = text_copy(from->cert_file);
	to.key_file = text_copy(from->key_file);
	to.protocols = text_copy(from->protocols);
	to.ciphers = text_copy(from->ciphers);
	to.tls13_ciphers = text_copy(from->tls13_ciphers);
	return to;
}

static void
server_tls_free(struct server_tls *s)
{
	free((char *)(uintptr_t)s->ca_file);
	free((char *)(uintptr_t)s->cert_file);
	free((char *)(uintptr_t)s->key_file);
	free((char *)(uintptr_t)s->protocols);
	free((char *)(uintptr_t)s->ciphers);
	free((char *)(uintptr_t)s->tls13_ciphers);
}

/* DATABASE is NULL for the global settings. */
static void
build_connect(struct set_build *b, const struct database_config *database)
{
	struct server_tls wanted = snapshot_server_tls(b->snapshot, database);
	struct tls_set *set = b->set;
	struct tls_context *context;
	struct tls_recipe r = {
	    .prefix = "server_tls",
	    .mode = (enum tls_mode)wanted.sslmode,
	    .protocols = wanted.protocols,
	    .ciphers = wanted.ciphers,
	    .tls13_ciphers = wanted.tls13_ciphers,
	    .ca_path = wanted.ca_file,
	    .cert_path = wanted.cert_file,
	    .key_path = wanted.key_file,
	};

	if (r.mode == TLS_DISABLE || set_find(set, &wanted) != NULL)
		return;
	if (wanted.sslnegotiation == TLS_DIRECT && r.mode < TLS_REQUIRE) {
		bytes_format(b->errors, "server_tls_sslnegotiation: direct needs server_tls_sslmode require, verify-ca or verify-full\n");
		b->failed = true;
		return;
	}
	context = build_context(b, &r);
	if (context == NULL) {
		if (database != NULL)
			bytes_format(b->errors, "database \"%s\": its server_tls settings cannot be used\n", database->name);
		b->failed = true;
		return;
	}
	set->rows = memory_resize(set->rows, (set->count + 1) * sizeof(*set->rows));
	set->rows[set->count++] = (struct connect_row){server_tls_copy(&wanted), context};
}

static struct tls_set *
build_one(struct set_build *b)
{
	b->set = memory_new(sizeof(*b->set));
	atomic_init(&b->set->references, 1);
	build_accept(b);
	build_connect(b, NULL);
	for (const struct database_config *d = b->snapshot->databases; d != NULL && !b->failed; d = d->hh.next)
		build_connect(b, d);
	return b->set;
}

bool
tls_sets_new(const struct snapshot *s, const struct tls_ticket_keys *keys, struct tls_set **out, unsigned count,
    struct bytes *errors)
{
	struct set_build b = {.snapshot = s, .keys = keys, .errors = errors};
	unsigned made = 0;

	while (made < count && !b.failed)
		out[made++] = build_one(&b);
	build_forget_files(&b);
	while (b.failed && made > 0) {
		tls_set_unref(out[--made]);
		out[made] = NULL;
	}
	return !b.failed;
}

struct tls_set *
tls_set_ref(struct tls_set *set)
{
	atomic_fetch_add(&set->references, 1);
	return set;
}

void
tls_set_unref(struct tls_set *set)
{
	if (set == NULL || atomic_fetch_sub(&set->references, 1) != 1)
		return;
	tls_context_free(set->accept);
	for (unsigned i = 0; i < set->count; i++) {
		server_tls_free(&set->rows[i].wanted);
		tls_context_free(set->rows[i].context);
	}
	free(set->rows);
	free(set);
}

struct tls_context *
tls_set_accept(const struct tls_set *set)
{
	return set->accept;
}

struct tls_context *
tls_set_connect(const struct tls_set *set, const struct snapshot *s, const struct database_config *d)
{
	struct server_tls wanted = snapshot_server_tls(s, d);
	struct connect_row *row = set_find(set, &wanted);

	/* Never plain for want of a context: the set was made of this snapshot. */
	must(row != NULL || wanted.sslmode == TLS_DISABLE);
	return row != NULL ? row->context : NULL;
}
