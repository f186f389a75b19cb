/*
 * tables/routes.h - why a statement went where it went: one row per reason.
 *
 * ROUTE_REASON(name, target, text): the name is what operators see, the target is
 * where the reason alone leads, the text explains it.  A row whose reason is given
 * by the session (not by the statement) says so in its second half.
 */

/* Given by the statement. */
ROUTE_REASON(plain_read, REPLICA, "The statement is proven to read only, and a replica answers it as well as the primary.")
ROUTE_REASON(read_only_transaction, REPLICA, "A transaction that was declared READ ONLY begins.")
ROUTE_REASON(empty_query, FOLLOW, "There is no statement in the text.")
ROUTE_REASON(transaction_control, FOLLOW, "BEGIN, COMMIT, ROLLBACK, SAVEPOINT and the like stay where the session is.")
ROUTE_REASON(settings, FOLLOW, "SET, RESET, SHOW, DISCARD and DEALLOCATE stay where the session is.")
ROUTE_REASON(cursor, FOLLOW, "DECLARE, FETCH, MOVE and CLOSE stay where their transaction is.")
ROUTE_REASON(writes, PRIMARY, "The statement changes data, at its top or in a WITH clause.")
ROUTE_REASON(locks_rows, PRIMARY, "The statement locks rows (FOR UPDATE, FOR SHARE and the like).")
ROUTE_REASON(unsafe_function, PRIMARY, "A function in the statement may write, or answers for its own server or session.")
ROUTE_REASON(unsafe_relation, PRIMARY, "A relation in the statement is a sequence, is unlogged, foreign or temporary, or calls something unsafe.")
ROUTE_REASON(unsafe_operator, PRIMARY, "An operator in the statement calls something unsafe.")
ROUTE_REASON(unsafe_type, PRIMARY, "A type in the statement calls something unsafe in a cast or a check.")
ROUTE_REASON(unsafe_everything, PRIMARY, "An operator or cast that needs no mention calls something unsafe in this database.")
ROUTE_REASON(node_setting, PRIMARY, "The statement asks for a setting that differs between the servers.")
ROUTE_REASON(serializable, PRIMARY, "A serializable transaction cannot run on a replica.")
ROUTE_REASON(read_write_transaction, PRIMARY, "The transaction is declared READ WRITE, or takes another one's snapshot.")
ROUTE_REASON(utility, PRIMARY, "A utility command that is not proven to read only.")
ROUTE_REASON(ddl, PRIMARY, "A data definition command.")
ROUTE_REASON(copy_from, PRIMARY, "COPY FROM writes.")
ROUTE_REASON(copy_file, PRIMARY, "COPY to or from a file or program of the server.")
ROUTE_REASON(session_object, PRIMARY, "The statement makes or uses something that lives in its session (a temporary object, a prepared statement, a held cursor, a channel).")
ROUTE_REASON(not_parsed, PRIMARY, "The text is not a statement that the parser knows.")
ROUTE_REASON(too_deep, PRIMARY, "The statement is nested too deeply to be judged.")
ROUTE_REASON(too_long, PRIMARY, "The statement is too long to be judged.")
ROUTE_REASON(encoding, PRIMARY, "The client's encoding has bytes that only look like ASCII.")
ROUTE_REASON(nonstandard_strings, PRIMARY, "standard_conforming_strings is off and a backslash is in the text, so it cannot be read with certainty.")
ROUTE_REASON(no_catalog, PRIMARY, "The catalog of the database has not been read, so no name in the statement is known.")
ROUTE_REASON(batch_mixed, PRIMARY, "Not every statement of the text or batch may go to a replica.")
ROUTE_REASON(hint_primary, PRIMARY, "A comment in the statement asks for the primary.")
ROUTE_REASON(hint_replica, REPLICA, "A comment in the statement asks for a replica.")

/* Given by the session or the cluster. */
ROUTE_REASON(route_primary, PRIMARY, "route = primary")
ROUTE_REASON(route_replica, REPLICA, "route = replica")
ROUTE_REASON(route_prefer_replica, REPLICA, "route = prefer-replica")
ROUTE_REASON(session_mode, PRIMARY, "pool_mode = session: a session keeps one server, so split sends all of it to the primary.")
ROUTE_REASON(route_any, FOLLOW, "route = any")
ROUTE_REASON(in_transaction, FOLLOW, "A transaction is open, and stays on its server.")
ROUTE_REASON(begin_held, FOLLOW, "BEGIN was answered by pgweir, and waits for the statement that decides; so was what ends a transaction that no server knows.")
ROUTE_REASON(session_pinned, FOLLOW, "The session is pinned to its server.")
ROUTE_REASON(refused_lately, PRIMARY, "A replica has refused this statement, or one of its shape lately, and the primary has run it.")
ROUTE_REASON(no_replica, PRIMARY, "There is no replica.")
ROUTE_REASON(read_from_primary, PRIMARY, "read_from_primary = always: the primary takes its share of the reads.")
ROUTE_REASON(replica_down, PRIMARY, "No replica is up, or none is recent enough.")
ROUTE_REASON(not_caught_up, PRIMARY, "No replica has replayed what the session has written or read on the primary, or what its tables have had written to them.")
