/* SPDX-License-Identifier: MIT */
/* evswitch --check: other programs, and the service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "check-machine.h"

#define WANTS "/home/me/.config/systemd/user/default.target.wants/evswitch.service"

/* A process that has this open. */
static void process(unsigned pid, const char *comm, const char *open)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	machine_file(machine, path, "%s\n", comm);
	snprintf(path, sizeof(path), "/proc/%u/fd/0", pid);
	machine_file(machine, path, "%s", "");
	if (!open)
		return;
	snprintf(path, sizeof(path), "/proc/%u/fd/7", pid);
	machine_file(machine, path, "%s", "");
	machine_remove(machine, path);
	assert_int_equal(symlink(open, check_path(&machine->system, path).text), 0);
}

static void qemu(void **state)
{
	(void)state;
	process(20, "qemu-system-x86", "/dev/input/event9");
	process(21, "Xorg", "/dev/input/event3");
	machine_check(machine);
	assert_not_found(machine, "EVS301");
	process(22, "qemu-system-x86", "/dev/input/event3");
	machine_check(machine);
	assert_found(machine, "EVS301",
		     "process 22) has /dev/input/event3, which is [device keyboard]",
		     "remove the device from that VM");
	assert_int_equal(check_status(&machine->report), EX_UNAVAILABLE);
}

/* That of another user: its descriptors cannot be read, but its arguments can. */
static void qemu_of_another(void **state)
{
	(void)state;
	process(22, "qemu-system-x86", NULL);
	machine_file(machine, "/proc/22/cmdline",
		     "qemu%c-object%cinput-linux,id=k,evdev=%s,repeat=on", 0, 0,
		     "/dev/input/by-id/usb-Acme_Mouse-event-mouse");
	machine_check(machine);
	assert_found(machine, "EVS301", "usb-Acme_Mouse-event-mouse, which is [device mouse]",
		     "remove");
}

static void grabber(void **state)
{
	(void)state;
	process(23, "keyd", NULL);
	process(24, "keyd-like", NULL);
	machine_check(machine);
	assert_found(machine, "EVS302", "keyd (process 23) is running", "stop it");
}

static void another_evswitch(void **state)
{
	(void)state;
	machine->instance = -EBUSY;
	machine->holder = 1000;
	machine_check(machine);
	assert_not_found(machine, "EVS303");
	machine->holder = 0;
	machine_check(machine);
	assert_found(machine, "EVS303", "number 0", "sudo pkill -x evswitch");
}

static void no_unit(void **state)
{
	(void)state;
	machine_remove(machine, WANTS);
	machine_remove(machine, "/etc/systemd/user/evswitch.service");
	machine_check(machine);
	assert_found(machine, "EVS304", "evswitch.service", "sudo make install");
	assert_int_equal(machine->report.n, 1);
	machine_file(machine, "/home/me/.config/systemd/user/evswitch.service", "[Unit]\n");
	machine_check(machine);
	assert_not_found(machine, "EVS304");
}

static void not_enabled(void **state)
{
	(void)state;
	machine_remove(machine, WANTS);
	machine_check(machine);
	assert_found(machine, "EVS305", "not enabled", "systemctl --user enable --now evswitch");
	machine_file(machine, "/etc/systemd/user/default.target.wants/evswitch.service", "%s", "");
	machine_check(machine);
	assert_not_found(machine, "EVS305");
}

static void failed(void **state)
{
	(void)state;
	machine_program(machine, "systemctl",
			"[ \"$1 $2 $5\" = '--user show evswitch.service' ] || exit 1\n"
			"echo ActiveState=failed; echo ExecMainStatus=77");
	machine_check(machine);
	assert_found(machine, "EVS306", "failed with status 77",
		     "systemctl --user reset-failed evswitch");
	assert_int_equal(check_status(&machine->report), EX_UNAVAILABLE);
}

static void changed(void **state)
{
	(void)state;
	machine_program(machine, "systemctl", "echo ActiveState=active; echo NeedDaemonReload=yes");
	machine_check(machine);
	assert_found(machine, "EVS308", "changed on disk", "systemctl --user daemon-reload");
}

/* Without a session bus nothing is said of the service's state. */
static void no_bus(void **state)
{
	(void)state;
	machine_program(machine, "systemctl", "echo Failed to connect to bus >&2; exit 1");
	machine_check(machine);
	assert_int_equal(machine->report.n, 0);
	assert_int_equal(machine->report.n_unseen, 1);
}

static void no_linger(void **state)
{
	(void)state;
	machine_remove(machine, "/var/lib/systemd/linger/me");
	machine_check(machine);
	assert_found(machine, "EVS307", "user me", "loginctl enable-linger");
	assert_int_equal(check_status(&machine->report), EX_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_set_up, machine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(qemu),    TEST(qemu_of_another), TEST(grabber), TEST(another_evswitch),
		TEST(no_unit), TEST(not_enabled),     TEST(failed),  TEST(changed),
		TEST(no_bus),  TEST(no_linger),
	};

	return cmocka_run_group_tests_name("check-process", tests, NULL, NULL);
}
