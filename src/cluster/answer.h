/*
 * cluster/answer.h - the question that the monitor asks, and what one check tells.
 *
 * Neighbours: probe.c sends the question and receives; libpq has parsed the
 * messages, but the values are a server's and are validated here.
 */
#ifndef PGWEIR_CLUSTER_ANSWER_H
#define PGWEIR_CLUSTER_ANSWER_H

#include <libpq-fe.h>

#include "cluster/health.h"

struct answer {
	enum check_result result;
	char reason[HEALTH_REASON_SIZE]; /* "" for CHECK_GOOD; what follows is set for CHECK_GOOD only */
	bool standby;
	unsigned timeline;	    /* 0 unknown */
	uint64_t system_identifier; /* 0 unknown */
	uint64_t lsn;		    /* inserted by a primary, replayed by a standby; 0 unknown */
	uint64_t flushed;	    /* of a primary: what standbys can have of it; 0 unknown */
};

/* The question at LEVEL 0 asks everything; each next one asks less, for a role that may less.  NULL behind the last. */
const char *question_text(unsigned level);
/* True when an error of the question may be one of privileges or of a missing function: ask less. */
bool question_may_ask_less(const PGresult *failed, unsigned level);

/* Fills A from the rows, or as CHECK_MISSED when they are not what was asked for. */
void answer_read(struct answer *a, const PGresult *rows);
/* Adds to A what IDENTIFY_SYSTEM says: the timeline that a standby replays.  False when the rows are not of its kind. */
bool answer_read_identity(struct answer *a, const PGresult *rows);
/* Fills A from an error of the question. */
void answer_read_error(struct answer *a, const PGresult *failed);
/* Fills A from the error of a connection attempt: libpq's text with PQERRORS_VERBOSE. */
void answer_read_refusal(struct answer *a, const char *message, bool needs_password);

void answer_fail(struct answer *a, enum check_result result, const char *reason);

#endif
