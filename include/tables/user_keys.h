/*
 * tables/user_keys.h - what a row of [users] may say: one row, one key, with the
 * tails of tables/database_keys.h; FIELD names a field of struct user_config.
 *
 * The includer defines USER_KEY and FIELD and undefines them afterwards.
 */
USER_KEY(pool_mode, ENUM, FIELD(pool_mode), .words = "session transaction statement", .acted = true,
    .text = "The setting pool_mode for this user, before the database's.")
USER_KEY(pool_size, INT, FIELD(pool_size), .acted = true,
    .text = "How many servers a pool of this user may have, before the database's.")
USER_KEY(reserve_pool_size, INT, FIELD(reserve_pool_size), .acted = true,
    .text = "How many more servers a pool of this user may have under pressure.")
USER_KEY(max_user_connections, INT, FIELD(max_user_connections), .acted = true,
    .text = "How many servers this user may have; 0 means the setting of that name.")
USER_KEY(max_user_client_connections, INT, FIELD(max_user_client_connections), .acted = true,
    .text = "How many clients this user may have; 0 means the setting of that name.")
USER_KEY(
    query_timeout, DURATION, FIELD(query_timeout_ms), .acted = true, .text = "The setting query_timeout for this user.")
USER_KEY(query_wait_timeout, DURATION, FIELD(query_wait_timeout_ms), .acted = true,
    .text = "The setting query_wait_timeout for this user, before the database's.")
USER_KEY(idle_transaction_timeout, DURATION, FIELD(idle_transaction_timeout_ms), .acted = true,
    .text = "The setting idle_transaction_timeout for this user.")
USER_KEY(transaction_timeout, DURATION, FIELD(transaction_timeout_ms), .acted = true,
    .text = "The setting transaction_timeout for this user.")
USER_KEY(client_idle_timeout, DURATION, FIELD(client_idle_timeout_ms), .acted = true,
    .text = "The setting client_idle_timeout for this user.")
USER_KEY(max_pinned, INT, FIELD(max_pinned), .acted = true,
    .text = "The setting max_pinned for a pool of this user, before the database's.")
USER_KEY(route, ENUM, FIELD(route), .words = "any primary replica prefer-replica split", .acted = true,
    .text = "The setting route for this user, before the database's.")
USER_KEY(session_features, ENUM, FIELD(session_features), .words = "keep reject ignore", .acted = true,
    .text = "The setting session_features for this user, before the database's.")
USER_KEY(consistency, ENUM, FIELD(consistency), .words = "eventual session table", .acted = true,
    .text = "The setting consistency for this user, before the database's.")
