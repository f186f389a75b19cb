/*
 * config/config.c - reads the files into a snapshot, all or nothing.
 *
 * Every error is gathered with its file and line before the load is given up, so
 * that a file is mended in one go.  What can only be judged once all is read (a
 * later line may change it) is judged in load_finish, at the place of the line
 * that set it last.
 */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/file.h"
#include "config/ini.h"
#include "config/userlist.h"
#include "auth_check.h"
#include "hba_load.h"
#include "rows.h"
#include "setting.h"

enum { LOAD_MOST_ERRORS = 20, LOAD_MOST_WARNINGS = 100 };

enum load_section { SECTION_MAIN, SECTION_DATABASES, SECTION_USERS, SECTION_PEERS, SECTION_UNKNOWN };

struct place {
	char *file; /* owned; NULL: no file says it */
	unsigned line;
};

struct load {
	struct snapshot *snapshot;
	struct bytes *errors;
	struct bytes *warnings;
	unsigned error_count;
	unsigned warning_count;
	struct place *places; /* one per row of the settings: where it was set last */
	const char *name;     /* of the main file */
	struct place now;     /* what is being read; the file is borrowed */
	bool has_main;
	bool may_open;
};

/* -------------------------------------------------------------- messages */

static void __attribute__((format(printf, 3, 0)))
load_write_line(struct bytes *to, struct place where, const char *format, va_list args)
{
	if (where.line > 0)
		bytes_format(to, "%s:%u: ", where.file, where.line);
	else if (where.file != NULL)
		bytes_format(to, "%s: ", where.file);
	bytes_vformat(to, format, args);
	bytes_chars(to, "\n");
	bytes_u8(to, 0);
	to->length--;
}

static void __attribute__((format(printf, 3, 4)))
load_error(struct load *load, struct place where, const char *format, ...)
{
	va_list args;

	if (load->error_count++ >= LOAD_MOST_ERRORS)
		return;
	va_start(args, format);
	load_write_line(load->errors, where, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 3, 4)))
load_warning(struct load *load, struct place where, const char *format, ...)
{
	va_list args;

	if (load->warning_count++ >= LOAD_MOST_WARNINGS)
		return;
	va_start(args, format);
	load_write_line(load->warnings, where, format, args);
	va_end(args);
}

static void
load_take_row_error(void *context, const char *message)
{
	struct load *load = context;

	load_error(load, load->now, "%s", message);
}

static void
load_take_row_warning(void *context, const char *message)
{
	struct load *load = context;

	load_warning(load, load->now, "%s", message);
}

static struct rows_sink
load_sink(struct load *load)
{
	return (struct rows_sink){.error = load_take_row_error, .warning = load_take_row_warning, .context = load};
}

/* -------------------------------------------------------------- sections */

static const struct {
	const char *name;
	enum load_section section;
} load_sections[] = {
    {"pgbouncer", SECTION_MAIN},
    {"pgweir", SECTION_MAIN},
    {"databases", SECTION_DATABASES},
    {"users", SECTION_USERS},
    {"peers", SECTION_PEERS},
};

static enum load_section
load_section_of(const char *name)
{
	for (size_t i = 0; i < array_length(load_sections); i++)
		if (text_equal(load_sections[i].name, name))
			return load_sections[i].section;
	return SECTION_UNKNOWN;
}

/*
 * A header of the main section begins it anew, as in PgBouncer: what earlier ones set
 * is back at its default, but for the settings that are unset by default.
 */
static void
load_begin_main(struct load *load)
{
	struct setting_table table = setting_globals();
	struct bytes why = {0};

	load->has_main = true;
	for (size_t i = 0; i < table.count; i++) {
		if (table.rows[i].unset)
			continue;
		must(setting_parse(&table.rows[i], &load->snapshot->global, table.rows[i].def, &why));
		free(load->places[i].file);
		load->places[i] = (struct place){0};
	}
	bytes_free(&why);
}

static void
load_enter_section(struct load *load, const char *name)
{
	enum load_section section = load_section_of(name);
	const char *nearest = NULL;
	unsigned score = 99;

	if (section == SECTION_MAIN)
		load_begin_main(load);
	if (section != SECTION_UNKNOWN)
		return;
	for (size_t i = 0; i < array_length(load_sections); i++)
		if (setting_is_nearer(name, load_sections[i].name, &score))
			nearest = load_sections[i].name;
	if (nearest != NULL)
		load_error(load, load->now, "unrecognized section [%s]; did you mean [%s]?", name, nearest);
	else
		load_error(load, load->now, "unrecognized section [%s]", name);
}

static void
load_reject_setting(struct load *load, const struct ini_line *line)
{
	const char *nearest = setting_nearest(setting_globals(), line->key);

	if (nearest != NULL)
		load_error(load, load->now, "unrecognized parameter \"%s\" in section [%s]; did you mean \"%s\"?",
		    line->key, line->section, nearest);
	else
		load_error(load, load->now, "unrecognized parameter \"%s\" in section [%s]", line->key, line->section);
}

static void
load_take_setting(struct load *load, const struct ini_line *line)
{
	const struct setting *row = setting_find(setting_globals(), line->key);
	struct bytes why = {0};
	struct place *place;

	if (row == NULL) {
		load_reject_setting(load, line);
		return;
	}
	place = &load->places[row - setting_globals().rows];
	free(place->file);
	*place = (struct place){text_copy(line->file), line->number};
	if (!setting_parse(row, &load->snapshot->global, line->value, &why)) {
		bytes_u8(&why, 0);
		load_error(
		    load, load->now, "invalid value \"%s\" for parameter \"%s\": %s", line->value, row->name, why.data);
	}
	bytes_free(&why);
}

static void
load_take_database(struct load *load, const struct ini_line *line)
{
	struct database_config *database = database_config_new(line->key), *old;
	struct rows_sink sink = load_sink(load);

	if (!database_config_read(database, line->value, &sink)) {
		database_config_free(database);
		return;
	}
	HASH_FIND_STR(load->snapshot->databases, line->key, old);
	if (old != NULL) {
		HASH_DEL(load->snapshot->databases, old);
		database_config_free(old);
	}
	HASH_ADD_KEYPTR(hh, load->snapshot->databases, database->name, strlen(database->name), database);
}

/* Adds the user in place of the one of that name. */
static void
load_put_user(struct load *load, struct user_config *user)
{
	struct user_config *old;

	HASH_FIND_STR(load->snapshot->users, user->name, old);
	if (old != NULL) {
		HASH_DEL(load->snapshot->users, old);
		user_config_free(old);
	}
	HASH_ADD_KEYPTR(hh, load->snapshot->users, user->name, strlen(user->name), user);
}

static void
load_take_user(struct load *load, const struct ini_line *line)
{
	struct user_config *user = user_config_new(line->key);
	struct rows_sink sink = load_sink(load);

	if (!user_config_read(user, line->value, &sink)) {
		user_config_free(user);
		return;
	}
	user->configured = true;
	load->snapshot->users_are_routed |= user->route != ROUTE_MODE_UNSET && user->route != ROUTE_ANY;
	load_put_user(load, user);
}

static void
load_put_peer(struct load *load, struct peer_config *peer)
{
	struct peer_config *old;

	HASH_FIND_INT(load->snapshot->peers, &peer->id, old);
	if (old != NULL) {
		HASH_DEL(load->snapshot->peers, old);
		peer_config_free(old);
	}
	HASH_ADD_INT(load->snapshot->peers, id, peer);
}

static void
load_take_peer(struct load *load, const struct ini_line *line)
{
	static const struct setting id_row = {.name = "id", .type = TYPE_INT, .min = 1, .max = 65535, .stored = true};
	struct rows_sink sink = load_sink(load);
	struct bytes why = {0};
	struct peer_config *peer;
	int id = 0;
	bool ok = setting_parse(&id_row, &id, line->key, &why);

	bytes_free(&why);
	if (!ok) {
		load_error(load, load->now, "invalid peer \"%s\": must be a number between 1 and 65535", line->key);
		return;
	}
	peer = peer_config_new(id);
	if (peer_config_read(peer, line->value, &sink))
		load_put_peer(load, peer);
	else
		peer_config_free(peer);
}

static void
load_take_key(struct load *load, const struct ini_line *line)
{
	if (line->key[0] == '\0') {
		load_error(load, load->now, "key is empty");
		return;
	}
	switch (load_section_of(line->section)) {
	case SECTION_MAIN:
		load_take_setting(load, line);
		break;
	case SECTION_DATABASES:
		load_take_database(load, line);
		break;
	case SECTION_USERS:
		load_take_user(load, line);
		break;
	case SECTION_PEERS:
		load_take_peer(load, line);
		break;
	case SECTION_UNKNOWN:
		/* Its header was reported; only what stands before all headers was not. */
		if (line->section[0] == '\0')
			load_error(load, load->now, "parameter \"%s\" is outside of any section", line->key);
		break;
	}
}

static void
load_take_line(void *context, const struct ini_line *line)
{
	struct load *load = context;

	/* The cast drops const only to hold a borrowed name; places that own theirs copy it. */
	load->now = (struct place){(char *)(uintptr_t)line->file, line->number};
	if (line->problem != NULL)
		load_error(load, load->now, "%s", line->problem);
	else if (line->key == NULL)
		load_enter_section(load, line->section);
	else
		load_take_key(load, line);
}

/* -------------------------------------------------------------- userlist */

static void
load_take_secret(void *context, const struct userlist_line *line)
{
	struct load *load = context;
	struct user_config *user;

	load->now.line = line->number;
	if (line->problem != NULL) {
		load_error(load, load->now, "%s", line->problem);
		return;
	}
	HASH_FIND_STR(load->snapshot->users, line->name, user);
	if (user == NULL) {
		user = user_config_new(line->name);
		load_put_user(load, user);
	}
	free(user->secret);
	user->secret = text_copy(line->secret);
	load->snapshot->secrets++;
	load->snapshot->scram_secrets += strncmp(line->secret, "SCRAM-SHA-256$", strlen("SCRAM-SHA-256$")) == 0;
}

static bool
load_needs_secrets(const struct load *load)
{
	int auth_type = load->snapshot->global.auth_type;

	return auth_type != AUTH_ANY && auth_type != AUTH_TRUST && auth_type != AUTH_PAM && auth_type != AUTH_LDAP;
}

static struct place
load_place(const struct load *load, const char *setting)
{
	struct setting_table table = setting_globals();

	return load->places[setting_find(table, setting) - table.rows];
}

static void
load_userlist(struct load *load)
{
	struct settings *global = &load->snapshot->global;
	struct place where = load_place(load, "auth_file");
	struct bytes text = {0};
	const char *problem;

	if (global->auth_file[0] == '\0') {
		if (load_needs_secrets(load))
			load_warning(load, (struct place){0}, "auth_file is not set, so that no user has a secret");
		return;
	}
	problem = file_read(global->auth_file, &text);
	if (problem == NULL) {
		load->now = (struct place){global->auth_file, 0};
		userlist_read(text.data, text.length, load_take_secret, load);
	} else {
		load->snapshot->users_missing = true;
		load_warning(load, where, "could not read auth_file \"%s\": %s", global->auth_file, problem);
	}
	if (text.data != NULL)
		explicit_bzero(text.data, text.length);
	bytes_free(&text);
}

/* ------------------------------------------------------- host-based rules */

static void
load_take_hba_error(void *context, const char *file, unsigned line, const char *message)
{
	load_error(context, (struct place){(char *)(uintptr_t)file, line}, "%s", message);
}

static void
load_take_hba_warning(void *context, const char *file, unsigned line, const char *message)
{
	load_warning(context, (struct place){(char *)(uintptr_t)file, line}, "%s", message);
}

static void
load_hba(struct load *load)
{
	struct hba_sink sink = {
	    .error = load_take_hba_error, .warning = load_take_hba_warning, .context = load};

	hba_load(load->snapshot, load->name, &sink);
}

/* ---------------------------------------------------------------- finish */

/* A database without hosts lives behind the socket directory. */
static void
load_fill_hosts(struct load *load)
{
	const char *directory = load->snapshot->global.unix_socket_dir;
	struct database_config *database = load->snapshot->databases;

	for (; database != NULL; database = database->hh.next) {
		if (database->hosts[0][0] != '\0')
			continue;
		if (directory[0] == '\0')
			load_error(load, (struct place){.file = (char *)(uintptr_t)load->name},
			    "database \"%s\" has no host, and unix_socket_dir is empty", database->name);
		free(database->hosts[0]);
		database->hosts[0] = text_copy_n(directory, strcspn(directory, ", "));
	}
}

static void
load_check_setting(struct load *load, const struct setting *row, const struct settings *defaults)
{
	struct place where = load->places[row - setting_globals().rows];
	struct bytes value = {0};

	if (where.file == NULL)
		return;
	setting_format(row, &load->snapshot->global, &value);
	bytes_u8(&value, 0);
	if (setting_is_refused(row, value.data))
		load_error(load, where, "%s \"%s\" is not supported by this version", row->name, value.data);
	else if (!row->acted && row->no_object == NULL && !setting_is_equal(row, &load->snapshot->global, defaults))
		load_warning(load, where, "parameter \"%s\" is accepted and not acted on in this version", row->name);
	bytes_free(&value);
}

static void
load_check_settings(struct load *load)
{
	struct setting_table table = setting_globals();
	struct settings defaults = {0};

	setting_default_all(table, &defaults);
	for (size_t i = 0; i < table.count; i++)
		load_check_setting(load, &table.rows[i], &defaults);
	setting_free_all(table, &defaults);
}

static void
load_check_auth(struct load *load)
{
	struct bytes why = {0};
	const char *setting = auth_check(&load->snapshot->global, &why);

	if (setting != NULL)
		load_error(load, load_place(load, setting), "%s", why.data);
	bytes_free(&why);
}

static void
load_finish(struct load *load)
{
	struct settings *global = &load->snapshot->global;

	if (!load->has_main && load->error_count == 0)
		load_error(
		    load, (struct place){.file = (char *)(uintptr_t)load->name}, "section [pgbouncer] is missing");
	if (text_equal(global->auth_dbname, "pgbouncer") || text_equal(global->auth_dbname, "pgweir"))
		load_error(load, load_place(load, "auth_dbname"), "auth_dbname cannot be the console");
	load_check_settings(load);
	load_check_auth(load);
	load_fill_hosts(load);
	if (!load->may_open || !load->has_main)
		return;
	load_userlist(load);
	load_hba(load);
}

static struct load
load_begin(const char *name, struct bytes *errors, struct bytes *warnings)
{
	struct load load = {.errors = errors, .warnings = warnings, .name = name};

	load.snapshot = snapshot_new();
	load.places = memory_array(setting_globals().count, sizeof(*load.places));
	return load;
}

/* The snapshot, or NULL when anything was wrong. */
static struct snapshot *
load_end(struct load *load)
{
	struct setting_table table = setting_globals();
	struct snapshot *snapshot = load->snapshot;

	load_finish(load);
	if (load_place(load, "conffile").file == NULL) {
		free(snapshot->global.conffile);
		snapshot->global.conffile = text_copy(load->name);
	}
	for (size_t i = 0; i < table.count; i++)
		free(load->places[i].file);
	free(load->places);
	if (load->error_count == 0)
		return snapshot;
	snapshot_unref(snapshot);
	return NULL;
}

struct snapshot *
config_load(const char *path, struct bytes *errors, struct bytes *warnings)
{
	struct load load = load_begin(path, errors, warnings);

	load.may_open = true;
	ini_read_file(path, load_take_line, &load);
	return load_end(&load);
}

struct snapshot *
config_load_text(const char *name, const char *text, size_t length, struct bytes *errors, struct bytes *warnings)
{
	struct load load = load_begin(name, errors, warnings);

	ini_read_text(name, text, length, load_take_line, &load);
	return load_end(&load);
}
