/*
 * session/ignore.c - session_features = ignore: PgBouncer's behaviour in transaction
 * mode.  Texts are not judged for what they do to the session, nothing is asked
 * when a transaction is over, and nothing is cleaned.
 *
 * Servers report the settings that follow a client there; only pgweir's own have to
 * be looked for, and only where they mean anything.
 */
#include "session/ignore.h"

#include <string.h>
#include <strings.h>

#include "cluster/cluster.h"

#define OWN_PREFIX "pgweir."

static const char *const tracked[] = {"client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name"};

/* The list is short and has no blanks to speak of: names in it are separated by commas. */
static bool
extra_has(const char *list, const char *name)
{
	size_t length = strlen(name);

	while (*list != '\0') {
		list += strspn(list, " \t,");
		if (strncasecmp(list, name, length) == 0 && strchr(" \t,", list[length]) != NULL)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

bool
ignore_asks(const char *name)
{
	return strncasecmp(name, OWN_PREFIX, strlen(OWN_PREFIX)) == 0;
}

bool
ignore_follows(const struct session *s, const char *name)
{
	for (size_t i = 0; i < array_length(tracked); i++)
		if (strcasecmp(tracked[i], name) == 0)
			return true;
	return ignore_asks(name) || extra_has(s->snapshot->global.track_extra_parameters, name);
}

bool
ignore_looks(const struct session *s, const char *text)
{
	return cluster_is_monitored(s->server->cluster) && strcasestr(text, OWN_PREFIX) != NULL;
}
