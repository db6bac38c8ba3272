/* SPDX-License-Identifier: MIT */
/* evswitch --check: where QEMU meets evswitch, and what was changed for another way of input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "check-machine.h"

#define VHOST                                                                                      \
	"[evswitch]\nsocket-dir = /run/evswitch\n[device keyboard]\nname = Acme Board\n"           \
	"[guest win]\nvia = vhost-user\nlibvirt = win10\n"

static int set_up(void **state)
{
	(void)state;
	machine = check_machine_new();
	machine->system.uid = geteuid();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	check_machine_free(machine);
	return 0;
}

/* The directory of the sockets, and whether those who are nobody to it may do this. */
static void sockets(mode_t mode)
{
	machine_file(machine, "/run/evswitch/x", "%s", "");
	assert_int_equal(chmod(check_path(&machine->system, "/run/evswitch").text, mode), 0);
	machine_conf(machine, VHOST);
	machine_check(machine);
}

static void closed(void **state)
{
	(void)state;
	sockets(0711);
	assert_not_found(machine, "EVS414");
	assert_not_found(machine, "EVS415");
	sockets(0700);
	assert_found(machine, "EVS414", "QEMU's user cannot enter /run/evswitch",
		     "sudo install -d -m 0711 -o me /run/evswitch");
	assert_int_equal(check_status(&machine->report), EX_NOPERM);
}

static void closed_on_the_way(void **state)
{
	(void)state;
	machine_file(machine, "/run/user/1000/evswitch/x", "%s", "");
	assert_int_equal(chmod(check_path(&machine->system, "/run/user/1000").text, 0700), 0);
	machine_conf(machine,
		     "[device keyboard]\nname = Acme Board\n[guest win]\nvia = vhost-user\n"
		     "libvirt = win10\n");
	machine_check(machine);
	assert_found(machine, "EVS414", "cannot enter /run/user/1000, on the way to the sockets",
		     "socket-dir = /run/evswitch");
	machine_conf(machine,
		     "[device keyboard]\nname = Acme Board\n[guest win]\nvia = vhost-user\n");
	machine_check(machine); /* a QEMU of the same user */
	assert_not_found(machine, "EVS414");
}

static void no_directory(void **state)
{
	(void)state;
	machine_conf(machine, VHOST);
	machine_check(machine);
	assert_found(machine, "EVS414", "no directory /run/evswitch", "sudo install -d");
}

static void others_can_write(void **state)
{
	(void)state;
	sockets(0777);
	assert_found(machine, "EVS415", "/run/evswitch", "sudo chmod 0711 /run/evswitch");
	assert_not_found(machine, "EVS414");
	sockets(01777);
	assert_not_found(machine, "EVS415");
	sockets(0775);
	assert_found(machine, "EVS415", "/run/evswitch", "sudo chown me: /run/evswitch");
}

static void monitor(void **state)
{
	(void)state;
	machine_conf(machine,
		     "[device keyboard]\nname = Acme Board\n[guest win]\nqmp = /run/win.qmp\n");
	machine_check(machine);
	assert_found(machine, "EVS416", "/run/win.qmp", "-qmp unix:/run/win.qmp,server=on");
	machine_file(machine, "/run/win.qmp", "%s", "");
	machine_check(machine);
	assert_not_found(machine, "EVS416");
}

static void qemu_conf(const char *text)
{
	machine_file(machine, "/etc/libvirt/qemu.conf", "%s\n", text);
	machine_check(machine);
}

static void as_root(void **state)
{
	(void)state;
	qemu_conf("#user = \"root\"\nusername = \"root\"\nuser = \"libvirt-qemu\"");
	assert_not_found(machine, "EVS417");
	qemu_conf("  user=\"root\"");
	assert_found(machine, "EVS417", "/etc/libvirt/qemu.conf", "remove the line user =");
	qemu_conf("user = \"+0\"");
	assert_found(machine, "EVS417", "root", "remove");
	assert_int_equal(check_status(&machine->report), EX_OK);
}

static void device_acl(void **state)
{
	(void)state;
	qemu_conf("cgroup_device_acl = [\n \"/dev/null\", \"/dev/kvm\",\n]\nx = \"/dev/input/\"");
	assert_not_found(machine, "EVS418");
	qemu_conf("cgroup_device_acl = [\n \"/dev/null\",\n# \"/dev/input/event1\",\n]");
	assert_not_found(machine, "EVS418");
	qemu_conf("cgroup_device_acl = [\n \"/dev/null\",\n \"/dev/input/by-id/x\",\n]");
	assert_found(machine, "EVS418", "cgroup_device_acl", "remove the /dev/input lines");
}

static void capabilities(void **state)
{
	(void)state;
	qemu_conf("clear_emulator_capabilities = 1");
	assert_not_found(machine, "EVS419");
	qemu_conf("clear_emulator_capabilities = 0");
	assert_found(machine, "EVS419", "capabilities", "clear_emulator_capabilities = 0");
}

static void abstraction(void **state)
{
	(void)state;
	machine_file(machine, "/etc/apparmor.d/abstractions/libvirt-qemu",
		     "  # /dev/input/* rw,\n  /dev/kvm rw,\n");
	machine_check(machine);
	assert_not_found(machine, "EVS420");
	machine_file(machine, "/etc/apparmor.d/local/abstractions/libvirt-qemu",
		     "/dev/input/* rw,\n");
	machine_check(machine);
	assert_found(machine, "EVS420", "local/abstractions/libvirt-qemu", "reload apparmor");
}

static void qemus_group(void **state)
{
	(void)state;
	machine_file(machine, "/etc/group",
		     "input:x:104:me,not-qemu,qemu2\nkvm:x:105:libvirt-qemu,qemu\n");
	machine_check(machine);
	assert_not_found(machine, "EVS421");
	machine_file(machine, "/etc/group", "input:x:104:me,libvirt-qemu\nkvm:x:105:\n");
	machine_check(machine);
	assert_found(machine, "EVS421", "libvirt-qemu", "sudo gpasswd -d libvirt-qemu input");
}

static void apparmor(void **state)
{
	(void)state;
	machine_file(machine, "/sys/module/apparmor/parameters/enabled", "Y\n");
	machine_check(machine); /* no sockets are needed */
	assert_not_found(machine, "EVS501");
	sockets(0711);
	assert_found(machine, "EVS501", "/run/evswitch", "echo '\"/run/evswitch/*.sock\" rw,'");
	machine_file(machine, "/etc/apparmor.d/local/abstractions/libvirt-qemu",
		     "\"/run/evswitch/*.sock\" rw,\n");
	machine_check(machine);
	assert_not_found(machine, "EVS501");
}

static void selinux(void **state)
{
	(void)state;
	machine_file(machine, "/sys/fs/selinux/enforce", "1");
	sockets(0711);
	assert_found(machine, "EVS502", "/run/evswitch", "audit2allow");
}

static void halt_polling(void **state)
{
	(void)state;
	machine_file(machine, "/sys/module/kvm/parameters/halt_poll_ns", "200000\n");
	machine_check(machine);
	assert_not_found(machine, "EVS503");
	machine_file(machine, "/sys/module/kvm/parameters/halt_poll_ns", "0\n");
	machine_check(machine);
	assert_found(machine, "EVS503", "halt_poll_ns", "echo 200000 | sudo tee");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(closed),           TEST(closed_on_the_way), TEST(no_directory),
		TEST(others_can_write), TEST(monitor),           TEST(as_root),
		TEST(device_acl),       TEST(capabilities),      TEST(abstraction),
		TEST(qemus_group),      TEST(apparmor),          TEST(selinux),
		TEST(halt_polling),
	};

	return cmocka_run_group_tests_name("check-guest", tests, NULL, NULL);
}
