/*
 * admin/show_hba.c - the host-based rules in force, as PostgreSQL's view
 * pg_hba_file_rules has them.  No password is shown.
 */
#include <string.h>

#include "admin/admin_private.h"
#include "config/hba.h"

/* One element of an array as PostgreSQL writes it. */
static void
put_element(struct bytes *out, const char *text)
{
	bool plain = *text != '\0' && text[strcspn(text, "{},\"\\ \t\r\n\v\f")] == '\0' && !text_equal_nocase(text, "null");

	if (out->length > 1)
		bytes_u8(out, ',');
	if (plain) {
		bytes_chars(out, text);
		return;
	}
	bytes_u8(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			bytes_u8(out, '\\');
		bytes_u8(out, (uint8_t)*text);
	}
	bytes_u8(out, '"');
}

static void
put_words(struct table *t, const struct hba_word *words, size_t count)
{
	struct bytes list = {0};

	bytes_u8(&list, '{');
	for (size_t i = 0; i < count; i++)
		put_element(&list, words[i].text);
	bytes_chars(&list, "}");
	bytes_u8(&list, 0);
	table_text(t, list.data);
	bytes_free(&list);
}

/* The address and the netmask. */
static void
put_place(struct table *t, const struct hba_rule *rule)
{
	static const char *const words[] = {
	    [HBA_EVERYWHERE] = "all", [HBA_SAMEHOST] = "samehost", [HBA_SAMENET] = "samenet", [HBA_HOST_SUFFIX] = NULL};
	char text[ADDRESS_TEXT];

	if (rule->place == HBA_NETWORK) {
		table_text(t, address_format(&rule->address, text));
		table_text(t, address_format(&rule->mask, text));
		return;
	}
	table_text(t, rule->host != NULL ? rule->host : words[rule->place]);
	table_text(t, NULL);
}

/* NULL when there are none, as PostgreSQL has it. */
static void
put_options(struct table *t, const struct hba_rule *rule)
{
	struct bytes list = {0}, one = {0};

	bytes_u8(&list, '{');
	for (size_t i = 0; i < rule->option_count; i++) {
		bool is_secret = strcmp(rule->options[i].name, "ldapbindpasswd") == 0;

		bytes_clear(&one);
		bytes_format(&one, "%s=%s", rule->options[i].name, is_secret ? "****" : rule->options[i].value);
		bytes_u8(&one, 0);
		put_element(&list, one.data);
	}
	bytes_chars(&list, "}");
	bytes_u8(&list, 0);
	table_text(t, rule->option_count > 0 ? list.data : NULL);
	bytes_free(&list);
	bytes_free(&one);
}

void
command_show_hba(struct console *c)
{
	struct snapshot *s = hub_snapshot(console_hub(c));

	for (size_t i = 0; s->hba != NULL && i < s->hba->count; i++) {
		const struct hba_rule *rule = &s->hba->rules[i];

		table_row(&c->table);
		table_int(&c->table, rule->line);
		table_text(&c->table, rule->file);
		table_text(&c->table, hba_type_name(rule->type));
		put_words(&c->table, rule->databases, rule->database_count);
		put_words(&c->table, rule->users, rule->user_count);
		put_place(&c->table, rule);
		table_text(&c->table, hba_method_name(rule->method));
		put_options(&c->table, rule);
		table_end(&c->table);
	}
	snapshot_unref(s);
	console_done(c, NULL);
}
