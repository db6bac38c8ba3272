/* SPDX-License-Identifier: MIT */
/* Where QEMU meets evswitch: the directory of sockets, and QEMU's monitor. */
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "check/check-place.h"
#include "check/checks.h"
#include "guest/channel.h"
#include "qemu/vm.h"

struct place_check {
	const struct check_system *system;
	struct check_report *report;
	const struct conf_guest *guest;
	const char *dir;
};

/* Users who run QEMU for libvirt are in these groups. */
static bool is_group_of_qemu(gid_t gid)
{
	static const char *const names[] = { "libvirt-qemu", "kvm", "qemu", "libvirt" };
	const struct group *group = getgrgid(gid);

	for (size_t i = 0; group && i < ARRAY_SIZE(names); i++)
		if (strcmp(group->gr_name, names[i]) == 0)
			return true;
	return false;
}

bool check_place_is_closed(const struct check_system *system, const char *dir,
			   struct check_path *closed)
{
	size_t end = 0;
	mode_t wanted;
	struct stat st;

	while (dir[end]) {
		end += 1 + strcspn(dir + end + 1, "/");
		snprintf(closed->text, sizeof(closed->text), "%.*s", (int)end, dir);
		if (stat(check_path(system, closed->text).text, &st) < 0)
			return false;
		wanted = S_IXOTH | (is_group_of_qemu(st.st_gid) ? S_IXGRP : 0);
		if (!(st.st_mode & wanted))
			return true;
	}
	return false;
}

struct check_text check_place_step(const struct check_system *system)
{
	return check_text("sudo install -d -m 0711 -o %s /run/evswitch; echo 'd /run/evswitch 0711 "
			  "%s root -' | sudo tee /etc/tmpfiles.d/evswitch.conf; then write below "
			  "[evswitch]: socket-dir = /run/evswitch",
			  system->user, system->user);
}

/* usock_listen refuses such a directory. */
static bool can_be_changed(const struct check_system *system, const struct stat *st)
{
	return (st->st_uid != system->uid && st->st_uid != 0) ||
	       (st->st_mode & (S_IWGRP | S_IWOTH) && !(st->st_mode & S_ISVTX));
}

/* Until evswitch has run, the last directory is not there; it makes its own below another. */
static void check_dir(const struct place_check *check)
{
	struct check_path closed;
	struct stat st;
	bool exists = stat(check_path(check->system, check->dir).text, &st) == 0;

	if (exists && can_be_changed(check->system, &st))
		check_find(check->report, CHECK_DIR_NOT_YOURS,
			   check_text("sudo chown %s: %s && sudo chmod 0711 %s",
				      check->system->user, check->dir, check->dir)
				   .text,
			   "[guest %s]: the sockets' directory %s can be changed by others",
			   check->guest->name, log_str(check->dir).text);
	else if (check_place_is_closed(check->system, check->dir, &closed))
		check_find(
			check->report, CHECK_DIR_CLOSED, check_place_step(check->system).text,
			"[guest %s]: QEMU's user cannot enter %s, on the way to the sockets in %s",
			check->guest->name, log_str(closed.text).text, log_str(check->dir).text);
	else if (!exists && !text_starts_with(check->dir, "/run/user/"))
		check_find(check->report, CHECK_DIR_CLOSED, check_place_step(check->system).text,
			   "[guest %s]: there is no directory %s for the sockets",
			   check->guest->name, log_str(check->dir).text);
}

bool check_place_is_foreign(const struct conf_guest *guest)
{
	const char *argv[VM_VIRSH_WORDS];

	vm_virsh(argv);
	return guest->libvirt && !strstr(argv[2], "/session");
}

static void check_monitor(const struct place_check *check)
{
	const char *path = check->guest->qmp;

	if (check_exists(check->system, path))
		check_fine(check->report, "the monitor of [guest %s]", check->guest->name);
	else
		check_find(check->report, CHECK_NO_MONITOR,
			   check_text("start the VM, with: -qmp unix:%s,server=on,wait=off",
				      log_str(path).text)
				   .text,
			   "[guest %s]: there is no socket %s", check->guest->name,
			   log_str(path).text);
}

void check_places(const struct check_system *system, struct check_report *report,
		  const struct conf *conf)
{
	struct place_check check = {
		.system = system,
		.report = report,
		.dir = conf->socket_dir ?: system->sockets,
	};

	for (unsigned i = 0; i < conf->n_guests; i++) {
		check.guest = &conf->guests[i];
		if (check.guest->qmp)
			check_monitor(&check);
		if (channel_of(check.guest->via)->qemu.transport == QEMU_SOCKETS &&
		    check_place_is_foreign(check.guest) && !check_has(report, CHECK_DIR_CLOSED))
			check_dir(&check);
	}
}
