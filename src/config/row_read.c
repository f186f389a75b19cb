/*
 * config/row_read.c - reads the connection string of a row of [databases],
 * [users] or [peers] by its key table.
 *
 * Hosts and ports are gathered as texts and paired at the end, since either may
 * come first.
 */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/connstr.h"
#include "setting.h"

struct row_read {
	struct setting_table table;
	void *row;
	struct database_config *database; /* the row, when it is one of [databases] */
	const struct rows_sink *sink;
	const struct setting *last; /* the key just read */
	char *hosts;		    /* owned; NULL when not said */
	char *ports;		    /* owned; NULL when not said */
	bool ok;
};

static void __attribute__((format(printf, 2, 3))) row_error(struct row_read *r, const char *format, ...)
{
	struct bytes message = {0};
	va_list args;

	va_start(args, format);
	bytes_vformat(&message, format, args);
	va_end(args);
	bytes_u8(&message, 0);
	r->sink->error(r->sink->context, message.data);
	bytes_free(&message);
	r->ok = false;
}

static void
row_warn_unacted(struct row_read *r, const char *key)
{
	char *message = text_format("parameter \"%s\" is accepted and not acted on in this version", key);

	r->sink->warning(r->sink->context, message);
	free(message);
}

static void
row_reject_key(struct row_read *r, const char *key)
{
	const char *nearest = setting_nearest(r->table, key);

	if (nearest != NULL)
		row_error(r, "unrecognized connection parameter \"%s\"; did you mean \"%s\"?", key, nearest);
	else
		row_error(r, "unrecognized connection parameter \"%s\"", key);
}

static void
row_add_parameter(struct database_config *database, const char *name, const char *value)
{
	struct parameter *parameter;

	for (unsigned i = 0; i < database->parameter_count; i++) {
		if (text_equal(database->parameters[i].name, name)) {
			free(database->parameters[i].value);
			database->parameters[i].value = text_copy(value);
			return;
		}
	}
	database->parameters =
	    memory_resize(database->parameters, (database->parameter_count + 1) * sizeof(*parameter));
	parameter = &database->parameters[database->parameter_count++];
	parameter->name = text_copy(name);
	parameter->value = text_copy(value);
}

static void
row_take_text(char **to, const char *value)
{
	free(*to);
	*to = text_copy(value);
}

static void
row_take_value(struct row_read *r, const struct setting *key, const char *value)
{
	struct bytes why = {0};

	if (!setting_parse(key, r->row, value, &why)) {
		bytes_u8(&why, 0);
		row_error(r, "invalid value \"%s\" for parameter \"%s\": %s", value, key->name, why.data);
	} else if (setting_is_refused(key, value)) {
		row_error(r, "%s \"%s\" is not supported by this version", key->name, value);
	}
	bytes_free(&why);
}

static void
row_take(struct row_read *r, const char *name, const char *value)
{
	const struct setting *key = setting_find(r->table, name);

	r->last = key;
	if (key == NULL) {
		row_reject_key(r, name);
		return;
	}
	switch (key->type) {
	case TYPE_HOSTS:
		row_take_text(&r->hosts, value);
		break;
	case TYPE_PORTS:
		row_take_text(&r->ports, value);
		break;
	case TYPE_PARAMETER:
		row_add_parameter(r->database, key->name, value);
		break;
	default:
		row_take_value(r, key, value);
		break;
	}
	if (!key->acted)
		row_warn_unacted(r, key->name);
}

/* ------------------------------------------------------- hosts and ports */

static unsigned
row_count_items(const char *list)
{
	unsigned count = 1;

	for (; *list != '\0'; list++)
		count += *list == ',';
	return count;
}

/* The item at *LIST without the blanks around it, owned by the caller; *LIST moves on. */
static char *
row_cut_item(const char **list)
{
	size_t length = strcspn(*list, ",");
	const char *start = *list;

	*list += length + ((*list)[length] == ',');
	for (; length > 0 && (*start == ' ' || *start == '\t'); length--)
		start++;
	while (length > 0 && (start[length - 1] == ' ' || start[length - 1] == '\t'))
		length--;
	return text_copy_n(start, length);
}

static uint16_t
row_parse_port(struct row_read *r, const char *text)
{
	static const struct setting port = {.name = "port", .type = TYPE_INT, .min = 1, .max = 65535, .stored = true};
	struct bytes why = {0};
	int number = 0;

	if (!setting_parse(&port, &number, text, &why)) {
		bytes_u8(&why, 0);
		row_error(r, "invalid value \"%s\" for parameter \"port\": %s", text, why.data);
	}
	bytes_free(&why);
	return (uint16_t)number;
}

/* The list of ports for COUNT hosts; owned by the caller. */
static uint16_t *
row_read_ports(struct row_read *r, const char *list, unsigned count)
{
	unsigned given = row_count_items(list);
	uint16_t *ports = memory_array(count, sizeof(*ports));

	if (given != 1 && given != count) {
		row_error(r, "parameter \"port\" has %u values for %u host%s", given, count, count == 1 ? "" : "s");
		return ports;
	}
	for (unsigned i = 0; i < given; i++) {
		char *item = row_cut_item(&list);

		ports[i] = row_parse_port(r, item);
		free(item);
	}
	for (unsigned i = given; i < count; i++)
		ports[i] = ports[0];
	return ports;
}

static void
row_read_hosts(struct row_read *r)
{
	struct database_config *database = r->database;
	const char *list = r->hosts != NULL ? r->hosts : "";
	unsigned count = row_count_items(list);

	if (count > HOSTS_MOST)
		row_error(r, "parameter \"host\" has %u items, and %d are the most", count, HOSTS_MOST);
	database->host_count = count;
	database->hosts = memory_array(count, sizeof(*database->hosts));
	for (unsigned i = 0; i < count; i++) {
		database->hosts[i] = row_cut_item(&list);
		if (r->hosts != NULL && database->hosts[i][0] == '\0')
			row_error(r, "parameter \"host\" has an empty item");
	}
	database->ports = row_read_ports(r, r->ports != NULL ? r->ports : "5432", count);
}

/* ---------------------------------------------------------------- weights */

static void
row_check_weight(struct row_read *r, const char *text)
{
	static const struct setting weight = {.name = "weight", .type = TYPE_INT, .max = 1000, .stored = true};
	struct bytes why = {0};
	int number;

	if (text[strspn(text, "0123456789")] != '\0' || !setting_parse(&weight, &number, text, &why)) {
		bytes_u8(&why, 0);
		row_error(r, "invalid value \"%s\" for parameter \"weight\": %s", text, why.length > 1 ? why.data : "must be an integer");
	}
	bytes_free(&why);
}

static void
row_check_weights(struct row_read *r)
{
	const char *list = r->database->weight;
	unsigned given, count = r->database->host_count;

	if (list == NULL)
		return;
	given = row_count_items(list);
	if (given != 1 && given != count)
		row_error(r, "parameter \"weight\" has %u values for %u host%s", given, count, count == 1 ? "" : "s");
	for (unsigned i = 0; i < given; i++) {
		char *item = row_cut_item(&list);

		row_check_weight(r, item);
		free(item);
	}
}

/* ------------------------------------------------------------ whole rows */

static void
row_read_pairs(struct row_read *r, const char *text)
{
	struct connstr c = connstr_over(text);

	r->ok = true;
	while (connstr_next(&c))
		row_take(r, c.key.data, c.value.data);
	if (c.problem != NULL)
		row_error(r, "%s", c.problem);
	if (c.at_comment && r->last != NULL && (r->last->type >= TYPE_TEXT && r->last->type != TYPE_PORTS))
		row_error(r, "a comment cannot follow the text \"%s\" of a connection string", r->last->name);
	connstr_free(&c);
}

static bool
row_finish(struct row_read *r)
{
	free(r->hosts);
	free(r->ports);
	return r->ok;
}

static bool
row_is_console(const char *name)
{
	return text_equal(name, "pgbouncer") || text_equal(name, "pgweir");
}

bool
database_config_read(struct database_config *database, const char *text, const struct rows_sink *sink)
{
	struct row_read r = {.table = setting_database_keys(), .row = database, .database = database, .sink = sink};

	row_read_pairs(&r, text);
	row_read_hosts(&r);
	row_check_weights(&r);
	if (row_is_console(database->name))
		row_error(&r, "database name \"%s\" is reserved for the console", database->name);
	if (strlen(database->name) > 63)
		row_error(&r, "database name is longer than 63 bytes");
	if (row_is_console(database->auth_dbname))
		row_error(&r, "auth_dbname cannot be the console");
	if (database->dbname == NULL && !text_equal(database->name, "*"))
		database->dbname = text_copy(database->name);
	return row_finish(&r);
}

bool
user_config_read(struct user_config *user, const char *text, const struct rows_sink *sink)
{
	struct row_read r = {.table = setting_user_keys(), .row = user, .sink = sink};

	row_read_pairs(&r, text);
	return row_finish(&r);
}

bool
peer_config_read(struct peer_config *peer, const char *text, const struct rows_sink *sink)
{
	struct row_read r = {.table = setting_peer_keys(), .row = peer, .sink = sink};
	uint16_t *ports;

	row_read_pairs(&r, text);
	ports = row_read_ports(&r, r.ports != NULL ? r.ports : "6432", 1);
	peer->port = ports[0];
	free(ports);
	if (peer->host == NULL)
		row_error(&r, "parameter \"host\" of a peer is missing");
	return row_finish(&r);
}
