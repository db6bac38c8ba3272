/* SPDX-License-Identifier: MIT */
/* evswitch --check: permissions and /dev/uinput. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sysexits.h>

#include "check-machine.h"

static void no_uinput(void **state)
{
	(void)state;
	machine_remove(machine, "/dev/uinput");
	machine_check(machine);
	assert_found(machine, "EVS201", "No such file", "sudo modprobe uinput");
	assert_not_found(machine, "EVS202");
	assert_int_equal(check_status(&machine->report), EX_UNAVAILABLE);
}

static void not_loaded_at_boot(void **state)
{
	(void)state;
	machine_file(machine, "/etc/modules-load.d/evswitch-uinput.conf", "#uinput\nuinput2\n");
	machine_check(machine);
	assert_found(machine, "EVS202", "/etc/modules-load.d", "echo uinput | sudo tee");
	assert_int_equal(check_status(&machine->report), EX_OK);
	machine_file(machine, "/etc/modules", "loop\n uinput \n");
	machine_check(machine);
	assert_not_found(machine, "EVS202");
	machine_remove(machine, "/etc/modules");
	machine_remove(machine, "/sys/module/uinput/initstate"); /* built in */
	machine_check(machine);
	assert_not_found(machine, "EVS202");
}

/* It has a user of its own, who may open what this one may not. */
static void system_service(void **state)
{
	(void)state;
	machine->access.allowed = machine->access.group_may = machine->access.in_process = false;
	machine_check(machine);
	assert_int_equal(check_status(&machine->report), EX_NOPERM);
	machine_file(machine, "/run/evswitch/control.sock", "a socket");
	machine_check(machine);
	assert_int_equal(check_status(&machine->report), EX_OK);
	machine->system.uid = 0;
	machine_check(machine);
	assert_int_equal(check_status(&machine->report), EX_NOPERM);
}

static void rules(void **state)
{
	(void)state;
	machine->access.rules = false;
	machine_check(machine);
	assert_found(machine, "EVS203", "65-evswitch.rules", "sudo make install");
	assert_int_equal(check_status(&machine->report), EX_OK);
	machine->access.allowed = machine->access.group_may = machine->access.in_process = false;
	machine_check(machine);
	assert_found(machine, "EVS203", "65-evswitch.rules", "sudo make install");
	assert_found(machine, "EVS208", "/dev/uinput: only root", "sudo make install");
	machine->access.rules = true;
	machine_check(machine);
	assert_found(machine, "EVS204", "not in force", "sudo udevadm control --reload");
	assert_not_found(machine, "EVS203");
	assert_int_equal(check_status(&machine->report), EX_NOPERM);
}

static void groups(void **state)
{
	(void)state;
	machine->access.in_manager = false;
	machine_check(machine);
	assert_found(machine, "EVS207", "user manager", "sudo systemctl restart user@1000");
	machine->access.allowed = machine->access.in_process = machine->access.in_any = false;
	machine_check(machine);
	assert_found(machine, "EVS206", "this login is older", "log out and in");
	assert_not_found(machine, "EVS207");
	machine->access.in_database = false;
	machine_check(machine);
	assert_found(machine, "EVS205", "not in group input", "sudo usermod -aG input $USER");
	assert_int_equal(check_status(&machine->report), EX_NOPERM);
}

static void forbidden(void **state)
{
	(void)state;
	machine->access.allowed = false;
	machine_check(machine);
	assert_found(machine, "EVS209", "container", "dmesg");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_set_up, machine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(no_uinput),      TEST(not_loaded_at_boot),
					    TEST(system_service), TEST(rules),
					    TEST(groups),         TEST(forbidden) };

	return cmocka_run_group_tests_name("check-access", tests, NULL, NULL);
}
