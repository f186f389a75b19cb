/*
 * base/clock.c - time, as two counters and two texts.
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t
clock_read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_monotonic_us(void)
{
	return clock_read_us(CLOCK_MONOTONIC);
}

int64_t
clock_wall_us(void)
{
	return clock_read_us(CLOCK_REALTIME);
}

char *
clock_format_second(int64_t wall_us, char *out, size_t size)
{
	time_t second = wall_us / 1000000;
	struct tm parts;

	localtime_r(&second, &parts);
	if (strftime(out, size, "%Y-%m-%d %H:%M:%S %Z", &parts) == 0 && size > 0)
		out[0] = '\0';
	return out;
}

char *
clock_format_milli(int64_t wall_us, char *out, size_t size)
{
	time_t second = wall_us / 1000000;
	struct tm parts;
	char date[32], zone[16];

	localtime_r(&second, &parts);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &parts);
	strftime(zone, sizeof(zone), "%Z", &parts);
	snprintf(out, size, "%s.%03d %s", date, (int)(wall_us / 1000 % 1000), zone);
	return out;
}
