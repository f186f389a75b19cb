/*
 * tables/peer_keys.h - what a row of [peers] may say: one row, one key, with the
 * tails of tables/database_keys.h; FIELD names a field of struct peer_config.
 *
 * The includer defines PEER_KEY and FIELD and undefines them afterwards.
 */
PEER_KEY(host, TEXT, FIELD(host), .acted = true, .text = "Host name, address or socket directory of the peer.")
PEER_KEY(port, PORTS, .def = "6432", .acted = true, .text = "Port of the peer.")
PEER_KEY(pool_size, INT, FIELD(pool_size), .acted = true, .text = "How many cancel requests may be under way to the peer.")
