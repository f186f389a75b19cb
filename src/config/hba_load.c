/*
 * config/hba_load.c - reads the host-based rules and ident maps of a snapshot, and
 * checks that the ones know of the others.
 */
#include "hba_load.h"

#include "config/ident.h"

/* A rule whose map nobody wrote lets nobody in: not dangerous, but hardly meant. */
static void
load_check_maps(const struct snapshot *s, const struct hba_sink *sink)
{
	for (size_t i = 0; i < s->hba->count; i++) {
		const struct hba_rule *rule = &s->hba->rules[i];
		struct bytes message = {0};

		if (rule->map == NULL || ident_has_map(s->ident, rule->map))
			continue;
		bytes_format(&message, "auth_ident_file has no map \"%s\": this line refuses its clients", rule->map);
		bytes_u8(&message, 0);
		sink->warning(sink->context, rule->file, rule->line, message.data);
		bytes_free(&message);
	}
}

bool
hba_load(struct snapshot *s, const char *name, const struct hba_sink *sink)
{
	bool ok;

	hba_unref(s->hba);
	ident_unref(s->ident);
	s->hba = NULL;
	s->ident = NULL;
	if (s->global.auth_type != AUTH_HBA)
		return true;
	if (s->global.auth_hba_file[0] == '\0') {
		sink->error(sink->context, name, 0, "auth_type is hba, and auth_hba_file is not set");
		return false;
	}
	s->hba = hba_read_file(s->global.auth_hba_file, sink);
	ok = s->hba != NULL;
	if (s->global.auth_ident_file[0] != '\0') {
		s->ident = ident_read_file(s->global.auth_ident_file, sink);
		ok = s->ident != NULL && ok;
	}
	if (ok)
		load_check_maps(s, sink);
	return ok;
}
