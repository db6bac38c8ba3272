/* SPDX-License-Identifier: MIT */
/* Permissions, by evdev/access.h: the same causes and remedies that the daemon names. */
#include <stdio.h>

#include "base/util.h"
#include "check/checks.h"
#include "evdev/access.h"

#define UINPUT "/dev/uinput"

static const struct {
	enum check_code code;
	const char *fix; /* NULL: that of access.h */
} causes[] = {
	[ACCESS_NO_RULES] = { CHECK_ROOT_ONLY, NULL },
	[ACCESS_RULES_IDLE] = { CHECK_RULES_IDLE, NULL },
	[ACCESS_ROOT_ONLY] = { CHECK_ROOT_ONLY,
			       "echo 'KERNEL==\"event*\", SUBSYSTEM==\"input\", GROUP=\"input\", "
			       "MODE=\"0660\"' | sudo tee /etc/udev/rules.d/60-input-group.rules; "
			       "sudo udevadm control --reload && sudo udevadm trigger" },
	[ACCESS_NOT_MEMBER] = { CHECK_NOT_MEMBER, NULL },
	[ACCESS_OLD_LOGIN] = { CHECK_OLD_LOGIN, NULL },
	[ACCESS_OLD_MANAGER] = { CHECK_OLD_MANAGER, NULL },
	[ACCESS_OTHER] = { CHECK_FORBIDDEN,
			   "run evswitch outside of containers; sudo dmesg | grep -i "
			   "denied shows what a security module refused" },
};

static void find_cause(struct check_report *report, enum access_cause cause,
		       const struct access_facts *facts, const char *devnode, const char *whose)
{
	enum check_code code = causes[cause].code;

	if (!check_has(report, code))
		check_find(report, code, causes[cause].fix ?: access_remedy(cause, facts).text,
			   "%s%s%s: %s", whose, whose[0] ? ": " : "", devnode,
			   access_says(cause, facts).text);
}

/* 'facts' has no error. */
static bool check_facts(struct check_report *report, const struct access_facts *facts,
			const char *devnode, const char *whose)
{
	enum access_cause cause = access_cause(facts);

	if (!facts->allowed || cause == ACCESS_OLD_MANAGER)
		find_cause(report, cause, facts, devnode, whose);
	return facts->allowed;
}

bool check_may_open(const struct check_system *system, struct check_report *report,
		    const char *devnode, const char *whose)
{
	struct access_facts facts;

	system->access(system->root, devnode, &facts);
	return !facts.error && check_facts(report, &facts, devnode, whose);
}

/* --- /dev/uinput ---------------------------------------------------------------------------- */

struct search {
	const struct check_system *system;
	const char *dir;
	bool found;
};

static bool look_into(void *ctx, const char *name)
{
	struct search *search = ctx;
	struct check_text path = check_text("%s/%s", search->dir, name);

	search->found = check_has_line(search->system, path.text, "uinput");
	return !search->found;
}

/* modules-load.d(5) */
static bool is_loaded_at_boot(const struct check_system *system)
{
	static const char *const dirs[] = { "/etc/modules-load.d", "/usr/local/lib/modules-load.d",
					    "/usr/lib/modules-load.d", "/lib/modules-load.d" };
	struct search search = { .system = system,
				 .found = check_has_line(system, "/etc/modules", "uinput") };

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && !search.found; i++) {
		search.dir = dirs[i];
		check_list(system, search.dir, look_into, &search);
	}
	return search.found;
}

static void check_module(const struct check_system *system, struct check_report *report,
			 const struct access_facts *facts)
{
	/* A module that is built in has no state. */
	bool is_module = facts->error || check_exists(system, "/sys/module/uinput/initstate");

	if (is_module && !is_loaded_at_boot(system))
		check_find(report, CHECK_NO_MODULE_FILE,
			   "echo uinput | sudo tee /etc/modules-load.d/evswitch-uinput.conf",
			   "no file in /etc/modules-load.d names uinput");
}

void check_uinput(const struct check_system *system, struct check_report *report)
{
	struct access_facts facts;

	system->access(system->root, UINPUT, &facts);
	if (facts.error)
		check_find(report, CHECK_NO_UINPUT, "sudo modprobe uinput",
			   UINPUT ": %s: the module is not loaded",
			   access_says(ACCESS_ABSENT, &facts).text);
	else if (check_facts(report, &facts, UINPUT, ""))
		check_fine(report, UINPUT);
	check_module(system, report, &facts);
	if (!facts.rules)
		check_find(report, CHECK_NO_RULES,
			   "sudo make install, then: sudo udevadm control --reload && "
			   "sudo udevadm trigger /dev/uinput",
			   "there is no 65-evswitch.rules in /etc/udev/rules.d");
}
