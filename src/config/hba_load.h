/*
 * hba_load.h - the rules and maps that a snapshot's settings ask for.  Private to
 * config/.
 */
#ifndef PGWEIR_CONFIG_HBA_LOAD_H
#define PGWEIR_CONFIG_HBA_LOAD_H

#include "config/hba.h"
#include "config/snapshot.h"

/*
 * Reads auth_hba_file and auth_ident_file into S, not yet shared, in place of what it
 * had; nothing remains unless auth_type is hba.  NAME is who asks, for messages.
 * False after at least one error.
 */
bool hba_load(struct snapshot *s, const char *name, const struct hba_sink *sink);

#endif
