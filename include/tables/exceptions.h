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
    "one of several in its text. A statement whose table is gone, or hidden by a temporary one, is not shown where it would have to be prepared again. What an EXECUTE "
    "or a FETCH that was prepared by the protocol returns is described as of then.",
    "A server has what was prepared on it.")
EXCEPTION("libraries that are loaded already",
    "What a library reserves when it is loaded is reserved from the start where an earlier client has loaded it: SET plpgsql.nonsense is "
    "an error, and not a warning when the first function in PL/pgSQL runs. (guc.)",
    "No library can be unloaded.")
EXCEPTION("settings of one's own making",
    "A setting like app.tenant that was made and taken back, by RESET, a rollback or the end of SET LOCAL, is an empty text on its connection. "
    "Through the pool it may be unknown again: current_setting('app.tenant', true) is NULL, and without the true an error.",
    "No process forgets such a name, and each has had others.")
EXCEPTION("set_config() of NULL",
    "In a transaction, or by EXECUTE or a function, set_config() with a value that turns out to be NULL goes back to what the server logged "
    "in with, which may be what another client came with. RESET, SET ... TO DEFAULT and DISCARD ALL go back to the client's own anywhere.",
    "What a process goes back to is fixed at its login, and which server a transaction has is decided at its beginning.")
EXCEPTION("what a session began with, looked at late",
    "pg_settings.reset_val and source are the client's own in a statement outside of a transaction, in the first statement behind a lone BEGIN "
    "and in one text or batch with it. Later in a transaction, and in a session that has come to keep its server, they may be another client's, "
    "and so may what a RESET, or a SET ... TO DEFAULT, goes back to that is one of several statements of a text; "
    "the same in session mode behind the first request, where RESET goes back to the client's own when it is a statement by itself.",
    "What a process goes back to is fixed at its login. To keep a login for each application_name would be to do without a pool.")
EXCEPTION("UNLISTEN in a transaction that is prepared",
    "PREPARE TRANSACTION fails behind an UNLISTEN where somebody has listened on the server before, also if the client never did.",
    "A process remembers for good that it has listened.")
EXCEPTION("what a failed transaction tells of a statement",
    "In a transaction that has failed, Describe of a named statement that was prepared on another server may say that the transaction is "
    "aborted (25P02) where PostgreSQL describes it: an INSERT, UPDATE or DELETE without RETURNING that was not described before, or one whose "
    "parameters' types were not declared. In a pipeline, where the failure is not known yet, Bind with a wrong number of values says so, too.",
    "Nothing can be prepared in a failed transaction, and what nobody has asked before is not known.")
EXCEPTION("a look at channels within a batch",
    "pg_listening_channels() behind a Flush in a batch of the extended protocol, or called by a function there, does not show what the client "
    "listens to when the batch began on a server that has not heard of it.",
    "LISTEN takes effect when its transaction ends, and a batch is one.")
