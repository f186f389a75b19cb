/*
 * session/relay_tag.c - what the tag of a complete command says of the session and of the
 * catalog: settings and names that may not be what they were, and data definitions.
 */
#include <string.h>

#include "session/relay_private.h"

/* A definition that may change what names do to a session: of code, or of what calls it. */
static bool
relay_defines_code(const char *tag)
{
	static const char *const kinds[] = {"FUNCTION", "PROCEDURE", "ROUTINE", "AGGREGATE", "TRIGGER", "EVENT TRIGGER", "RULE", "VIEW",
	    "MATERIALIZED VIEW", "POLICY", "DOMAIN", "TYPE", "OPERATOR", "CAST", "EXTENSION", "SCHEMA"};
	const char *kind = strchr(tag, ' ');

	if (kind == NULL || tag[0] == 'D')
		return false;
	for (size_t i = 0; i < array_length(kinds); i++) {
		if (strcmp(kind + 1, kinds[i]) == 0)
			return true;
	}
	return strcmp(tag, "ALTER TABLE") == 0;
}

/* After a text that nobody has judged. */
static void
relay_note_settings(struct session *s)
{
	s->probe |= s->unjudged;
	s->names_unknown |= s->unjudged;
	s->hides |= s->unjudged;
}

/* Of a CALL or DO, whose tag says nothing of what it ran. */
static bool
relay_may_define(const struct session *s)
{
	return s->unjudged || (s->effects & (EFFECT_unknown | EFFECT_defines)) != 0;
}

/* What is said of names may not hold any more; nobody but its session sees what is private, which keeps its server. */
static bool
relay_defines(const struct session *s, const char *tag)
{
	switch (tag[0]) {
	case 'A':
		return strncmp(tag, "ALTER ", 6) == 0;
	case 'I':
		return strcmp(tag, "IMPORT FOREIGN SCHEMA") == 0;
	case 'C':
		return strncmp(tag, "CREATE ", 7) == 0 || (strcmp(tag, "CALL") == 0 && relay_may_define(s));
	default:
		return tag[0] == 'D' && (strncmp(tag, "DROP ", 5) == 0 || (strcmp(tag, "DO") == 0 && relay_may_define(s)));
	}
}

void
relay_look_at_tag(struct session *s, const struct answer *answer, const char *tag)
{
	if (!answer->is_private && relay_defines(s, tag)) {
		s->ddl = true;
		s->defines_code |= relay_defines_code(tag);
	}
	switch (tag[0]) {
	case 'S':
		if (s->unjudged && strcmp(tag, "SET") == 0)
			relay_note_settings(s);
		break;
	case 'R':
		if (strcmp(tag, "RESET") == 0)
			relay_note_settings(s);
		break;
	case 'C':
		if (strcmp(tag, "CALL") == 0)
			relay_note_settings(s);
		break;
	case 'D':
		if (strcmp(tag, "DO") == 0) {
			relay_note_settings(s);
		} else if (strcmp(tag, "DISCARD ALL") == 0) {
			s->discarded = true;
		} else if (strcmp(tag, "DEALLOCATE ALL") != 0) {
			break;
		}
		if (strcmp(tag, "DO") != 0) {
			names_clear(s);
			server_forget_prepared(s->server);
		}
		break;
	default:
		break;
	}
}
