/*
 * main/monitoring.c - what the configuration tells the monitor: as whom to ask the
 * hosts, how often, and over what connection.
 */
#include <stdlib.h>
#include <string.h>

#include "main/main_private.h"
#include "observe/log.h"

static bool
secret_is_plain(const char *secret)
{
	return secret != NULL && strncmp(secret, "md5", 3) != 0 && strncmp(secret, "SCRAM-SHA-256$", 14) != 0;
}

/* A routed entry, preferably one that says as whom to log in; NULL when nothing is routed. */
static const struct database_config *
control_routed_entry(const struct snapshot *s)
{
	const struct database_config *found = NULL;

	for (const struct database_config *d = s->databases; d != NULL; d = d->hh.next)
		if (snapshot_is_routed(s, d) && (found == NULL || (found->user == NULL && d->user != NULL)))
			found = d;
	return found;
}

/* libpq's name of TLS 1.LEVEL. */
static const char *
protocol_name(int level)
{
	static const char *const names[] = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};

	return names[level];
}

/* What server_tls_* says, in libpq's words; the texts are the snapshot's.  Direct TLS has no word there. */
static struct monitor_tls
monitor_tls_of(const struct snapshot *s, const struct database_config *d)
{
	static const char *const modes[] = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"};
	struct server_tls tls = snapshot_server_tls(s, d);
	unsigned protocols = tls_protocols_parse(tls.protocols);

	/* Without TLS nobody has judged the list. */
	if (protocols == 0)
		protocols = tls_protocols_parse("secure");
	return (struct monitor_tls){
	    .sslmode = modes[tls.sslmode],
	    .sslrootcert = tls.sslmode >= TLS_VERIFY_CA ? tls.ca_file : "",
	    .sslcert = tls.cert_file,
	    .sslkey = tls.key_file,
	    .least_protocol = protocol_name(__builtin_ctz(protocols)),
	    .most_protocol = protocol_name(31 - __builtin_clz(protocols)),
	};
}

/* The row for all, and one for each host of a routed entry; owned by the caller. */
static struct monitor_tls *
monitor_tls_rows(const struct snapshot *s, unsigned *count)
{
	struct monitor_tls *rows = memory_new(sizeof(*rows));

	rows[0] = monitor_tls_of(s, NULL);
	*count = 1;
	for (const struct database_config *d = s->databases; d != NULL; d = d->hh.next) {
		if (!snapshot_is_routed(s, d))
			continue;
		rows = memory_resize(rows, (*count + d->host_count) * sizeof(*rows));
		for (unsigned i = 0; i < d->host_count; i++) {
			rows[*count] = monitor_tls_of(s, d);
			rows[*count].host = d->hosts[i];
			rows[(*count)++].port = d->ports[i];
		}
	}
	return rows;
}

/* Beside the pidfile where nobody says anything else; owned by the caller, "" is none. */
static char *
control_state_file(const struct settings *set)
{
	const char *pid = set->pidfile;
	size_t length = strlen(pid);

	if (set->state_file[0] != '\0' || length == 0)
		return text_copy(set->state_file);
	if (length > 4 && strcmp(pid + length - 4, ".pid") == 0)
		length -= 4;
	return text_format("%.*s.state", (int)length, pid);
}

void
control_configure_monitor(struct program *p, const struct snapshot *s)
{
	const struct settings *set = &s->global;
	const struct database_config *routed = control_routed_entry(s);
	const char *name = set->monitor_user[0] != '\0' ? set->monitor_user : set->auth_user;
	const char *password = set->monitor_password;
	const struct user_config *user;
	struct monitor_options options;
	struct monitor_tls *tls;
	unsigned tls_count;
	char *state_file;

	if (name[0] == '\0' && routed != NULL && routed->user != NULL) {
		name = routed->user;
		password = routed->password != NULL ? routed->password : "";
	}
	if (name[0] == '\0' && routed != NULL)
		log_warning(NULL, "database \"%s\" is routed, and monitor_user is not set: the hosts are asked as the operating system's user",
		    routed->name);
	user = snapshot_user(s, name);
	if (password[0] == '\0' && user != NULL && secret_is_plain(user->secret))
		password = user->secret;
	tls = monitor_tls_rows(s, &tls_count);
	state_file = control_state_file(set);
	options = (struct monitor_options){
	    .tls = tls,
	    .tls_count = tls_count,
	    .user = name,
	    .password = password,
	    .dbname = set->monitor_dbname[0] != '\0' ? set->monitor_dbname : "postgres",
	    .state_file = state_file,
	    .check_interval_ms = set->check_interval_ms,
	    .check_timeout_ms = set->check_timeout_ms,
	    .check_fall = set->check_fall,
	    .check_rise = set->check_rise,
	};
	monitor_configure(p->monitor, &options);
	free(state_file);
	free(tls);
}
