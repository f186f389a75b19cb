/*
 * auth/hba.c - matches a client against the host-based rules, and a system's name
 * against an ident map.  The semantics are PostgreSQL's ("The pg_hba.conf File", "User
 * Name Maps"): the first rule that fits decides, and no rule is tried after it.
 */
#include "auth/hba.h"

#include <string.h>
#include <strings.h>

static bool
hba_type_fits(enum hba_type type, const struct hba_question *q)
{
	if (type == HBA_LOCAL || q->peer.family == 0)
		return type == HBA_LOCAL && q->peer.family == 0;
	switch (type) {
	case HBA_HOSTSSL:
		return q->tls;
	case HBA_HOSTNOSSL:
		return !q->tls;
	case HBA_HOSTGSSENC:
		return false; /* this program does not speak it */
	default:
		return true;
	}
}

static bool
hba_word_is_database(const struct hba_word *word, const char *database, const char *user)
{
	if (database == NULL)
		return false;
	if (word->meaning == HBA_SAMEUSER)
		return strcmp(database, user) == 0;
	if (word->meaning == HBA_PATTERN)
		return pattern_matches(word->pattern, database);
	return word->meaning == HBA_NAME && strcmp(word->text, database) == 0;
}

/* "all", a user's own name and patterns are for databases: physical replication has none. */
static bool
hba_database_fits(const struct hba_rule *rule, const struct hba_question *q)
{
	for (size_t i = 0; i < rule->database_count; i++) {
		const struct hba_word *word = &rule->databases[i];

		if (q->physical_replication != (word->meaning == HBA_REPLICATION))
			continue;
		if (word->meaning == HBA_REPLICATION || word->meaning == HBA_ALL)
			return true;
		if (hba_word_is_database(word, q->database, q->user) || hba_word_is_database(word, q->alias, q->user))
			return true;
	}
	return false;
}

static bool
hba_word_is_user(const struct hba_word *word, const char *user)
{
	if (word->meaning == HBA_PATTERN)
		return pattern_matches(word->pattern, user);
	return word->meaning == HBA_ALL || strcmp(word->text, user) == 0;
}

static bool
hba_user_fits(const struct hba_rule *rule, const struct hba_question *q)
{
	for (size_t i = 0; i < rule->user_count; i++)
		if (hba_word_is_user(&rule->users[i], q->user))
			return true;
	return false;
}

/* Is the peer one of this machine's own addresses, or (SAMENET) in one of its networks? */
static bool
hba_peer_is_near(const struct hba *hba, enum hba_place place, const struct address *peer)
{
	for (size_t i = 0; i < hba->network_count; i++) {
		const struct network *n = &hba->networks[i];

		if (address_is_equal(peer, &n->address))
			return true;
		if (place == HBA_SAMENET && address_is_within(peer, &n->address, &n->mask))
			return true;
	}
	return false;
}

static bool
hba_name_fits(const struct hba_rule *rule, const char *name)
{
	size_t length = strlen(name), suffix = strlen(rule->host);

	if (rule->place == HBA_HOST_NAME)
		return strcasecmp(name, rule->host) == 0;
	return length > suffix && strcasecmp(name + length - suffix, rule->host) == 0;
}

/* HBA_MATCH when the rule is for this peer, HBA_NONE when not. */
static enum hba_answer
hba_peer_fits(const struct hba *hba, const struct hba_rule *rule, const struct hba_question *q,
    const struct address *peer)
{
	bool fits = true;

	switch (rule->place) {
	case HBA_SOCKET:
	case HBA_EVERYWHERE:
		break;
	case HBA_SAMEHOST:
	case HBA_SAMENET:
		fits = hba_peer_is_near(hba, rule->place, peer);
		break;
	case HBA_NETWORK:
		fits = address_is_within(peer, &rule->address, &rule->mask);
		break;
	case HBA_HOST_NAME:
	case HBA_HOST_SUFFIX:
		if (!q->name_is_known)
			return HBA_NEEDS_NAME;
		fits = q->name != NULL && hba_name_fits(rule, q->name);
		break;
	}
	return fits ? HBA_MATCH : HBA_NONE;
}

enum hba_answer
hba_match(const struct hba *hba, const struct hba_question *question, const struct hba_rule **out)
{
	struct address peer = address_unmap(question->peer);

	*out = NULL;
	if (peer.family == ADDRESS_LOST)
		return HBA_NONE;
	for (size_t i = 0; hba != NULL && i < hba->count; i++) {
		const struct hba_rule *rule = &hba->rules[i];
		enum hba_answer answer;

		/* The peer comes last: a name is looked up only where it decides. */
		if (!hba_type_fits(rule->type, question) || !hba_database_fits(rule, question) ||
		    !hba_user_fits(rule, question))
			continue;
		answer = hba_peer_fits(hba, rule, question, &peer);
		if (answer == HBA_MATCH)
			*out = rule;
		if (answer != HBA_NONE)
			return answer;
	}
	return HBA_NONE;
}

/* --------------------------------------------------------------- ident maps */

/* The user's name of the line with the first \1 in it replaced, against USER, literally. */
static bool
ident_captured_is_user(const char *template, const char *system_name, size_t from, size_t to, const char *user)
{
	const char *mark = strstr(template, "\\1");
	size_t before = (size_t)(mark - template), taken = to - from;

	return strlen(user) >= before + taken && strncmp(user, template, before) == 0 &&
	       strncmp(user + before, system_name + from, taken) == 0 && strcmp(user + before + taken, mark + 2) == 0;
}

static bool
ident_line_allows(const struct ident_line *line, const char *system_name, const char *user)
{
	size_t from = 0, to = 0;

	if (line->pattern == NULL)
		return strcmp(line->system_name, system_name) == 0 && hba_word_is_user(&line->user, user);
	if (!pattern_capture(line->pattern, system_name, &from, &to))
		return false;
	if (line->user.meaning == HBA_NAME && strstr(line->user.text, "\\1") != NULL)
		return to > from && ident_captured_is_user(line->user.text, system_name, from, to, user);
	return hba_word_is_user(&line->user, user);
}

bool
ident_allows(const struct ident *ident, const char *map, const char *system_name, const char *user)
{
	if (system_name[0] == '\0')
		return false;
	if (map == NULL)
		return strcmp(system_name, user) == 0;
	for (size_t i = 0; ident != NULL && i < ident->count; i++)
		if (strcmp(ident->lines[i].map, map) == 0 && ident_line_allows(&ident->lines[i], system_name, user))
			return true;
	return false;
}
