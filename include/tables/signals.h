/*
 * tables/signals.h - what signals do: SIGNAL(name, text).
 *
 * The includer defines SIGNAL and undefines it afterwards.
 */
SIGNAL(SIGHUP,
    "Read the configuration, the user list, the host-based rules and the certificates again, and open the log file again. A file with "
    "an error changes nothing. Settings that only a restart changes keep their value, with a warning.")
SIGNAL(SIGTERM,
    "Stop listening on TCP, let no new client in, and end when the last client has gone (SHUTDOWN WAIT_FOR_CLIENTS). A second signal "
    "to end, of any kind, ends the process at once. The unix socket stays open for the console, which does not count as a client.")
SIGNAL(SIGINT,
    "Stop listening on TCP, end the clients that use no server, let the others give theirs back, and end (SHUTDOWN WAIT_FOR_SERVERS). A "
    "second signal ends the process at once.")
SIGNAL(SIGQUIT, "End at once (SHUTDOWN). Clients are told so.")
SIGNAL(SIGUSR1, "Pause, as PAUSE on the console.")
SIGNAL(SIGUSR2, "Resume, as RESUME on the console. Ignored while the process waits for its servers to end.")
