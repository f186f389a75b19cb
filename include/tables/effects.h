/*
 * tables/effects.h - what a text may do to the session that runs it, or ask of it.
 *
 * EFFECT(name, text): a bit of verdict.effects.  "May": one too many costs a
 * question to PostgreSQL, one too few leaves a client's state to the next.
 */

EFFECT(settings, "changes settings: SET, RESET, set_config(), or what calls them")
EFFECT(defaults, "changes what later logins begin with: ALTER ROLE or DATABASE ... SET")
EFFECT(resets, "depends on what the session began with: RESET, SET ... TO DEFAULT, reset_val")
EFFECT(prepares, "prepares by SQL: PREPARE")
EFFECT(executes, "runs a statement that was prepared by name: EXECUTE")
EFFECT(deallocates, "forgets prepared statements: DEALLOCATE")
EFFECT(discards, "DISCARD in any of its forms")
EFFECT(listens, "LISTEN or UNLISTEN")
EFFECT(notifies, "NOTIFY or pg_notify()")
EFFECT(temporary, "makes temporary objects")
EFFECT(holds, "declares a cursor WITH HOLD")
EFFECT(advisory, "takes advisory locks that outlive the transaction")
EFFECT(loads, "LOAD")
EFFECT(seeds, "setseed()")
EFFECT(draws, "nextval() or setval(), written in the text")
EFFECT(fills, "adds rows, and so may draw from a sequence unseen: INSERT, COPY FROM, MERGE")
EFFECT(asks_sequence, "currval() or lastval()")
EFFECT(looks_prepared, "looks at pg_prepared_statements")
EFFECT(looks_channels, "looks at pg_listening_channels()")
EFFECT(looks_cursors, "looks at pg_cursors")
EFFECT(looks_lsn, "looks at pgweir.last_lsn")
EFFECT(databases, "CREATE, DROP, RENAME or move a database")
EFFECT(defines, "calls a function with CREATE, ALTER or DROP in its body")
EFFECT(hides, "works out the name of a setting that it makes")
EFFECT(unknown, "calls what nobody can look into: dynamic SQL, C functions, DO, CALL")
