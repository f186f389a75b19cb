/*
 * rows.h - the rows of [databases], [users] and [peers]: made, copied, freed.
 * Private to config/.
 */
#ifndef PGWEIR_CONFIG_ROWS_H
#define PGWEIR_CONFIG_ROWS_H

#include "base/bytes.h"
#include "config/snapshot.h"

/* A snapshot of defaults without rows, and a deep copy under a number of its own; one reference each. */
struct snapshot *snapshot_new(void);
struct snapshot *snapshot_copy(const struct snapshot *old);

/* New rows in which nothing is said but the name. */
struct database_config *database_config_new(const char *name);
struct user_config *user_config_new(const char *name);
struct peer_config *peer_config_new(int id);

/* Deep copies, outside of any table. */
struct database_config *database_config_copy(const struct database_config *old);
struct user_config *user_config_copy(const struct user_config *old);
struct peer_config *peer_config_copy(const struct peer_config *old);

void database_config_free(struct database_config *database);
void user_config_free(struct user_config *user); /* wipes the secret */
void peer_config_free(struct peer_config *peer);

/* Where the readers of rows send what they have to say; MESSAGE is borrowed. */
struct rows_sink {
	void (*error)(void *context, const char *message);
	void (*warning)(void *context, const char *message);
	void *context;
};

/*
 * Read the connection string TEXT into a row.  False: errors were sent, and the
 * row must not be used.  A database whose row names no host has one empty host.
 */
bool database_config_read(struct database_config *database, const char *text, const struct rows_sink *sink);
bool user_config_read(struct user_config *user, const char *text, const struct rows_sink *sink);
bool peer_config_read(struct peer_config *peer, const char *text, const struct rows_sink *sink);

#endif
