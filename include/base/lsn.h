/*
 * base/lsn.h - positions in PostgreSQL's write-ahead log.
 */
#ifndef PGWEIR_BASE_LSN_H
#define PGWEIR_BASE_LSN_H

#include "base/base.h"

/* "FFFFFFFF/FFFFFFFF" and its NUL. */
#define LSN_TEXT_SIZE 18

/* As pg_lsn reads it: two hexadecimal halves of one to eight digits and a slash.  False, and *OUT 0, for anything else. */
bool lsn_read(const char *text, uint64_t *out);
/* As PostgreSQL writes it.  Returns OUT. */
char *lsn_write(uint64_t lsn, char out[LSN_TEXT_SIZE]);
/*
 * An insert position just behind a page's header, where replay stops at the page's start
 * (PostgreSQL's WAL page header: 24 bytes, 40 on a segment's first page).  No record ends there, so any
 * other position stays what it is.
 */
uint64_t lsn_normalise(uint64_t lsn);

#endif
