/*
 * test_ini.c - the dialect of the configuration files, as our reader and inih
 * take it together.
 */
#include "config/ini.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "test.h"

static struct bytes seen;

/* Writes what was visited as `number[section]key=value`, `number[section]` or `number!problem`, a line each. */
static void
note(void *context, const struct ini_line *line)
{
	(void)context;
	if (line->problem != NULL)
		bytes_format(&seen, "%u!%s\n", line->number, line->problem);
	else if (line->key == NULL)
		bytes_format(&seen, "%u[%s]\n", line->number, line->section);
	else
		bytes_format(&seen, "%u[%s]%s=%s\n", line->number, line->section, line->key, line->value);
}

static const char *
seen_text(void)
{
	bytes_u8(&seen, 0);
	return seen.data;
}

static const char *
read_bytes(const char *text, size_t length)
{
	bytes_clear(&seen);
	ini_read_text("test.ini", text, length, note, NULL);
	return seen_text();
}

static const char *
read_ini(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

TEST("sections, keys and values are told apart, and blanks around them do not count")
{
	expect_text(
	    read_ini("[a]\nx=1\n  y\t =  two words  \r\n[b]\nz="), "1[a]\n2[a]x=1\n3[a]y=two words\n4[b]\n5[b]z=\n");
}

TEST("a comment is a comment only where it is the first thing on a line")
{
	expect_text(
	    read_ini("; one\n  # two\n[a]\nx = 1 ; kept # kept\ny=;z\n"), "3[a]\n4[a]x=1 ; kept # kept\n5[a]y=;z\n");
}

TEST("a value keeps its colons, equals signs and quotes")
{
	expect_text(read_ini("[a]\nx = b:c=d\ny = 'q' \"r\"\n"), "1[a]\n2[a]x=b:c=d\n3[a]y='q' \"r\"\n");
}

TEST("a quoted key may contain anything, also what separates keys from values")
{
	expect_text(read_ini("[a]\n'x=y:z [;#' = 1\n\"p=\"\"q\"\"\"=2\n' b ' = 3\n"),
	    "1[a]\n2[a]x=y:z [;#=1\n3[a]p=\"q\"=2\n4[a] b =3\n");
}

TEST("a key without quotes is made of letters, digits and _ . * -")
{
	expect_text(read_ini("[a]\nAz09_.*-=1\n"), "1[a]\n2[a]Az09_.*-=1\n");
	expect_text(read_ini("[a]\nb c=1\nb/c=2\n=3\n"),
	    "1[a]\n2!key contains a character that needs quotes around the key\n"
	    "3!key contains a character that needs quotes around the key\n4!expected a key before \"=\"\n");
}

TEST("a colon does not separate a key from its value")
{
	expect_text(read_ini("[a]\nx: 1\n"), "1[a]\n2!expected \"key = value\"\n");
	expect_text(read_ini("[a]\nx:y = 1\n"), "1[a]\n2!key contains a character that needs quotes around the key\n");
}

TEST("a line that is none of these is a problem at its number, and reading goes on")
{
	expect_text(read_ini("[a]\nnonsense\n= 1\n'open = 2\n[b\n[c] d\nx=1\n"),
	    "1[a]\n2!expected \"key = value\"\n3!expected a key before \"=\"\n4!quoted key is not closed\n"
	    "5!section header is not closed\n6!nothing may follow a section header\n7[a]x=1\n");
}

TEST("an indented line is a line of its own, not the end of the one before")
{
	expect_text(read_ini("[a]\nx=1\n\ty=2\n"), "1[a]\n2[a]x=1\n3[a]y=2\n");
}

TEST("an empty section is seen, and so is a section that comes again")
{
	expect_text(read_ini("[a]\n[b]\n[a]\n"), "1[a]\n2[b]\n3[a]\n");
}

TEST("a byte order mark and a missing last newline do not matter")
{
	expect_text(read_ini("\xef\xbb\xbf[a]\nx=1"), "1[a]\n2[a]x=1\n");
}

TEST("a byte order mark anywhere else is a character of a key")
{
	expect_text(read_ini("bad\n\xef\xbb\xbf[a=1\n"),
	    "1!expected \"key = value\"\n2!key contains a character that needs quotes around the key\n");
}

TEST("a zero byte is a problem of its line alone")
{
	expect_text(read_bytes("[a]\nx=1\0 2\ny=3\n", 15), "1[a]\n2!line contains a zero byte\n3[a]y=3\n");
}

TEST("control characters cannot hide in a key")
{
	expect_text(read_ini("[a]\n'b\002c' = 1\nb\001=1\n\003\n"),
	    "1[a]\n2!key contains a control character\n3!key contains a control character\n4!key contains a control "
	    "character\n");
}

TEST("values far longer than the library's first buffer come whole")
{
	struct bytes text = {0};
	char *value = malloc(100001);

	memset(value, 'v', 100000);
	value[100000] = '\0';
	bytes_format(&text, "[a]\nx=%s\ny=1\n", value);
	bytes_clear(&seen);
	ini_read_text("long.ini", text.data, text.length, note, NULL);

	expect_int(seen.length, strlen("1[a]\n2[a]x=\n3[a]y=1\n") + 100000);
	expect(memmem(seen.data, seen.length, "\n3[a]y=1\n", 9) != NULL);
	bytes_free(&text);
	free(value);
}

TEST("values of every length around the buffer's sizes come whole")
{
	char text[4200];

	for (size_t length = 1000; length < 4100; length++) {
		memset(text, 'x', length);
		memcpy(text, "[a]\nx=", 6);
		text[length] = '\0';
		bytes_clear(&seen);
		ini_read_text("long.ini", text, length, note, NULL);
		if (seen.length != strlen("1[a]\n2[a]x=\n") + length - 6) {
			expect_int(seen.length, strlen("1[a]\n2[a]x=\n") + length - 6);
			break;
		}
	}
}

TEST("a line of more than a megabyte is refused, and the next one is read")
{
	size_t length = (1 << 20) + 100;
	char *text = malloc(length + 8);

	memset(text, 'x', length);
	memcpy(text, "[a]\nx=", 6);
	memcpy(text + length, "\ny=1\n", 6);

	expect_text(read_ini(text), "1[a]\n2!line is too long\n3[a]y=1\n");
	free(text);
}

TEST("an included file is read in place, in the section where it stands, with its own numbers")
{
	char directory[] = "/tmp/test_ini.XXXXXX", path[64], main_path[64], text[160];

	expect(mkdtemp(directory) != NULL);
	snprintf(path, sizeof(path), "%s/in c.ini", directory);
	snprintf(main_path, sizeof(main_path), "%s/main.ini", directory);
	write_file(path, "y=2\n[b]\n\nbad\n");
	snprintf(text, sizeof(text), "[a]\nx=1\n %%include %s \nz=3\n", path);
	write_file(main_path, text);
	bytes_clear(&seen);

	ini_read_file(main_path, note, NULL);

	expect_text(seen_text(), "1[a]\n2[a]x=1\n1[a]y=2\n2[b]\n4!expected \"key = value\"\n4[b]z=3\n");
	unlink(path);
	unlink(main_path);
	rmdir(directory);
}

TEST("an include is looked for in the working directory, not beside the file that names it")
{
	char directory[] = "/tmp/test_ini.XXXXXX", before[512], inner[64], main_path[64];

	expect(getcwd(before, sizeof(before)) != NULL);
	expect(mkdtemp(directory) != NULL && chdir(directory) == 0);
	expect_int(mkdir("sub", 0700), 0);
	snprintf(inner, sizeof(inner), "%s/inc.ini", directory);
	snprintf(main_path, sizeof(main_path), "%s/sub/main.ini", directory);
	write_file(inner, "y=2\n");
	write_file(main_path, "[a]\n%include inc.ini\n%includeinc.ini\n");
	bytes_clear(&seen);

	ini_read_file("sub/main.ini", note, NULL);

	expect_text(seen_text(), "1[a]\n1[a]y=2\n3!expected \"key = value\"\n");
	unlink(inner);
	unlink(main_path);
	expect_int(rmdir("sub") + chdir(before) + rmdir(directory), 0);
}

TEST("a file that includes itself ends at the tenth level")
{
	char path[] = "/tmp/test_ini.XXXXXX", text[80];
	int fd = mkstemp(path);

	expect(fd >= 0);
	close(fd);
	snprintf(text, sizeof(text), "%%include %s\n", path);
	write_file(path, text);
	bytes_clear(&seen);

	ini_read_file(path, note, NULL);

	expect_text(seen_text(), "1!%include is nested more than 10 deep\n");
	unlink(path);
}

TEST("a file that is not there, or is a directory, is a problem with a name")
{
	bytes_clear(&seen);
	ini_read_file("/nonexistent/x.ini", note, NULL);
	ini_read_file("/tmp", note, NULL);
	expect_text(seen_text(), "0!No such file or directory\n0!Is a directory\n");
}

TEST("a text cannot include files")
{
	expect_text(read_ini("%include /etc/passwd\n%includefoo = 1\n"),
	    "1!%include is not possible here\n2!key contains a character that needs quotes around the key\n");
}
