/*
 * config_text.h - a configuration from a text, and what was said to it.
 */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include "config/config.h"

#include <string.h>

#include "test.h"

/* What the last text was told. */
static struct bytes errors, warnings;

static inline struct snapshot *
load_text(const char *text)
{
	bytes_clear(&errors);
	bytes_clear(&warnings);
	return config_load_text("t.ini", text, strlen(text), &errors, &warnings);
}

/* What was said; "" when nothing was. */
static inline const char *
said(const struct bytes *lines)
{
	return lines->length > 0 ? lines->data : "";
}

/* The errors of a text that must not load. */
static inline const char *
refused(const char *text)
{
	struct snapshot *s = load_text(text);

	expect(s == NULL);
	snapshot_unref(s);
	return said(&errors);
}

#endif
