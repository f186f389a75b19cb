/*
 * test_config_docs.c - the samples and the manual page that the tables write.
 */
#include "config/config.h"

#include "test.h"

static struct bytes errors, warnings;

TEST("the sample with every line uncommented still loads, and the minimal one has ten lines")
{
	struct bytes sample = {0}, live = {0}, minimal = {0};
	unsigned lines = 0;
	struct snapshot *s;

	config_write_sample(&sample);
	for (size_t i = 0; i < sample.length; i++) {
		bool begins = i == 0 || sample.data[i - 1] == '\n';

		if (!(begins && sample.data[i] == ';' && i + 1 < sample.length && sample.data[i + 1] >= 'a' &&
			sample.data[i + 1] <= 'z'))
			bytes_u8(&live, (uint8_t)sample.data[i]);
	}
	bytes_u8(&live, 0);
	s = config_load_text("t.ini", live.data, strlen(live.data), &errors, &warnings);
	expect_int(errors.length, 0);
	expect(s != NULL && snapshot_database(s, "orders") != NULL);
	snapshot_unref(s);

	config_write_minimal_sample(&minimal);
	bytes_u8(&minimal, 0);
	for (char *line = strtok(minimal.data, "\n"); line != NULL; line = strtok(NULL, "\n"))
		lines += line[0] != ';';
	expect_int(lines, 10);
	bytes_free(&sample);
	bytes_free(&live);
	bytes_free(&minimal);
}

TEST("the manual page has every setting")
{
	const char *text = "[pgbouncer]\n";
	struct snapshot *s = config_load_text("t.ini", text, strlen(text), &errors, &warnings);
	struct bytes page = {0}, value = {0};
	const char *key, *def;
	bool changeable;

	config_write_settings_man(&page);
	bytes_u8(&page, 0);
	for (size_t i = 0; config_show(s, i, &key, &value, &def, &changeable); i++) {
		char item[80];

		snprintf(item, sizeof(item), ".It Ic %s Pq", key);
		expect(strstr(page.data, item) != NULL);
	}
	bytes_free(&page);
	bytes_free(&value);
	snapshot_unref(s);
}
