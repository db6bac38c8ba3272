/* SPDX-License-Identifier: MIT */
/*
 * Who else has the devices. The descriptors of other users' processes cannot be read, but their
 * names and, mostly, their command lines can.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "evdev/instance.h"
#include "check/checks.h"

#define INPUT "/dev/input/"

struct process_check {
	const struct check_system *system;
	struct check_report *report;
	const struct check_nodes *nodes;
	const struct conf *conf;
	const char *pid;
	char comm[32];
};

/* Programs that grab input devices; the kernel cuts names at 15 characters. */
static bool is_grabber(const char *comm)
{
	static const char *const names[] = { "keyd",         "kanata",      "kmonad",
					     "evsieve",      "netevent",    "xremap",
					     "swhkd",        "rkvm-server", "evdevremapkeys",
					     "interception", "intercept",   "persistent-evde",
					     "screenstub" };

	if (text_starts_with(comm, "input-remapper"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(comm, names[i]) == 0)
			return true;
	return false;
}

static bool is_qemu(const char *comm)
{
	return text_starts_with(comm, "qemu") || strcmp(comm, "kvm") == 0;
}

struct holding {
	const struct process_check *check;
	const struct conf_device *section; /* NULL: none found */
	struct check_path path;
};

static bool take_descriptor(void *ctx, const char *name)
{
	struct holding *holding = ctx;
	const struct check_system *system = holding->check->system;
	struct check_text link = check_text("/proc/%s/fd/%s", holding->check->pid, name);
	ssize_t size = readlink(check_path(system, link.text).text, holding->path.text,
				sizeof(holding->path.text) - 1);

	holding->path.text[size < 0 ? 0 : size] = '\0';
	if (text_starts_with(holding->path.text, INPUT))
		holding->section = check_section_at(holding->check->nodes, holding->check->conf,
						    holding->path.text);
	return !holding->section;
}

/* Arguments in /proc are separated by NULs. */
static void look_at_arguments(struct holding *holding)
{
	const struct check_system *system = holding->check->system;
	struct check_text file = check_text("/proc/%s/cmdline", holding->check->pid);
	size_t size;
	autofree char *text = check_read_all(system, file.text, &size);

	for (const char *at = text; text && at < text + size && !holding->section;
	     at += strlen(at) + 1) {
		const char *path = strstr(at, INPUT);

		if (!path)
			continue;
		snprintf(holding->path.text, sizeof(holding->path.text), "%.*s",
			 (int)strcspn(path, ",\"' "), path);
		holding->section = check_section_at(holding->check->nodes, holding->check->conf,
						    holding->path.text);
	}
}

static void look_at_qemu(const struct process_check *check)
{
	struct holding holding = { .check = check };

	check_list(check->system, check_text("/proc/%s/fd", check->pid).text, take_descriptor,
		   &holding);
	if (!holding.section)
		look_at_arguments(&holding);
	if (holding.section)
		check_find(check->report, CHECK_QEMU_HOLDS,
			   "remove the device from that VM, shut it down, and start it again",
			   "%s (process %s) has %s, which is [device %s]",
			   log_str(check->comm).text, check->pid, log_str(holding.path.text).text,
			   holding.section->name);
}

static bool look_at_process(void *ctx, const char *pid)
{
	struct process_check *check = ctx;
	autofree char *comm = NULL;

	if (*pid < '1' || *pid > '9')
		return true;
	comm = check_read(check->system, check_text("/proc/%s/comm", pid).text);
	if (!comm)
		return true; /* it has ended */
	check->pid = pid;
	snprintf(check->comm, sizeof(check->comm), "%.*s", (int)strcspn(comm, "\n"), comm);
	if (is_qemu(check->comm))
		look_at_qemu(check);
	else if (is_grabber(check->comm))
		check_find(
			check->report, CHECK_GRABBER,
			"stop it; or name the virtual device that it makes in the configuration: "
			"evswitch --probe finds it",
			"%s (process %s) is running", log_str(check->comm).text, pid);
	return true;
}

static void check_instance(const struct check_system *system, struct check_report *report)
{
	uid_t holder = 0;

	if (system->instance(&holder) != -EBUSY)
		return;
	if (holder == system->uid)
		check_fine(report, "evswitch is running");
	else if (holder == INSTANCE_SYSTEM)
		check_find(report, CHECK_OTHER_USER,
			   "use it: evswitch --status; or stop it: sudo systemctl disable --now "
			   "evswitch",
			   "evswitch is running as the system service");
	else
		check_find(report, CHECK_OTHER_USER, "sudo pkill -x evswitch",
			   "evswitch is running as the user with the number %u", (unsigned)holder);
}

void check_processes(const struct check_system *system, struct check_report *report,
		     const struct check_nodes *nodes, const struct conf *conf)
{
	struct process_check check = {
		.system = system, .report = report, .nodes = nodes, .conf = conf
	};

	check_list(system, "/proc", look_at_process, &check);
	check_instance(system, report);
}
