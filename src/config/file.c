/*
 * config/file.c - reads a whole file, with a bound.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrordesc_np: strerror is not safe beside other threads */
#endif
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FILE_LONGEST = 64 << 20, FILE_STEP = 64 << 10 };

static const char *
file_read_all(int fd, struct bytes *out)
{
	ssize_t got;

	do {
		got = read(fd, bytes_reserve(out, FILE_STEP), FILE_STEP);
		if (got > 0)
			out->length += (size_t)got;
		if (out->length > FILE_LONGEST)
			return "file is longer than 64 MB";
	} while (got > 0 || (got < 0 && errno == EINTR));
	return got < 0 ? strerrordesc_np(errno) : NULL;
}

const char *
file_read(const char *path, struct bytes *out)
{
	const char *problem;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return strerrordesc_np(errno);
	problem = file_read_all(fd, out);
	close(fd);
	return problem;
}
