/*
 * config/hba.h - host-based authentication rules, as auth_hba_file has them
 * (PostgreSQL manual, "The pg_hba.conf File"), and how they are loaded.
 *
 * The rules are built whole or not at all: a file with a line that is not
 * understood is refused, since a skipped "reject" lets people in.  They are part of
 * a snapshot (snapshot->hba) and never change; auth/hba.h matches them.
 */
#ifndef PGWEIR_CONFIG_HBA_H
#define PGWEIR_CONFIG_HBA_H

#include "base/address.h"
#include "config/ldap_options.h"
#include "config/pattern.h"

enum hba_type { HBA_LOCAL, HBA_HOST, HBA_HOSTSSL, HBA_HOSTNOSSL, HBA_HOSTGSSENC, HBA_HOSTNOGSSENC };

enum hba_method {
	HBA_TRUST,
	HBA_REJECT,
	HBA_MD5, /* SCRAM where the secret is one, as PostgreSQL does */
	HBA_PASSWORD,
	HBA_PEER, /* a rule may pair it with TCP: refuses then */
	HBA_CERT, /* a rule may be met without TLS: refuses then */
	HBA_SCRAM,
	HBA_LDAP,
	HBA_PAM,
};

/* What a word of the database or user field means. */
enum hba_meaning { HBA_NAME, HBA_ALL, HBA_SAMEUSER, HBA_REPLICATION, HBA_PATTERN };

struct hba_word {
	char *text; /* owned, as written but for its quotes */
	enum hba_meaning meaning;
	struct pattern *pattern; /* owned; of HBA_PATTERN only */
};

/* Which peers a rule is for. */
enum hba_place { HBA_SOCKET, HBA_EVERYWHERE, HBA_SAMEHOST, HBA_SAMENET, HBA_NETWORK, HBA_HOST_NAME, HBA_HOST_SUFFIX };

enum hba_client_cert { HBA_CERT_NOT_ASKED, HBA_CERT_VERIFY_CA, HBA_CERT_VERIFY_FULL };

struct hba_option {
	char *name;  /* owned */
	char *value; /* owned; secret when the name is ldapbindpasswd */
};

struct hba_rule {
	char *file; /* owned */
	unsigned line;
	enum hba_type type;
	struct hba_word *databases; /* owned, database_count of them */
	struct hba_word *users;     /* owned, user_count of them */
	size_t database_count;
	size_t user_count;
	enum hba_place place;
	struct address address; /* of HBA_NETWORK */
	struct address mask;
	char *host; /* owned; of HBA_HOST_NAME, and with its dot of HBA_HOST_SUFFIX */
	enum hba_method method;
	char *map;                    /* owned; NULL: the names must be equal.  Of cert and peer */
	enum hba_client_cert client_cert; /* verify-full also where the method is cert */
	bool client_dn;               /* clientname=DN: the whole subject counts, not its common name */
	char *pam_service;            /* owned; of pam: "pgbouncer" unless said */
	struct ldap_options *ldap;    /* owned, finished; NULL unless the method is ldap */
	struct hba_option *options;   /* owned: all of them as written, validated names; option_count of them */
	size_t option_count;
};

struct hba {
	struct hba_rule *rules; /* owned, in order of the file */
	size_t count;
	struct network *networks; /* owned: of this machine's interfaces */
	size_t network_count;
	bool wants_networks; /* a rule says samehost or samenet, and hba_take_networks was not called yet */
	int references;	     /* atomic */
};

struct hba *hba_ref(struct hba *h);
void hba_unref(struct hba *h); /* NULL is fine */

/* Gives the rules the interfaces' addresses, owned from now on.  Before they are shared only. */
void hba_take_networks(struct hba *h, struct network *networks, size_t count);

/* The value of an option, or NULL.  Borrowed. */
const char *hba_rule_option(const struct hba_rule *rule, const char *name);

/* The words of a file; static text. */
const char *hba_type_name(enum hba_type type);
const char *hba_method_name(enum hba_method method);

/* Where the readers report to: LINE is 0 when the file as a whole is meant.  Borrowed for the call. */
struct hba_sink {
	void (*error)(void *context, const char *file, unsigned line, const char *message);
	void (*warning)(void *context, const char *file, unsigned line, const char *message);
	void *context;
};

/* Reads the file and what it includes: rules with one reference, or NULL after at least one error. */
struct hba *hba_read_file(const char *path, const struct hba_sink *sink);
/* The same over a text that stands for the file NAME; opens no file: includes are errors. */
struct hba *hba_read_text(const char *name, const char *text, size_t length, const struct hba_sink *sink);

#endif
