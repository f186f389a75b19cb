/*
 * tables/database_keys.h - what a row of [databases] may say: one row, one key.
 *
 * DATABASE_KEY(name, TYPE, ...) with the tails of tables/settings.h, and FIELD(f) for
 * the field of struct database_config that takes the value.  A key without FIELD
 * is checked and dropped.  Types beyond those of the settings: HOSTS and PORTS
 * (comma lists that belong together), PARAMETER (sent to the server at login).
 * `a|b` in .words is one value with two spellings.
 *
 * The includer defines DATABASE_KEY and FIELD and undefines them afterwards.
 */
DATABASE_KEY(dbname, TEXT, FIELD(dbname), .acted = true,
    .text = "Name of the database on the servers; by default the name of the entry.")
DATABASE_KEY(host, HOSTS, .acted = true,
    .text = "Comma-separated host names, addresses or socket directories; by default unix_socket_dir.")
DATABASE_KEY(port, PORTS, .def = "5432", .acted = true,
    .text = "Port of the servers: one for all hosts, or a comma-separated one for each.")
DATABASE_KEY(
    user, TEXT, FIELD(user), .acted = true, .text = "Log in to the servers as this user, whoever the client is.")
DATABASE_KEY(password, TEXT, FIELD(password), .secret = true, .acted = true,
    .text = "Password for the servers; by default the secret in auth_file.")
DATABASE_KEY(auth_user, TEXT, FIELD(auth_user), .acted = true,
    .text = "The setting auth_user for this entry.")
DATABASE_KEY(auth_dbname, TEXT, FIELD(auth_dbname), .acted = true,
    .text = "The setting auth_dbname for this entry.")
DATABASE_KEY(auth_query, TEXT, FIELD(auth_query), .acted = true,
    .text = "The setting auth_query for this entry.")
DATABASE_KEY(client_encoding, PARAMETER, .acted = true, .text = "Encoding asked for at every server login.")
DATABASE_KEY(datestyle, PARAMETER, .acted = true, .text = "DateStyle asked for at every server login.")
DATABASE_KEY(timezone, PARAMETER, .acted = true, .text = "TimeZone asked for at every server login.")
DATABASE_KEY(application_name, PARAMETER, .acted = true, .text = "Application name given at every server login.")
DATABASE_KEY(pool_size, INT, FIELD(pool_size), .acted = true,
    .text = "How many servers a pool of this entry may have; 0 means no limit.")
DATABASE_KEY(min_pool_size, INT, FIELD(min_pool_size), .acted = true,
    .text = "How many servers a pool of this entry keeps open.")
DATABASE_KEY(
    reserve_pool, INT, FIELD(reserve_pool_size), .acted = true, .text = "Another spelling of reserve_pool_size.")
DATABASE_KEY(reserve_pool_size, INT, FIELD(reserve_pool_size), .acted = true,
    .text = "How many more servers a pool of this entry may have under pressure.")
DATABASE_KEY(connect_query, TEXT, FIELD(connect_query), .acted = true,
    .text = "Query that is run on every new server before its first client.")
DATABASE_KEY(pool_mode, ENUM, FIELD(pool_mode), .words = "session transaction statement", .acted = true,
    .text = "The setting pool_mode for this entry.")
DATABASE_KEY(query_wait_timeout, DURATION, FIELD(query_wait_timeout_ms), .acted = true,
    .text = "The setting query_wait_timeout for this entry.")
DATABASE_KEY(load_balance_hosts, ENUM, FIELD(load_balance_hosts), .words = "disable round-robin", .acted = true,
    .text = "Whether new servers are spread over the hosts, or stay on one until it fails.")
DATABASE_KEY(max_db_connections, INT, FIELD(max_db_connections), .acted = true,
    .text = "How many servers this entry may have over all users; 0 means the setting of that name.")
DATABASE_KEY(max_db_client_connections, INT, FIELD(max_db_client_connections), .acted = true,
    .text = "How many clients this entry may have; 0 means the setting of that name.")
DATABASE_KEY(server_lifetime, DURATION, FIELD(server_lifetime_ms), .acted = true,
    .text = "How old a server may become; 0 means the setting of that name.")
DATABASE_KEY(route, ENUM, FIELD(route), .words = "any primary replica prefer-replica split", .acted = true,
    .text = "Where statements go: any host, the primary, the replicas, the replicas while there are any (prefer-replica), or split.")
DATABASE_KEY(target_session_attrs, ENUM, FIELD(route),
    .words = "any read-write|primary read-only|standby prefer-standby", .acted = true,
    .text = "The words of libpq for route: any, primary, replica or prefer-replica.")
DATABASE_KEY(route_dry_run, BOOL, FIELD(route_dry_run), .acted = true,
    .text = "The setting route_dry_run for this entry.")
DATABASE_KEY(replica_pool_size, INT, FIELD(replica_pool_size), .acted = true,
    .text = "How many servers a pool may have on each replica.")
DATABASE_KEY(read_functions, TEXT, FIELD(read_functions), .acted = true,
    .text = "Comma-separated volatile functions that only read.")
DATABASE_KEY(consistency, ENUM, FIELD(consistency), .words = "eventual session table", .acted = true,
    .text = "The setting consistency for this entry.")
DATABASE_KEY(balance, ENUM, FIELD(balance), .words = "round-robin least-busy", .acted = true,
    .text = "The setting balance for this entry.")
DATABASE_KEY(weight, TEXT, FIELD(weight), .acted = true,
    .text = "Shares of the hosts (0 to 1000): one for all, or a comma-separated one for each.")
DATABASE_KEY(read_from_primary, ENUM, FIELD(read_from_primary), .words = "never fallback always", .acted = true,
    .text = "The setting read_from_primary for this entry.")
DATABASE_KEY(max_replica_lag, DURATION, FIELD(max_replica_lag_ms), .acted = true,
    .text = "The setting max_replica_lag for this entry.")
DATABASE_KEY(max_replica_lag_bytes, SIZE, FIELD(max_replica_lag_bytes), .acted = true,
    .text = "The setting max_replica_lag_bytes for this entry.")
DATABASE_KEY(max_replica_lag_soft, DURATION, FIELD(max_replica_lag_soft_ms), .acted = true,
    .text = "The setting max_replica_lag_soft for this entry.")
DATABASE_KEY(session_features, ENUM, FIELD(session_features), .words = "keep reject ignore", .acted = true,
    .text = "The setting session_features for this entry.")
DATABASE_KEY(track_sequences, ENUM, FIELD(track_sequences), .words = "auto always never", .acted = true,
    .text = "The setting track_sequences for this entry.")
DATABASE_KEY(max_pinned, INT, FIELD(max_pinned), .acted = true, .text = "The setting max_pinned for this entry.")
DATABASE_KEY(server_recovery, ENUM, FIELD(server_recovery), .words = "recover close", .acted = true,
    .text = "The setting server_recovery for this entry.")
DATABASE_KEY(lazy_begin, BOOL, FIELD(lazy_begin), .acted = true, .text = "The setting lazy_begin for this entry.")
DATABASE_KEY(server_tls_sslmode, ENUM, FIELD(server_tls_sslmode),
    .words = "disable allow prefer require verify-ca verify-full", .acted = true,
    .text = "The setting server_tls_sslmode for this entry.")
DATABASE_KEY(server_tls_sslnegotiation, ENUM, FIELD(server_tls_sslnegotiation), .words = "postgres direct",
    .acted = true, .text = "The setting server_tls_sslnegotiation for this entry.")
DATABASE_KEY(server_tls_ca_file, TEXT, FIELD(server_tls_ca_file), .acted = true,
    .text = "The setting server_tls_ca_file for this entry.")
DATABASE_KEY(server_tls_cert_file, TEXT, FIELD(server_tls_cert_file), .acted = true,
    .text = "The setting server_tls_cert_file for this entry.")
DATABASE_KEY(server_tls_key_file, TEXT, FIELD(server_tls_key_file), .acted = true,
    .text = "The setting server_tls_key_file for this entry.")
DATABASE_KEY(server_tls_protocols, TEXT, FIELD(server_tls_protocols), .acted = true,
    .text = "The setting server_tls_protocols for this entry.")
DATABASE_KEY(server_tls_ciphers, TEXT, FIELD(server_tls_ciphers), .acted = true,
    .text = "The setting server_tls_ciphers for this entry.")
DATABASE_KEY(server_tls13_ciphers, TEXT, FIELD(server_tls13_ciphers), .acted = true,
    .text = "The setting server_tls13_ciphers for this entry.")
