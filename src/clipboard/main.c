/* SPDX-License-Identifier: MIT */
/* evswitch-clipboard: one clipboard for the host's desktop and a guest. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "clipboard/picture.h"
#include "clipboard/send.h"
#include "clipboard/service.h"

#ifndef EVSWITCH_VERSION
#define EVSWITCH_VERSION "unknown"
#endif

/* As CONF_NAME_CHARS and CONF_NAME_MAX of evswitch's configuration. */
#define NAME_CHARS    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define NAME_MAX_SIZE 32

static const char help[] =
	"usage: evswitch-clipboard GUEST                   share the clipboard until it is ended\n"
	"       evswitch-clipboard --send GUEST FILE...    put files into the guest\n"
	"       evswitch-clipboard --status GUEST [--json] what works, and what does not\n"
	"GUEST is the name of a section [guest GUEST] of evswitch's configuration; with --send "
	"and\n"
	"--status, - is the only one that is served.\n"
	"\n"
	"  -s, --send      send files; the guest's agent says where they arrive\n"
	"  -S, --status    print the state of the evswitch-clipboard that runs for GUEST\n"
	"  -j, --json      with --status: as JSON\n"
	"  -v, --verbose   log more\n"
	"  -h, --help      print this text\n"
	"  -V, --version   print the version\n"
	"\n"
	"See evswitch-clipboard(1).\n";

enum command { RUN, SEND, STATUS };

struct arguments {
	enum command command;
	bool json;
};

/* EX_OK to go on, EX_USAGE, or -1: all is done. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{ "send", no_argument, NULL, 's' },
		{ "status", no_argument, NULL, 'S' },
		{ "json", no_argument, NULL, 'j' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "sSjvhV", options, NULL)) != -1) {
		switch (option) {
		case 's':
			arguments->command = SEND;
			break;
		case 'S':
			arguments->command = STATUS;
			break;
		case 'j':
			arguments->json = true;
			break;
		case 'v':
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case 'h':
			fputs(help, stdout);
			return -1;
		case 'V':
			puts("evswitch-clipboard " EVSWITCH_VERSION);
			return -1;
		default:
			return EX_USAGE;
		}
	}
	return EX_OK;
}

/* True if the number of operands is right for the command. */
static bool has_operands(const struct arguments *arguments, int n)
{
	if (n == 0)
		log_error("which guest? name a [guest NAME] of evswitch's configuration");
	else if (arguments->command == SEND && n == 1)
		log_error("which files? name them after the guest");
	else if (arguments->command != SEND && n > 1)
		log_error("only one guest at a time; for another one, run it once more");
	else
		return true;
	return false;
}

static bool is_guest_name(const char *name)
{
	return name[0] && strlen(name) <= NAME_MAX_SIZE && !name[strspn(name, NAME_CHARS)];
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .command = RUN };
	char only[NAME_MAX_SIZE + 1];
	const char *guest;
	int code;

	log_set_name("evswitch-clipboard");
	/* Not an option for users: picture_start runs this program so. */
	if (argc == 2 && strcmp(argv[1], PICTURE_OPTION) == 0)
		return picture_main();
	code = parse(argc, argv, &arguments);
	if (code != EX_OK)
		return code < 0 ? EX_OK : code;
	argc -= optind;
	argv += optind;
	if (!has_operands(&arguments, argc))
		return EX_USAGE;
	guest = argv[0];
	if (strcmp(guest, "-") == 0 && arguments.command != RUN) {
		code = send_find_guest(only, sizeof(only));
		if (code != EX_OK)
			return code;
		guest = only;
	}
	if (!is_guest_name(guest)) {
		log_error("'%s' is not a valid name of a guest", log_str(guest).text);
		return EX_USAGE;
	}
	if (arguments.command == SEND)
		return send_files(guest, argv + 1, (unsigned)argc - 1);
	if (arguments.command == STATUS)
		return send_status(guest, arguments.json);
	return service_run(guest);
}
