/*
 * test_list.c - the intrusive ring.
 */
#include "base/list.h"

#include "test.h"

struct item {
	int number;
	struct list node;
};

static struct list head;
static struct item items[3];

static void
fill(void)
{
	list_init(&head);
	for (int i = 0; i < 3; i++) {
		items[i].number = i;
		list_push_back(&head, &items[i].node);
	}
}

/* The numbers in order, as decimal digits behind a 1. */
static int
walk(void)
{
	int digits = 1;

	list_for_each (node, &head)
		digits = digits * 10 + list_entry(node, struct item, node)->number;
	return digits;
}

TEST("a new ring is empty and has neither first nor last")
{
	list_init(&head);

	expect(list_is_empty(&head));
	expect(list_first(&head) == NULL);
	expect(list_last(&head) == NULL);
	expect(list_pop_front(&head) == NULL);
}

TEST("nodes come back in the order in which they were pushed to the back")
{
	fill();

	expect_int(walk(), 1012);
	expect(list_first(&head) == &items[0].node);
	expect(list_last(&head) == &items[2].node);
}

TEST("a node pushed to the front is the next to be popped")
{
	struct item urgent = {.number = 9};

	fill();
	list_push_front(&head, &urgent.node);

	expect_int(walk(), 19012);
	expect(list_pop_front(&head) == &urgent.node);
	expect_int(walk(), 1012);
}

TEST("a node is inserted behind the place that is named")
{
	struct item more = {.number = 7};

	fill();
	list_insert_after(&items[1].node, &more.node);

	expect_int(walk(), 10172);
}

TEST("removing takes one node out, and removing it again is harmless")
{
	fill();
	list_remove(&items[1].node);
	list_remove(&items[1].node);

	expect_int(walk(), 102);
	expect(list_is_empty(&items[1].node));
}

TEST("a safe walk may remove every node that it is given")
{
	int count = 0;

	fill();
	list_for_each_safe (node, &head) {
		list_remove(node);
		count++;
	}

	expect_int(count, 3);
	expect(list_is_empty(&head));
}
