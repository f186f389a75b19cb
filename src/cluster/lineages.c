/*
 * cluster/lineages.c - the table, and when it goes to disk.
 *
 * The monitor must not wait for a disk in the middle of a failover: the thread pool
 * writes a copy, one at a time.  What another process has put into the file since
 * (an online restart) is kept where it is higher.
 */
#include "cluster/lineages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cluster/state_file.h"
#include "net/loop.h"
#include "observe/log.h"

/* A file that could not be written is tried again after this. */
#define LINEAGES_RETRY_US ((int64_t)10 * 1000000)

struct lineages {
	struct loop *loop; /* borrowed */
	char *path;	   /* owned; NULL while there is no file */
	struct state state;
	bool unsaved;
	bool ended;	  /* freed as soon as the write under way has ended */
	int64_t tried_us; /* monotonic: the last attempt to write */
	int said;	  /* the last errno that was logged */

	/* the write under way */
	struct job job;
	bool saving;
	struct state copy;
	int error;
};

struct lineages *
lineages_new(struct loop *loop)
{
	struct lineages *l = memory_new(sizeof(*l));

	l->loop = loop;
	return l;
}

/* ------------------------------------------------------------------ file */

static void
lineages_write(struct job *job)
{
	struct lineages *l = container_of(job, struct lineages, job);
	struct state *known = memory_new(sizeof(*known));

	if (state_file_read(known, l->path))
		for (unsigned i = 0; i < known->count; i++)
			state_raise(&l->copy, &known->rows[i]);
	free(known);
	l->error = state_file_write(&l->copy, l->path) ? 0 : errno;
}

static void
lineages_say(struct lineages *l)
{
	if (l->error != 0 && l->error != l->said)
		log_error(NULL, "could not write state_file \"%s\": %s; after a restart an old primary may not be known as such",
		    l->path, strerror(l->error));
	l->said = l->error;
}

static void
lineages_destroy(struct lineages *l)
{
	if (l->unsaved && l->path != NULL) {
		l->copy = l->state;
		lineages_write(&l->job);
		lineages_say(l);
	}
	free(l->path);
	free(l);
}

static void lineages_save(struct lineages *l);

static void
lineages_written(struct job *job)
{
	struct lineages *l = container_of(job, struct lineages, job);

	l->saving = false;
	l->unsaved |= l->error != 0;
	lineages_say(l);
	if (l->ended)
		lineages_destroy(l);
	else if (l->unsaved && l->error == 0)
		lineages_save(l);
}

static void
lineages_save(struct lineages *l)
{
	if (l->path == NULL || l->saving)
		return;
	l->saving = true;
	l->unsaved = false;
	l->copy = l->state;
	l->tried_us = clock_monotonic_us();
	l->job = (struct job){.work = lineages_write, .done = lineages_written};
	loop_work(l->loop, &l->job);
}

void
lineages_keep_in(struct lineages *l, const char *path)
{
	if (path == NULL || path[0] == '\0' || l->path != NULL)
		return;
	l->path = text_copy(path);
	if (!state_file_read(&l->state, path))
		log_warning(NULL, "could not read state_file \"%s\": %s; an old primary may not be known as such", path,
		    strerror(errno));
	if (l->state.damaged > 0)
		log_warning(NULL, "state_file \"%s\" is damaged: %u of its lines are ignored, %u are good", path,
		    l->state.damaged, l->state.count);
}

void
lineages_free(struct lineages *l)
{
	l->ended = true;
	if (!l->saving)
		lineages_destroy(l);
}

/* ----------------------------------------------------------------- table */

struct lineage
lineages_get(const struct lineages *l, uint64_t system_identifier)
{
	for (unsigned i = 0; i < l->state.count; i++)
		if (l->state.rows[i].system_identifier == system_identifier)
			return l->state.rows[i].lineage;
	return (struct lineage){0};
}

void
lineages_raise(struct lineages *l, uint64_t system_identifier, const struct lineage *facts)
{
	const struct state_row row = {.system_identifier = system_identifier, .lineage = *facts};

	if (system_identifier != 0 && facts->timeline != 0 && state_raise(&l->state, &row)) {
		l->unsaved = true;
		lineages_save(l);
	} else if (l->unsaved && clock_monotonic_us() - l->tried_us > LINEAGES_RETRY_US) {
		lineages_save(l);
	}
}
