/*
 * effect_words.c - what the words of a text may do to a session.
 *
 * A name counts wherever it stands but in strings and comments, be it a function,
 * a column or an alias: that costs a question at times, and misses nothing.
 *
 *     set_config ( 'app.tenant' , $1 , true )     for the transaction: leaves nothing
 *     set_config ( 'app.tenant' , $1 , $2 )       the setting app.tenant
 *     set_config ( $1 , $2 , $3 )                 a setting without a name
 */
#include "effect_words.h"

#include "words.h"

#include <string.h>

/* How far set_config's last argument is looked for, in tokens. */
#define ARGUMENT_TOKENS_MAX 64
#define SETTING_NAME_MAX 256

enum word_kind { WORD_IS_NAME, WORD_IS_BODY, WORD_IS_START };

struct effect_word {
	const char *word;
	enum word_kind kind;
	uint32_t effects;
};

static const struct effect_word effect_words[] = {
#define NAME_WORD(word, effects) {#word, WORD_IS_NAME, effects},
#define BODY_WORD(word, effects) {#word, WORD_IS_BODY, effects},
#define START_WORD(word, effects) {#word, WORD_IS_START, effects},
#include "tables/effect_words.h"
#undef NAME_WORD
#undef BODY_WORD
#undef START_WORD
};

/* Functions of PostgreSQL's own that need no catalog to be known, and what looks like a call and is none. */
static const char *const common_calls[] = {
    "abs", "all", "and", "any", "array_agg", "array_length", "array_position", "array_remove", "array_to_json", "array_to_string", "as", "avg", "between",
    "bigint", "bool_and", "bool_or", "btrim", "by", "cast", "ceil", "ceiling", "char", "character", "coalesce", "col_description", "concat", "concat_ws", "count",
    "cube", "current_database", "current_schema", "current_schemas", "current_setting", "date_part", "date_trunc", "decimal", "dense_rank",
    "distinct", "else", "encode", "except", "exists", "extract", "filter", "first_value", "float", "floor", "format", "format_type", "from",
    "gen_random_uuid", "generate_series", "generate_subscripts", "greatest", "grouping", "group", "in", "index", "insert", "intersect", "interval", "into",
    "is", "json_agg", "json_build_array", "json_build_object", "json_object_agg", "jsonb_agg", "jsonb_array_elements", "jsonb_array_elements_text",
    "jsonb_build_array", "jsonb_build_object", "jsonb_each", "jsonb_object_agg", "jsonb_set", "jsonb_typeof", "join", "key", "lag", "last_value", "lateral",
    "lead", "least", "left", "length", "like", "ln", "localtimestamp", "log", "lower", "lpad", "ltrim", "make_date", "materialized", "max", "md5", "min", "mod",
    "not", "now", "ntile", "nullif", "numeric", "obj_description", "on", "or", "order", "over", "overlay", "partition", "percentile_cont", "pg_encoding_to_char",
    "pg_get_constraintdef", "pg_get_expr", "pg_get_indexdef", "pg_get_serial_sequence", "pg_get_userbyid", "pg_get_viewdef", "pg_is_in_recovery",
    "pg_relation_size", "pg_size_pretty", "pg_sleep", "pg_table_is_visible", "pg_total_relation_size", "pg_type_is_visible", "position", "power", "quote_ident",
    "quote_literal", "random", "rank", "regexp_match", "regexp_matches", "regexp_replace", "repeat", "replace", "returning", "reverse", "right", "rollup", "round", "row",
    "row_number", "row_to_json", "rpad", "rtrim", "select", "set", "sets", "sign", "some", "split_part", "sqrt", "string_agg", "string_to_array", "strpos", "substr",
    "substring", "sum", "table", "then", "time", "timestamp", "timestamptz", "to_char", "to_date", "to_json", "to_jsonb", "to_number", "to_regclass", "to_timestamp",
    "to_tsquery", "to_tsvector", "treat", "trim", "trunc", "ts_rank", "union", "unnest", "upper", "using", "values", "varchar", "version", "when", "where",
    "with", "within", "websearch_to_tsquery",
};

static const struct effect_word *
find_word(const char *name)
{
	for (size_t i = 0; i < array_length(effect_words); i++) {
		if (name[0] == effect_words[i].word[0] && strcmp(name, effect_words[i].word) == 0)
			return &effect_words[i];
	}
	return NULL;
}

uint32_t
effect_of_name(const char *name)
{
	const struct effect_word *word = find_word(name);

	return word != NULL && word->kind == WORD_IS_NAME ? word->effects : 0;
}

static bool
is_common_call(const char *name)
{
	for (size_t i = 0; i < array_length(common_calls); i++) {
		if (strcmp(name, common_calls[i]) == 0)
			return true;
	}
	return false;
}

static bool
next_is_sign(const struct words *here, char sign)
{
	struct words ahead = *here;

	return words_next(&ahead) == TOKEN_SIGN && ahead.sign == sign;
}

static bool
next_is_word(const struct words *here, const char *name)
{
	struct words ahead = *here;

	return words_next(&ahead) == TOKEN_WORD && strcmp(ahead.name, name) == 0;
}

/* ------------------------------------------------------------- settings */

void
effect_words_note_setting(struct effect_words *e, const char *name)
{
	if (text_equal_nocase(name, "seed"))
		e->effects |= EFFECT_seeds;
	e->effects |= EFFECT_settings;
	if (name[0] == '\0')
		e->has_unnamed = true;
	else if (e->take_setting != NULL)
		e->take_setting(e->user, name);
}

/* The name of a setting is worked out where it is made. */
static void
note_hidden_setting(struct effect_words *e)
{
	e->effects |= EFFECT_hides;
	effect_words_note_setting(e, "");
}

/* $1 or $1::text, and then a comma. */
static bool
is_bare_parameter(struct words here)
{
	if (words_next(&here) != TOKEN_OTHER)
		return false;
	if (next_is_sign(&here, ':')) {
		words_next(&here);
		if (words_next(&here) != TOKEN_SIGN || here.sign != ':' || words_next(&here) != TOKEN_WORD)
			return false;
		if (strcmp(here.name, "text") != 0 && strcmp(here.name, "varchar") != 0)
			return false;
	}
	return next_is_sign(&here, ',');
}

/* The first argument of set_config(), which HERE stands before. */
static void
note_setting_of_argument(struct effect_words *e, struct words here)
{
	struct words inside = here;
	bool is_string = words_next(&inside) == TOKEN_STRING && next_is_sign(&inside, ',');

	if (is_string && !(e->is_string && inside.name[0] == '\0')) {
		effect_words_note_setting(e, inside.name);
	} else if (e->reading == READ_PARSED && is_bare_parameter(here)) {
		e->effects |= EFFECT_settings;
		e->has_parameter = true;
	} else {
		note_hidden_setting(e);
	}
}

/* Is the last argument of the call, whose parenthesis HERE stands behind, the word true? */
static bool
call_is_for_transaction(struct words here)
{
	bool after_comma = false, is_true = false;
	unsigned depth = 1;

	for (unsigned i = 0; i < ARGUMENT_TOKENS_MAX; i++) {
		switch (words_next(&here)) {
		case TOKEN_END:
		case TOKEN_DOUBT:
			return false;
		case TOKEN_SIGN:
			if (here.sign == ')' && --depth == 0)
				return is_true;
			depth += here.sign == '(';
			after_comma = here.sign == ',' && depth == 1;
			is_true = false;
			break;
		case TOKEN_WORD:
			is_true = after_comma && strcmp(here.name, "true") == 0;
			after_comma = false;
			break;
		default:
			after_comma = is_true = false;
		}
	}
	return false;
}

/* What set_config( ... ) leaves; HERE stands behind the name. */
static void
scan_set_config(struct effect_words *e, struct words here)
{
	if (!next_is_sign(&here, '(')) {
		note_hidden_setting(e);
		return;
	}
	words_next(&here);
	if (call_is_for_transaction(here))
		return;
	e->surely |= EFFECT_settings;
	note_setting_of_argument(e, here);
}

/* a.b.c at HERE, as one text; "" when there is none. */
static void
take_setting_name(struct words *here, char name[SETTING_NAME_MAX])
{
	size_t length = 0;

	for (;;) {
		enum token token = words_next(here);
		size_t more = strlen(here->name);

		name[length] = '\0';
		if ((token != TOKEN_WORD && token != TOKEN_NAME) || here->is_odd || length + more + 2 > SETTING_NAME_MAX) {
			name[0] = '\0';
			return;
		}
		memcpy(name + length, here->name, more);
		length += more;
		name[length] = '\0';
		if (!next_is_sign(here, '.'))
			return;
		words_next(here);
		name[length++] = '.';
	}
}

void
effect_words_note_characteristics(struct effect_words *e)
{
	effect_words_note_setting(e, "default_transaction_isolation");
	effect_words_note_setting(e, "default_transaction_read_only");
	effect_words_note_setting(e, "default_transaction_deferrable");
}

/* SET has many spellings: SET TIME ZONE, SET NAMES, SET SESSION AUTHORIZATION ... */
static void
note_setting_as_written(struct effect_words *e, const char *name, const struct words *behind)
{
	static const struct { const char *written, *next, *name; } spellings[] = {
	    {"time", "zone", "timezone"}, {"names", NULL, "client_encoding"}, {"schema", NULL, "search_path"}, {"xml", "option", "xmloption"},
	    {"session", "authorization", "session_authorization"},
	};

	for (size_t i = 0; i < array_length(spellings); i++) {
		if (strcmp(name, spellings[i].written) != 0)
			continue;
		if (spellings[i].next == NULL || next_is_word(behind, spellings[i].next)) {
			effect_words_note_setting(e, spellings[i].name);
			return;
		}
	}
	effect_words_note_setting(e, name);
}

/* In a string that is put together the name may go on in the next one. */
static bool
name_may_go_on(const struct effect_words *e, const struct words *behind)
{
	return e->is_string && (behind->at >= behind->end || strchr(" \t\r\n=", *behind->at) == NULL);
}

static void
scan_set(struct effect_words *e, struct words here)
{
	char name[SETTING_NAME_MAX];

	take_setting_name(&here, name);
	if (e->reading == READ_BODY && (name[0] == '\0' || name_may_go_on(e, &here))) {
		note_hidden_setting(e);
		return;
	}
	if (strcmp(name, "session") == 0 && next_is_word(&here, "characteristics")) {
		effect_words_note_characteristics(e);
		return;
	}
	if (strcmp(name, "session") == 0 && !next_is_word(&here, "authorization"))
		take_setting_name(&here, name);
	if (strcmp(name, "local") != 0 && strcmp(name, "transaction") != 0 && strcmp(name, "constraints") != 0)
		note_setting_as_written(e, name, &here);
}

static void
scan_reset(struct effect_words *e, struct words here)
{
	char name[SETTING_NAME_MAX];

	take_setting_name(&here, name);
	if (strcmp(name, "all") == 0)
		effect_words_note_setting(e, "");
	else
		note_setting_as_written(e, name, &here);
}

/* ----------------------------------------------------------------- words */

/* LOAD has a string behind it; a column or a variable may be called like that. */
static bool
is_load(const struct effect_words *e, const struct words *here, bool is_at_start)
{
	struct words ahead = *here;

	return words_next(&ahead) == TOKEN_STRING || (e->reading == READ_ANYWHERE && is_at_start);
}

/* What of the catalog a body may change, but for temporary objects, which are nobody else's. */
static bool
defines_for_all(const char *word, const struct words *here)
{
	if (strcmp(word, "create") == 0)
		return !next_is_word(here, "temp") && !next_is_word(here, "temporary") && !next_is_word(here, "local");
	return strcmp(word, "alter") == 0 || strcmp(word, "drop") == 0;
}

static void
take_keyword(struct effect_words *e, const struct effect_word *word, const struct words *here, bool is_at_start)
{
	uint32_t effects = word->effects;

	if (strcmp(word->word, "set") == 0) {
		scan_set(e, *here);
		return;
	}
	if (strcmp(word->word, "reset") == 0)
		scan_reset(e, *here);
	else if (strcmp(word->word, "discard") == 0)
		effect_words_note_setting(e, "");
	if ((effects & EFFECT_databases) != 0 && !next_is_word(here, "database"))
		effects &= ~(uint32_t)EFFECT_databases;
	if ((effects & EFFECT_defaults) != 0 && !next_is_word(here, "database") && !next_is_word(here, "role") && !next_is_word(here, "user"))
		effects &= ~(uint32_t)EFFECT_defaults;
	if ((effects & EFFECT_loads) != 0 && !is_load(e, here, is_at_start))
		effects &= ~(uint32_t)EFFECT_loads;
	if (e->reading == READ_BODY && defines_for_all(word->word, here))
		effects |= EFFECT_defines;
	e->has_unnamed |= (effects & EFFECT_unknown) != 0;
	e->effects |= effects;
}

/* A name of PostgreSQL's own.  IS_CATALOG: it stands bare, or behind pg_catalog. */
static void
take_own_name(struct effect_words *e, const struct effect_word *word, const struct words *here, bool is_catalog)
{
	bool is_call = next_is_sign(here, '(');
	bool is_view = strncmp(word->word, "pg_", 3) == 0 && word->word[strlen(word->word) - 1] == 's';

	if (strcmp(word->word, "set_config") == 0) {
		scan_set_config(e, *here);
		return;
	}
	e->has_settings_view |= strcmp(word->word, "pg_settings") == 0;
	e->has_unnamed |= (word->effects & EFFECT_unknown) != 0;
	e->effects |= word->effects;
	if (is_catalog && (is_call || is_view) && (word->effects & EFFECT_unknown) == 0 && word->effects != EFFECT_fills &&
	    strncmp(word->word, "pg_advisory_unlock", 18) != 0)
		e->surely |= word->effects;
}

/* NAME: NULL for any. */
static void
add_facts(struct effect_words *e, const char *name)
{
	struct facts_effects found = facts_effects_of(e->facts, name);

	/* For what any name at all may do, if it is that one, no server is kept. */
	if (name == NULL && (found.effects & (EFFECT_loads | EFFECT_seeds | EFFECT_hides)) != 0)
		found.effects = (found.effects & ~(uint32_t)(EFFECT_loads | EFFECT_seeds | EFFECT_hides)) | EFFECTS_UNKNOWN;
	e->effects |= found.effects;
	e->has_unnamed |= found.has_unnamed;
	if (found.settings != 0 && e->take_setting != NULL)
		facts_each_setting(e->facts, found.settings, e->take_setting, e->user);
}

static bool
lacks_facts(const struct effect_words *e)
{
	return e->facts == NULL || e->facts_are_old;
}

/* What stands behind a name of the database's, a trigger's function too, is not known. */
static void
take_unknown(struct effect_words *e)
{
	e->effects |= EFFECTS_UNKNOWN;
	e->has_unnamed = e->lacks_catalog = true;
}

void
effect_words_add_name(struct effect_words *e, const char *name)
{
	if (e->facts != NULL)
		add_facts(e, name);
	if (lacks_facts(e) && strcmp(name, FACTS_NAME_DDL) == 0)
		take_unknown(e);
}

/* PostgreSQL's own: by its prefix, or one of those that have none. */
static bool
is_own_call(const char *name)
{
	return strncmp(name, "pg_", 3) == 0 || is_common_call(name);
}

/* Does a relation of the database's stand behind the keyword at HERE?  A body of code counts as one. */
static bool
relation_follows(const struct words *here)
{
	static const char *const keywords[] = {"from", "join", "into", "update", "copy", "truncate", "table", "do"};
	struct words ahead = *here;
	enum token token;

	for (size_t i = 0; i < array_length(keywords); i++) {
		if (strcmp(here->name, keywords[i]) != 0)
			continue;
		token = words_next(&ahead);
		return token == TOKEN_NAME || token == TOKEN_STRING || (token == TOKEN_WORD && strncmp(ahead.name, "pg_", 3) != 0);
	}
	return false;
}

/* Types of PostgreSQL's own, which no check stands behind. */
static bool
is_own_type(const char *name)
{
	static const char *const types[] = {"bigint", "bit", "bool", "boolean", "bytea", "char", "character", "date", "decimal", "double", "float",
	    "float4", "float8", "inet", "int", "int2", "int4", "int8", "integer", "interval", "json", "jsonb", "name", "national", "numeric", "oid",
	    "real", "regclass", "regproc", "regtype", "smallint", "text", "time", "timestamp", "timestamptz", "timetz", "uuid", "varchar", "xml"};

	for (size_t i = 0; i < array_length(types); i++) {
		if (strcmp(name, types[i]) == 0)
			return true;
	}
	return strncmp(name, "pg_", 3) == 0;
}

/* A comment may follow an operator without a blank. */
static bool
comment_begins(const unsigned char *at, const unsigned char *end)
{
	return end - at >= 2 && ((at[0] == '/' && at[1] == '*') || (at[0] == '-' && at[1] == '-'));
}

/* At a sign: is it of an operator, or a cast to a type, that the database may have made? */
static bool
sign_is_foreign(struct words *here)
{
	static const char operators[] = "+-*/<>=~!@#%^&|`?";
	static const char *const own[] = {"<>", "!=", "<=", ">=", "||", "->", "~~", "!~", "~*", "@>", "<@", "&&", "@@", "->>", "#>", "#>>", "!~~", "~~*", "!~*",
	    "<<", ">>", "=>"};
	const unsigned char *from = here->at - 1;
	size_t length = 1;
	struct words ahead;

	if (here->sign == ':' && here->at < here->end && *here->at == ':') {
		here->at++;
		ahead = *here;
		return words_next(&ahead) != TOKEN_WORD || !is_own_type(ahead.name);
	}
	if (strchr(operators, here->sign) == NULL)
		return false;
	while (from + length < here->end && from[length] != '\0' && strchr(operators, from[length]) != NULL &&
	    !comment_begins(from + length, here->end))
		length++;
	here->at = from + length;
	for (size_t i = 0; i < array_length(own); i++) {
		if (strlen(own[i]) == length && memcmp(own[i], from, length) == 0)
			return false;
	}
	return length > 1;
}

/* A name of the database's. */
static void
take_foreign_name(struct effect_words *e, const struct words *here)
{
	if (strncmp(here->name, "pg_temp", 7) == 0)
		e->effects |= EFFECT_temporary;
	if (e->take_name != NULL && !here->is_odd && effect_of_name(here->name) == 0)
		e->take_name(e->user, here->name);
	if (lacks_facts(e) && e->reading != READ_BODY && ((next_is_sign(here, '(') && !is_own_call(here->name)) || relation_follows(here)))
		take_unknown(e);
	if (e->facts == NULL)
		return;
	add_facts(e, here->is_odd || (here->has_non_ascii && !e->exact_encoding) ? NULL : here->name);
}

static void
take_word(struct effect_words *e, const struct words *here, bool is_quoted, bool is_at_start, bool is_catalog)
{
	const struct effect_word *word = find_word(here->name);

	if (!is_quoted) {
		e->has_default |= strcmp(here->name, "default") == 0;
		e->has_update |= strcmp(here->name, "update") == 0;
	}
	if (word != NULL && word->kind == WORD_IS_NAME)
		take_own_name(e, word, here, is_catalog);
	else if (word != NULL && !is_quoted && e->reading != READ_PARSED &&
	    (word->kind == WORD_IS_BODY || is_at_start || e->reading == READ_ANYWHERE))
		take_keyword(e, word, here, is_at_start);
	take_foreign_name(e, here);
}

/* In PL/pgSQL a statement also begins behind these, and behind a label. */
static bool
word_opens_statement(const char *name)
{
	return strcmp(name, "begin") == 0 || strcmp(name, "then") == 0 || strcmp(name, "else") == 0 || strcmp(name, "loop") == 0;
}

/* Where the scan stands among the tokens. */
struct position {
	bool is_at_start;
	bool after_dot;
	bool after_catalog; /* the last name was pg_catalog */
};

static void
position_advance(struct position *p, enum token token, const struct words *w)
{
	if (token == TOKEN_SIGN) {
		p->is_at_start = w->sign == ';' || w->sign == '>';
		p->after_dot = w->sign == '.';
		p->after_catalog &= p->after_dot;
		return;
	}
	p->is_at_start = token == TOKEN_WORD && word_opens_statement(w->name);
	p->after_dot = false;
	p->after_catalog = (token == TOKEN_WORD || token == TOKEN_NAME) && strcmp(w->name, "pg_catalog") == 0;
}

static enum token
scan_text(struct effect_words *e, const char *text, size_t length)
{
	struct words w = words_over(text, length);
	struct position p = {.is_at_start = true};
	enum token token;

	while ((token = words_next(&w)) != TOKEN_END && token != TOKEN_DOUBT) {
		if (token == TOKEN_WORD || token == TOKEN_NAME)
			take_word(e, &w, token == TOKEN_NAME, p.is_at_start, !p.after_dot || p.after_catalog);
		else if (token == TOKEN_SIGN && lacks_facts(e) && e->reading != READ_BODY && sign_is_foreign(&w))
			take_unknown(e);
		position_advance(&p, token, &w);
	}
	return token;
}

/* Dynamic SQL stands in strings, or parts of it do: what they say is no less than what may happen. */
static void
scan_strings(struct effect_words *e, const char *text, size_t length)
{
	struct words w = words_over(text, length);
	enum token token;

	e->is_string = true;
	while ((token = words_next(&w)) != TOKEN_END && token != TOKEN_DOUBT) {
		const unsigned char *begin, *open;

		if (token != TOKEN_STRING)
			continue;
		begin = memchr(w.start, *w.start == '$' ? '$' : '\'', (size_t)(w.at - w.start));
		open = *w.start == '$' ? memchr(begin + 1, '$', (size_t)(w.at - begin - 1)) : begin;
		if (open != NULL)
			scan_text(e, (const char *)open + 1, (size_t)(w.at - open - 1) - (size_t)(open + 1 - begin));
	}
	e->is_string = false;
}

void
effect_words_scan(struct effect_words *e, const char *text, size_t length)
{
	enum token token = scan_text(e, text, length);

	if (token == TOKEN_DOUBT) {
		e->effects |= EFFECTS_ALL;
		e->has_unnamed = true;
	}
	if (e->reading == READ_BODY && (e->effects & EFFECT_executes) != 0)
		scan_strings(e, text, length);
	if (e->has_update && e->has_settings_view)
		effect_words_note_setting(e, "");
}
