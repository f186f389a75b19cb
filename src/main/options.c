/*
 * main/options.c - the command line: PgBouncer's, and --write-docs for the build.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "main/main_private.h"
#include "auth/crypto.h"
#include "base/version.h"

#define WRITE_DOCS 'W'

static const char no_reboot[] =
	"pgweir: -R is not supported: to restart without closing connections, set so_reuseport = 1,\n"
	"start a second process with a unix_socket_dir, a pidfile and a peer_id of its own, and then\n"
	"send the first one SIGTERM or SHUTDOWN WAIT_FOR_CLIENTS; see \"ROLLING RESTART\" in pgweir(8)\n";

static const struct option options[] = {
#define OPTION(letter, name, argument, usage, text) {name, argument != NULL, NULL, letter != 0 ? letter : WRITE_DOCS},
#include "tables/options.h"
#undef OPTION
	{0},
};

static void
options_print_one(FILE *f, char letter, const char *name, const char *argument, const char *usage)
{
	char words[32];

	snprintf(words, sizeof(words), "%s%s%s", name, argument != NULL ? "=" : "", argument != NULL ? argument : "");
	if (letter != 0)
		fprintf(f, "  -%c, --%-17s%s\n", letter, words, usage);
	else
		fprintf(f, "      --%-17s%s\n", words, usage);
}

static void
options_print_usage(FILE *f)
{
	fputs("Usage: pgweir [OPTION]... CONFIG_FILE\n", f);
#define OPTION(letter, name, argument, usage, text) options_print_one(f, letter, name, argument, usage);
#include "tables/options.h"
#undef OPTION
}

static int
options_print_version(void)
{
	printf("pgweir %s (PgBouncer %s)\nlibuv %s\nadns: libuv\ntls: %s\n", PGWEIR_VERSION, PGBOUNCER_VERSION,
	    loop_library_version(), crypto_library_version());
#ifdef HAVE_SYSTEMD
	printf("systemd: yes\n");
#endif
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
		options_print_usage(stdout);
		return 0;
	case WRITE_DOCS:
		return docs_write(optarg);
	case 'R':
		fputs(no_reboot, stderr);
		return 1;
	default:
		options_print_usage(stderr);
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
