/*
 * base/mdoc.h - text for manual pages, in the language of mdoc(7).
 */
#ifndef PGWEIR_BASE_MDOC_H
#define PGWEIR_BASE_MDOC_H

#include "base/bytes.h"

/* Appends the text so that it is shown as it is: what has a meaning in mdoc is escaped.  No newline follows. */
void mdoc_text(struct bytes *out, const char *text);

#endif
