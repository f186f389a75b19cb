/*
 * replay.c - runs a fuzzer's entry point over files, so that every seed and
 * every input that once found a bug is a test of each flavour.
 *
 * Usage: fuzz_x FILE...; prints "N passed, 0 failed", and dies on what it finds.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static uint8_t *
file_read(const char *path, size_t *length)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes;
	long size;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
		perror(path);
		exit(1);
	}
	rewind(f);
	/* The exact size, so that a read behind the end is seen by AddressSanitizer. */
	bytes = malloc(size > 0 ? (size_t)size : 1);
	if (bytes == NULL)
		abort();
	*length = fread(bytes, 1, (size_t)size, f);
	fclose(f);
	return bytes;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t length;
		uint8_t *bytes = file_read(argv[i], &length);

		LLVMFuzzerTestOneInput(bytes, length);
		free(bytes);
	}
	printf("%d passed, 0 failed\n", argc - 1);
	return 0;
}
