/* SPDX-License-Identifier: MIT */
/* The user service: its unit, and what systemd says of it. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "check/check-command.h"
#include "check/checks.h"

#define UNIT "evswitch.service"

static bool is_in(const struct check_system *system, const char *const *dirs, const char *below)
{
	if (check_exists(system, check_text("%s/systemd/user%s/" UNIT, system->config, below).text))
		return true;
	for (; *dirs; dirs++)
		if (check_exists(system, check_text("%s%s/" UNIT, *dirs, below).text))
			return true;
	return false;
}

static bool is_installed(const struct check_system *system)
{
	static const char *const dirs[] = { "/etc/systemd/user", "/usr/local/lib/systemd/user",
					    "/usr/lib/systemd/user", "/lib/systemd/user", NULL };

	return is_in(system, dirs, "");
}

static bool is_enabled(const struct check_system *system)
{
	static const char *const dirs[] = { "/etc/systemd/user", NULL };

	return is_in(system, dirs, "/default.target.wants") ||
	       is_in(system, dirs, "/graphical-session.target.wants");
}

/* What follows "KEY=" in the output of systemctl show. */
static int number_of(const char *output, const char *key)
{
	const char *at = strstr(output, key);

	return at ? atoi(at + strlen(key)) : 0;
}

static void check_state(const struct check_system *system, struct check_report *report)
{
	static const char *const words[] = {
		"systemctl", "--user", "show", "-p", "ActiveState,ExecMainStatus,NeedDaemonReload",
		UNIT,        NULL
	};
	autofree char *output = NULL;
	int status = check_has_program(system, "systemctl") ? check_command(system, words, &output)
							    : -ENOENT;

	if (status != 0 || !output) {
		check_unseen(report, "the service's state (systemctl --user does not answer)");
		return;
	}
	if (check_text_has_line(output, "NeedDaemonReload=yes"))
		check_find(report, CHECK_RELOAD, "systemctl --user daemon-reload",
			   UNIT " has changed on disk");
	if (check_text_has_line(output, "ActiveState=failed"))
		check_find(report, CHECK_FAILED,
			   "systemctl --user reset-failed evswitch; systemctl --user start "
			   "evswitch; journalctl --user -u evswitch says why it failed",
			   UNIT " has failed with status %d", number_of(output, "ExecMainStatus="));
	else if (check_text_has_line(output, "ActiveState=active"))
		check_fine(report, "the service");
}

void check_service(const struct check_system *system, struct check_report *report)
{
	if (!is_installed(system)) {
		check_find(report, CHECK_NO_UNIT, "sudo make install",
			   "there is no " UNIT " in /etc/systemd/user");
		return;
	}
	check_state(system, report);
	if (!is_enabled(system))
		check_find(report, CHECK_NOT_ENABLED, "systemctl --user enable --now evswitch",
			   UNIT " is not enabled");
	else if (!check_exists(system, check_text("/var/lib/systemd/linger/%s", system->user).text))
		check_find(report, CHECK_NO_LINGER, "loginctl enable-linger",
			   "user %s does not linger", system->user);
}
