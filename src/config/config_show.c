/*
 * config/config_show.c - one setting of a snapshot, shown or changed by hand.
 */
#include "config/config.h"

#include <stdlib.h>

#include "auth_check.h"
#include "hba_load.h"
#include "rows.h"
#include "setting.h"

bool
config_show(const struct snapshot *s, size_t index, const char **key, struct bytes *value, const char **default_text,
    bool *changeable)
{
	struct setting_table table = setting_globals();

	if (index >= table.count)
		return false;
	bytes_clear(value);
	setting_format(&table.rows[index], &s->global, value);
	bytes_u8(value, 0);
	value->length--;
	*key = table.rows[index].name;
	*default_text = table.rows[index].def;
	*changeable = table.rows[index].when == RELOAD;
	return true;
}

bool
config_is_optional(size_t index)
{
	return setting_globals().rows[index].unset;
}

const char *
config_no_object(size_t index)
{
	return setting_globals().rows[index].no_object;
}

static void __attribute__((format(printf, 2, 3))) config_complain(struct bytes *errors, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	bytes_vformat(errors, format, args);
	va_end(args);
	bytes_chars(errors, "\n");
	bytes_u8(errors, 0);
	errors->length--;
}

/* The value that the setting would take, tried out on a struct of its own. */
static bool
config_check_value(const struct setting *row, const char *value, struct bytes *errors)
{
	struct settings trial = {0};
	struct bytes why = {0};
	bool ok = setting_parse(row, &trial, value, &why);

	bytes_u8(&why, 0);
	if (!ok)
		config_complain(errors, "invalid value \"%s\" for parameter \"%s\": %s", value, row->name, why.data);
	else if (setting_is_refused(row, value))
		config_complain(errors, "%s \"%s\" is not supported by this version", row->name, value);
	ok = ok && !setting_is_refused(row, value);
	setting_free_all(setting_globals(), &trial);
	bytes_free(&why);
	return ok;
}

static void
config_take_hba_error(void *context, const char *file, unsigned line, const char *message)
{
	if (line > 0)
		config_complain(context, "%s:%u: %s", file, line, message);
	else
		config_complain(context, "%s: %s", file, message);
}

static void
config_drop_hba_warning(void *context, const char *file, unsigned line, const char *message)
{
	(void)context, (void)file, (void)line, (void)message;
}

/* What a change of ROW makes of the host-based rules; false when their files are not understood. */
static bool
config_set_hba(struct snapshot *fresh, const struct setting *row, struct bytes *errors)
{
	struct hba_sink sink = {
	    .error = config_take_hba_error, .warning = config_drop_hba_warning, .context = errors};

	if (!text_equal(row->name, "auth_type") && !text_equal(row->name, "auth_hba_file") &&
	    !text_equal(row->name, "auth_ident_file"))
		return true;
	return hba_load(fresh, "SET", &sink);
}

struct snapshot *
config_set(const struct snapshot *old, const char *key, const char *value, struct bytes *errors)
{
	const struct setting *row = setting_find(setting_globals(), key);
	const char *nearest = setting_nearest(setting_globals(), key);
	struct snapshot *fresh;
	struct bytes why = {0};
	bool ok;

	if (row == NULL && nearest != NULL)
		config_complain(errors, "unrecognized parameter \"%s\"; did you mean \"%s\"?", key, nearest);
	else if (row == NULL)
		config_complain(errors, "unrecognized parameter \"%s\"", key);
	if (row == NULL || !config_check_value(row, value, errors))
		return NULL;
	fresh = snapshot_copy(old);
	if (row->when == RELOAD)
		must(setting_parse(row, &fresh->global, value, &why));
	ok = auth_check(&fresh->global, &why) == NULL;
	if (!ok)
		config_complain(errors, "%s", why.data);
	bytes_free(&why);
	if (ok && config_set_hba(fresh, row, errors))
		return fresh;
	snapshot_unref(fresh);
	return NULL;
}

void
config_keep_boot_settings(struct snapshot *fresh, const struct snapshot *old, struct bytes *warnings)
{
	struct setting_table table = setting_globals();

	for (size_t i = 0; i < table.count; i++) {
		const struct setting *row = &table.rows[i];

		if (row->when != BOOT || setting_is_equal(row, &fresh->global, &old->global))
			continue;
		config_complain(warnings, "parameter \"%s\" cannot be changed without a restart", row->name);
		setting_copy(row, &fresh->global, &old->global);
	}
}

bool
config_keeps_users(const struct snapshot *fresh, const struct snapshot *old, struct bytes *errors)
{
	if (!fresh->users_missing || old->users_missing || old->global.auth_file[0] == '\0')
		return true;
	config_complain(errors, "without auth_file nobody could log in any more");
	return false;
}
