/*
 * cluster/state_file.c - reading and replacing the file.
 *
 *   7300000000000000001 3 2 0/3000148 1f0c55aa
 *   system identifier, highest timeline elected, forked from, where, checksum
 *
 * A digit that flips would fence a healthy primary, hence the checksums.
 */
#include "cluster/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_LINE_MOST 128
#define STATE_FILE_MOST ((size_t)STATE_LINE_MOST * (STATE_ROWS_MOST + 16))

static const char head[] = "# pgweir: system identifier, highest timeline elected, forked from, where, checksum\n";

/* FNV-1a. */
static uint32_t
state_checksum(const char *text, size_t length)
{
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < length; i++)
		sum = (sum ^ (unsigned char)text[i]) * 16777619u;
	return sum;
}

/* ------------------------------------------------------------------ text */

static bool
state_read_line(const char *line, struct state_row *row)
{
	unsigned long long identifier;
	unsigned timeline, parent, high, low, sum;
	int end = 0, whole = 0;
	int read = sscanf(line, "%20llu %10u %10u %8X/%8X%n %8x%n", &identifier, &timeline, &parent, &high, &low, &end,
	    &sum, &whole);

	if (read != 6 || line[whole] != '\0' || sum != state_checksum(line, (size_t)end))
		return false;
	row->system_identifier = identifier;
	row->lineage = (struct lineage){.timeline = timeline, .parent = parent, .fork_lsn = (uint64_t)high << 32 | low};
	return identifier != 0 && timeline != 0;
}

bool
state_raise(struct state *s, const struct state_row *row)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (s->rows[i].system_identifier != row->system_identifier)
			continue;
		if (s->rows[i].lineage.timeline >= row->lineage.timeline)
			return false;
		s->rows[i] = *row;
		return true;
	}
	if (s->count == STATE_ROWS_MOST)
		return false;
	s->rows[s->count++] = *row;
	return true;
}

static void
state_take_line(struct state *s, const char *at, size_t length)
{
	char line[STATE_LINE_MOST];
	struct state_row row;

	if (length == 0 || at[0] == '#')
		return;
	snprintf(line, sizeof(line), "%.*s", (int)min_of(length, sizeof(line)), at);
	if (length < sizeof(line) && state_read_line(line, &row))
		state_raise(s, &row);
	else
		s->damaged++;
}

void
state_parse(struct state *s, const char *text, size_t length)
{
	while (length > 0) {
		const char *end = memchr(text, '\n', length);
		size_t line = end != NULL ? (size_t)(end - text) : length;

		state_take_line(s, text, line);
		line += end != NULL;
		text += line;
		length -= line;
	}
}

void
state_format(const struct state *s, struct bytes *out)
{
	bytes_chars(out, head);
	for (unsigned i = 0; i < s->count; i++) {
		const struct lineage *l = &s->rows[i].lineage;
		size_t start = out->length;

		bytes_format(out, "%" PRIu64 " %u %u %X/%X", s->rows[i].system_identifier, l->timeline, l->parent,
		    (unsigned)(l->fork_lsn >> 32), (unsigned)l->fork_lsn);
		bytes_format(out, " %08x\n", state_checksum(out->data + start, out->length - start));
	}
}

/* ------------------------------------------------------------------ file */

static bool
file_read_all(int fd, struct bytes *out)
{
	ssize_t got;

	do {
		got = read(fd, bytes_reserve(out, 4096), 4096);
		out->length += got > 0 ? (size_t)got : 0;
	} while ((got > 0 && out->length < STATE_FILE_MOST) || (got < 0 && errno == EINTR));
	return got >= 0;
}

bool
state_file_read(struct state *s, const char *path)
{
	/* A FIFO in its place must not stop the process. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct bytes text = {0};
	struct stat about;
	bool ok;

	if (fd < 0)
		return errno == ENOENT;
	if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
		close(fd);
		errno = EINVAL;
		return false;
	}
	ok = file_read_all(fd, &text);
	if (ok)
		state_parse(s, text.data, text.length);
	bytes_free(&text);
	close(fd);
	return ok;
}

static bool
file_write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t done = write(fd, data, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data += done;
		length -= (size_t)done;
	}
	return fsync(fd) == 0;
}

/* The new name is on disk only with its folder; not every file system can do that. */
static void
folder_sync(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? text_copy(".") : text_copy_n(path, slash == path ? 1 : (size_t)(slash - path));
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(folder);
}

static bool
state_write_beside(const struct state *s, const char *beside)
{
	struct bytes text = {0};
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok;

	if (fd < 0)
		return false;
	state_format(s, &text);
	ok = file_write_all(fd, text.data, text.length);
	ok = close(fd) == 0 && ok;
	bytes_free(&text);
	return ok;
}

bool
state_file_write(const struct state *s, const char *path)
{
	/* Two processes take turns at an online restart. */
	char *beside = text_format("%s.%ld", path, (long)getpid());
	struct stat about;
	bool ok;
	int error;

	if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
		free(beside);
		errno = EINVAL;
		return false;
	}
	unlink(beside);
	ok = state_write_beside(s, beside) && rename(beside, path) == 0;
	error = errno;
	if (ok)
		folder_sync(path);
	else
		unlink(beside);
	free(beside);
	errno = error;
	return ok;
}
