/*
 * tables/commands.h - the console's commands: COMMAND(function, words, ...).
 *
 * A row without .role is denied to all; the dispatcher asks once, before the
 * command's function runs.  .argument says what may follow the words, .columns
 * what rows come back (none: only a tag).
 */
COMMAND(show_help, "SHOW HELP", .role = ROLE_STATS | ROLE_ADMIN, .text = "this list")
COMMAND(show_version, "SHOW VERSION", .role = ROLE_STATS | ROLE_ADMIN, .columns = version_columns,
    .text = "the version of this program, and of the PgBouncer that it stands in for")
COMMAND(show_config, "SHOW CONFIG", .role = ROLE_STATS | ROLE_ADMIN, .columns = config_columns,
    .text = "every setting with its value and default")
COMMAND(show_state, "SHOW STATE", .role = ROLE_STATS | ROLE_ADMIN, .columns = state_columns,
    .text = "is everything active or paused?")
COMMAND(show_lists, "SHOW LISTS", .role = ROLE_STATS | ROLE_ADMIN, .columns = lists_columns,
    .text = "how many databases, users, pools, clients and servers there are")
COMMAND(show_mem, "SHOW MEM", .role = ROLE_STATS | ROLE_ADMIN, .columns = mem_columns,
    .text = "what the objects of each kind take")
COMMAND(show_databases, "SHOW DATABASES", .role = ROLE_STATS | ROLE_ADMIN, .columns = databases_columns,
    .text = "the entries of [databases] with their limits")
COMMAND(show_users, "SHOW USERS", .role = ROLE_STATS | ROLE_ADMIN, .columns = users_columns,
    .text = "the users with their limits")
COMMAND(show_pools, "SHOW POOLS", .role = ROLE_STATS | ROLE_ADMIN, .columns = pools_columns,
    .text = "clients and servers by state, for each database and user")
COMMAND(show_clients, "SHOW CLIENTS", .role = ROLE_STATS | ROLE_ADMIN, .columns = connections_columns,
    .text = "a row for each client")
COMMAND(show_servers, "SHOW SERVERS", .role = ROLE_STATS | ROLE_ADMIN, .columns = connections_columns,
    .text = "a row for each server connection")
COMMAND(show_sockets, "SHOW SOCKETS", .role = ROLE_STATS | ROLE_ADMIN, .columns = sockets_columns,
    .text = "clients and servers with what waits in their buffers")
COMMAND(show_active_sockets, "SHOW ACTIVE_SOCKETS", .role = ROLE_STATS | ROLE_ADMIN, .columns = sockets_columns,
    .text = "the same, of those that are active")
COMMAND(show_stats, "SHOW STATS", .role = ROLE_STATS | ROLE_ADMIN, .columns = stats_columns,
    .text = "totals and averages for each database")
COMMAND(show_stats_totals, "SHOW STATS_TOTALS", .role = ROLE_STATS | ROLE_ADMIN, .columns = stats_totals_columns,
    .text = "the totals of SHOW STATS")
COMMAND(show_stats_averages, "SHOW STATS_AVERAGES", .role = ROLE_STATS | ROLE_ADMIN, .columns = stats_averages_columns,
    .text = "the averages of SHOW STATS")
COMMAND(show_totals, "SHOW TOTALS", .role = ROLE_STATS | ROLE_ADMIN, .columns = totals_columns,
    .text = "SHOW STATS summed over all databases")
COMMAND(show_hosts, "SHOW HOSTS", .role = ROLE_STATS | ROLE_ADMIN, .columns = hosts_columns,
    .text = "each host's role, health and lag")
COMMAND(show_routes, "SHOW ROUTES", .role = ROLE_STATS | ROLE_ADMIN, .columns = routes_columns,
    .text = "how many statements went where, by the reason of the verdict")
COMMAND(route, "ROUTE", .role = ROLE_STATS | ROLE_ADMIN, .argument = ARGUMENT_STATEMENT, .usage = "db 'sql'", .columns = route_columns,
    .text = "where a statement would go, and why; nothing is run")
COMMAND(show_heals, "SHOW HEALS", .role = ROLE_STATS | ROLE_ADMIN, .columns = heals_columns,
    .text = "how often reads were run a second time, and transactions were lost with their servers")
COMMAND(show_listeners, "SHOW LISTENERS", .role = ROLE_STATS | ROLE_ADMIN, .columns = listeners_columns,
    .text = "the connections that listen to channels on behalf of many clients")
COMMAND(show_pins, "SHOW PINS", .role = ROLE_STATS | ROLE_ADMIN, .columns = pins_columns,
    .text = "the clients that keep their servers over transactions, and why")
COMMAND(show_pin_stats, "SHOW PIN_STATS", .role = ROLE_STATS | ROLE_ADMIN, .columns = pin_stats_columns,
    .text = "how often that began and ended, by database and reason")
COMMAND(show_peers, "SHOW PEERS", .role = ROLE_STATS | ROLE_ADMIN, .columns = peers_columns,
    .text = "the entries of [peers]")
COMMAND(show_peer_pools, "SHOW PEER_POOLS", .role = ROLE_STATS | ROLE_ADMIN, .columns = peer_pools_columns,
    .text = "cancel requests on their way to each peer")
COMMAND(show_dns_hosts, "SHOW DNS_HOSTS", .role = ROLE_STATS | ROLE_ADMIN, .columns = dns_hosts_columns,
    .text = "the names of hosts that have been looked up")
COMMAND(show_dns_zones, "SHOW DNS_ZONES", .role = ROLE_STATS | ROLE_ADMIN, .columns = dns_zones_columns,
    .text = "the zones whose serial numbers are watched")
COMMAND(show_fds, "SHOW FDS", .role = ROLE_ADMIN, .columns = fds_columns,
    .text = "the descriptors of listeners, clients and servers, without their secrets")
COMMAND(show_hba, "SHOW HBA", .role = ROLE_STATS | ROLE_ADMIN, .columns = hba_columns,
    .text = "the host-based rules in force, as pg_hba_file_rules has them")

COMMAND(set, "SET", .role = ROLE_ADMIN, .argument = ARGUMENT_SETTING, .usage = "key = value", .text = "change a setting until the next start")
COMMAND(reload, "RELOAD", .role = ROLE_ADMIN, .text = "read the configuration files again")
COMMAND(pause, "PAUSE", .role = ROLE_ADMIN, .argument = ARGUMENT_DATABASE, .usage = "[db [PRIMARY]]", .verb = "pause",
    .text = "let no request begin, and wait until no server is in use; with PRIMARY none that needs the primary, for a switchover")
COMMAND(suspend, "SUSPEND", .role = ROLE_ADMIN, .text = "send what is under way, and read from nobody until RESUME")
COMMAND(resume, "RESUME", .role = ROLE_ADMIN, .argument = ARGUMENT_DATABASE, .usage = "[db [PRIMARY]]",
    .text = "end a PAUSE, SUSPEND or KILL; with PRIMARY the hosts are asked first who is the primary now")
COMMAND(disable, "DISABLE", .role = ROLE_ADMIN, .argument = ARGUMENT_DATABASE_NEEDED, .usage = "db", .verb = "disable",
    .text = "let no new client in")
COMMAND(enable, "ENABLE", .role = ROLE_ADMIN, .argument = ARGUMENT_DATABASE_NEEDED, .usage = "db", .verb = "enable",
    .text = "end a DISABLE")
COMMAND(reconnect, "RECONNECT", .role = ROLE_ADMIN, .argument = ARGUMENT_DATABASE, .usage = "[db]", .verb = "reconnect",
    .text = "replace every server as soon as it is free")
COMMAND(kill, "KILL", .role = ROLE_ADMIN, .argument = ARGUMENT_DATABASE, .usage = "[db]", .verb = "kill",
    .text = "end all clients and servers, and pause")
COMMAND(kill_client, "KILL_CLIENT", .role = ROLE_ADMIN, .argument = ARGUMENT_WORD, .usage = "id", .text = "end the client of that id (SHOW CLIENTS)")
COMMAND(wait_close, "WAIT_CLOSE", .role = ROLE_ADMIN, .argument = ARGUMENT_DATABASE, .usage = "[db]", .verb = "wait in",
    .text = "wait until a RECONNECT has replaced all servers")
COMMAND(shutdown_now, "SHUTDOWN", .role = ROLE_ADMIN, .text = "end at once")
COMMAND(shutdown_servers, "SHUTDOWN WAIT_FOR_SERVERS", .role = ROLE_ADMIN, .text = "end when every server has been given back")
COMMAND(shutdown_clients, "SHUTDOWN WAIT_FOR_CLIENTS", .role = ROLE_ADMIN, .text = "end when every client has gone")
