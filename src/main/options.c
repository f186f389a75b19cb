/*
 * main/options.c - the command line: PgBouncer's, and --write-docs for the build.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "main/main_private.h"
#include "auth/crypto.h"
#include "base/version.h"

static const char usage[] =
	"Usage: pgweir [OPTION]... CONFIG_FILE\n"
	"  -d, --daemon           run in the background\n"
	"  -q, --quiet            write nothing to standard error\n"
	"  -R, --reboot           not supported: start a second process with so_reuseport instead\n"
	"  -u, --user=USERNAME    run as this user\n"
	"  -v, --verbose          say more; may be repeated\n"
	"  -V, --version          print the version and exit\n"
	"  -h, --help             print this text and exit\n"
	"      --write-docs=DIR   write the sample files and manual pages below DIR and exit\n";

static const struct option options[] = {
	{"daemon", no_argument, NULL, 'd'},
	{"help", no_argument, NULL, 'h'},
	{"quiet", no_argument, NULL, 'q'},
	{"reboot", no_argument, NULL, 'R'},
	{"user", required_argument, NULL, 'u'},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, 'V'},
	{"write-docs", required_argument, NULL, 'W'},
	{0},
};

static int
options_print_version(void)
{
	printf("pgweir %s (PgBouncer %s)\nlibuv %s\ntls: %s\n", PGWEIR_VERSION, PGBOUNCER_VERSION, loop_library_version(),
	    crypto_library_version());
	return 0;
}

static int
options_take(struct program *p, int option)
{
	switch (option) {
	case 'd':
		p->daemon = true;
		return -1;
	case 'q':
		p->quiet = true;
		return -1;
	case 'v':
		p->verbose++;
		return -1;
	case 'u':
		free(p->user);
		p->user = text_copy(optarg);
		return -1;
	case 'V':
		return options_print_version();
	case 'h':
		fputs(usage, stdout);
		return 0;
	case 'W':
		return docs_write(optarg);
	case 'R':
		fprintf(stderr, "pgweir: online restart with -R is not supported: start a second process that listens with so_reuseport, then stop the first with SHUTDOWN WAIT_FOR_CLIENTS\n");
		return 1;
	default:
		fputs(usage, stderr);
		return 1;
	}
}

int
options_read(struct program *p, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "dhqRu:vV", options, NULL)) != -1) {
		int code = options_take(p, option);

		if (code >= 0)
			return code;
	}
	if (optind + 1 == argc) {
		p->config_path = argv[optind];
		return -1;
	}
	fprintf(stderr, optind == argc ? "pgweir: no configuration file specified\n" : "pgweir: more than one configuration file specified\n");
	return 1;
}
