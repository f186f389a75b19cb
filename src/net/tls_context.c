/*
 * net/tls_context.c - one OpenSSL context from settings and files.
 *
 * Files come as texts that are in memory already: a context is made once for each
 * worker, and all have to be made of the same bytes.
 */
#include "net/tls_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/* Chains of clients and servers are short; each link costs a verification. */
#define CHAIN_LONGEST 10

struct recipe_run {
	const struct tls_recipe *r;
	SSL_CTX *ctx;
	struct bytes *errors;
};

const char *
tls_library_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return reason != NULL ? reason : "unexpected end";
}

static bool
recipe_error(const struct recipe_run *run, const char *key, const char *what, const char *value, const char *reason)
{
	bytes_format(run->errors, "%s_%s: %s \"%s\": %s\n", run->r->prefix, key, what, value, reason);
	ERR_clear_error();
	return false;
}

/* ------------------------------------------------------------ what is allowed */

static bool
recipe_set_protocols(const struct recipe_run *run)
{
	static const struct {
		int version;
		uint64_t option;
	} rows[] = {
	    {TLS1_VERSION, SSL_OP_NO_TLSv1}, {TLS1_1_VERSION, SSL_OP_NO_TLSv1_1}, {TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
	    {TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
	};
	unsigned protocols = tls_protocols_parse(run->r->protocols);
	int least = 0, most = 0;

	if (protocols == 0)
		return recipe_error(run, "protocols", "invalid value", run->r->protocols, "it is no list of TLS versions");
	for (unsigned i = 0; i < array_length(rows); i++) {
		if ((protocols & 1u << i) == 0) {
			SSL_CTX_set_options(run->ctx, rows[i].option);
			continue;
		}
		least = least == 0 ? rows[i].version : least;
		most = rows[i].version;
	}
	if (SSL_CTX_set_min_proto_version(run->ctx, least) != 1 || SSL_CTX_set_max_proto_version(run->ctx, most) != 1)
		return recipe_error(run, "protocols", "could not set", run->r->protocols, tls_library_reason());
	return true;
}

static const char *
cipher_list_of(const char *value)
{
	static const char *const defaults[] = {"", "default", "secure", "fast", "normal"};

	for (size_t i = 0; i < array_length(defaults); i++)
		if (text_equal_nocase(value, defaults[i]))
			return "DEFAULT:!aNULL:!eNULL";
	return text_equal_nocase(value, "all") ? "ALL:!aNULL:!eNULL" : value;
}

static bool
recipe_set_ciphers(const struct recipe_run *run)
{
	const struct tls_recipe *r = run->r;
	bool no_curve = r->accepts && text_equal_nocase(r->ecdhcurve, "none");
	bool no_dh = r->accepts && text_equal_nocase(r->dheparams, "none");
	char *list = text_format("%s%s%s", cipher_list_of(r->ciphers), no_curve ? ":!kECDHE" : "", no_dh ? ":!kDHE" : "");
	bool ok = SSL_CTX_set_cipher_list(run->ctx, list) == 1;

	free(list);
	if (!ok)
		return recipe_error(run, "ciphers", "invalid value", r->ciphers, tls_library_reason());
	if (r->tls13_ciphers[0] == '\0' || SSL_CTX_set_ciphersuites(run->ctx, r->tls13_ciphers) == 1)
		return true;
	/* The setting's name has the version in it. */
	bytes_format(run->errors, "%.*s_tls13_ciphers: invalid value \"%s\": %s\n", (int)strcspn(r->prefix, "_"), r->prefix,
	    r->tls13_ciphers, tls_library_reason());
	return false;
}

static bool
recipe_set_groups(const struct recipe_run *run)
{
	const char *curve = run->r->ecdhcurve, *dh = run->r->dheparams;

	if (!run->r->accepts)
		return true;
	if (curve[0] != '\0' && !text_equal_nocase(curve, "auto") && !text_equal_nocase(curve, "none") &&
	    SSL_CTX_set1_groups_list(run->ctx, curve) != 1)
		return recipe_error(run, "ecdhcurve", "invalid value", curve, "unknown curve");
	if (text_equal_nocase(dh, "none"))
		return true;
	if (dh[0] != '\0' && !text_equal_nocase(dh, "auto") && !text_equal_nocase(dh, "legacy"))
		return recipe_error(run, "dheparams", "invalid value", dh, "must be one of none, auto, legacy");
	/* 2 is OpenSSL's number for 1024 bits whatever the certificate's strength. */
	SSL_CTX_set_dh_auto(run->ctx, text_equal_nocase(dh, "legacy") ? 2 : 1);
	return true;
}

/* --------------------------------------------------------------------- files */

/* No file of a service asks a terminal for its password. */
static int
no_password(char *place, int size, int writing, void *user)
{
	(void)place;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

static BIO *
bio_over(const struct bytes *text)
{
	BIO *bio = BIO_new_mem_buf(text->data != NULL ? text->data : "", (int)text->length);

	must(bio != NULL);
	return bio;
}

static bool
recipe_add_chain(const struct recipe_run *run, BIO *bio)
{
	X509 *certificate;

	while ((certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(run->ctx, certificate) != 1) {
			X509_free(certificate);
			return recipe_error(run, "cert_file", "could not use", run->r->cert_path, tls_library_reason());
		}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return recipe_error(run, "cert_file", "could not read", run->r->cert_path, tls_library_reason());
	ERR_clear_error();
	return true;
}

static bool
recipe_set_certificate(const struct recipe_run *run)
{
	BIO *bio = bio_over(run->r->cert);
	X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
	bool ok = certificate != NULL && SSL_CTX_use_certificate(run->ctx, certificate) == 1;

	X509_free(certificate);
	if (ok)
		ok = recipe_add_chain(run, bio);
	else
		recipe_error(run, "cert_file", "could not load certificate", run->r->cert_path, tls_library_reason());
	BIO_free(bio);
	return ok;
}

static bool
recipe_set_key(const struct recipe_run *run)
{
	BIO *bio = bio_over(run->r->key);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	bool ok;

	BIO_free(bio);
	if (key == NULL)
		return recipe_error(run, "key_file", "could not load private key", run->r->key_path, tls_library_reason());
	ok = SSL_CTX_use_PrivateKey(run->ctx, key) == 1 && SSL_CTX_check_private_key(run->ctx) == 1;
	EVP_PKEY_free(key);
	if (ok)
		return true;
	return recipe_error(run, "key_file", "private key does not match certificate", run->r->key_path, tls_library_reason());
}

static bool
recipe_set_authorities(const struct recipe_run *run)
{
	X509_STORE *store = SSL_CTX_get_cert_store(run->ctx);
	BIO *bio = bio_over(run->r->ca);
	X509 *authority;
	unsigned count = 0;
	unsigned long last;

	while ((authority = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL)) != NULL) {
		count += X509_STORE_add_cert(store, authority) == 1;
		if (run->r->accepts)
			SSL_CTX_add_client_CA(run->ctx, authority);
		X509_free(authority);
	}
	BIO_free(bio);
	last = ERR_GET_REASON(ERR_peek_last_error());
	if (count == 0 || (last != PEM_R_NO_START_LINE && last != 0))
		return recipe_error(run, "ca_file", "could not load authorities", run->r->ca_path, tls_library_reason());
	ERR_clear_error();
	return true;
}

static bool
recipe_set_files(const struct recipe_run *run)
{
	const struct tls_recipe *r = run->r;

	if (r->accepts && (r->cert == NULL || r->key == NULL)) {
		bytes_format(run->errors, "client_tls_sslmode: to allow TLS connections from clients, "
					  "client_tls_key_file and client_tls_cert_file must be set\n");
		return false;
	}
	if ((r->cert == NULL) != (r->key == NULL)) {
		bytes_format(run->errors, "%s_%s is set without %s_%s\n", r->prefix, r->cert != NULL ? "cert_file" : "key_file",
		    r->prefix, r->cert != NULL ? "key_file" : "cert_file");
		return false;
	}
	if (r->accepts && r->ca == NULL && r->mode >= TLS_VERIFY_CA) {
		bytes_format(run->errors, "client_tls_sslmode: to verify certificates of clients, client_tls_ca_file must be set\n");
		return false;
	}
	if (r->cert != NULL && !(recipe_set_certificate(run) && recipe_set_key(run)))
		return false;
	if (r->ca != NULL)
		return recipe_set_authorities(run);
	if (!r->accepts && r->mode >= TLS_VERIFY_CA)
		SSL_CTX_set_default_verify_paths(run->ctx);
	return true;
}

/* ------------------------------------------------------------------ behaviour */

/* Lets a bad certificate pass as if there were none. */
static int
verify_later(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_get_app_data(ssl);

	if (!ok)
		t->unverified = true;
	return 1;
}

/*
 * PostgreSQL 17's rule: a peer that names protocols has to name ours.  One that names
 * none is let in here; whether it may do so is for the login to say.
 */
static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in, unsigned length, void *user)
{
	(void)ssl;
	(void)user;
	for (unsigned at = 0; at < length && in[at] < length - at; at += in[at] + 1u)
		if (in[at] == strlen(TLS_ALPN) && memcmp(in + at + 1, TLS_ALPN, in[at]) == 0) {
			*out = in + at + 1;
			*out_length = in[at];
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void
recipe_set_verification(const struct recipe_run *run)
{
	const struct tls_recipe *r = run->r;

	SSL_CTX_set_verify_depth(run->ctx, CHAIN_LONGEST);
	if (r->mode >= TLS_VERIFY_CA)
		SSL_CTX_set_verify(run->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	else if (r->accepts && r->ca != NULL)
		SSL_CTX_set_verify(run->ctx, SSL_VERIFY_PEER, verify_later);
	else
		SSL_CTX_set_verify(run->ctx, SSL_VERIFY_NONE, NULL);
}

static void
recipe_set_accepting(const struct recipe_run *run, uint64_t stamp)
{
	struct tls_ticket_keys keys = *run->r->keys;

	SSL_CTX_set_options(run->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_alpn_select_cb(run->ctx, choose_alpn, NULL);
	/* Tickets alone: they open on every worker, and cost no memory here. */
	SSL_CTX_set_num_tickets(run->ctx, 1);
	SSL_CTX_set_tlsext_ticket_keys(run->ctx, keys.bytes, sizeof(keys.bytes));
	OPENSSL_cleanse(&keys, sizeof(keys));
	/* A ticket remembers that a certificate was verified: it is good for these authorities only. */
	SSL_CTX_set_session_id_context(run->ctx, (const unsigned char *)&stamp, sizeof(stamp));
}

static void
recipe_set_connecting(const struct recipe_run *run)
{
	static const unsigned char names[] = "\12" TLS_ALPN;

	SSL_CTX_set_alpn_protos(run->ctx, names, sizeof(names) - 1);
}

/* hash_mix multiplies, so that a zero would swallow the rest. */
static uint64_t
hash_add(uint64_t hash, uint64_t value)
{
	return hash_mix(hash ^ 0x9e3779b97f4a7c15u, value ^ 0xbf58476d1ce4e5b9u);
}

static uint64_t
hash_text(uint64_t hash, const char *text)
{
	return hash_add(hash, hash_bytes(text, strlen(text)));
}

static uint64_t
hash_file(uint64_t hash, const struct bytes *file)
{
	return hash_add(hash, file != NULL ? hash_bytes(file->data, file->length) : 1);
}

/* A name for settings and files; WITH_OWN: for our own certificate too. */
static uint64_t
recipe_stamp(const struct tls_recipe *r, bool with_own)
{
	uint64_t hash = hash_add((uint64_t)r->mode, r->accepts);

	hash = hash_text(hash, r->protocols);
	hash = hash_text(hash, r->ciphers);
	hash = hash_text(hash, r->tls13_ciphers);
	hash = hash_file(hash, r->ca);
	if (!with_own)
		return hash;
	hash = hash_file(hash, r->cert);
	return hash_file(hash, r->key);
}

static bool
recipe_follow(const struct recipe_run *run)
{
	SSL_CTX_set_options(run->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(run->ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(run->ctx, SSL_SESS_CACHE_OFF);
	if (!recipe_set_protocols(run) || !recipe_set_ciphers(run) || !recipe_set_groups(run) || !recipe_set_files(run))
		return false;
	recipe_set_verification(run);
	if (run->r->accepts)
		recipe_set_accepting(run, recipe_stamp(run->r, false));
	else
		recipe_set_connecting(run);
	return true;
}

struct tls_context *
tls_context_new(const struct tls_recipe *r, struct bytes *errors)
{
	struct recipe_run run = {.r = r, .errors = errors};
	struct tls_context *c;

	run.ctx = SSL_CTX_new(r->accepts ? TLS_server_method() : TLS_client_method());
	must(run.ctx != NULL);
	ERR_clear_error();
	if (!recipe_follow(&run)) {
		SSL_CTX_free(run.ctx);
		return NULL;
	}
	c = memory_new(sizeof(*c));
	c->ctx = run.ctx;
	c->mode = r->mode;
	c->accepts = r->accepts;
	c->stamp = recipe_stamp(r, true);
	return c;
}

void
tls_context_free(struct tls_context *c)
{
	if (c == NULL)
		return;
	SSL_CTX_free(c->ctx);
	free(c);
}

enum tls_mode
tls_context_mode(const struct tls_context *c)
{
	return c->mode;
}

uint64_t
tls_context_stamp(const struct tls_context *c)
{
	return c->stamp;
}
