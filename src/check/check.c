/* SPDX-License-Identifier: MIT */
/* The order of the checks, and the command. */
#include "check/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/util.h"
#include "check/checks.h"
#include "conf/conf.h"
#include "control/interface.h"
#include "launch/launch.h"

/*
 * A user whom the system service serves now, which its socket's mode says, needs no access, no service and
 * no configuration. Root's evswitch has a socket there, too, but serves nobody else.
 */
static bool is_served(const struct check_system *system)
{
	return system->uid != 0 &&
	       access(check_path(system, CONTROL_SYSTEM_SOCKET).text, W_OK) == 0;
}

static void check_each(const struct check_system *system, struct check_report *report)
{
	autofree struct check_nodes *nodes = calloc(1, sizeof(*nodes));
	struct conf *conf = check_conf(system, report);

	check_uinput(system, report);
	if (nodes)
		check_nodes_scan(system, nodes);
	if (nodes && conf) {
		check_devices(system, report, nodes, conf);
		check_processes(system, report, nodes, conf);
		check_places(system, report, conf);
		check_libvirt(system, report, nodes, conf);
		check_clipboards(system, report, conf);
		check_machine(system, report, conf);
	}
	check_service(system, report);
	check_leftovers(system, report);
	conf_free(conf);
}

void check_all(const struct check_system *system, struct check_report *report)
{
	if (!is_served(system))
		check_each(system, report);
	else
		check_unseen(report,
			     "your own access, configuration and service: the system service runs "
			     "(evswitch --status asks it; sudo evswitch --check looks at what it "
			     "needs)");
}

static int print(const struct check_report *report, bool json)
{
	int error = 0;

	if (json)
		error = check_print_json(stdout, report);
	else
		check_print(stdout, report);
	if (error) {
		log_error("cannot print the findings: %s", strerror(-error));
		return EX_OSERR;
	}
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_error("standard output: %s", strerror(errno));
		return EX_IOERR;
	}
	return check_status(report);
}

/* Runs with a launcher, for virsh and the like. */
static int check_with(struct launcher *launcher, const char *conf, struct check_report *report)
{
	struct check_system system;
	struct check_dirs dirs = { .config = "", .sockets = "" };
	struct loop loop;
	int error = loop_init(&loop);

	check_system_init(&system, conf, &dirs);
	if (!error)
		error = launcher_watch(launcher, &loop);
	system.loop = &loop;
	if (system.uid == 0 && getenv("SUDO_USER"))
		check_unseen(report, "your own configuration, groups and service (this is root's "
				     "view: run it without sudo)");
	if (!error)
		check_all(&system, report);
	launcher_stop(launcher);
	loop_fini(&loop);
	return error;
}

int check_run(const struct check_options *options)
{
	autofree struct check_report *report = calloc(1, sizeof(*report));
	struct launcher launcher = LAUNCHER_INIT;
	char path[PATH_MAX];
	int error = report ? launcher_start(&launcher, NULL) : -ENOMEM;

	conf_default_path(path, sizeof(path));
	if (!error)
		error = check_with(&launcher, options->conf ? options->conf : path, report);
	if (error) {
		log_error("cannot check: %s", strerror(-error));
		return EX_OSERR;
	}
	return print(report, options->json);
}
