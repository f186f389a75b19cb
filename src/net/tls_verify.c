/*
 * net/tls_verify.c - who the peer of a connection is: the name that we expect, the
 * name in its certificate, and the hash that binds SCRAM to the connection.
 */
#include "net/tls_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static bool
host_is_address(const char *host)
{
	unsigned char ignored[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, ignored) == 1 || inet_pton(AF_INET6, host, ignored) == 1;
}

bool
tls_expect_host(struct tls *t, const struct tls_context *c, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
	bool is_address = host_is_address(host);

	/* RFC 6066, section 3: an address is no server name. */
	if (!is_address && SSL_set_tlsext_host_name(t->ssl, host) != 1)
		return false;
	if (c->mode != TLS_VERIFY_FULL)
		return true;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

bool
stream_has_alpn(const struct stream *s)
{
	const unsigned char *name = NULL;
	unsigned length = 0;

	if (s->tls == NULL)
		return false;
	SSL_get0_alpn_selected(s->tls->ssl, &name, &length);
	return length == strlen(TLS_ALPN) && memcmp(name, TLS_ALPN, length) == 0;
}

void
stream_describe_tls(const struct stream *s, char *out, size_t size)
{
	SSL *ssl;
	const char *group = NULL;
	int nid;

	must(size > 0);
	out[0] = '\0';
	if (!stream_is_secure(s))
		return;
	ssl = s->tls->ssl;
	nid = (int)SSL_get_negotiated_group(ssl);
	if (nid != NID_undef && (nid & TLSEXT_nid_unknown) == 0)
		group = OBJ_nid2sn(nid);
	snprintf(out, size, "%s/%s%s%s", SSL_get_version(ssl), SSL_get_cipher_name(ssl), group != NULL ? "/ECDH=" : "",
	    group != NULL ? group : "");
}

bool
stream_peer_is_verified(const struct stream *s)
{
	if (!stream_is_secure(s) || s->tls->unverified || SSL_get_verify_mode(s->tls->ssl) == SSL_VERIFY_NONE)
		return false;
	return SSL_get0_peer_certificate(s->tls->ssl) != NULL && SSL_get_verify_result(s->tls->ssl) == X509_V_OK;
}

bool
stream_peer_common_name(const struct stream *s, char *out, size_t size)
{
	X509_NAME *subject;
	ASN1_STRING *value;
	unsigned char *text = NULL;
	bool fits;
	int at, length;

	if (!stream_peer_is_verified(s))
		return false;
	subject = X509_get_subject_name(SSL_get0_peer_certificate(s->tls->ssl));
	at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at < 0)
		return false;
	value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	length = ASN1_STRING_to_UTF8(&text, value);
	/* A NUL inside would let "admin\0.example.com" pass for "admin". */
	fits = length > 0 && (size_t)length < size && memchr(text, '\0', (size_t)length) == NULL;
	if (fits) {
		memcpy(out, text, (size_t)length);
		out[length] = '\0';
	}
	OPENSSL_free(text);
	ERR_clear_error();
	return fits;
}

bool
stream_peer_subject(const struct stream *s, char *out, size_t size)
{
	BIO *bio;
	char *text;
	long length;
	bool fits;

	if (!stream_peer_is_verified(s))
		return false;
	bio = BIO_new(BIO_s_mem());
	must(bio != NULL);
	fits = X509_NAME_print_ex(bio, X509_get_subject_name(SSL_get0_peer_certificate(s->tls->ssl)), 0, XN_FLAG_RFC2253) >= 0;
	length = BIO_get_mem_data(bio, &text);
	fits = fits && length > 0 && (size_t)length < size && memchr(text, '\0', (size_t)length) == NULL;
	if (fits) {
		memcpy(out, text, (size_t)length);
		out[length] = '\0';
	}
	BIO_free(bio);
	ERR_clear_error();
	return fits;
}

size_t
stream_binding(const struct stream *s, uint8_t out[STREAM_BINDING_MAX])
{
	X509 *certificate;
	const EVP_MD *digest;
	unsigned length = 0;
	int nid = NID_undef;

	if (!stream_is_secure(s))
		return 0;
	certificate = s->tls->accepts ? SSL_get_certificate(s->tls->ssl) : SSL_get0_peer_certificate(s->tls->ssl);
	if (certificate == NULL || X509_get_signature_info(certificate, &nid, NULL, NULL, NULL) != 1) {
		ERR_clear_error();
		return 0;
	}
	/* RFC 5929, section 4.1: MD5 and SHA-1 stand for SHA-256. */
	digest = nid == NID_md5 || nid == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(nid);
	if (digest == NULL || EVP_MD_get_size(digest) > STREAM_BINDING_MAX || X509_digest(certificate, digest, out, &length) != 1)
		length = 0;
	ERR_clear_error();
	return length;
}
