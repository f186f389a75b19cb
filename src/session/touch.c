/*
 * session/touch.c - names of settings that a text may change, found without a parser:
 * several statements at once, the body of a DO, set_config().
 *
 * A name too many costs a column of the probe, one that is missed reaches the next
 * client of that server; so whatever looks like SET name = is taken for it, also in
 * an UPDATE, a comment or a string.
 */
#include <ctype.h>
#include <string.h>

#include "session/ignore.h"
#include "session/session_private.h"

#define NAME_MOST 128

static bool
is_of_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$' || (unsigned char)c >= 128;
}

static const char *
skip_space(const char *at)
{
	while (isspace((unsigned char)*at))
		at++;
	return at;
}

/* Copies the word at AT, in quotes of either kind or none; answers what is behind it, or NULL when there is none. */
static const char *
take_word(const char *at, char name[NAME_MOST])
{
	size_t length = 0;

	at = skip_space(at);
	while (*at == '\'' || *at == '"')
		at++;
	while (is_of_word(at[length]))
		length++;
	if (length == 0 || length >= NAME_MOST)
		return NULL;
	memcpy(name, at, length);
	name[length] = '\0';
	at += length;
	while (*at == '\'' || *at == '"')
		at++;
	return skip_space(at);
}

/* SET [SESSION] name = …, SET name TO …, and what has a name of its own: SET TIME ZONE, SET NAMES. */
static void
touch_set(struct session *s, const char *at)
{
	char name[NAME_MOST];

	at = take_word(at, name);
	if (at != NULL && strcasecmp(name, "session") == 0)
		at = take_word(at, name);
	if (at == NULL || strcasecmp(name, "local") == 0)
		return;
	if (*at == '=' || *at == ':' || text_starts_nocase(at, "to"))
		restore_touch(s, name);
	else if (strcasecmp(name, "role") == 0)
		restore_touch(s, name);
}

static void
touch_reset(struct session *s, const char *at)
{
	char name[NAME_MOST];

	if (take_word(at, name) != NULL && strcasecmp(name, "all") != 0)
		restore_touch(s, name);
}

/* set_config('name', …, false): one that is for the transaction alone leaves nothing. */
static void
touch_set_config(struct session *s, const char *at)
{
	char name[NAME_MOST];
	const char *end;

	at = skip_space(at);
	if (*at == '"')
		at = skip_space(at + 1);
	if (*at != '(' || (at = take_word(at + 1, name)) == NULL || *at != ',')
		return;
	end = strchr(at, ')');
	while (end != NULL && end > at && isspace((unsigned char)end[-1]))
		end--;
	if (end != NULL && end - at > 4 && strncasecmp(end - 4, "true", 4) == 0)
		return;
	restore_touch(s, name);
	s->probe = true;
}

void
touch_named(struct session *s, const char *text)
{
	const char *begin = text;

	if (s->features == FEATURES_IGNORE && !ignore_looks(s, text))
		return;

	for (const char *at = text; (at = strcasestr(at, "set")) != NULL; at += 3) {
		if (strncasecmp(at, "set_config", 10) == 0 && !is_of_word(at[10]))
			touch_set_config(s, at + 10);
		else if (at - begin >= 2 && strncasecmp(at - 2, "re", 2) == 0 && !is_of_word(at[3]))
			touch_reset(s, at + 3);
		else if (!is_of_word(at[3]) && (at == begin || !is_of_word(at[-1])))
			touch_set(s, at + 3);
	}
}
