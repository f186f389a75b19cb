/*
 * tables/options.h - the command line: OPTION(letter, name, argument, usage, text).
 * ARGUMENT is NULL or what the option takes; a LETTER of 0 means that it has none.
 * USAGE is --help's, TEXT the manual's.
 *
 * The includer defines OPTION and undefines it afterwards.
 */
OPTION('d', "daemon", NULL, "run in the background",
    "Run in the background. Needs the setting pidfile; nothing more is written to standard error.")
OPTION('q', "quiet", NULL, "write nothing to standard error",
    "Write nothing to standard error. The setting logfile is obeyed all the same.")
OPTION('R', "reboot", NULL, "not supported: start a second process with so_reuseport instead",
    "Not supported: says what to do instead, and exits with 1.")
OPTION('u', "user", "USERNAME", "run as this user",
    "Become this user of the system, in place of the setting user, after the configuration was read and before the log and the "
    "sockets are opened. The program refuses to run as root.")
OPTION('v', "verbose", NULL, "say more; may be repeated",
    "Log more; may be given up to three times. It overrides the setting verbose.")
OPTION('V', "version", NULL, "print the version and exit",
    "Print the version, the version of PgBouncer whose behaviour it has, and those of its libraries, and exit.")
OPTION('h', "help", NULL, "print this text and exit", "Print the options and exit.")
OPTION(0, "write-docs", "DIR", "write the sample files and manual pages below DIR and exit",
    "Write the sample files and the manual pages below the directory and exit.")
