/*
 * The matrix by libpq itself, with a thread for each connection: see README.md.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_MOST 64

struct work {
	pthread_t thread;
	int who;
	int count;
	char *lines[LINES_MOST];
};

static void __attribute__((format(printf, 2, 3)))
say(struct work *w, const char *format, ...)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%02d ", w->who);
	va_list args;

	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	va_end(args);
	w->lines[w->count++] = strdup(line);
}

static PGresult *
asked(PGconn *c, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return PQexec(c, text);
}

static void
done(PGresult *r)
{
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
		fprintf(stderr, "%s", PQresultErrorMessage(r));
		exit(1);
	}
	PQclear(r);
}

static char *
value(PGresult *r)
{
	static _Thread_local char kept[8][64];
	static _Thread_local int next;
	char *place = kept[next++ % 8];

	snprintf(place, sizeof(kept[0]), "%s", PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : PQresultErrorField(r, PG_DIAG_SQLSTATE));
	PQclear(r);
	return place;
}

static char *
sum(PGconn *c, int a, int b)
{
	char first[16], second[16];
	const char *values[] = {first, second};

	snprintf(first, sizeof(first), "%d", a);
	snprintf(second, sizeof(second), "%d", b);
	return value(PQexecPrepared(c, "plus", 2, values, NULL, NULL, 0));
}

static void
pipelined(struct work *w, PGconn *c)
{
	PGresult *r;
	int good = 0, failed = 0, aborted = 0;

	PQenterPipelineMode(c);
	PQsendQueryParams(c, "select 1", 0, NULL, NULL, NULL, NULL, 0);
	PQsendQueryParams(c, "select 1 / 0", 0, NULL, NULL, NULL, NULL, 0);
	PQsendQueryParams(c, "insert into ledger values (-1, 'never')", 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(c);
	PQsendQueryParams(c, "select 2", 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(c);
	for (int syncs = 0; syncs < 2;) {
		r = PQgetResult(c);
		if (r == NULL)
			continue;
		good += PQresultStatus(r) == PGRES_TUPLES_OK;
		failed += PQresultStatus(r) == PGRES_FATAL_ERROR;
		aborted += PQresultStatus(r) == PGRES_PIPELINE_ABORTED;
		syncs += PQresultStatus(r) == PGRES_PIPELINE_SYNC;
		PQclear(r);
	}
	PQexitPipelineMode(c);
	say(w, "pipeline: %d %d %d %s", good, failed, aborted, value(asked(c, "select count(*) from ledger where who = -1")));
}

static void
listens(struct work *w, PGconn *c)
{
	PGnotify *n;

	done(asked(c, "listen channel_%d", w->who));
	done(asked(c, "notify channel_%d, 'hello %d'", w->who, w->who));
	while ((n = PQnotifies(c)) == NULL) {
		struct pollfd p = {.fd = PQsocket(c), .events = POLLIN};

		poll(&p, 1, 10000);
		PQconsumeInput(c);
	}
	say(w, "listen: %s %s", n->extra, n->be_pid == PQbackendPID(c) ? "from itself" : "from somebody");
	PQfreemem(n);
	done(asked(c, "unlisten *"));
}

static void
copies(struct work *w, PGconn *c)
{
	char line[32], *row;
	int rows = 0;

	PQclear(asked(c, "copy ledger from stdin"));
	snprintf(line, sizeof(line), "%d\tcopied\n", w->who);
	for (int i = 0; i < 100; i++)
		PQputCopyData(c, line, (int)strlen(line));
	PQputCopyEnd(c, NULL);
	done(PQgetResult(c));
	PQclear(PQgetResult(c));
	PQclear(asked(c, "copy (select * from ledger where who = %d and what = 'copied') to stdout", w->who));
	for (; PQgetCopyData(c, &row, 0) > 0; rows++)
		PQfreemem(row);
	done(PQgetResult(c));
	PQclear(PQgetResult(c));
	say(w, "copy: %d", rows);
}

static void
cancels(struct work *w, PGconn *c)
{
	PGcancel *cancel = PQgetCancel(c);
	char why[256];

	PQsendQuery(c, "select pg_sleep(30)");
	usleep(200000);
	PQcancel(cancel, why, sizeof(why));
	PQfreeCancel(cancel);
	say(w, "cancel: %s", value(PQgetResult(c)));
	PQclear(PQgetResult(c));
}

static void
large(struct work *w, PGconn *c)
{
	int rows = 0;
	PGresult *r;

	PQsendQuery(c, "select repeat('x', 100) from generate_series(1, 20000)");
	PQsetSingleRowMode(c);
	while ((r = PQgetResult(c)) != NULL) {
		rows += PQresultStatus(r) == PGRES_SINGLE_TUPLE && PQgetlength(r, 0, 0) == 100;
		PQclear(r);
	}
	say(w, "large: %d", rows);
}

static void *
work(void *argument)
{
	struct work *w = argument;
	PGconn *c = PQconnectdb("");
	char *code;

	if (PQstatus(c) != CONNECTION_OK) {
		fprintf(stderr, "%s", PQerrorMessage(c));
		exit(1);
	}
	done(PQprepare(c, "plus", "select $1::int + $2::int", 0, NULL));
	say(w, "prepared: %s %s %s", sum(c, w->who, 0), sum(c, w->who, 1), sum(c, w->who, 2));
	pipelined(w, c);
	done(asked(c, "begin"));
	done(asked(c, "insert into ledger values (%d, 'kept')", w->who));
	done(asked(c, "savepoint here"));
	code = value(asked(c, "select 1 / 0"));
	done(asked(c, "rollback to here"));
	done(asked(c, "insert into ledger values (%d, 'kept')", w->who));
	done(asked(c, "commit"));
	done(asked(c, "begin; insert into ledger values (%d, 'gone'); rollback", w->who));
	say(w, "transaction: %s %s", code, value(asked(c, "select count(*) from ledger where who = %d", w->who)));
	done(asked(c, "set app.tag = 'tag %d'; set timezone = 'Etc/GMT+%d'", w->who, w->who));
	done(asked(c, "create temporary table scratch (v int)"));
	done(asked(c, "insert into scratch values (%d), (%d)", w->who, w->who));
	say(w, "temporary: %s", value(asked(c, "select sum(v) from scratch")));
	done(asked(c, "drop table scratch"));
	code = value(asked(c, "select pg_try_advisory_lock(%d)", 4200 + w->who));
	say(w, "advisory: %s %s", code, value(asked(c, "select pg_advisory_unlock(%d)", 4200 + w->who)));
	listens(w, c);
	copies(w, c);
	cancels(w, c);
	large(w, c);
	say(w, "settings: %s %s %s", value(asked(c, "show app.tag")), value(asked(c, "show timezone")), PQparameterStatus(c, "TimeZone"));
	say(w, "prepared again: %s", sum(c, w->who, 100));
	PQfinish(c);
	return NULL;
}

int
main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1;
	struct work *all = calloc((size_t)count, sizeof(*all));

	for (int i = 0; i < count; i++) {
		all[i].who = i;
		pthread_create(&all[i].thread, NULL, work, &all[i]);
	}
	for (int i = 0; i < count; i++) {
		pthread_join(all[i].thread, NULL);
		for (int n = 0; n < all[i].count; n++)
			puts(all[i].lines[n]);
	}
	return 0;
}
