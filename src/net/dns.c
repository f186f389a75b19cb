/*
 * net/dns.c - a cache of look-ups, and who waits for them.
 *
 *     dns_find ── known ──▶ answer
 *              └─ not known ─▶ wait ─▶ getaddrinfo in the thread pool (one per name)
 *                                           └─▶ every waiter, by message to its loop
 *
 * A look-up belongs to the loop of the first who asked.
 */
#include "net/dns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/map.h"
#include "net/loop.h"
#include "observe/log.h"

/* Names that nobody has asked for in this long are forgotten. */
#define FORGOTTEN_AFTER_US ((int64_t)3600 * 1000000)

struct dns_name {
	UT_hash_handle hh;
	char *name;                      /* owned, key */
	struct dns_addresses *addresses; /* owned reference: of the last look-up that found any; NULL before */
	bool failed;                     /* the last one found nothing */
	bool looking;
	int64_t looked_us;               /* monotonic; 0: never */
	unsigned turn;
	struct list waits;               /* of dns_wait.node */
	unsigned waiting;
	uv_getaddrinfo_t request;
};

struct dns_wait {
	struct message message;
	struct list node;
	struct loop *loop;     /* borrowed */
	struct dns_name *name; /* borrowed while it waits */
	void (*found)(void *user, struct dns_answer answer);
	void *user;            /* borrowed */
	struct dns_answer answer;
	bool answered;         /* the message is on its way */
	bool cancelled;
};

static struct {
	pthread_mutex_t mutex;
	struct dns_name *names; /* uthash by name */
	int64_t max_ttl_us, nxdomain_ttl_us;
	void (*changed)(void *user, const char *name, struct dns_addresses *now);
	void *user; /* borrowed */
} dns = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ------------------------------------------------------------- addresses */

struct dns_addresses *
dns_addresses_ref(struct dns_addresses *a)
{
	if (a != NULL)
		atomic_fetch_add(&a->references, 1);
	return a;
}

void
dns_addresses_unref(struct dns_addresses *a)
{
	if (a != NULL && atomic_fetch_sub(&a->references, 1) == 1)
		free(a);
}

bool
dns_addresses_have(const struct dns_addresses *a, const char *text)
{
	for (unsigned i = 0; i < a->count; i++)
		if (strcmp(a->list[i].text, text) == 0)
			return true;
	return false;
}

static bool
addresses_are_equal(const struct dns_addresses *a, const struct dns_addresses *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (!dns_addresses_have(b, a->list[i].text))
			return false;
	return true;
}

static bool
address_take(struct dns_address *to, const struct addrinfo *from)
{
	if (from->ai_addrlen > sizeof(to->address) || (from->ai_family != AF_INET && from->ai_family != AF_INET6))
		return false;
	memcpy(&to->address, from->ai_addr, from->ai_addrlen);
	to->length = from->ai_addrlen;
	return getnameinfo(from->ai_addr, from->ai_addrlen, to->text, sizeof(to->text), NULL, 0, NI_NUMERICHOST) == 0;
}

/* Each address once; NULL when there is none. */
static struct dns_addresses *
addresses_new(const struct addrinfo *found)
{
	struct dns_addresses *a;
	unsigned count = 0;

	for (const struct addrinfo *one = found; one != NULL; one = one->ai_next)
		count++;
	a = memory_new(sizeof(*a) + count * sizeof(a->list[0]));
	atomic_init(&a->references, 1);
	for (const struct addrinfo *one = found; one != NULL; one = one->ai_next)
		if (address_take(&a->list[a->count], one) && !dns_addresses_have(a, a->list[a->count].text))
			a->count++;
	if (a->count > 0)
		return a;
	free(a);
	return NULL;
}

/* ----------------------------------------------------------------- cache */

static int64_t
name_ttl_us(const struct dns_name *n, int64_t now_us)
{
	int64_t ttl_us = n->failed ? dns.nxdomain_ttl_us : dns.max_ttl_us;

	return n->looking || n->looked_us == 0 ? 0 : max_of(n->looked_us + ttl_us - now_us, (int64_t)0);
}

static struct dns_answer
name_answer(struct dns_name *n)
{
	struct dns_answer answer = {0};

	if (n->failed || n->addresses == NULL)
		return answer;
	answer.addresses = dns_addresses_ref(n->addresses);
	answer.first = n->turn++ % n->addresses->count;
	return answer;
}

static void
name_free(struct dns_name *n)
{
	HASH_DEL(dns.names, n);
	dns_addresses_unref(n->addresses);
	free(n->name);
	free(n);
}

static void
dns_forget_old(int64_t now_us)
{
	struct dns_name *n, *next;

	HASH_ITER(hh, dns.names, n, next)
		if (!n->looking && n->looked_us + FORGOTTEN_AFTER_US < now_us)
			name_free(n);
}

static struct dns_name *
dns_name_of(const char *name)
{
	struct dns_name *n;

	HASH_FIND(hh, dns.names, name, strlen(name), n);
	if (n != NULL)
		return n;
	dns_forget_old(clock_monotonic_us());
	n = memory_new(sizeof(*n));
	n->name = text_copy(name);
	list_init(&n->waits);
	HASH_ADD_KEYPTR(hh, dns.names, n->name, strlen(n->name), n);
	return n;
}

/* --------------------------------------------------------------- look-up */

static void
wait_deliver(struct message *m)
{
	struct dns_wait *w = container_of(m, struct dns_wait, message);

	if (w->cancelled)
		dns_addresses_unref(w->answer.addresses);
	else
		w->found(w->user, w->answer);
	free(w);
}

static void
name_serve(struct dns_name *n)
{
	struct list *node;

	while ((node = list_pop_front(&n->waits)) != NULL) {
		struct dns_wait *w = list_entry(node, struct dns_wait, node);

		w->answered = true;
		w->answer = name_answer(n);
		w->message.run = wait_deliver;
		n->waiting--;
		loop_post(w->loop, &w->message);
	}
}

/* Takes what was found; true when these are other addresses than before. */
static bool
name_take(struct dns_name *n, struct dns_addresses *found)
{
	bool changes = found != NULL && (n->addresses == NULL || !addresses_are_equal(n->addresses, found));

	n->looking = false;
	n->looked_us = clock_monotonic_us();
	n->failed = found == NULL;
	if (changes) {
		dns_addresses_unref(n->addresses);
		n->addresses = dns_addresses_ref(found);
	}
	return changes;
}

static void
name_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct dns_name *n = container_of(request, struct dns_name, request);
	struct dns_addresses *found = status == 0 ? addresses_new(list) : NULL;
	char *name = text_copy(n->name);
	bool changes;

	uv_freeaddrinfo(list);
	if (found == NULL)
		log_warning(NULL, "could not look up host \"%s\": %s", name, status < 0 ? uv_strerror(status) : "no address");
	pthread_mutex_lock(&dns.mutex);
	changes = name_take(n, found);
	name_serve(n);
	pthread_mutex_unlock(&dns.mutex);
	if (changes && dns.changed != NULL)
		dns.changed(dns.user, name, found);
	dns_addresses_unref(found);
	free(name);
}

static void
name_look_up(struct dns_name *n, struct loop *loop)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};

	n->looking = true;
	if (uv_getaddrinfo(loop_uv(loop), &n->request, name_looked_up, n->name, NULL, &hints) == 0)
		return;
	name_take(n, NULL);
	name_serve(n);
}

bool
dns_find(struct loop *loop, const char *name, struct dns_answer *out, struct dns_wait **wait,
    void (*found)(void *user, struct dns_answer answer), void *user)
{
	struct dns_name *n;
	bool known;

	pthread_mutex_lock(&dns.mutex);
	n = dns_name_of(name);
	known = name_ttl_us(n, clock_monotonic_us()) > 0;
	if (known) {
		*out = name_answer(n);
	} else {
		*wait = memory_new(sizeof(**wait));
		**wait = (struct dns_wait){.loop = loop, .name = n, .found = found, .user = user};
		list_push_back(&n->waits, &(*wait)->node);
		n->waiting++;
		if (!n->looking)
			name_look_up(n, loop);
	}
	pthread_mutex_unlock(&dns.mutex);
	return known;
}

void
dns_cancel(struct dns_wait *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&dns.mutex);
	if (w->answered) {
		w->cancelled = true;
	} else {
		list_remove(&w->node);
		w->name->waiting--;
		free(w);
	}
	pthread_mutex_unlock(&dns.mutex);
}

void
dns_configure(int64_t max_ttl_us, int64_t nxdomain_ttl_us)
{
	pthread_mutex_lock(&dns.mutex);
	dns.max_ttl_us = max_ttl_us;
	dns.nxdomain_ttl_us = nxdomain_ttl_us;
	pthread_mutex_unlock(&dns.mutex);
}

void
dns_on_change(void (*changed)(void *user, const char *name, struct dns_addresses *now), void *user)
{
	dns.changed = changed;
	dns.user = user;
}

void
dns_free(void)
{
	struct dns_name *n, *next;

	HASH_ITER(hh, dns.names, n, next) {
		must(!n->looking);
		name_free(n);
	}
}

/* ---------------------------------------------------------------- report */

static char *
name_text(const struct dns_name *n)
{
	struct bytes b = {0};

	for (unsigned i = 0; n->addresses != NULL && !n->failed && i < n->addresses->count; i++) {
		const struct dns_address *a = &n->addresses->list[i];
		bool is_v6 = a->address.ss_family == AF_INET6;

		bytes_format(&b, "%s%s%s%s:0", i > 0 ? "," : "", is_v6 ? "[" : "", a->text, is_v6 ? "]" : "");
	}
	bytes_u8(&b, 0);
	return b.data;
}

static int
row_order(const void *a, const void *b)
{
	return strcmp(((const struct dns_row *)a)->name, ((const struct dns_row *)b)->name);
}

struct dns_report
dns_report(void)
{
	struct dns_report r = {0};
	int64_t now_us = clock_monotonic_us();

	pthread_mutex_lock(&dns.mutex);
	r.rows = memory_array(HASH_COUNT(dns.names) + 1, sizeof(*r.rows));
	for (const struct dns_name *n = dns.names; n != NULL; n = n->hh.next) {
		r.rows[r.names++] = (struct dns_row){.name = text_copy(n->name), .addresses = name_text(n), .ttl_s = name_ttl_us(n, now_us) / 1000000};
		r.queries += n->looking;
		r.pending += n->waiting;
	}
	pthread_mutex_unlock(&dns.mutex);
	qsort(r.rows, r.names, sizeof(r.rows[0]), row_order);
	return r;
}

void
dns_report_free(struct dns_report *r)
{
	for (unsigned i = 0; i < r->names; i++) {
		free(r->rows[i].name);
		free(r->rows[i].addresses);
	}
	free(r->rows);
	*r = (struct dns_report){0};
}
