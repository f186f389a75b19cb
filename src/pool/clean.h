/*
 * pool/clean.h - how a server gets rid of what a session has left on it.
 */
#ifndef PGWEIR_POOL_CLEAN_H
#define PGWEIR_POOL_CLEAN_H

#include "base/bytes.h"

enum clean {
	CLEAN_ALREADY,    /* there is nothing to do */
	CLEAN_BY_PARTS,   /* what SQL says, in one Query; settings and prepared statements stay */
	CLEAN_BY_ALL,     /* DISCARD ALL, in SQL */
	CLEAN_LOOK_FIRST, /* closed if it has a temporary schema, else DISCARD ALL */
	CLEAN_NEVER       /* the server has to be closed */
};

/* What undoes LEFT (bits of enum effect); the text, without a NUL, is appended to SQL, which must be empty. */
enum clean clean_plan(uint32_t left, struct bytes *sql);

#endif
