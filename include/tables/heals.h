/*
 * tables/heals.h - what became of reads that a replica refused or a server lost, and of
 * transactions whose server was lost: one counter for each row.
 */
HEAL(refused_to_primary, "A replica refused a read, and it was run again on the primary.")
HEAL(refused_to_replica, "A replica refused a read, and it was run again on another replica (route = replica).")
HEAL(lost_to_replica, "The server of a read was lost, and it was run again on a replica.")
HEAL(lost_to_primary, "The server of a read was lost, and it was run again on the primary, perhaps a new one.")
HEAL(given_up_answered, "Not run again: rows of the answer had reached the client.")
HEAL(given_up_too_long, "Not run again: the request was too long to be kept.")
HEAL(given_up_not_proven, "Not run again: it was not proven to be a read.")
HEAL(given_up_second_time, "Not run again: a second server had lost it.")
HEAL(given_up_quarantined, "Not run again: statements of its shape have lost two servers in the last minute.")
HEAL(given_up_no_host, "Not run again: its server was lost without a word, the host lives, and there is no other replica.")
HEAL(given_up_changed, "Run again, but the answer did not fit what the client had been told before.")
HEAL(transaction_lost, "The server of a transaction was lost; the client was told that the transaction is rolled back.")
HEAL(outcome_unknown, "A server was lost while it ran what may write or commit; the client was told that nobody knows whether it did.")
HEAL(nothing_lost, "A server was lost while it ran what writes nothing; the client was told so.")
