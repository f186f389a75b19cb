/*
 * config/file.h - a whole configuration file in memory.
 */
#ifndef PGWEIR_CONFIG_FILE_H
#define PGWEIR_CONFIG_FILE_H

#include "base/bytes.h"

/* Reads a file of at most 64 MB into OUT.  NULL, or the reason for which it cannot be read (borrowed, static). */
const char *file_read(const char *path, struct bytes *out);

#endif
