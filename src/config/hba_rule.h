/*
 * hba_rule.h - one line of auth_hba_file as a rule.  Private to config/.
 */
#ifndef PGWEIR_CONFIG_HBA_RULE_H
#define PGWEIR_CONFIG_HBA_RULE_H

#include "hba_token.h"

/* Fills RULE (zeroed before) from LINE; false after at least one error was reported.  RULE is freed by the caller. */
bool hba_rule_read(struct hba_scan *scan, const struct hba_line *line, struct hba_rule *rule);
void hba_rule_free(struct hba_rule *rule); /* what it owns, not the struct */

/*
 * Makes TOKEN a name, one of KEYWORDS (of an enum hba_meaning per entry, ended by
 * a NULL word), or a pattern.  FIELD names what it is in messages.
 */
struct hba_keyword {
	const char *word;
	enum hba_meaning meaning;
};
bool hba_word_read(struct hba_scan *scan, const struct hba_line *line, const char *field,
    const struct hba_keyword *keywords, const struct hba_token *token, struct hba_word *out);
void hba_word_free(struct hba_word *word);

/* The options of a rule, from the field number FIRST of LINE on; the type and the method are known. */
bool hba_options_read(struct hba_scan *scan, const struct hba_line *line, size_t first, struct hba_rule *rule);

/* The entry of WORDS (ended by NULL) that is WORD, or -1; NEAREST takes the one that is near, or NULL. */
int hba_find_word(const char *const *words, const char *word, const char **nearest);

#endif
