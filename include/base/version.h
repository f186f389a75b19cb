/*
 * base/version.h - the version, and the PgBouncer whose behaviour it has.
 */
#ifndef PGWEIR_BASE_VERSION_H
#define PGWEIR_BASE_VERSION_H

#define PGWEIR_VERSION "0.1.0"
#define PGBOUNCER_VERSION "1.25.2"

#endif
