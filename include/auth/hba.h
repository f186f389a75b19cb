/*
 * auth/hba.h - which host-based rule decides about a client, and whether an ident
 * map lets a system's name be a user.  Pure: no socket, no resolver.
 *
 *     hba_match ──▶ HBA_MATCH: the rule is final, whatever its method then says
 *               ──▶ HBA_NONE: no rule is for this client; refuse it
 *               ──▶ HBA_NEEDS_NAME: look the peer's name up (net/name.h) and ask again
 */
#ifndef PGWEIR_AUTH_HBA_H
#define PGWEIR_AUTH_HBA_H

#include "config/hba.h"
#include "config/ident.h"

struct hba_question {
	const char *database; /* as the client asked for it */
	const char *alias;    /* the same database's other name: a rule for either is a rule for both; NULL: it has none */
	const char *user;
	struct address peer;	      /* family 0: it came through a unix socket */
	bool tls;		      /* the connection is encrypted */
	bool physical_replication;    /* replication=true; replication=database is an ordinary client here */
	bool name_is_known;	      /* it was looked up */
	const char *name;	      /* the peer's name, verified by the way back; NULL: it has none */
};

enum hba_answer { HBA_MATCH, HBA_NONE, HBA_NEEDS_NAME };

/* The first rule for QUESTION goes to OUT (borrowed from HBA; NULL unless HBA_MATCH).  HBA may be NULL, and the peer lost: HBA_NONE. */
enum hba_answer hba_match(const struct hba *hba, const struct hba_question *question, const struct hba_rule **out);

/*
 * May SYSTEM_NAME (a certificate's name, the peer's system user) log in as USER?
 * MAP is that of the rule: NULL asks for equal names.  A map that IDENT (may be
 * NULL) does not have allows nobody.
 */
bool ident_allows(const struct ident *ident, const char *map, const char *system_name, const char *user);

#endif
