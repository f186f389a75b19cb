/*
 * admin/admin_private.h - what the files of admin/ share: tables of rows, commands,
 * the console of one session, and questions to the workers.
 *
 *   talk.c      messages ⇄ commands, both protocols    console.c   one command, and its end
 *   command.c   words → a row of tables/commands.h
 *   ask.c       a question to every worker, answered on the asker's
 *   show_*.c    what SHOW says          operate.c   what the others do
 */
#ifndef PGWEIR_ADMIN_ADMIN_PRIVATE_H
#define PGWEIR_ADMIN_ADMIN_PRIVATE_H

#include "admin/console.h"
#include "admin/grammar.h"
#include "base/bytes.h"
#include "net/timer.h"
#include "pool/report.h"
#include "protocol/message.h"
#include "session/session.h"

#define CONSOLE_DATABASE "pgbouncer"
#define CONSOLE_USER "pgbouncer"

/* ---- table.c: rows as the protocol has them ---- */

/* A BYTEA is always NULL. */
enum column_type { COLUMN_TEXT, COLUMN_INT, COLUMN_BIGINT, COLUMN_NUMERIC, COLUMN_BYTEA };

/* A list of columns ends with one that has no name. */
struct column {
	const char *name;
	enum column_type type;
};

#define COLUMNS(name) extern const struct column name##_columns[];
#define COLUMN(name, type)
#define COLUMNS_END
#include "tables/columns.h"
#undef COLUMNS
#undef COLUMN
#undef COLUMNS_END

struct table {
	struct bytes *out;            /* borrowed */
	const struct column *columns; /* static */
	uint64_t binary;              /* bit n: column n is sent in binary format */
	unsigned at;
	size_t begun;
};

unsigned columns_count(const struct column *columns);
void table_describe(struct bytes *out, const struct column *columns, uint64_t binary);
/* A row: begin, one value for each column in order, end. */
void table_row(struct table *t);
void table_text(struct table *t, const char *text); /* NULL is NULL, in a column of any type */
void table_int(struct table *t, int64_t value);
void table_time(struct table *t, int64_t wall_us);  /* 0 is NULL */
void table_end(struct table *t);

/* ---- command.c ---- */

enum { ROLE_STATS = 1, ROLE_ADMIN = 2 };

enum argument { ARGUMENT_NONE, ARGUMENT_WORD, ARGUMENT_STATEMENT, ARGUMENT_SETTING, ARGUMENT_DATABASE, ARGUMENT_DATABASE_NEEDED };

/* Room for what is wrong with a command, its text in it. */
#define PROBLEM_SIZE 512

struct console;

struct command {
	const char *words;
	unsigned role;                /* who may: a mask */
	enum argument argument;
	const char *usage;            /* what follows the words, for people */
	const char *verb;             /* "cannot VERB admin db"; NULL: it has nothing to undo */
	const struct column *columns; /* NULL: no rows */
	const char *text;
	void (*run)(struct console *c); /* ends with console_done or console_fail, now or later */
};

/* A setting of PostgreSQL's that drivers ask for or set: answered, and without effect. */
struct pretended {
	const char *value;
	struct column columns[2]; /* its name, and the end */
};

struct call {
	const struct command *command;
	const struct pretended *pretended;
	struct words words;
};

enum call_outcome { CALL_OK, CALL_EMPTY, CALL_WRONG };

/* Finds the command of TEXT; when it is wrong, PROBLEM says why.  The caller calls call_forget(OUT) in every case. */
enum call_outcome call_read(const char *text, struct call *out, char *problem, size_t size);
struct call call_copy(const struct call *call);
void call_forget(struct call *call);
const struct column *call_columns(const struct call *call);
/* Writes the list of commands that ROLE may give. */
void command_list(unsigned role, struct bytes *out);

#define COMMAND(name, ...) void command_##name(struct console *c);
#include "tables/commands.h"
#undef COMMAND
void command_show_pretended(struct console *c);
void command_set_pretended(struct console *c);

/* ---- console.c ---- */

struct portal {
	char *name;               /* owned; NULL: there is none */
	struct call call;         /* owned */
	enum call_outcome outcome; /* CALL_OK or CALL_EMPTY */
	uint64_t binary;
	bool has_run;
	size_t sent;              /* of the console's rows */
};

struct console {
	struct session *session;  /* borrowed */
	unsigned role;
	const struct console_control *control; /* borrowed */
	struct bytes out;         /* not sent yet */
	struct bytes rows;        /* of the command under way, or of the portal */
	char tag[GRAMMAR_WORD_SIZE + GRAMMAR_VALUE_SIZE + 8];
	struct call call;         /* owned: the command under way, or the last one */
	struct table table;       /* where its rows go: into `rows` */
	uint32_t turn;            /* counts the commands, so that late answers are known as such */
	bool busy;                /* the command's end is still to come */
	bool inside;              /* called by the session: output is sent and input offered when it returns */
	bool extended;            /* the command came by Execute */
	uint32_t fetch;           /* rows that Execute asked for; 0: all */
	bool skipping;            /* an error came: everything up to Sync is dropped */
	struct timer timer;
	void (*woken)(struct console *c); /* what the timer is for */
	struct ledger *ledger;    /* owned reference: the command's database; NULL: all */
	uint64_t checks[CLUSTER_HOSTS_MOST]; /* RESUME db PRIMARY: of each host, when it came */
	int64_t checks_due_us;    /* monotonic: it waits for those that do not answer until then */
	bool resume_on_leave;     /* a PAUSE or SUSPEND that waits ends with its client */
	int64_t began_us;         /* SUSPEND: monotonic */
	unsigned quiet_looks;     /* WAIT_CLOSE, SUSPEND: looks in a row that found nothing */
	struct list statements;   /* of named_call.node */
	unsigned statement_count;
	struct portal portal;
};

/* The command has ended well; TAG is its first word when NULL. */
void console_done(struct console *c, const char *tag);
/* The command has ended with an error; SQLSTATE is PgBouncer's 08P01 when NULL. */
void console_fail(struct console *c, const char *sqlstate, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with a hint. */
void console_fail_hinted(struct console *c, const char *sqlstate, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void console_notice(struct console *c, const char *message, const char *detail);
/* The command's end comes later. */
void console_wait(struct console *c);
/* Calls WOKEN after DELAY_US unless the command has ended. */
void console_sleep(struct console *c, int64_t delay_us, void (*woken)(struct console *c));
struct process *console_process(const struct console *c);
struct hub *console_hub(const struct console *c);

/* What names a console across threads: it may be gone when an answer comes. */
struct console_address {
	struct worker *worker; /* borrowed */
	uint32_t slot, generation, turn;
};

struct console_address console_address(const struct console *c);
/* On the worker's thread: the console if it is still there with the same command under way, else NULL. */
struct console *console_find(const struct console_address *a);

/* The client asks for an end of what its console waits for (CancelRequest). */
void console_cancel(struct session *s);

/* ---- ask.c ---- */

struct question;

/* One worker's part of an answer. */
struct part {
	struct message message;
	struct question *question; /* borrowed */
	struct worker *worker;     /* borrowed */
	struct bytes bytes;
};

struct question {
	struct message message;
	struct console_address asker;
	const struct console_control *control; /* borrowed */
	/* On each worker's thread. */
	void (*collect)(struct worker *w, const struct question *q, struct bytes *out);
	/* On the asker's thread, when all have answered and the console is still there. */
	void (*finish)(struct console *c, const struct question *q);
	struct table table;     /* columns and formats of the asker's rows; no buffer */
	int64_t number;
	struct ledger *ledger;  /* owned reference or NULL */
	atomic_uint left;
	unsigned count;
	struct part parts[];
};

/* Asks every worker; the console waits. */
void ask_workers(struct console *c, void (*collect)(struct worker *w, const struct question *q, struct bytes *out),
    void (*finish)(struct console *c, const struct question *q), int64_t number);

/* ---- sample.c: sums and averages ---- */

struct averages {
	uint64_t value[SUM_COUNT];
};

/* The averages of the last whole period; LEDGER_ID 0 means of all together. */
struct averages sample_averages(uint64_t ledger_id);
/* A command of the console, counted as a query of its own database. */
void sample_count_console(void);
void sample_console_sums(uint64_t sums[SUM_COUNT]);

#endif
