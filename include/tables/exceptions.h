/*
 * tables/exceptions.h - what is not as on a connection of one's own, whatever is done:
 * a server process lives longer than a session, and serves several.  One row, one
 * exception, with its reason.  EXCEPTION(subject, what, why).  The manual is written
 * from it.
 *
 * The includer defines EXCEPTION and undefines it afterwards.
 */
EXCEPTION("new connections",
    "A client that connects starts no server process. pg_stat_database.sessions does not count it, backend_start in pg_stat_activity is "
    "older than its session, and what a process reports at its end is reported later. pg_backend_pid() may be another after each "
    "transaction. (PostgreSQL's own test stats.)",
    "Not to start a process for each client is what a pool is for.")
EXCEPTION("executions of prepared statements",
    "generic_plans and custom_plans in pg_prepared_statements count the executions on one server, so the sixth execution of a statement "
    "need not be the one that takes the generic plan. (plancache.)",
    "The counters are the process's, and nobody can set them.")
EXCEPTION("statements that were prepared again",
    "prepare_time in pg_prepared_statements is when the statement came to this server, and statement is the PREPARE alone where it was "
    "one of several in its text. A statement whose table is gone is not shown where it would have to be prepared again.",
    "A server has what was prepared on it.")
EXCEPTION("libraries that are loaded already",
    "What a library reserves when it is loaded is reserved from the start where an earlier client has loaded it: SET plpgsql.nonsense is "
    "an error, and not a warning when the first function in PL/pgSQL runs. (guc.)",
    "No library can be unloaded.")
