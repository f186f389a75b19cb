/*
 * tables/differences.h - where pgweir does not do what PgBouncer does: one row, one
 * difference, with its reason.  DIFFERENCE(subject, what, why).  The manual is
 * written from it.
 *
 * The includer defines DIFFERENCE and undefines it afterwards.
 */
DIFFERENCE("errors",
    "An error of pgweir's own carries the field V and the SQLSTATE that PostgreSQL has for the case: 53300 for limits, 28P01 and "
    "28000 for authentication, 3D000 for an unknown database, 57P01 and 57P03 for shutdown and start, 57014 for timeouts that end "
    "a query, 25P03 and 57P05 for idle ones. PgBouncer says 08P01 for all of them. The texts are PgBouncer's.",
    "Drivers and frameworks decide by SQLSTATE whether to try again.")
DIFFERENCE("prepared statements",
    "A name that is taken or unknown is an ERROR (42P05, 26000) and the session lives. PgBouncer closes the client.",
    "PostgreSQL does so.")
DIFFERENCE("prepared statements of SQL",
    "PREPARE, EXECUTE and DEALLOCATE mean the client's own names on every server, beside those of the protocol and in one name space with "
    "them, and pg_prepared_statements shows these and no others. PgBouncer does not follow them.",
    "PostgreSQL does so.")
DIFFERENCE("settings of the session",
    "What a client sets with SET, and what PostgreSQL reports to it, follows it from server to server, of any length. PgBouncer follows the few that "
    "track_extra_parameters and its own list name, and drops values of more than 128 bytes.",
    "A setting that is lost or left to the next client is a wrong answer somewhere.")
DIFFERENCE("clients that vanish",
    "The query of a client that vanishes is cancelled on the server. PgBouncer lets it run to its end.",
    "Nobody waits for it any more, and others wait for the server.")
DIFFERENCE("cancel requests",
    "A client that waits for a server can be cancelled. A server to which a cancel request is on its way is lent to nobody until "
    "that request is done. Cancel requests to servers with TLS use TLS.",
    "A cancel request must reach its query or nothing.")
DIFFERENCE("protocol 3.2",
    "Clients of protocol 3.2 are answered in 3.2, with cancel keys of 32 bytes. PgBouncer negotiates down to 3.0.",
    "Eight bytes can be guessed.")
DIFFERENCE("server logins",
    "Several servers of a pool may log in at once (server_login_concurrency). PgBouncer logs in one after another.",
    "A pool is full sooner behind a restart.")
DIFFERENCE("server logins that are refused",
    "The server's refusal reaches the client in the server's words, with its SQLSTATE and the DETAIL \"server login failed\", replication "
    "clients too, which PgBouncer tells login failed only. What TLS does not allow is told at once. A reload that changes how servers "
    "are reached or secured tries again at once, whatever server_login_retry says.",
    "Who reads the message should find the reason in it.")
DIFFERENCE("waiting clients",
    "They are served in the order of their coming, but within 2 milliseconds one whose worker has the server may be the first.",
    "A server that stays with its worker costs less.")
DIFFERENCE("threads",
    "One process serves with several threads (workers), and all limits hold for the process as a whole. so_reuseport and peers work "
    "too, and are needed only for restarts without an interruption.",
    "Limits that hold for each of several processes are not the limits that were meant.")
DIFFERENCE("timeouts",
    "They are kept within 50 milliseconds. PgBouncer looks three times in a second.",
    "Fractions of seconds can be configured, so they should count.")
DIFFERENCE("timeouts of users",
    "A user's client_idle_timeout or query_wait_timeout holds for that user, whatever the main section says. In PgBouncer the first one "
    "disconnects the idle clients of all other users when there is no global one, and the second one is without effect.",
    "Both look like mistakes.")
DIFFERENCE("user list",
    "A file with a malformed line is refused as a whole, a reload that cannot read it is refused, and the secrets in force stay. PgBouncer has forgotten all of them by then.",
    "A typing error must not lock everybody out.")
DIFFERENCE("unknown users",
    "With auth_query, too, an unknown user is refused in the same words, at the same step, as a wrong password, and every refusal "
    "costs one derivation of a key. auth_type=md5 asks those who have no secret by md5 or SCRAM, as often as it asks the others. "
    "PgBouncer says no such user.",
    "Who has an account is nobody's business.")
DIFFERENCE("auth_query and search_path",
    "auth_query runs with search_path = pg_catalog, \"$user\", public, pg_temp, whatever ALTER ROLE, ALTER DATABASE or another session "
    "on the same server say. A function in another schema has to be named with it.",
    "Who owns the database, or makes a temporary table called pg_authid, could let in whom it likes.")
DIFFERENCE("auth_query and names",
    "A query that returns another name than it was asked for lets nobody in, and a warning says so. PgBouncer goes on as the user that "
    "was returned, and takes the last one of several rows, where pgweir refuses the login.",
    "Rules and limits were applied to the name that the client gave, and PostgreSQL cuts long names to those of others.")
DIFFERENCE("auth_query, fewer times",
    "Logins of one user at the same time share a query, and with auth_query_cache_ttl its answers are kept. A query that fails is "
    "logged, and the server lives.",
    "A storm of logins should not be a storm of queries.")
DIFFERENCE("reload",
    "A setting that only a restart changes is named in a warning. Certificates and keys are loaded and checked before they replace the "
    "old ones; a file that does not fit refuses the reload. A forced user may be taken away by a reload.",
    "What did not happen should be said.")
DIFFERENCE("configuration",
    "A comment may stand behind a number, a time, a boolean or a word. Booleans may be words. Keys may be between double quotes. "
    "Messages name the file, the line, the key and the nearest key that there is.",
    "PgBouncer refuses such files, and people write them.")
DIFFERENCE("parameters in the startup packet",
    "All are taken; PostgreSQL judges them. PgBouncer refuses those that it does not follow and that ignore_startup_parameters does not "
    "name.",
    "They are kept here, so there is no reason to refuse them.")
DIFFERENCE("TLS to servers",
    "The server's name is always sent (SNI). The keys server_tls_* may also stand in [databases].",
    "Proxies in front of hosted servers need the name; one file may name servers of several owners.")
DIFFERENCE("channel binding",
    "SCRAM-SHA-256-PLUS is offered to clients with TLS, and used towards servers that offer it.",
    "It shows a man in the middle up.")
DIFFERENCE("shutdown",
    "SHUTDOWN and SIGQUIT tell clients 57P01. PgBouncer just closes them. SIGUSR2 is obeyed while the process waits for clients.",
    "Drivers tell an orderly end from a crash.")
DIFFERENCE("shutdown, consoles",
    "Consoles do not keep a process alive that waits for its clients. In PgBouncer they count as clients.",
    "A forgotten psql would keep the old process for ever.")
DIFFERENCE("shutdown with so_reuseport",
    "A process that stops listening first accepts, and serves, what the kernel had already given to it. PgBouncer resets those "
    "connections, or refuses their logins. tcp_defer_accept is not used with so_reuseport.",
    "A rolling restart should not be noticed.")
DIFFERENCE("peers",
    "Clients of protocol 3.2 have cancel keys of 32 bytes among peers too.",
    "Eight bytes can be guessed.")
DIFFERENCE("unix_socket_group",
    "A group that does not exist or cannot be given refuses the start.",
    "The wrong people would be let in, or the right ones not.")
DIFFERENCE("online restart",
    "The option -R and the command SHOW FDS do not hand connections over to a new process. Start a second one with so_reuseport, and "
    "stop the first with SHUTDOWN WAIT_FOR_CLIENTS.",
    "PgBouncer deprecates it, and it loses connections with TLS.")
DIFFERENCE("console",
    "The extended protocol works there, and one can be open on the databases pgbouncer and pgweir, which are one to host-based rules. SHOW FDS shows no secrets. "
    "An empty query is answered as one. ROUTE, PAUSE and RESUME of a primary, SHOW HOSTS, ROUTES, HEALS, PINS, PIN_STATS and HBA are not "
    "in PgBouncer; what it has keeps its columns in their places, and new ones stand behind them.",
    "Drivers that prepare every statement can read it.")
DIFFERENCE("forced users",
    "When a forced user changes at reload, clients are logged in to servers as the new one, or as themselves, from their next "
    "transaction on. PgBouncer keeps the old one, or needs a restart.",
    "A reload should do what the file says.")
DIFFERENCE("lists of hosts",
    "A new server goes to the host with the fewest, in turn among equals, and a host whose login has failed rests for "
    "server_login_retry while others are there. PgBouncer takes one after the other, and waits for server_login_retry whichever failed.",
    "A host that is down should not hold up the others.")
DIFFERENCE("pipelines without an end",
    "When a server owes 4096 answers, its client is not heard until some have come.",
    "Memory is bounded whatever a client sends.")
DIFFERENCE("DNS",
    "Names are looked up by the system's resolver in threads. There are no zones to be checked for changes.",
    "It knows the files, services and search lists of the system.")
DIFFERENCE("PAM and LDAP",
    "Several threads ask (auth_threads), each step of LDAP takes at most 5 s, and a client that leaves gives its place up; one thread of "
    "PgBouncer asks for all. Users' names are escaped in names and filters of LDAP, where PgBouncer refuses some characters in a search "
    "and takes all of them in a bind. Referrals are not followed. auth_ldap_options and the options of rules are judged when the file "
    "is loaded; ldaptls has to be 0 or 1.",
    "A server that hangs stops nobody else; a name does not get out of its place; a password goes to the servers of the options alone; "
    "a word that is not understood does not send passwords in clear.")
DIFFERENCE("host-based rules: a broken line",
    "A line of auth_hba_file or auth_ident_file that is not understood, at any depth of includes and @files, refuses the start, the "
    "reload or the SET, with its place and the nearest word. PgBouncer skips such lines with a warning.",
    "A broken reject line that is skipped lets people in.")
DIFFERENCE("host-based rules: what they may say",
    "Besides PgBouncer's subset: samehost, samenet, host names, regular expressions, include, include_if_exists, include_dir, lines "
    "joined by a backslash, pam, clientcert, clientname, and the LDAP options by name. Regular expressions are POSIX extended ones "
    "with \\d; what PostgreSQL's dialect would read as something else is refused. samerole and +group are refused, and so are lists with nothing beside "
    "a comma.",
    "PostgreSQL's own file can be used; who is a member of a role is known to PostgreSQL only.")
DIFFERENCE("host-based rules: users",
    "sameuser and replication are ordinary names in the user field. PgBouncer takes them as keywords there.",
    "PostgreSQL does so.")
DIFFERENCE("data before TLS",
    "Whatever follows an SSLRequest or a GSSENCRequest before its answer ends the connection, also where the answer would be no. "
    "Direct TLS has to name the protocol postgresql (ALPN).",
    "PostgreSQL does so.")
DIFFERENCE("auth_query and its server",
    "When the server of auth_query cannot be reached or refuses, the client is told server login failed (08006), and the log why. "
    "PgBouncer lets it wait until its own time is over.",
    "Who has proved nothing is not told of accounts and hosts.")
DIFFERENCE("LISTEN and NOTIFY",
    "In transaction and statement mode LISTEN works, and holds no server: one connection per database, user and client_encoding "
    "(application_name is pgweir listener) listens for all clients. It is beside pool_size, max_db_connections and "
    "max_user_connections, closes a second after the last client has stopped to listen, and closes at PAUSE. When it was lost, clients that "
    "listen are told by a WARNING (01000) that notifications may have been lost, as soon as it is back. A client for which more "
    "than 10000 notifications wait is closed (53200). In every mode a notification bears the process id that its sender was "
    "told. In PgBouncer LISTEN stays on a server that goes to the next client.",
    "Frameworks listen on ordinary connections. The connection is not counted because those who wait for it hold servers that are.")
DIFFERENCE("what a transaction leaves",
    "In transaction mode temporary objects, cursors WITH HOLD, session-level advisory locks, LOAD, setseed() and numbers drawn from "
    "a sequence keep their client on its server until they are gone (SHOW PINS, max_pinned), and are undone before anybody else gets "
    "that server. session_features=reject makes errors of such statements. In PgBouncer they stay for whoever comes next; "
    "session_features=ignore does the same.",
    "Programs use them, and a client that meets another's state gives wrong answers.")
DIFFERENCE("names of settings that somebody has made",
    "A setting of a client's own making (a.b) that another client of its server had once reads as '' and not as NULL with "
    "current_setting('a.b', true), as PostgreSQL has it behind a transaction that was rolled back. What dynamic SQL makes whose text comes "
    "from elsewhere (a table, a parameter) is not brought to another server, and nobody else sees it.",
    "PostgreSQL forgets no such name, and lists none.")
DIFFERENCE("clients that are lost in a transaction",
    "The transaction is rolled back and the server serves the next client, with server_recovery=recover. PgBouncer closes the server.",
    "A crash of many clients should not be a storm of logins for PostgreSQL.")
DIFFERENCE("DROP DATABASE through the pool",
    "Before a database is dropped, renamed, moved or copied (TEMPLATE) pgweir's own idle servers there close, and none is opened until "
    "the statement is over. In PgBouncer it fails with 55006 as long as one idles there.",
    "Test runners of frameworks do this for every run.")
DIFFERENCE("long messages of servers",
    "A server's message above max_packet_size ends the connection as packet too large. PgBouncer says bad pkt header.",
    "It names the cause.")
DIFFERENCE("PAUSE and RESUME",
    "PAUSE db PRIMARY and RESUME db PRIMARY hold and let go what needs the primary of a routed entry. SHOW DATABASES has the column "
    "primary_paused behind PgBouncer's, and SHOW STATE a row of that name while a primary is paused.",
    "PgBouncer does not know which host is the primary.")
DIFFERENCE("BEGIN with route = split",
    "BEGIN is answered at once and sent with the first statement (lazy_begin), so now() tells that statement's time, and a READ ONLY "
    "transaction that needs the primary later begins there anew, with a new now(). A server's own idle_in_transaction_session_timeout "
    "counts from the first statement, idle_transaction_timeout from the BEGIN; a client that has set the former is not held back.",
    "The first statement decides between the primary and a replica, and a client that begins and waits holds no server.")
DIFFERENCE("servers that are lost under a client",
    "The client of an entry with a route stays connected: 57P01 and a failed transaction until ROLLBACK or COMMIT, 08007 for a write or "
    "COMMIT whose answer was lost. It ends as with PgBouncer (server conn crashed?) with route=any, with pool_mode=session, while it keeps "
    "its server for something that is lost with it, and in the middle of a message. An ERROR of the server's that was FATAL reaches "
    "it as ERROR.",
    "A failover is no reason for a thousand logins, and drivers tell the codes apart.")
