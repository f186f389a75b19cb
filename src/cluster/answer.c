/*
 * cluster/answer.c - the question and its answers.
 *
 * Privileges of functions are checked before a query runs, so no CASE can guard
 * them: a role that may not call one of them is asked less instead.  The columns
 * are always: standby, timeline of a primary in hex, log position, what a primary
 * has flushed of it, timeline of a standby in decimal, system identifier.
 */
#include "cluster/answer.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lsn.h"

enum { COLUMN_STANDBY, COLUMN_TIMELINE, COLUMN_LSN, COLUMN_FLUSHED, COLUMN_RECEIVED, COLUMN_IDENTIFIER, COLUMN_COUNT };

#define ASK_STANDBY "select r.standby,"
#define ASK_TIMELINE \
	" case when r.standby then null" \
	" else pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8) end,"
#define ASK_LSN \
	" case when r.standby then pg_catalog.pg_last_wal_replay_lsn()" \
	" else pg_catalog.pg_current_wal_insert_lsn() end," \
	" case when r.standby then null else pg_catalog.pg_current_wal_flush_lsn() end,"
#define ASK_RECEIVED " (select w.received_tli from pg_catalog.pg_stat_wal_receiver w limit 1),"
#define ASK_IDENTIFIER " (select s.system_identifier from pg_catalog.pg_control_system() s)"
#define ASK_NOTHING " null,"
#define ASK_FROM " from (select pg_catalog.pg_is_in_recovery() as standby) r"

static const char *const questions[] = {
    ASK_STANDBY ASK_TIMELINE ASK_LSN ASK_RECEIVED ASK_IDENTIFIER ASK_FROM,
    ASK_STANDBY ASK_TIMELINE ASK_LSN ASK_RECEIVED " null" ASK_FROM,
    ASK_STANDBY ASK_NOTHING ASK_LSN ASK_NOTHING " null" ASK_FROM,
    ASK_STANDBY ASK_NOTHING ASK_NOTHING ASK_NOTHING ASK_NOTHING " null" ASK_FROM,
};

const char *
question_text(unsigned level)
{
	return level < array_length(questions) ? questions[level] : NULL;
}

static const char *
result_sqlstate(const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return sqlstate != NULL ? sqlstate : "";
}

bool
question_may_ask_less(const PGresult *failed, unsigned level)
{
	/* Class 57 is the operator's or the server's will, not the question's fault. */
	return question_text(level + 1) != NULL && strncmp(result_sqlstate(failed), "57", 2) != 0;
}

/* The text goes to logs, terminals and web pages, and its encoding is anyone's guess. */
static void
answer_clean(struct answer *a)
{
	for (char *at = a->reason; *at != '\0'; at++)
		if (!isascii((unsigned char)*at) || iscntrl((unsigned char)*at))
			*at = '?';
}

void
answer_fail(struct answer *a, enum check_result result, const char *reason)
{
	*a = (struct answer){.result = result};
	snprintf(a->reason, sizeof(a->reason), "%s", reason);
	answer_clean(a);
}

/* ---------------------------------------------------------------- values */

/* A whole number in BASE that fits in MOST; NULL text is 0, which stands for unknown. */
static bool
value_number(const char *text, int base, uint64_t most, uint64_t *out)
{
	unsigned long long value;
	char *end;

	*out = 0;
	if (text == NULL)
		return true;
	if (!isxdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	value = strtoull(text, &end, base);
	*out = value;
	return errno == 0 && *end == '\0' && value <= most;
}

/* NULL text is 0, which stands for unknown. */
static bool
value_lsn(const char *text, uint64_t *out)
{
	*out = 0;
	return text == NULL || lsn_read(text, out);
}

static const char *
rows_text(const PGresult *rows, int column)
{
	return PQgetisnull(rows, 0, column) ? NULL : PQgetvalue(rows, 0, column);
}

void
answer_read(struct answer *a, const PGresult *rows)
{
	uint64_t inserted, received, identifier, lsn, flushed;
	const char *standby;
	bool ok;

	answer_fail(a, CHECK_MISSED, "it answered the check with something else");
	if (PQntuples(rows) != 1 || PQnfields(rows) != COLUMN_COUNT)
		return;
	standby = rows_text(rows, COLUMN_STANDBY);
	if (!text_equal(standby, "t") && !text_equal(standby, "f"))
		return;
	ok = value_number(rows_text(rows, COLUMN_TIMELINE), 16, UINT32_MAX, &inserted) &&
	    value_lsn(rows_text(rows, COLUMN_LSN), &lsn) && value_lsn(rows_text(rows, COLUMN_FLUSHED), &flushed) &&
	    value_number(rows_text(rows, COLUMN_RECEIVED), 10, UINT32_MAX, &received) &&
	    value_number(rows_text(rows, COLUMN_IDENTIFIER), 10, UINT64_MAX, &identifier);
	if (!ok)
		return;
	*a = (struct answer){.result = CHECK_GOOD, .standby = standby[0] == 't', .system_identifier = identifier};
	a->timeline = (unsigned)(a->standby ? received : inserted);
	a->lsn = a->standby ? lsn : lsn_normalise(lsn);
	a->flushed = a->standby ? 0 : lsn_normalise(flushed);
}

bool
answer_read_identity(struct answer *a, const PGresult *rows)
{
	uint64_t identifier, timeline;

	if (PQntuples(rows) != 1 || PQnfields(rows) < 2 || !value_number(rows_text(rows, 0), 10, UINT64_MAX, &identifier) ||
	    !value_number(rows_text(rows, 1), 10, UINT32_MAX, &timeline))
		return false;
	a->timeline = (unsigned)timeline;
	if (a->system_identifier == 0)
		a->system_identifier = identifier;
	return true;
}

/* ---------------------------------------------------------------- errors */

void
answer_read_error(struct answer *a, const PGresult *failed)
{
	const char *message = PQresultErrorField(failed, PG_DIAG_MESSAGE_PRIMARY);
	bool is_down = strncmp(result_sqlstate(failed), "57P", 3) == 0;

	answer_fail(a, is_down ? CHECK_DOWN : CHECK_MISSED, message != NULL ? message : "the check failed");
}

/* The last "FATAL:  57P03: …" in libpq's text; NULL when no server spoke.  The result points at the SQLSTATE. */
static const char *
refusal_find_sqlstate(const char *message)
{
	const char *found = NULL;

	for (const char *at = message; (at = strstr(at, ":  ")) != NULL; at += 3)
		if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && strncmp(at + 8, ": ", 2) == 0)
			found = at + 3;
	return found;
}

/* Where the last line begins to say something of its own. */
static const char *
refusal_find_text(const char *message)
{
	static const char failed[] = "failed: ";
	const char *found = message;

	for (const char *at = message; (at = strstr(at, failed)) != NULL; at += sizeof(failed) - 1)
		found = at + sizeof(failed) - 1;
	return found;
}

/* The line at TEXT, and the DETAIL behind it if there is one. */
static void
refusal_write(char *out, size_t size, const char *text)
{
	static const char detail_mark[] = "\nDETAIL:  ";
	const char *detail = strstr(text, detail_mark);
	int length = (int)min_of(strcspn(text, "\n"), size);

	if (detail == NULL) {
		snprintf(out, size, "%.*s", length, text);
		return;
	}
	detail += sizeof(detail_mark) - 1;
	snprintf(out, size, "%.*s (%.*s)", length, text, (int)min_of(strcspn(detail, "\n"), size), detail);
}

static enum check_result
refusal_weigh(const char *sqlstate, bool needs_password)
{
	if (sqlstate == NULL)
		return needs_password ? CHECK_MISSED : CHECK_DOWN;
	if (strncmp(sqlstate, "53300", 5) == 0)
		return CHECK_FULL;
	/* A login that is denied shows that the server lives. */
	return strncmp(sqlstate, "57", 2) == 0 ? CHECK_DOWN : CHECK_MISSED;
}

void
answer_read_refusal(struct answer *a, const char *message, bool needs_password)
{
	const char *sqlstate = refusal_find_sqlstate(message);

	char reason[HEALTH_REASON_SIZE];

	refusal_write(reason, sizeof(reason), sqlstate != NULL ? sqlstate + 7 : refusal_find_text(message));
	answer_fail(a, refusal_weigh(sqlstate, needs_password), reason);
}
