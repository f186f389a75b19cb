/*
 * parse_setting.c - settings whose value belongs to the session or to the whole
 * cluster, so that any server of it gives the same answer.
 *
 * The list is of what is safe: a setting that is not in it may differ between two
 * servers of one cluster (ports, paths, limits, recovery), and is asked of the
 * primary.  Names with a dot are the application's own.
 */
#include "parse_tree.h"

#include <string.h>

static const char *const followed[] = {
    "application_name", "array_nulls", "backslash_quote", "block_size", "bytea_output", "check_function_bodies",
    "client_encoding", "client_min_messages", "constraint_exclusion", "datestyle", "default_text_search_config",
    "default_transaction_deferrable", "default_transaction_isolation", "escape_string_warning", "extra_float_digits",
    "idle_in_transaction_session_timeout", "integer_datetimes", "intervalstyle", "is_superuser", "lc_collate", "lc_ctype",
    "lc_messages", "lc_monetary", "lc_numeric", "lc_time", "lock_timeout", "max_function_args", "max_identifier_length",
    "max_index_keys", "quote_all_identifiers", "role", "row_security", "search_path", "segment_size", "server_encoding",
    "server_version", "server_version_num", "session_authorization", "session_replication_role", "standard_conforming_strings",
    "statement_timeout", "synchronize_seqscans", "timezone", "timezone_abbreviations", "transform_null_equals",
    "wal_block_size", "xmlbinary", "xmloption",
};

bool
setting_is_followed(const char *name)
{
	if (strchr(name, '.') != NULL)
		return true;
	for (size_t i = 0; i < array_length(followed); i++) {
		if (text_equal_nocase(name, followed[i]))
			return true;
	}
	return false;
}
