/*
 * tables/settings.h - every setting of the main section: one row, one setting.
 *
 * SETTING(name, TYPE, ...) with TYPE one of BOOL INT ENUM DURATION SIZE TEXT and these
 * tails: .def (as written in a file; a duration is in seconds), .min and .max (of
 * an INT as such, of a DURATION in milliseconds), .words (of an ENUM, in the order
 * of its values), .refused (words that are known and not built in: loading fails),
 * .secret (never printed), .unset (a TEXT that is shown
 * as NULL while nobody has set it), .group, .when (BOOT or RELOAD), .acted (without it the
 * setting is accepted and does nothing in this version), .no_object (why it never will), .text.
 *
 * The includer defines SETTING and undefines it afterwards.
 */
SETTING(admin_users, TEXT, .def = "", .group = GROUP_CONSOLE, .when = RELOAD, .acted = true,
    .text = "Comma-separated users who may log in to the console and give every command.")
SETTING(application_name_add_host, BOOL, .def = "0", .group = GROUP_LOGIN, .when = RELOAD, .acted = true,
    .text = "Add the client's host and port to the application name that the server sees.")
SETTING(auth_dbname, TEXT, .def = "", .unset = true, .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "Entry of [databases] in which auth_query runs.")
SETTING(auth_file, TEXT, .def = "", .unset = true, .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "File with users and their secrets, one quoted pair per line.")
SETTING(auth_hba_file, TEXT, .def = "", .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "File with host-based rules, used when auth_type is hba, as PostgreSQL's pg_hba.conf. "
	    "A line that is not understood refuses the whole file.")
SETTING(auth_ident_file, TEXT, .def = "", .unset = true, .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "File with the maps that rules of the methods cert and peer name, as PostgreSQL's pg_ident.conf; "
	    "used when auth_type is hba.")
SETTING(auth_ldap_options, TEXT, .def = "", .unset = true, .secret = true, .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "How the LDAP server is asked when auth_type is ldap: PostgreSQL's options, as in "
	    "ldapurl=\"ldap://host/basedn?attribute?sub\" or ldapserver=host ldapprefix=\"cn=\" "
	    "ldapsuffix=\",dc=example\".")
SETTING(auth_query, TEXT,
    .def = "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM pg_authid WHERE "
	   "rolname=$1 AND rolcanlogin",
    .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "Query that finds the secret of a user whom auth_file does not name.  Its parameter $1 is the user's name; "
	    "it returns that name and the secret, or no row.  It runs with search_path = pg_catalog, \"$user\", public, "
	    "pg_temp: qualify the names of objects in other schemas.")
SETTING(auth_type, ENUM, .def = "md5", .words = "any trust plain md5 scram-sha-256 cert hba ldap pam",
    .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "How clients prove who they are.")
SETTING(auth_user, TEXT, .def = "", .unset = true, .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "User that runs auth_query; its secret comes from auth_file.")
SETTING(autodb_idle_timeout, DURATION, .def = "3600", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long an entry made from the * row is kept unused.")
SETTING(cancel_wait_timeout, DURATION, .def = "10", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long a cancel request may wait for a connection to the server.")
SETTING(client_idle_timeout, DURATION, .def = "0", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long a client may be idle outside a transaction before it is closed; 0 means for ever.")
SETTING(client_login_timeout, DURATION, .def = "60", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long a client may take to log in.")
SETTING(client_tls13_ciphers, TEXT, .def = "", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Ciphers of TLS 1.3 offered to clients, as OpenSSL lists them; by default its own choice.")
SETTING(client_tls_ca_file, TEXT, .def = "", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Certificate authorities that client certificates are checked against.  With it clients are asked for a "
	    "certificate in every sslmode; one that is not valid counts as none, or ends the connection from verify-ca on.")
SETTING(client_tls_cert_file, TEXT, .def = "", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Certificate shown to clients, with the intermediate ones behind it.")
SETTING(client_tls_ciphers, TEXT, .def = "default", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Ciphers of TLS 1.2 and below offered to clients: default (also secure, fast, normal) is OpenSSL's choice, "
	    "all are all that encrypt and authenticate; else a list as OpenSSL reads it.")
SETTING(client_tls_dheparams, TEXT, .def = "auto", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Diffie-Hellman parameters for clients: none, auto (as strong as the certificate) or legacy (1024 bits).")
SETTING(client_tls_ecdhcurve, TEXT, .def = "auto", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Elliptic curves for clients: auto, none (no ECDHE before TLS 1.3), or names with colons between them.")
SETTING(client_tls_key_file, TEXT, .def = "", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Private key of the certificate shown to clients.")
SETTING(client_tls_protocols, TEXT, .def = "secure", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "TLS versions that clients may use: secure (1.2 and 1.3), all, or a comma-separated list of tlsv1.0 to "
	    "tlsv1.3, where ! takes one out.")
SETTING(client_tls_sslmode, ENUM, .def = "disable", .words = "disable allow prefer require verify-ca verify-full",
    .group = GROUP_TLS, .when = RELOAD, .acted = true, .text = "Whether clients may or must use TLS.")
SETTING(conffile, TEXT, .def = "", .unset = true, .group = GROUP_GENERAL, .when = RELOAD, .acted = true,
    .text = "The configuration file that the next reload reads.")
SETTING(default_pool_size, INT, .def = "20", .group = GROUP_POOL, .when = RELOAD, .acted = true,
    .text = "How many servers one pool (a database and a user) may have; 0 means no limit.")
SETTING(disable_pqexec, BOOL, .def = "0", .group = GROUP_LOGIN, .when = BOOT, .acted = true,
    .text = "Refuse the simple query protocol.")
SETTING(dns_max_ttl, DURATION, .def = "15", .group = GROUP_DNS, .when = RELOAD, .acted = true,
    .text = "How long an address found for a host name is used.")
SETTING(dns_nxdomain_ttl, DURATION, .def = "15", .group = GROUP_DNS, .when = RELOAD, .acted = true,
    .text = "How long a failed host name look-up is remembered.")
SETTING(dns_zone_check_period, DURATION, .def = "0", .group = GROUP_DNS, .when = RELOAD,
    .no_object = "names are looked up by the system's resolver, which tells no serial numbers of zones",
    .text = "How often a zone's serial number is looked at; 0 means never.")
SETTING(idle_transaction_timeout, DURATION, .def = "0", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long a client may be idle inside a transaction before its server is closed; 0 means for ever.")
SETTING(ignore_startup_parameters, TEXT, .def = "", .group = GROUP_LOGIN, .when = RELOAD, .acted = true,
    .text = "Comma-separated startup parameters that are accepted and dropped.")
SETTING(job_name, TEXT, .def = "pgbouncer", .group = GROUP_GENERAL, .when = BOOT,
    .no_object = "PgBouncer names a Windows service by it",
    .text = "Name of this process in messages.")
SETTING(listen_addr, TEXT, .def = "", .group = GROUP_LISTEN, .when = BOOT, .acted = true,
    .text = "Comma-separated addresses to listen on, * for all of them; empty means unix sockets only.")
SETTING(listen_backlog, INT, .def = "128", .group = GROUP_LISTEN, .when = BOOT, .acted = true,
    .text = "How many connections may wait to be accepted.")
SETTING(listen_port, INT, .def = "6432", .max = 65535, .group = GROUP_LISTEN, .when = BOOT, .acted = true,
    .text = "Port to listen on, also part of the unix socket's name.")
SETTING(log_connections, BOOL, .def = "1", .group = GROUP_LOG, .when = RELOAD, .acted = true,
    .text = "Log logins, those that fail too, and connections to servers.")
SETTING(log_disconnections, BOOL, .def = "1", .group = GROUP_LOG, .when = RELOAD, .acted = true,
    .text = "Log connections that end, with the reason.")
SETTING(log_pooler_errors, BOOL, .def = "1", .group = GROUP_LOG, .when = RELOAD, .acted = true,
    .text = "Log errors that the pooler sends to clients.")
SETTING(log_stats, BOOL, .def = "1", .group = GROUP_LOG, .when = RELOAD, .acted = true,
    .text = "Log a line of statistics every stats_period.")
SETTING(logfile, TEXT, .def = "", .group = GROUP_LOG, .when = RELOAD, .acted = true,
    .text = "File that log lines are appended to, opened again at every reload.")
SETTING(login_notify_message, TEXT, .def = "", .group = GROUP_LOGIN, .when = RELOAD, .acted = true,
    .text = "Notice sent to every client behind its login.")
SETTING(max_client_conn, INT, .def = "100", .group = GROUP_LIMIT, .when = RELOAD, .acted = true,
    .text = "How many clients may be connected.")
SETTING(max_db_client_connections, INT, .def = "0", .group = GROUP_LIMIT, .when = RELOAD, .acted = true,
    .text = "How many clients a database may have; 0 means no limit.")
SETTING(max_db_connections, INT, .def = "0", .group = GROUP_LIMIT, .when = RELOAD, .acted = true,
    .text = "How many servers a database may have over all its users; 0 means no limit.")
SETTING(max_packet_size, INT, .def = "2147483647", .group = GROUP_LIMIT, .when = RELOAD, .acted = true,
    .text = "The longest message that is let through, in bytes.")
SETTING(max_prepared_statements, INT, .def = "200", .group = GROUP_POOL, .when = RELOAD, .acted = true,
    .text = "How many prepared statements a server keeps for its clients; 0 turns the support off.")
SETTING(max_user_client_connections, INT, .def = "0", .group = GROUP_LIMIT, .when = RELOAD, .acted = true,
    .text = "How many clients a user may have; 0 means no limit.")
SETTING(max_user_connections, INT, .def = "0", .group = GROUP_LIMIT, .when = RELOAD, .acted = true,
    .text = "How many servers a user may have over all databases; 0 means no limit.")
SETTING(min_pool_size, INT, .def = "0", .group = GROUP_POOL, .when = RELOAD, .acted = true,
    .text = "How many servers a pool keeps open even when they are idle.")
SETTING(peer_id, INT, .def = "0", .max = 16383, .group = GROUP_PEER, .when = RELOAD, .acted = true,
    .text = "Number of this process among its peers; 0 means that it has none.")
SETTING(pidfile, TEXT, .def = "", .group = GROUP_GENERAL, .when = BOOT, .acted = true,
    .text = "File that holds the process id; needed with -d.")
SETTING(pkt_buf, INT, .def = "4096", .group = GROUP_NETWORK, .when = BOOT,
    .no_object = "a connection has no buffer of its own until it leaves a message unfinished",
    .text = "Size of a connection's buffer, in bytes.")
SETTING(pool_mode, ENUM, .def = "session", .words = "session transaction statement", .group = GROUP_POOL,
    .when = RELOAD, .acted = true,
    .text = "When a server is given back: at the end of the session, the transaction or the statement.")
SETTING(pool_idle_timeout, DURATION, .def = "0", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long an empty pool is kept; 0 means for ever.")
SETTING(query_timeout, DURATION, .def = "0", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long a query may run before its server is closed; 0 means for ever.")
SETTING(query_wait_notify, DURATION, .def = "5", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long a client waits for a server before it is told so by a notice; 0 means never.")
SETTING(query_wait_timeout, DURATION, .def = "120", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long a client may wait for a server before it is refused; 0 means for ever.")
SETTING(reserve_pool_size, INT, .def = "0", .group = GROUP_POOL, .when = RELOAD, .acted = true,
    .text = "How many more servers a pool may have under pressure.")
SETTING(reserve_pool_timeout, DURATION, .def = "5", .group = GROUP_POOL, .when = RELOAD, .acted = true,
    .text = "How long a client waits before the reserve is used.")
SETTING(resolv_conf, TEXT, .def = "", .group = GROUP_DNS, .when = BOOT,
    .no_object = "names are looked up by the system's resolver, which has a configuration of its own",
    .text = "Resolver configuration file to use in place of the system's.")
SETTING(sbuf_loopcnt, INT, .def = "5", .group = GROUP_NETWORK, .when = RELOAD,
    .no_object = "a connection is read once in each turn of the event loop, so that none keeps the others waiting",
    .text = "How many times a connection is read before others have their turn.")
SETTING(scram_iterations, INT, .def = "4096", .min = 1, .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "Iterations of the SCRAM secrets made from plaintext passwords.")
SETTING(server_check_delay, DURATION, .def = "30", .group = GROUP_SERVER, .when = RELOAD, .acted = true,
    .text = "How long a server may be idle before it is checked ahead of its next use.")
SETTING(server_check_query, TEXT, .def = "<empty>", .group = GROUP_SERVER, .when = RELOAD, .acted = true,
    .text = "Query that checks an idle server; <empty> sends an empty one, nothing at all turns the check off.")
SETTING(server_connect_timeout, DURATION, .def = "15", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long connecting and logging in to a server may take.")
SETTING(server_fast_close, BOOL, .def = "0", .group = GROUP_SERVER, .when = RELOAD, .acted = true,
    .text = "Close outdated servers of session pools as soon as they are outside a transaction.")
SETTING(server_idle_timeout, DURATION, .def = "600", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long a server may be idle before it is closed; 0 means for ever.")
SETTING(server_lifetime, DURATION, .def = "3600", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How old a server may become before it is closed; 0 means that it is used once.")
SETTING(server_login_retry, DURATION, .def = "15", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long to wait behind a failed login before the next one.")
SETTING(server_reset_query, TEXT, .def = "DISCARD ALL", .group = GROUP_SERVER, .when = RELOAD, .acted = true,
    .text = "Query that cleans a server when a session gives it back.")
SETTING(server_reset_query_always, BOOL, .def = "0", .group = GROUP_SERVER, .when = RELOAD, .acted = true,
    .text = "Run server_reset_query in the other pool modes too.")
SETTING(server_round_robin, BOOL, .def = "0", .group = GROUP_SERVER, .when = RELOAD, .acted = true,
    .text = "Use idle servers in turn, in place of the one used last.")
SETTING(server_tls13_ciphers, TEXT, .def = "", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Ciphers of TLS 1.3 offered to servers, as OpenSSL lists them; by default its own choice.")
SETTING(server_tls_ca_file, TEXT, .def = "", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Certificate authorities that server certificates are checked against; by default the system's.")
SETTING(server_tls_cert_file, TEXT, .def = "", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Certificate shown to servers that ask for one.")
SETTING(server_tls_ciphers, TEXT, .def = "default", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Ciphers of TLS 1.2 and below offered to servers, as client_tls_ciphers.")
SETTING(server_tls_key_file, TEXT, .def = "", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Private key of the certificate shown to servers.")
SETTING(server_tls_protocols, TEXT, .def = "secure", .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "TLS versions that servers may use, as client_tls_protocols.")
SETTING(server_tls_sslmode, ENUM, .def = "prefer", .words = "disable allow prefer require verify-ca verify-full",
    .group = GROUP_TLS, .when = RELOAD, .acted = true,
    .text = "Whether connections to servers use TLS: disable (never), allow and prefer (if the server can), require "
	    "(always), verify-ca (and its certificate is checked), verify-full (and it names the host).")
SETTING(server_tls_sslnegotiation, ENUM, .def = "postgres", .words = "postgres direct", .group = GROUP_TLS,
    .when = RELOAD, .acted = true,
    .text = "How TLS begins towards servers: postgres asks first; direct (PostgreSQL 17) saves that round trip, and "
	    "needs sslmode require or more.")
SETTING(so_reuseport, BOOL, .def = "0", .group = GROUP_NETWORK, .when = BOOT, .acted = true,
    .text = "Let several processes listen on one port.")
SETTING(stats_period, DURATION, .def = "60", .min = 100, .group = GROUP_LOG, .when = RELOAD, .acted = true,
    .text = "The period over which averages are taken and logged.")
SETTING(stats_users, TEXT, .def = "", .group = GROUP_CONSOLE, .when = RELOAD, .acted = true,
    .text = "Comma-separated users who may log in to the console and look.")
SETTING(suspend_timeout, DURATION, .def = "10", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long SUSPEND waits for buffers to drain.")
SETTING(syslog, BOOL, .def = "0", .group = GROUP_LOG, .when = RELOAD, .acted = true,
    .text = "Send log lines to syslog as well.")
SETTING(syslog_facility, TEXT, .def = "daemon", .group = GROUP_LOG, .when = RELOAD, .acted = true,
    .text = "Facility used with syslog: auth, authpriv, daemon, user, or local0 to local7.")
SETTING(syslog_ident, TEXT, .def = "pgbouncer", .group = GROUP_LOG, .when = RELOAD, .acted = true,
    .text = "Name used with syslog.")
SETTING(tcp_defer_accept, INT, .def = "1", .group = GROUP_NETWORK, .when = RELOAD, .acted = true,
    .text = "Seconds for which the kernel may hold a connection that has sent nothing; 0 turns that off, as does so_reuseport.")
SETTING(tcp_keepalive, BOOL, .def = "1", .group = GROUP_NETWORK, .when = RELOAD, .acted = true,
    .text = "Let the kernel find out about dead connections.")
SETTING(tcp_keepcnt, INT, .def = "0", .group = GROUP_NETWORK, .when = RELOAD, .acted = true,
    .text = "Keepalive probes that may be lost; 0 means the system's default.")
SETTING(tcp_keepidle, INT, .def = "0", .group = GROUP_NETWORK, .when = RELOAD, .acted = true,
    .text = "Seconds of silence before the first keepalive probe; 0 means the system's default.")
SETTING(tcp_keepintvl, INT, .def = "0", .group = GROUP_NETWORK, .when = RELOAD, .acted = true,
    .text = "Seconds between keepalive probes; 0 means the system's default.")
SETTING(tcp_socket_buffer, INT, .def = "0", .group = GROUP_NETWORK, .when = RELOAD, .acted = true,
    .text = "Size of the kernel's buffers for a connection, in bytes; 0 means the system's default.")
SETTING(tcp_user_timeout, INT, .def = "0", .group = GROUP_NETWORK, .when = RELOAD, .acted = true,
    .text = "Milliseconds that sent bytes may stay unacknowledged; 0 means the system's default.")
SETTING(track_extra_parameters, TEXT, .def = "IntervalStyle", .group = GROUP_LOGIN, .when = BOOT, .acted = true,
    .text = "Comma-separated further parameters that follow the client from server to server.")
SETTING(transaction_timeout, DURATION, .def = "0", .group = GROUP_TIMEOUT, .when = RELOAD, .acted = true,
    .text = "How long a transaction may last before its server is closed; 0 means for ever.")
SETTING(unix_socket_dir, TEXT, .def = "/tmp", .group = GROUP_LISTEN, .when = BOOT, .acted = true,
    .text = "Directory of the unix socket, also of servers without a host; @ begins an abstract name, empty means no "
	    "socket.")
SETTING(unix_socket_group, TEXT, .def = "", .group = GROUP_LISTEN, .when = BOOT, .acted = true,
    .text = "Group that owns the unix socket.")
SETTING(unix_socket_mode, INT, .def = "0777", .max = 07777, .group = GROUP_LISTEN, .when = BOOT, .acted = true,
    .text = "Permissions of the unix socket.")
SETTING(user, TEXT, .def = "", .unset = true, .group = GROUP_GENERAL, .when = BOOT, .acted = true,
    .text = "System user to become when started as root.")
SETTING(verbose, INT, .def = "0", .max = 3, .group = GROUP_LOG, .when = RELOAD, .acted = true,
    .text = "How much to log beyond the usual, from 0 to 3.")

/* The rows above are in the order of PgBouncer's SHOW CONFIG; ours follow it. */

SETTING(auth_pam_dir, TEXT, .def = "", .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "Directory with the file of PAM's service pgbouncer; empty means the system's, /etc/pam.d.")
SETTING(auth_query_cache_ttl, DURATION, .def = "0", .group = GROUP_AUTH, .when = RELOAD, .acted = true,
    .text = "How long an answer of auth_query is used again, that there is no such user included; 0 asks at every login, so "
	    "that a password that is changed or has expired counts at once, and then only logins at the same time share a "
	    "query.  RELOAD and RECONNECT forget the answers, and before a password is refused a secret is asked for anew.")
SETTING(auth_threads, INT, .def = "16", .min = 1, .max = 256, .group = GROUP_AUTH, .when = BOOT, .acted = true,
    .text = "How many threads may wait for PAM and LDAP; 1 for a PAM module that cannot be in several threads.")
SETTING(balance, ENUM, .def = "round-robin", .words = "round-robin least-busy", .group = GROUP_ROUTE, .when = RELOAD,
    .acted = true,
    .text = "How requests are spread over hosts that may all serve them, replicas first of all: each in its turn, or the one with "
	    "the fewest servers in use, both in proportion to weight.")
SETTING(check_fall, INT, .def = "3", .min = 1, .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "How many checks in a row must time out before a host counts as down.")
SETTING(check_interval, DURATION, .def = "1", .min = 10, .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "How often each host is asked for its role and its lag.")
SETTING(check_rise, INT, .def = "2", .min = 1, .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "How many checks in a row must succeed before a host counts as up again.")
SETTING(check_timeout, DURATION, .def = "1", .min = 10, .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "How long a host may take to answer a check.")
SETTING(consistency, ENUM, .def = "eventual", .words = "eventual session table", .group = GROUP_ROUTE, .when = RELOAD,
    .acted = true,
    .text = "With route=split, what a read on a replica is sure to see: whatever the replica has (eventual), all that the "
	    "session itself has written and read before (session), or all that clients of this process have written to "
	    "the tables that it reads (table).")
SETTING(http_listen_addr, TEXT, .def = "", .group = GROUP_HTTP, .when = BOOT,
    .text = "Address on which metrics, health and the status page are served; empty means nowhere.")
SETTING(http_port, INT, .def = "0", .max = 65535, .group = GROUP_HTTP, .when = BOOT,
    .text = "Port on which metrics, health and the status page are served.")
SETTING(lazy_begin, BOOL, .def = "1", .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "With route=split, answer BEGIN at once and send it with the first statement, which decides on the host.")
SETTING(log_format, ENUM, .def = "text", .words = "text json", .refused = "json", .group = GROUP_LOG, .when = RELOAD,
    .acted = true, .text = "The form of log lines.")
SETTING(max_pinned, INT, .def = "0", .group = GROUP_POOL, .when = RELOAD, .acted = true,
    .text = "How many servers of a pool may be pinned to their clients (SHOW PINS); 0 means no limit.  A statement "
	    "that would pin one more is an error; what a function does unforeseen pins all the same, and is logged.")
SETTING(max_replica_lag, DURATION, .def = "0", .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "How late a replica may be and still be read; 0 means however late.  A later one is read again once it is "
	    "below three quarters of this.  It is known no finer than check_interval.")
SETTING(max_replica_lag_bytes, SIZE, .def = "0", .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "As max_replica_lag, in bytes of the log that a replica has not replayed, as in 16MB.")
SETTING(max_replica_lag_soft, DURATION, .def = "0", .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "As max_replica_lag, but it never takes more than half of the replicas from the reads: the latest of them.")
SETTING(monitor_dbname, TEXT, .def = "postgres", .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "Database in which hosts are asked for their role.")
SETTING(monitor_password, TEXT, .def = "", .secret = true, .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "Password of monitor_user; empty means its secret in auth_file.")
SETTING(monitor_user, TEXT, .def = "", .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "User that asks the hosts who is the primary; empty means auth_user, else the forced user of a routed entry.")
SETTING(read_from_primary, ENUM, .def = "fallback", .words = "never fallback always", .group = GROUP_ROUTE,
    .when = RELOAD, .acted = true,
    .text = "With route=split, whether reads may run on the primary: never, so that they wait for a replica; while no replica is "
	    "usable (fallback); or always, in proportion to its weight.")
SETTING(replica_pool_size, INT, .def = "-1", .min = -1, .group = GROUP_POOL, .when = RELOAD, .acted = true,
    .text = "How many servers one pool may have on each replica; -1 means as many as on the primary.")
SETTING(route, ENUM, .def = "any", .words = "any primary replica prefer-replica split", .group = GROUP_ROUTE, .when = RELOAD,
    .acted = true,
    .text =
	"Where statements go: any host, the primary, the replicas, the replicas while there are any and else the primary "
	"(prefer-replica), or writes to the primary and reads to the replicas (split).")
SETTING(route_dry_run, BOOL, .def = "0", .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "With route=split, send everything to the primary, hints and pgweir.route included, and only count what would "
	    "have gone to a replica: the column dry_run of SHOW ROUTES.")
SETTING(state_file, TEXT, .def = "", .group = GROUP_ROUTE, .when = BOOT, .acted = true,
    .text = "File that keeps, for each system identifier, the highest timeline of a primary, so that an old primary is known "
	    "as such after a restart.  By default it is beside pidfile, with .state in place of .pid; without a pidfile there is "
	    "none.  Who restores a database cluster to a lower timeline stops pgweir and removes the file.")
SETTING(server_login_concurrency, INT, .def = "8", .min = 1, .group = GROUP_SERVER, .when = RELOAD, .acted = true,
    .text = "How many servers of one pool may log in at the same time.")
SETTING(server_recovery, ENUM, .def = "recover", .words = "recover close", .group = GROUP_SERVER, .when = RELOAD,
    .acted = true,
    .text = "What happens to the server of a client that is gone in the middle of a query or transaction: the query is "
	    "cancelled, the transaction rolled back and the server kept, or it is closed.  What does not end within "
	    "cancel_wait_timeout is closed.")
SETTING(session_features, ENUM, .def = "keep", .words = "keep reject ignore", .group = GROUP_POOL, .when = RELOAD,
    .acted = true,
    .text = "What happens to the features of a session in transaction and statement mode: they work as on a connection of "
	    "the client's own (keep); statements that need a server for longer than their transaction are errors, 0A000, while "
	    "settings and the protocol's prepared statements work (reject); or nobody looks, and what a client leaves on a "
	    "server is there for the next, as with PgBouncer (ignore).")
SETTING(slow_start, DURATION, .def = "10", .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "How long a host that comes back takes to get its whole share of the requests, which grows evenly; 0 means at once.")
SETTING(track_sequences, ENUM, .def = "auto", .words = "auto always never", .group = GROUP_POOL, .when = RELOAD,
    .acted = true,
    .text = "Whether a client keeps its server behind an INSERT, so that currval() and lastval() tell of it later: once "
	    "somebody of its pool has asked for either (auto), always, or never. With always it keeps it behind whatever nobody can look into, "
	    "too.")
SETTING(weight, INT, .def = "1", .max = 1000, .group = GROUP_ROUTE, .when = RELOAD, .acted = true,
    .text = "The share of a host, beside those of others that may serve the same request; 0 means only while no other is up.  Counts "
	    "for hosts of entries that say nothing themselves.")
SETTING(workers, INT, .def = "0", .max = 1024, .group = GROUP_GENERAL, .when = BOOT, .acted = true,
    .text = "How many threads serve clients; 0 means one per CPU.")
