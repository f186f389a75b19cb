/*
 * hint.h - private to src/route: the words of a comment hint.
 */
#ifndef PGWEIR_SRC_ROUTE_HINT_H
#define PGWEIR_SRC_ROUTE_HINT_H

#include "base/bytes.h"
#include "route/shape.h"

/* Reads the inside of one comment (without its marks): " pgweir: primary " or " pgweir: replica ", else HINT_NONE. */
enum route_hint hint_read(const char *inside, size_t length);

/* Of two hints the careful one: primary before replica before none. */
enum route_hint hint_stronger(enum route_hint a, enum route_hint b);

#endif
