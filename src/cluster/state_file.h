/*
 * cluster/state_file.h - what must be known of timelines after a restart, in a file:
 * a line for each system identifier, with a checksum of its own, so that damage
 * costs the lines that it has hit and no other.
 */
#ifndef PGWEIR_CLUSTER_STATE_FILE_H
#define PGWEIR_CLUSTER_STATE_FILE_H

#include "base/bytes.h"
#include "cluster/election.h"

#define STATE_ROWS_MOST 256

struct state_row {
	uint64_t system_identifier;
	struct lineage lineage;
};

struct state {
	unsigned count;
	unsigned damaged; /* lines that could not be read */
	struct state_row rows[STATE_ROWS_MOST];
};

/* Takes what the text says; among two lines of one identifier the higher timeline counts. */
void state_parse(struct state *s, const char *text, size_t length);
void state_format(const struct state *s, struct bytes *out);
/* Adds the row, or raises the one of its identifier; false when that changed nothing or there is no room. */
bool state_raise(struct state *s, const struct state_row *row);

/* False with errno; a file that is not there is an empty one.  Blocks on the disk. */
bool state_file_read(struct state *s, const char *path);
/* Replaces the file as one, on disk when this returns; false with errno, and the old one is in place.  Blocks. */
bool state_file_write(const struct state *s, const char *path);

#endif
