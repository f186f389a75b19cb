/*
 * regress/unit/test_state_file.c - what is known of timelines survives in a file, and damage costs no more than its line.
 */
#include "cluster/state_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/lineages.h"
#include "net/loop.h"
#include "test.h"

static const struct state_row first = {7300000000000000001u, {.timeline = 3, .parent = 2, .fork_lsn = 0x203000148}};
static const struct state_row second = {18446744073709551615u, {.timeline = 4294967295u}};

/* A folder for one test; its name is static. */
static const char *
folder(void)
{
	static char name[40];

	snprintf(name, sizeof(name), "/tmp/test_state_file.XXXXXX");
	if (mkdtemp(name) == NULL)
		abort();
	return name;
}

static struct state
two_rows(void)
{
	struct state s = {0};

	state_raise(&s, &first);
	state_raise(&s, &second);
	return s;
}

static struct state
parsed(const char *text)
{
	struct state s = {0};

	state_parse(&s, text, strlen(text));
	return s;
}

TEST("what was written is read again")
{
	struct state before = two_rows(), after = {0};
	char *path = text_format("%s/state", folder());

	expect(state_file_read(&after, path));
	expect_int(after.count, 0);
	expect(state_file_write(&before, path));
	expect(state_file_read(&after, path));

	expect_int(after.count, 2);
	expect_int(after.damaged, 0);
	expect(after.rows[0].system_identifier == first.system_identifier);
	expect(memcmp(&after.rows[0].lineage, &first.lineage, sizeof(first.lineage)) == 0);
	expect(memcmp(&after.rows[1].lineage, &second.lineage, sizeof(second.lineage)) == 0);
	unlink(path);
	free(path);
}

TEST("every byte that is changed or cut costs at most its own line, and no line is misread")
{
	struct state good = two_rows();
	struct bytes text = {0};
	size_t lines;

	state_format(&good, &text);
	lines = (size_t)((char *)memchr(text.data, '\n', text.length) - text.data) + 1;
	for (size_t at = lines; at < text.length; at++) {
		struct state s = {0};
		char was = text.data[at];

		text.data[at] ^= 1;
		state_parse(&s, text.data, text.length);
		text.data[at] = was;
		expect(s.count <= 1 || s.damaged == 0);
		for (unsigned i = 0; i < s.count; i++)
			expect(s.rows[i].lineage.timeline == first.lineage.timeline ||
			    s.rows[i].lineage.timeline == second.lineage.timeline);
	}
	for (size_t length = lines; length < text.length; length++) {
		struct state s = {0};

		state_parse(&s, text.data, length);
		expect(s.count <= 2);
		expect(s.count == 0 || s.rows[0].system_identifier == first.system_identifier);
	}
	bytes_free(&text);
}

TEST("rubbish is counted, comments are not")
{
	char binary[300];
	struct state s = {0};

	memset(binary, 0xff, sizeof(binary));
	state_parse(&s, binary, sizeof(binary));
	expect_int(s.damaged, 1);
	expect_int(s.count, 0);
	s = parsed("# a comment\n\nrubbish\n7300000000000000001 3 2 0/0 00000000\n");
	expect_int(s.damaged, 2);
	expect_int(s.count, 0);
}

TEST("the higher timeline counts, and the table does not grow without end")
{
	struct state s = two_rows();
	struct state_row row = first;

	row.lineage.timeline = 2;
	expect_false(state_raise(&s, &row));
	row.lineage.timeline = 4;
	expect(state_raise(&s, &row));
	for (unsigned i = 1; i < 1000; i++)
		state_raise(&s, &(struct state_row){.system_identifier = i, .lineage = {.timeline = 1}});

	expect_int(s.count, STATE_ROWS_MOST);
	expect_int(s.rows[0].lineage.timeline, 4);
}

TEST("what is no file is left alone, and a folder that is not there is an error")
{
	struct state s = two_rows();

	expect_false(state_file_write(&s, "/dev/null"));
	expect_int(errno, EINVAL);
	expect_false(state_file_read(&s, "/dev/null"));
	expect_false(state_file_write(&s, "/nowhere/at/all"));
	expect_int(errno, ENOENT);
}

TEST("the table keeps its file, and what another process wrote into it meanwhile")
{
	const char *where = folder();
	char *path = text_format("%s/state", where);
	struct state other = {0}, after = {0};
	struct loop *loop = loop_new(0, NULL);
	struct lineages *l = lineages_new(loop);

	lineages_keep_in(l, path);
	state_raise(&other, &second);
	expect(state_file_write(&other, path));
	lineages_raise(l, 7, &(struct lineage){.timeline = 2});
	lineages_raise(l, 7, &(struct lineage){.timeline = 3});
	lineages_free(l);
	loop_free(loop);

	expect(state_file_read(&after, path));
	expect_int(after.count, 2);
	expect_int(after.rows[0].lineage.timeline, 3);
	unlink(path);
	expect_int(rmdir(where), 0);
	free(path);
}
