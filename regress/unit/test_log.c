/*
 * test_log.c - log lines: their form, their levels, and that no client can write
 * one of its own.
 */
#include "observe/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <unistd.h>

#include "test.h"

static char path[] = "/tmp/test_log.XXXXXX";
static char text[1 << 20];

/* An empty log file, and nothing to standard error. */
static void
begin(int verbosity)
{
	static bool is_made;

	if (!is_made)
		close(mkstemp(path));
	is_made = true;
	close(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
	expect(log_open(path, true, verbosity));
}

static const char *
written_to(const char *file)
{
	int fd = open(file, O_RDONLY);
	ssize_t length = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[length > 0 ? length : 0] = '\0';
	return text;
}

static bool
matches(const char *actual, const char *pattern)
{
	regex_t compiled;
	bool ok;

	expect(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) == 0);
	ok = regexec(&compiled, actual, 0, NULL, 0) == 0;
	regfree(&compiled);
	if (!ok)
		printf("    does not match: %s\n", actual);
	return ok;
}

TEST("a line has time, zone, process, level, subject and message")
{
	begin(0);

	log_info("C-0x12: db/user@10.0.0.1:5", "login attempt: %s=%d", "tls", 0);

	expect(matches(written_to(path),
	    "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3} [A-Z0-9+-]+ "
	    "\\[[0-9]+\\] LOG C-0x12: db/user@10.0.0.1:5 login attempt: tls=0\n$"));
}

TEST("the second line of a second has the same form as the first")
{
	begin(0);

	for (int i = 0; i < 3; i++)
		log_warning(NULL, "again");

	expect(matches(
	    written_to(path), "^([0-9-]{10} [0-9:]{8}\\.[0-9]{3} [A-Z0-9+-]+ \\[[0-9]+\\] WARNING again\n){3}$"));
}

TEST("verbosity decides which levels are written")
{
	begin(0);
	log_debug("", "one");
	log_set_verbosity(1);
	log_debug("", "two");
	log_noise("", "three");
	log_set_verbosity(2);
	log_noise("", "four");
	log_fatal("", "five");
	log_error("", "six");

	expect(matches(written_to(path), "^[^\n]*DEBUG two\n[^\n]*NOISE four\n[^\n]*FATAL five\n[^\n]*ERROR six\n$"));
}

TEST("a client cannot begin a line of its own")
{
	begin(0);

	log_info("C: db\n2026/u", "app \"%s\"", "x\r\n2026-01-01 FATAL forged\x1b[2J\x7f");

	expect(matches(written_to(path),
	    "LOG C: db\\\\x0a2026/u app \"x\\\\x0d\\\\x0a2026-01-01 FATAL forged\\\\x1b\\[2J\\\\x7f\"\n$"));
	expect(strchr(text, '\n') == text + strlen(text) - 1);
}

TEST("a text beyond 8 KB is cut and says so")
{
	static char big[20000];

	begin(0);
	memset(big, 'x', sizeof(big) - 1);

	log_info(NULL, "%s", big);

	expect_int(strlen(written_to(path)), 8192);
	expect(matches(text, "xxx\\.\\.\\.\n$"));
}

TEST("a cut does not leave half a character")
{
	static char big[20000];

	begin(0);
	for (size_t i = 0; i + 2 < sizeof(big); i += 2)
		memcpy(big + i, "\xc3\xa4", 3);

	log_info(NULL, "%s", big);
	log_info(NULL, "x%s", big);

	expect(strstr(written_to(path), "\xc3...") == NULL);
}

TEST("errno survives a log line")
{
	begin(0);
	errno = ENOENT;

	log_info(NULL, "x");

	expect_int(errno, ENOENT);
}

TEST("the file is opened again by its name")
{
	char moved[64];

	begin(0);
	snprintf(moved, sizeof(moved), "%s.1", path);
	log_info(NULL, "before");
	expect(rename(path, moved) == 0);
	log_info(NULL, "between");
	expect(log_reopen());
	log_info(NULL, "after");

	expect(matches(written_to(moved), "^[^\n]*before\n[^\n]*between\n$"));
	expect(matches(written_to(path), "^[^\n]*after\n$"));
	unlink(moved);
}

TEST("a file that cannot be opened leaves the old one in use")
{
	begin(0);

	expect_false(log_open("/nonexistent/log", true, 0));
	log_info(NULL, "still here");

	expect(matches(written_to(path), "still here\n$"));
}

TEST("without a file nothing more is written to the old one")
{
	begin(0);
	expect(log_open("", true, 0));
	log_info(NULL, "nowhere");

	expect_text(written_to(path), "");
}

static void *
write_many(void *context)
{
	for (int i = 0; i < 1000; i++)
		log_info(context, "line with some text behind it");
	return NULL;
}

TEST("lines of several threads stay whole while the file is rotated")
{
	pthread_t threads[4];

	begin(0);
	for (size_t i = 0; i < array_length(threads); i++)
		pthread_create(&threads[i], NULL, write_many, "T");
	for (int i = 0; i < 100; i++)
		log_reopen();
	for (size_t i = 0; i < array_length(threads); i++)
		pthread_join(threads[i], NULL);

	expect(matches(written_to(path), "^([^\n]* LOG T line with some text behind it\n)+$"));
	int lines = 0;
	for (const char *at = text; *at != '\0'; at++)
		lines += *at == '\n';
	expect_int(lines, 4000);
	unlink(path);
}
