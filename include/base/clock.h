/*
 * base/clock.h - time.  Monotonic microseconds for durations, wall-clock
 * microseconds for what is shown to people.
 */
#ifndef PGWEIR_BASE_CLOCK_H
#define PGWEIR_BASE_CLOCK_H

#include "base/base.h"

int64_t clock_monotonic_us(void);
int64_t clock_wall_us(void); /* since 1970-01-01 UTC */

/* Writes "YYYY-MM-DD HH:MM:SS TZ" (zone of the process); SIZE of 40 is enough.  Returns OUT. */
char *clock_format_second(int64_t wall_us, char *out, size_t size);
/* Writes "YYYY-MM-DD HH:MM:SS.mmm TZ". */
char *clock_format_milli(int64_t wall_us, char *out, size_t size);

#endif
