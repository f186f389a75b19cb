/*
 * observe/close.h - the reasons for which conversations end (tables/closes.h).
 */
#ifndef PGWEIR_OBSERVE_CLOSE_H
#define PGWEIR_OBSERVE_CLOSE_H

#include <stdbool.h>

enum close_reason {
#define CLOSE(name, ...) CLOSE_##name,
#include "tables/closes.h"
#undef CLOSE
	CLOSE_COUNT
};

struct close_row {
	const char *name;
	const char *sqlstate;
	const char *text;
	bool silent; /* the client is told nothing */
	bool quiet;  /* not logged */
};

const struct close_row *close_row(enum close_reason reason);

#endif
