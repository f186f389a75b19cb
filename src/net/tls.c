/*
 * net/tls.c - the machine of tls_private.h over an SSL object whose BIO is two
 * pointers: one into ciphertext that is there already, one to the buffer that takes it.
 */
#include "net/tls_private.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/* ------------------------------------------------------------------- BIO */

static int
tls_bio_read(BIO *bio, char *place, int room)
{
	struct tls *t = BIO_get_data(bio);
	size_t n = min_of(t->fed_left, (size_t)max_of(room, 0));

	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(place, t->fed, n);
	t->fed += n;
	t->fed_left -= n;
	return (int)n;
}

static int
tls_bio_write(BIO *bio, const char *bytes, int length)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (t->out != NULL && length > 0)
		bytes_append(t->out, bytes, (size_t)length);
	return length;
}

static long
tls_bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *tls_bio_method;
static pthread_once_t tls_bio_once = PTHREAD_ONCE_INIT;

static void
tls_bio_make(void)
{
	tls_bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pgweir stream");
	must(tls_bio_method != NULL);
	BIO_meth_set_read(tls_bio_method, tls_bio_read);
	BIO_meth_set_write(tls_bio_method, tls_bio_write);
	BIO_meth_set_ctrl(tls_bio_method, tls_bio_control);
}

/* ------------------------------------------------------- beginning and end */

struct tls *
tls_new(struct stream *s, struct tls_context *c, const char *host)
{
	struct tls *t = memory_new(sizeof(*t));
	BIO *bio;

	must(pthread_once(&tls_bio_once, tls_bio_make) == 0);
	t->stream = s;
	t->accepts = c->accepts;
	list_init(&t->node);
	t->ssl = SSL_new(c->ctx);
	bio = BIO_new(tls_bio_method);
	must(t->ssl != NULL && bio != NULL);
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	if (c->accepts)
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	if (host != NULL && !c->accepts && !tls_expect_host(t, c, host))
		tls_fail(t, "the host's name cannot be checked");
	ERR_clear_error();
	return t;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	list_remove(&t->node);
	SSL_free(t->ssl);
	bytes_free(&t->kept);
	free(t->failure);
	free(t);
}

/* ------------------------------------------------------------- ciphertext */

void
tls_feed(struct tls *t, const char *bytes, size_t length)
{
	must(t->fed_left == 0 && t->kept.length == 0);
	t->fed = bytes;
	t->fed_left = length;
}

void
tls_keep(struct tls *t)
{
	bytes_append(&t->kept, t->fed, t->fed_left);
	t->fed = NULL;
	t->fed_left = 0;
}

bool
tls_is_pending(const struct tls *t)
{
	return t->kept.length > 0 || t->ended || t->failure != NULL || SSL_pending(t->ssl) > 0;
}

/* Before and after each call into OpenSSL: what was kept comes first, and what is left of it stays. */
static bool
tls_enter(struct tls *t, struct bytes *out)
{
	bool from_kept = t->fed_left == 0 && t->kept.length > 0;

	t->out = out;
	if (from_kept) {
		t->fed = t->kept.data;
		t->fed_left = t->kept.length;
	}
	ERR_clear_error();
	return from_kept;
}

static void
tls_leave(struct tls *t, bool from_kept)
{
	t->out = NULL;
	if (!from_kept)
		return;
	bytes_consume(&t->kept, t->kept.length - t->fed_left);
	if (t->kept.length == 0)
		bytes_free(&t->kept);
	t->fed = NULL;
	t->fed_left = 0;
}

/* ------------------------------------------------------------------ calls */

enum tls_step
tls_fail(struct tls *t, const char *why)
{
	if (t->failure == NULL)
		t->failure = text_copy(why);
	return TLS_FAILED;
}

static enum tls_step
tls_fail_by_library(struct tls *t)
{
	unsigned long code = ERR_peek_last_error();
	long verdict = SSL_get_verify_result(t->ssl);

	if (t->failure != NULL)
		return TLS_FAILED;
	if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		t->failure = text_format("certificate verify failed: %s", X509_verify_cert_error_string(verdict));
	else
		t->failure = text_format("TLS error: %s", tls_library_reason());
	ERR_clear_error();
	return TLS_FAILED;
}

/* What a call's result, not a success, means. */
static enum tls_step
tls_step_of(struct tls *t, int result)
{
	switch (SSL_get_error(t->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TLS_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		t->ended = true;
		return TLS_ENDED;
	default:
		return tls_fail_by_library(t);
	}
}

enum tls_step
tls_handshake(struct tls *t, struct bytes *out)
{
	enum tls_step step = TLS_DONE;
	bool from_kept;
	int result;

	if (t->failure != NULL)
		return TLS_FAILED;
	t->started = true;
	from_kept = tls_enter(t, out);
	result = SSL_do_handshake(t->ssl);
	if (result != 1)
		step = tls_step_of(t, result);
	tls_leave(t, from_kept);
	t->secured = step == TLS_DONE;
	return step == TLS_ENDED ? tls_fail(t, "TLS error: the peer closed the connection during the handshake") : step;
}

enum tls_step
tls_read(struct tls *t, char *place, size_t room, size_t *length, struct bytes *out)
{
	enum tls_step step = TLS_WAIT;
	bool from_kept;

	*length = 0;
	if (t->failure != NULL)
		return TLS_FAILED;
	if (t->ended)
		return TLS_ENDED;
	from_kept = tls_enter(t, out);
	/* A record is taken whole, so that OpenSSL gives its buffer back. */
	while (*length == 0 || room - *length >= TLS_RECORD_SIZE) {
		int n = SSL_read(t->ssl, place + *length, (int)min_of(room - *length, (size_t)INT_MAX));

		if (n <= 0) {
			step = tls_step_of(t, n);
			break;
		}
		*length += (size_t)n;
	}
	tls_leave(t, from_kept);
	return *length > 0 ? TLS_DONE : step;
}

bool
tls_write(struct tls *t, const void *bytes, size_t length, struct bytes *out)
{
	int n;

	if (t->failure != NULL)
		return false;
	t->out = out;
	ERR_clear_error();
	n = SSL_write(t->ssl, bytes, (int)length);
	t->out = NULL;
	if (n == (int)length)
		return true;
	tls_fail_by_library(t);
	return false;
}

void
tls_shut(struct tls *t, struct bytes *out)
{
	if (!t->secured || t->failure != NULL)
		return;
	t->out = out;
	SSL_shutdown(t->ssl);
	t->out = NULL;
	ERR_clear_error();
}
