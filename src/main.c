/* SPDX-License-Identifier: MIT */
/* Runs what the command line asks for. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "check/check.h"
#include "conf/conf.h"
#include "daemon/daemon.h"
#include "qemu/guest-xml.h"
#include "keeper/keeper-message.h"
#include "keeper/keeper.h"
#include "base/log.h"
#include "probe/probe.h"
#include "setup/setup-devices.h"
#include "setup/setup.h"
#include "guest/channel.h"
#include "launch/hook-session.h"
#include "base/usock.h"
#include "control/commands.h"
#include "options.h"

#ifndef EVSWITCH_VERSION
#define EVSWITCH_VERSION "unknown"
#endif

static void config_error(void *ctx, const char *message)
{
	(void)ctx;
	log_error("%s", message);
}

/* What to do where there is no configuration at all: this is then the first run. */
static void print_first_steps(void)
{
	char path[PATH_MAX] = "~/.config/evswitch/evswitch.conf";

	conf_user_path(path, sizeof(path));
	log_error("there is no configuration yet, neither %s nor /etc/evswitch/evswitch.conf. "
		  "The first steps:",
		  path);
	fprintf(stderr,
		"  evswitch --setup                         # leads you through all of it\n"
		"or, step by step:\n"
		"  evswitch --probe --write                 # press a key and move the mouse\n"
		"  printf '[guest win10]\\nvia = input-linux\\nos = windows\\n' >> "
		"%s\n"
		"  evswitch --check                         # what is missing, and how to fix it\n"
		"  evswitch --xml win10                     # what the VM needs\n"
		"  evswitch --try 60                        # ends after a minute\n"
		"See evswitch.conf(5) for every setting.\n",
		path);
}

/* 'given' NULL: the default. 'path' becomes the absolute path of the configuration: PATH_MAX bytes. EX_OK and *conf, or another exit code. */
static int load(const char *given, char *path, struct conf **conf)
{
	int rc;

	if (!given)
		conf_default_path(path, PATH_MAX);
	else if (given[0] == '/' || !getcwd(path, PATH_MAX))
		snprintf(path, PATH_MAX, "%s", given);
	else
		snprintf(path + strlen(path), PATH_MAX - strlen(path), "/%s", given);
	if (!given && access(path, F_OK) < 0 && errno == ENOENT) {
		print_first_steps();
		return EX_NOINPUT;
	}
	rc = conf_load(path, channel_table, config_error, NULL, conf);
	if (rc < 0)
		return rc == -EINVAL ? EX_CONFIG : rc == -ENOMEM ? EX_OSERR : EX_NOINPUT;
	return EX_OK;
}

static int run_switcher(const struct arguments *arguments)
{
	char path[PATH_MAX];
	struct daemon_options daemon = { .try_s = arguments->try_s,
					 .path = path,
					 .version = EVSWITCH_VERSION,
					 .is_system = arguments->is_system };
	struct conf *conf = NULL;
	int rc = load(arguments->conf, path, &conf);

	if (rc != EX_OK)
		return rc;
	return daemon_run(conf, &daemon);
}

/* Its guests are those of the system service, unless another file is named. */
static int run_hooks(const struct arguments *arguments)
{
	struct conf *conf = NULL;
	char path[PATH_MAX];
	int rc = load(arguments->conf ?: CONF_SYSTEM_FILE, path, &conf);

	if (rc != EX_OK)
		return rc;
	return hook_session_run(conf, path);
}

/* What goes to the user and not into a file; in XML a comment could not have a command's "--". */
static void print_notes(const struct conf_guest *guest, const struct qemu_channel *channel,
			bool of_args)
{
	if (of_args && channel->note)
		log_info("%s", channel->note);
	if (!conf_guest_asks_clipboard(guest))
		return;
	if (of_args)
		log_info(
			"the clipboard needs an agent in the guest: on Windows that of "
			"virtio-win's "
			"installer or spice-guest-tools, on Linux spice-vdagent. With QEMU 9.2 and "
			"later, write reconnect-ms=1000 in place of reconnect=1");
	log_info("for the clipboard, also run: systemctl --user enable --now evswitch-clipboard@%s",
		 guest->name);
}

static int print_guest(const struct arguments *arguments, const struct conf *conf)
{
	const struct conf_guest *guest = conf_find_guest(conf, arguments->name);
	const struct passwd *user = getpwuid(geteuid());
	char dir[USOCK_PATH_MAX];
	struct guest_env env = { conf->socket_dir, user ? user->pw_name : "USER" };
	const struct qemu_channel *channel;

	if (!guest) {
		log_error(
			"no [guest %s] in the configuration; give the name that follows \"guest\" "
			"there, not the domain's name",
			log_str(arguments->name).text);
		for (unsigned i = 0; i < conf->n_guests; i++)
			log_error("there is: [guest %s]", conf->guests[i].name);
		return EX_UNAVAILABLE;
	}
	if (!env.socket_dir) {
		if (usock_dir_name(dir) < 0 || strlen(dir) > CONF_SOCKET_DIR_MAX) {
			log_error("the path in XDG_RUNTIME_DIR is too long for a socket: set "
				  "socket-dir");
			return EX_UNAVAILABLE;
		}
		env.socket_dir = dir;
	}
	channel = &channel_of(guest->via)->qemu;
	if (arguments->command == COMMAND_XML)
		guest_xml_domain(stdout, guest, channel, &env);
	else
		guest_args(stdout, guest, channel, &env);
	print_notes(guest, channel, arguments->command != COMMAND_XML);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_error("standard output: %s", strerror(errno));
		return EX_IOERR;
	}
	return EX_OK;
}

static int run_print_guest(const struct arguments *arguments)
{
	struct conf *conf = NULL;
	char path[PATH_MAX];
	int rc = load(arguments->conf, path, &conf);

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
		fputs(options_help, stdout);
		return EX_OK;
	case COMMAND_VERSION:
		puts("evswitch " EVSWITCH_VERSION);
		return EX_OK;
	case COMMAND_PROBE:
		return probe_run(&(struct probe_options){
			.seconds = arguments->seconds,
			.json = arguments->json,
		});
	case COMMAND_SETUP:
		return setup_run(&(struct setup_options){
			.conf = arguments->conf,
			.guest = arguments->name,
		});
	case COMMAND_PROBE_WRITE:
		return setup_probe_write(arguments->conf, arguments->seconds);
	case COMMAND_CHECK:
		return check_run(&(struct check_options){
			.conf = arguments->conf,
			.json = arguments->json,
		});
	case COMMAND_XML:
	case COMMAND_QEMU_ARGS:
		return run_print_guest(arguments);
	case COMMAND_SWITCH:
		return command_switch(arguments->name, arguments->device);
	case COMMAND_STATUS:
		return command_status(arguments->json);
	case COMMAND_STATS:
		return command_stats(arguments->json);
	case COMMAND_MONITOR:
		return command_monitor(arguments->json);
	case COMMAND_RELOAD:
		return command_reload();
	case COMMAND_HOOKS:
		return run_hooks(arguments);
	default:
		return run_switcher(arguments);
	}
}

/* Whoever starts it: a user's environment does not lead the machine's evswitch elsewhere. */
static void choose_system(struct arguments *arguments)
{
	unsetenv("XDG_RUNTIME_DIR");
	if (!arguments->conf)
		arguments->conf = CONF_SYSTEM_FILE;
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	int rc;

	if (argc == 3 && strcmp(argv[1], KEEPER_OPTION) == 0)
		return keeper_run(argv[2], channel_endpoint);
	if (!options_parse(argc, argv, &arguments)) {
		fputs("Try 'evswitch --help'.\n", stderr);
		rc = EX_USAGE;
	} else {
		log_set_level(arguments.level);
		if (arguments.is_system)
			choose_system(&arguments);
		rc = run_command(&arguments);
	}
	log_stop();
	return rc;
}
