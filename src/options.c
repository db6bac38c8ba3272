/* SPDX-License-Identifier: MIT */
/* The command line: which command, and which options go with it. */
#include "options.h"

#include <getopt.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/util.h"
#include "probe/probe.h"

/* Bits of the options that modify a command. */
enum {
	WITH_CONF = 1,
	WITH_TRY = 2,
	WITH_SECONDS = 4,
	WITH_JSON = 8,
	WITH_DEVICE = 16,
	WITH_WRITE = 32,
	WITH_SYSTEM = 64,
};

struct rule {
	const char *option; /* without "--"; NULL: the command is given by none */
	unsigned allowed;
};

static const struct rule rules[] = {
	[COMMAND_RUN] = { NULL, WITH_CONF | WITH_TRY | WITH_SYSTEM },
	[COMMAND_PROBE] = { "probe", WITH_SECONDS | WITH_JSON | WITH_WRITE },
	[COMMAND_PROBE_WRITE] = { "probe --write",
				  WITH_SECONDS | WITH_CONF | WITH_WRITE | WITH_SYSTEM },
	[COMMAND_SETUP] = { "setup", WITH_CONF },
	[COMMAND_CHECK] = { "check", WITH_CONF | WITH_JSON },
	[COMMAND_XML] = { "xml", WITH_CONF | WITH_SYSTEM },
	[COMMAND_QEMU_ARGS] = { "qemu-args", WITH_CONF | WITH_SYSTEM },
	[COMMAND_SWITCH] = { "switch", WITH_DEVICE },
	[COMMAND_STATUS] = { "status", WITH_JSON },
	[COMMAND_STATS] = { "stats", WITH_JSON },
	[COMMAND_MONITOR] = { "monitor", WITH_JSON },
	[COMMAND_RELOAD] = { "reload", 0 },
	[COMMAND_HOOKS] = { "hooks", WITH_CONF },
	[COMMAND_HELP] = { "help", ~0U },
	[COMMAND_VERSION] = { "version", ~0U },
};

static const char *const modifiers[] = { "config", "try",   "seconds", "json",
					 "device", "write", "system" };

/* Values of getopt_long: the letter of an option that has one, COMMAND + a command, or one of these. */
enum {
	COMMAND = 256,
	OPTION_TRY = 512,
	OPTION_SECONDS,
	OPTION_JSON,
	OPTION_DEVICE,
	OPTION_WRITE,
	OPTION_SYSTEM
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "try", required_argument, NULL, OPTION_TRY },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "device", required_argument, NULL, OPTION_DEVICE },
	{ "write", no_argument, NULL, OPTION_WRITE },
	{ "system", no_argument, NULL, OPTION_SYSTEM },
	{ "probe", no_argument, NULL, COMMAND + COMMAND_PROBE },
	{ "setup", optional_argument, NULL, COMMAND + COMMAND_SETUP },
	{ "check", no_argument, NULL, COMMAND + COMMAND_CHECK },
	{ "xml", required_argument, NULL, COMMAND + COMMAND_XML },
	{ "qemu-args", required_argument, NULL, COMMAND + COMMAND_QEMU_ARGS },
	{ "switch", required_argument, NULL, COMMAND + COMMAND_SWITCH },
	{ "status", no_argument, NULL, COMMAND + COMMAND_STATUS },
	{ "stats", no_argument, NULL, COMMAND + COMMAND_STATS },
	{ "monitor", no_argument, NULL, COMMAND + COMMAND_MONITOR },
	{ "reload", no_argument, NULL, COMMAND + COMMAND_RELOAD },
	{ "hooks", no_argument, NULL, COMMAND + COMMAND_HOOKS },
	{ "help", no_argument, NULL, COMMAND + COMMAND_HELP },
	{ "version", no_argument, NULL, COMMAND + COMMAND_VERSION },
	{ 0 },
};

const char options_help[] =
	"Usage: evswitch [-c FILE] [-v] [--try SECONDS] [--system]\n"
	"       evswitch [-c FILE] --setup [GUEST]\n"
	"       evswitch --probe [--seconds N] [--json]\n"
	"       evswitch [-c FILE] --probe --write [--seconds N]\n"
	"       evswitch --status [--json] | --monitor [--json] | --stats [--json]\n"
	"       evswitch --switch TARGET [--device NAME]\n"
	"       evswitch --reload\n"
	"       evswitch [-c FILE] --hooks\n"
	"       evswitch [-c FILE] --check [--json]\n"
	"       evswitch [-c FILE] --xml GUEST | --qemu-args GUEST\n"
	"       evswitch --help | --version\n"
	"\n"
	"Gives a keyboard and a mouse to the Linux host or to one of its QEMU guests.\n"
	"\n"
	"  -c, --config FILE   the configuration (default: ~/.config/evswitch/evswitch.conf,\n"
	"                      else /etc/evswitch/evswitch.conf)\n"
	"  -v, --verbose       log debug messages\n"
	"      --system        serve this machine instead of one user: with the configuration and\n"
	"                      the sockets of the system service; also with --xml, --qemu-args\n"
	"                      and --probe --write\n"
	"      --try SECONDS   release all devices and exit after SECONDS: for a first try\n"
	"      --setup [GUEST] the guided way: finds your devices, writes the configuration, "
	"gives\n"
	"                      the VM its devices, tries it, and enables the service\n"
	"      --probe         find your devices: press a key and move the mouse; prints their\n"
	"                      sections for the configuration\n"
	"      --write         with --probe: add the sections to the configuration\n"
	"      --seconds N     how long --probe waits (default 20)\n"
	"      --switch TARGET move the focus of the running evswitch to host, a guest, or next\n"
	"      --device NAME   with --switch: move only this device\n"
	"      --status        print its state: focus, devices, guests, and what they wait for\n"
	"      --stats         print what it has counted since it started, and its latency\n"
	"      --monitor       print the state in one line, and again after each change\n"
	"      --reload        take the changed configuration into use\n"
	"      --hooks         run the hooks for the system service, which runs none; what the\n"
	"                      user unit evswitch-hooks starts\n"
	"      --check         find what is wrong with the configuration or the machine, and how\n"
	"                      to fix it\n"
	"      --json          with --probe, --check, --status, --stats and --monitor: print JSON\n"
	"      --xml GUEST     print the XML that the guest's libvirt domain needs\n"
	"      --qemu-args GUEST\n"
	"                      print the same for QEMU's command line, one option per line\n"
	"      --help, --version\n"
	"\n"
	"Both Ctrl keys move the focus to the next target. Backspace+Esc+Enter always returns it\n"
	"to the host; pressed twice within two seconds, it makes evswitch release all devices and\n"
	"exit.\n"
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

static bool take_command(struct arguments *arguments, enum command command)
{
	/* --help and --version are answered whatever else is asked. */
	if (arguments->command >= COMMAND_HELP)
		return true;
	if (arguments->command != COMMAND_RUN && command < COMMAND_HELP) {
		log_error("--%s and --%s cannot be used together", rules[arguments->command].option,
			  rules[command].option);
		return false;
	}
	arguments->command = command;
	arguments->name = optarg;
	return true;
}

static bool take_option(struct arguments *arguments, int option, unsigned *given)
{
	if (option >= COMMAND && option < OPTION_TRY)
		return take_command(arguments, (enum command)(option - COMMAND));
	switch (option) {
	case 'c':
		*given |= WITH_CONF;
		arguments->conf = optarg;
		return true;
	case 'v':
		arguments->level = LOG_LEVEL_DEBUG;
		return true;
	case 'h':
		return take_command(arguments, COMMAND_HELP);
	case OPTION_JSON:
		*given |= WITH_JSON;
		arguments->json = true;
		return true;
	case OPTION_DEVICE:
		*given |= WITH_DEVICE;
		arguments->device = optarg;
		return true;
	case OPTION_WRITE:
		*given |= WITH_WRITE;
		return true;
	case OPTION_SYSTEM:
		*given |= WITH_SYSTEM;
		arguments->is_system = true;
		return true;
	case OPTION_TRY:
		*given |= WITH_TRY;
		return parse_seconds(optarg, "--try", TRY_SECONDS_MAX, &arguments->try_s);
	case OPTION_SECONDS:
		*given |= WITH_SECONDS;
		return parse_seconds(optarg, "--seconds", PROBE_SECONDS_MAX, &arguments->seconds);
	default:
		return false; /* getopt_long has printed the error */
	}
}

/* Where an option is missing that would be needed, such as "--json" alone, says so. */
static bool check(const struct arguments *arguments, unsigned given)
{
	const struct rule *rule = &rules[arguments->command];
	unsigned wrong = given & ~rule->allowed;

	for (unsigned i = 0; i < ARRAY_SIZE(modifiers); i++) {
		if (!(wrong >> i & 1))
			continue;
		if (rule->option)
			log_error("--%s cannot be used with --%s", modifiers[i], rule->option);
		else
			log_error("--%s needs a command that it modifies: see evswitch --help",
				  modifiers[i]);
		return false;
	}
	return true;
}

bool options_parse(int argc, char **argv, struct arguments *arguments)
{
	unsigned given = 0;
	int option;

	*arguments = (struct arguments){ .level = LOG_LEVEL_INFO };
	while ((option = getopt_long(argc, argv, "c:vh", options, NULL)) != -1)
		if (!take_option(arguments, option, &given))
			return false;
	/* getopt_long knows optional arguments only behind "=". */
	if (arguments->command == COMMAND_SETUP && !arguments->name && optind < argc)
		arguments->name = argv[optind++];
	if (optind < argc) {
		log_error("unexpected argument \"%s\"", log_str(argv[optind]).text);
		return false;
	}
	if (arguments->command == COMMAND_PROBE && given & WITH_WRITE)
		arguments->command = COMMAND_PROBE_WRITE;
	return check(arguments, given);
}
