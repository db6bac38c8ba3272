/* Parses the command line, loads the configuration and runs the requested mode. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "conf/conf.h"
#include "daemon/daemon.h"
#include "qemu/guest-xml.h"
#include "keeper/keeper-message.h"
#include "keeper/keeper.h"
#include "base/log.h"
#include "probe/probe.h"
#include "guest/channel.h"
#include "base/usock.h"

#ifndef EVSWITCH_VERSION
#define EVSWITCH_VERSION "unknown"
#endif

#define TRY_SECONDS_MAX 86400

enum command {
	COMMAND_RUN,
	COMMAND_PROBE,
	COMMAND_XML,
	COMMAND_QEMU_ARGS,
	COMMAND_HELP,
	COMMAND_VERSION
};

struct arguments {
	enum command command;
	const char *conf;  /* NULL: conf_default_path */
	const char *guest; /* for --xml and --qemu-args */
	enum log_level level;
	unsigned try_s;
	unsigned seconds; /* 0: not given */
	bool json;
};

enum {
	OPTION_TRY = 256,
	OPTION_PROBE,
	OPTION_SECONDS,
	OPTION_JSON,
	OPTION_XML,
	OPTION_QEMU_ARGS,
	OPTION_VERSION
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "try", required_argument, NULL, OPTION_TRY },
	{ "probe", no_argument, NULL, OPTION_PROBE },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "xml", required_argument, NULL, OPTION_XML },
	{ "qemu-args", required_argument, NULL, OPTION_QEMU_ARGS },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ 0 },
};

static const char help[] =
	"Usage: evswitch [-c FILE] [-v] [--try SECONDS]\n"
	"       evswitch --probe [--seconds N] [--json]\n"
	"       evswitch [-c FILE] --xml GUEST | --qemu-args GUEST\n"
	"       evswitch --help | --version\n"
	"\n"
	"Gives a keyboard and a mouse to the Linux host or to one of its QEMU guests.\n"
	"\n"
	"  -c, --config FILE   the configuration (default: ~/.config/evswitch/evswitch.conf,\n"
	"                      else /etc/evswitch/evswitch.conf)\n"
	"  -v, --verbose       say more, for debugging\n"
	"      --try SECONDS   end after SECONDS and let go of everything: for a first try\n"
	"      --probe         press a key, move the mouse: prints which devices they are,\n"
	"                      ready for the configuration\n"
	"      --seconds N     how long --probe waits (default 20)\n"
	"      --json          --probe prints JSON\n"
	"      --xml GUEST     prints what the guest's libvirt domain needs\n"
	"      --qemu-args GUEST\n"
	"                      prints the same for QEMU's command line, an option a line\n"
	"      --help, --version\n"
	"\n"
	"Both Ctrl keys give the focus to the next target. Backspace+Esc+Enter give it to the\n"
	"host whatever happens; twice within two seconds, evswitch lets go of everything and "
	"ends.\n"
	"See evswitch(1) and evswitch.conf(5).\n";

static bool parse_seconds(const char *text, const char *option, unsigned max, unsigned *seconds)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < 1 || value > max) {
		log_error("%s: \"%s\" is not a number of seconds from 1 to %u", option,
			  log_str(text).text, max);
		return false;
	}
	*seconds = (unsigned)value;
	return true;
}

static bool take_option(struct arguments *arguments, int option)
{
	switch (option) {
	case 'c':
		arguments->conf = optarg;
		return true;
	case 'v':
		arguments->level = LOG_LEVEL_DEBUG;
		return true;
	case 'h':
		arguments->command = COMMAND_HELP;
		return true;
	case OPTION_VERSION:
		arguments->command = COMMAND_VERSION;
		return true;
	case OPTION_PROBE:
		arguments->command = COMMAND_PROBE;
		return true;
	case OPTION_XML:
		arguments->command = COMMAND_XML;
		arguments->guest = optarg;
		return true;
	case OPTION_QEMU_ARGS:
		arguments->command = COMMAND_QEMU_ARGS;
		arguments->guest = optarg;
		return true;
	case OPTION_JSON:
		arguments->json = true;
		return true;
	case OPTION_TRY:
		return parse_seconds(optarg, "--try", TRY_SECONDS_MAX, &arguments->try_s);
	case OPTION_SECONDS:
		return parse_seconds(optarg, "--seconds", PROBE_SECONDS_MAX, &arguments->seconds);
	default:
		return false; /* getopt_long has printed the error */
	}
}

static bool parse(int argc, char **argv, struct arguments *arguments)
{
	int option;

	while ((option = getopt_long(argc, argv, "c:vh", options, NULL)) != -1)
		if (!take_option(arguments, option))
			return false;
	if (optind < argc) {
		log_error("unexpected argument \"%s\"", log_str(argv[optind]).text);
		return false;
	}
	if (arguments->command != COMMAND_PROBE && (arguments->json || arguments->seconds)) {
		log_error("--json and --seconds go with --probe");
		return false;
	}
	if (arguments->command == COMMAND_PROBE && (arguments->conf || arguments->try_s)) {
		log_error("-c and --try do not go with --probe");
		return false;
	}
	if (arguments->guest && arguments->try_s) {
		log_error("--try does not go with --xml and --qemu-args");
		return false;
	}
	return true;
}

static void config_error(void *ctx, const char *message)
{
	(void)ctx;
	log_error("%s", message);
}

/* 0 and *conf, or an exit code. */
static int load(const struct arguments *arguments, struct conf **conf)
{
	char path[PATH_MAX];
	int rc;

	conf_default_path(path, sizeof(path));
	rc = conf_load(arguments->conf ? arguments->conf : path, channel_table, config_error, NULL,
		       conf);
	if (rc < 0)
		return rc == -EINVAL ? EX_CONFIG : rc == -ENOMEM ? EX_OSERR : EX_NOINPUT;
	return EX_OK;
}

static int run_switcher(const struct arguments *arguments)
{
	struct daemon_options daemon = { .try_s = arguments->try_s };
	struct conf *conf = NULL;
	int rc = load(arguments, &conf);

	if (rc != EX_OK)
		return rc;
	rc = daemon_run(conf, &daemon);
	conf_free(conf);
	return rc;
}

static int print_guest(const struct arguments *arguments, const struct conf *conf)
{
	const struct conf_guest *guest = conf_find_guest(conf, arguments->guest);
	const struct passwd *user = getpwuid(geteuid());
	char dir[USOCK_PATH_MAX];
	struct guest_place place = { conf->socket_dir, user ? user->pw_name : "USER" };
	const struct qemu_channel *channel;

	if (!guest) {
		log_error(
			"no [guest %s] in the configuration; its name is the one after \"guest\", "
			"not the domain's",
			log_str(arguments->guest).text);
		return EX_UNAVAILABLE;
	}
	if (!place.socket_dir) {
		if (usock_dir_name(dir) < 0 || strlen(dir) > CONF_SOCKET_DIR_MAX) {
			log_error("the path of XDG_RUNTIME_DIR is too long for sockets in it: set "
				  "socket-dir");
			return EX_UNAVAILABLE;
		}
		place.socket_dir = dir;
	}
	channel = &channel_of(guest->via)->qemu;
	if (arguments->command == COMMAND_XML) {
		guest_xml_domain(stdout, guest, channel, &place);
	} else {
		guest_args(stdout, guest, channel, &place);
		if (channel->note)
			log_info("%s", channel->note);
	}
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_error("standard output: %s", strerror(errno));
		return EX_IOERR;
	}
	return EX_OK;
}

static int run_print_guest(const struct arguments *arguments)
{
	struct conf *conf = NULL;
	int rc = load(arguments, &conf);

	if (rc != EX_OK)
		return rc;
	rc = print_guest(arguments, conf);
	conf_free(conf);
	return rc;
}

static int run_command(const struct arguments *arguments)
{
	switch (arguments->command) {
	case COMMAND_HELP:
		fputs(help, stdout);
		return EX_OK;
	case COMMAND_VERSION:
		puts("evswitch " EVSWITCH_VERSION);
		return EX_OK;
	case COMMAND_PROBE:
		return probe_run(&(struct probe_options){
			.seconds = arguments->seconds,
			.json = arguments->json,
		});
	case COMMAND_XML:
	case COMMAND_QEMU_ARGS:
		return run_print_guest(arguments);
	default:
		return run_switcher(arguments);
	}
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .level = LOG_LEVEL_INFO };
	int rc;

	if (argc == 3 && strcmp(argv[1], KEEPER_OPTION) == 0)
		return keeper_run(argv[2], channel_end);
	if (!parse(argc, argv, &arguments)) {
		fputs("Try 'evswitch --help'.\n", stderr);
		rc = EX_USAGE;
	} else {
		log_set_level(arguments.level);
		rc = run_command(&arguments);
	}
	log_stop();
	return rc;
}
