/*
 * judge.c - what it costs to judge a statement whose shape was seen before, by the simple
 * protocol with constants that are new each time; and one that was never seen.
 *
 *     make bench-judge      prints microseconds of processor time for each
 */
#include "route/verdict.h"

#include "../unit/route_rows.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROUNDS 2000000u

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Each hash sign is a digit, another one in each text. */
static size_t
fill(const char *pattern, unsigned number, char *out, size_t size)
{
	size_t length = 0;

	for (; pattern[length] != '\0' && length + 1 < size; length++)
		out[length] = pattern[length] == '#' ? (char)('1' + (number * 7 + length) % 9) : pattern[length];
	out[length] = '\0';
	return length;
}

static double
judge(const struct route_context *ctx, struct verdict_cache *cache, const char *pattern, unsigned rounds)
{
	static char texts[64][256];
	size_t lengths[64];
	struct verdict v;
	double began;

	for (unsigned i = 0; i < 64; i++)
		lengths[i] = fill(pattern, i, texts[i], sizeof(texts[i]));
	for (unsigned i = 0; cache != NULL && i < 64; i++)
		route_judge(cache, ctx, texts[i], lengths[i], &v);
	began = now_us();
	for (unsigned i = 0; i < rounds; i++)
		route_judge(cache, ctx, texts[i % 64], lengths[i % 64], &v);
	return (now_us() - began) / rounds;
}

int
main(void)
{
	static const char *const patterns[] = {"select v from plain where id = ####", "select * from app.plain p where p.id = ###### and v like 'x###%'",
	    "update plain set v = 'x####' where id = #####", "select id, v, n from plain where id in (####, ####, 3) order by n desc limit ##"};
	struct catalog_facts *facts = known_facts(1);
	struct route_context ctx = plain_context(facts);
	struct verdict_cache *cache = verdict_cache_new(4096);

	for (size_t i = 0; i < array_length(patterns); i++)
		printf("%.3f us seen before, %.2f us new: %s\n", judge(&ctx, cache, patterns[i], ROUNDS), judge(&ctx, NULL, patterns[i], ROUNDS / 20),
		    patterns[i]);
	verdict_cache_free(&cache);
	facts_unref(&facts);
	return 0;
}
