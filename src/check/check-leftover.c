/* SPDX-License-Identifier: MIT */
/*
 * What guides to evdev passthrough have people change in libvirt, QEMU and security modules. evswitch
 * needs none of it, as libvirt gives QEMU what it needs for each device.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "check/checks.h"
#include "guest/channel.h"

#define QEMU_CONF "/etc/libvirt/qemu.conf"

/* The next line that is no comment, without the blanks in front; NULL at the end. */
static char *next_line(char **rest)
{
	char *line;

	while ((line = strsep(rest, "\n"))) {
		line += strspn(line, TEXT_BLANKS);
		if (*line && *line != '#')
			return line;
	}
	return NULL;
}

/* True if the line is "KEY = ..."; *value is what follows. */
static bool is_setting(const char *line, const char *key, const char **value)
{
	size_t size = strlen(key);

	if (!text_starts_with(line, key))
		return false;
	line += size + strspn(line + size, TEXT_BLANKS);
	*value = line + 1;
	return *line == '=';
}

struct leftovers {
	bool root, acl, capabilities;
	bool in_acl; /* within the brackets */
};

static void take_line(struct leftovers *found, const char *line)
{
	const char *value = "";
	bool is_acl = is_setting(line, "cgroup_device_acl", &value);

	if (is_acl || found->in_acl) {
		found->acl |= strstr(line, "/dev/input/") || strstr(line, "/dev/uinput");
		found->in_acl = !strchr(line, ']');
	} else if (is_setting(line, "user", &value)) {
		value += strspn(value, " \t\"+");
		found->root |= text_starts_with(value, "root\"") || text_starts_with(value, "0\"");
	} else if (is_setting(line, "clear_emulator_capabilities", &value)) {
		found->capabilities |= atoi(value) == 0;
	}
}

static void check_qemu_conf(const struct check_system *system, struct check_report *report)
{
	autofree char *text = check_read(system, QEMU_CONF);
	char *rest = text, *line;
	struct leftovers found = { 0 };

	if (!text && errno == EACCES)
		check_unseen(report, QEMU_CONF " (only root may read it)");
	while ((line = next_line(&rest)))
		take_line(&found, line);
	if (found.root)
		check_find(report, CHECK_QEMU_ROOT,
			   "remove the line user = ... from " QEMU_CONF
			   "; sudo systemctl restart libvirtd",
			   QEMU_CONF " has QEMU run as root");
	if (found.acl)
		check_find(report, CHECK_CGROUP_ACL,
			   "remove the /dev/input lines from cgroup_device_acl in " QEMU_CONF
			   "; sudo systemctl restart libvirtd",
			   QEMU_CONF " opens input devices to every VM, by cgroup_device_acl");
	if (found.capabilities)
		check_find(report, CHECK_CAPABILITIES,
			   "remove the line clear_emulator_capabilities = 0 from " QEMU_CONF
			   "; sudo systemctl restart libvirtd",
			   QEMU_CONF " lets QEMU keep root's capabilities");
}

/* --- AppArmor and groups -------------------------------------------------------------------- */

static const char *const abstractions[] = { "/etc/apparmor.d/local/abstractions/libvirt-qemu",
					    "/etc/apparmor.d/abstractions/libvirt-qemu" };

/* True if a rule in the file, and no comment, has this text. */
static bool has_rule(const struct check_system *system, const char *path, const char *text)
{
	autofree char *file = check_read(system, path);
	char *rest = file, *line;

	while ((line = next_line(&rest)))
		if (strstr(line, text))
			return true;
	return false;
}

static void check_abstractions(const struct check_system *system, struct check_report *report)
{
	for (size_t i = 0; i < ARRAY_SIZE(abstractions); i++)
		if (has_rule(system, abstractions[i], "/dev/input/"))
			check_find(report, CHECK_APPARMOR_INPUT,
				   check_text("remove the /dev/input lines from %s; sudo systemctl "
					      "reload apparmor",
					      abstractions[i])
					   .text,
				   "%s opens input devices to every VM", abstractions[i]);
}

/* "input:x:104:me,libvirt-qemu" */
static bool is_member(const char *line, const char *user)
{
	const char *members = strrchr(line, ':');
	size_t size = strlen(user);

	while (members && *members && *members != '\n') {
		members++;
		if (strncmp(members, user, size) == 0 && strchr(",\n", members[size]))
			return true;
		members += strcspn(members, ",\n");
	}
	return false;
}

static void check_group(const struct check_system *system, struct check_report *report)
{
	static const char *const users[] = { "libvirt-qemu", "qemu" };
	autofree char *text = check_read(system, "/etc/group");
	char *rest = text, *line;

	while ((line = next_line(&rest)))
		for (size_t i = 0; i < ARRAY_SIZE(users); i++)
			if (text_starts_with(line, "input:") && is_member(line, users[i]))
				check_find(report, CHECK_QEMU_IN_INPUT,
					   check_text("sudo gpasswd -d %s input", users[i]).text,
					   "QEMU's user %s is in group input", users[i]);
}

void check_leftovers(const struct check_system *system, struct check_report *report)
{
	check_qemu_conf(system, report);
	check_abstractions(system, report);
	check_group(system, report);
}

/* --- the machine ---------------------------------------------------------------------------- */

/* QEMU connects to sockets of ours, which security modules do not know. */
static void check_modules(const struct check_system *system, struct check_report *report,
			  const char *dir)
{
	bool allowed = false;

	for (size_t i = 0; i < ARRAY_SIZE(abstractions); i++)
		allowed |= has_rule(system, abstractions[i], dir);
	if (!allowed && check_has_line(system, "/sys/module/apparmor/parameters/enabled", "Y"))
		check_find(report, CHECK_APPARMOR,
			   check_text("echo '\"%s/*.sock\" rw,' | sudo tee -a %s; sudo systemctl "
				      "reload apparmor",
				      dir, abstractions[0])
				   .text,
			   "no rule of AppArmor for QEMU names %s", dir);
	if (check_has_line(system, "/sys/fs/selinux/enforce", "1"))
		check_find(
			report, CHECK_SELINUX,
			"if QEMU cannot connect: sudo ausearch -m avc -ts recent | audit2allow -M "
			"evswitch && sudo semodule -i evswitch.pp",
			"SELinux is enforcing, and its policy does not know sockets in %s", dir);
}

static bool needs_sockets(const struct conf *conf)
{
	for (unsigned i = 0; i < conf->n_guests; i++)
		if (conf->guests[i].libvirt &&
		    channel_of(conf->guests[i].via)->qemu.transport == QEMU_SOCKETS)
			return true;
	return false;
}

void check_machine(const struct check_system *system, struct check_report *report,
		   const struct conf *conf)
{
	if (needs_sockets(conf))
		check_modules(system, report, conf->socket_dir ?: system->sockets);
	if (check_has_line(system, "/sys/module/kvm/parameters/halt_poll_ns", "0"))
		check_find(report, CHECK_HALT_POLL,
			   "echo 200000 | sudo tee /sys/module/kvm/parameters/halt_poll_ns",
			   "halt_poll_ns of module kvm is 0");
}
