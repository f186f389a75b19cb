/*
 * pool/balance.c - which of several hosts gets the next request; see the header.
 *
 *   given   replica 1 (weight 2)  |--1/2--|--1/2--|--1/2--|
 *           replica 2 (weight 1)  |------1/1------|          the least is next
 *                                        now ▲
 * `now` keeps hosts together that were not asked for a while: who is behind it for
 * some loans makes up for them, but not for what it missed while it was out.  Who is
 * behind since all its servers are in use is owed one more.
 */
#include "pool/balance.h"

/* A full weight of 1, so that a part of it is a whole number. */
#define WEIGHT_ONE 256u
/* What a loan counts at the smallest part of a weight. */
#define LOAN_ONE ((uint64_t)1 << 28)
/* So many loans are made up for: about what others serve while one logs in. */
#define BEHIND_MOST 64u
/* Who is behind by so many has too few servers to take its turns with. */
#define OWED_LOANS 2u

void
balance_start_over(struct balance *b)
{
	b->now = 0;
	b->warming = 0;
	for (unsigned i = 0; i < CLUSTER_HOSTS_MOST; i++)
		b->hosts[i] = (struct share){.weight = b->hosts[i].weight};
}

void
balance_set_weight(struct balance *b, unsigned host, unsigned weight)
{
	b->hosts[host].weight = weight;
	b->weightless &= ~(1u << host);
	if (weight == 0)
		b->weightless |= 1u << host;
}

void
balance_set_up(struct balance *b, unsigned host, int64_t since_us)
{
	b->hosts[host].up_since_us = since_us;
	if (since_us != 0)
		b->warming |= 1u << host;
}

uint32_t
balance_mask(const struct balance *b, uint32_t mask)
{
	uint32_t weighty = mask & ~b->weightless;

	return weighty != 0 ? weighty : mask;
}

/* The weight in force, in parts of WEIGHT_ONE; those without one are equals where they serve at all. */
static unsigned
balance_weight(struct balance *b, unsigned host, int64_t now_us)
{
	const struct share *s = &b->hosts[host];
	unsigned full = max_of(s->weight, 1u) * WEIGHT_ONE;
	int64_t age_us;

	if (likely((b->warming & 1u << host) == 0))
		return full;
	age_us = max_of(now_us - s->up_since_us, (int64_t)0);
	if (age_us < b->slow_start_us)
		return max_of((unsigned)((double)full * (double)age_us / (double)b->slow_start_us), 1u);
	b->warming &= ~(1u << host);
	return full;
}

/* Neither far ahead of the others nor far behind. */
static void
balance_keep_near(struct balance *b, unsigned host, uint64_t loan)
{
	struct share *s = &b->hosts[host];
	uint64_t behind = (b->warming & 1u << host) != 0 ? 0 : loan * BEHIND_MOST;
	int64_t ahead = (int64_t)(s->given - b->now);

	if (ahead > (int64_t)loan)
		s->given = b->now + loan;
	else if (ahead < -(int64_t)behind)
		s->given = b->now - behind;
}

bool
balance_is_poorer(struct balance *b, unsigned a, unsigned n, unsigned other, unsigned m, int64_t now_us)
{
	return (uint64_t)n * balance_weight(b, other, now_us) < (uint64_t)m * balance_weight(b, a, now_us);
}

bool
balance_is_owed(struct balance *b, unsigned host, int64_t now_us)
{
	int64_t behind = (int64_t)(b->now - b->hosts[host].given);

	if (b->least_busy || b->last == host || (b->warming & 1u << host) != 0)
		return false;
	return behind >= (int64_t)(LOAN_ONE / balance_weight(b, host, now_us) * OWED_LOANS);
}

/* True when host A comes before host OTHER. */
static bool
balance_is_before(struct balance *b, unsigned a, unsigned other, int64_t now_us)
{
	unsigned n = b->hosts[a].in_use + 1, m = b->hosts[other].in_use + 1;

	if (b->least_busy && balance_is_poorer(b, a, n, other, m, now_us))
		return true;
	if (b->least_busy && balance_is_poorer(b, other, m, a, n, now_us))
		return false;
	return (int64_t)(b->hosts[a].given - b->hosts[other].given) < 0;
}

unsigned
balance_choose(struct balance *b, uint32_t mask, int64_t now_us)
{
	unsigned best = (unsigned)__builtin_ctz(mask);

	if ((mask & (mask - 1)) == 0)
		return best;
	for (uint32_t left = mask; left != 0; left &= left - 1) {
		unsigned host = (unsigned)__builtin_ctz(left);

		balance_keep_near(b, host, LOAN_ONE / balance_weight(b, host, now_us));
		if (host != best && balance_is_before(b, host, best, now_us))
			best = host;
	}
	return best;
}

void
balance_gave(struct balance *b, unsigned host, int64_t now_us)
{
	struct share *s = &b->hosts[host];

	b->last = host;
	if ((int64_t)(s->given - b->now) > 0)
		b->now = s->given;
	s->given += LOAN_ONE / balance_weight(b, host, now_us);
}
