/*
 * route/databases.h - databases that a statement needs for itself: PostgreSQL runs
 * it only while nobody is connected there.
 */
#ifndef PGWEIR_ROUTE_DATABASES_H
#define PGWEIR_ROUTE_DATABASES_H

#include "base/base.h"

/*
 * The databases that the text drops, renames, moves to another tablespace, makes, or makes others from: each
 * name with its NUL, then one more NUL.  Owned by the caller; NULL when there are none, or the text does not parse.
 */
char *route_databases(const char *text, size_t length);

#endif
