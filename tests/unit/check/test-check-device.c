/* SPDX-License-Identifier: MIT */
/* evswitch --check: what the [device] sections mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "check-machine.h"
#include "check/check-nearest.h"

#define BOARD "/dev/input/by-id/usb-Acme_Board-event-kbd"

/* One section, with this line. */
static void section(const char *text)
{
	machine_conf(machine, "[device keyboard]\n%s\n", text);
	machine_check(machine);
}

static void comment(void **state)
{
	(void)state;
	section("path = " BOARD " # my keyboard");
	assert_found(machine, "EVS101", "[device keyboard]: the comment is", "path = " BOARD);
	assert_null(strchr(machine_found(machine, "EVS101")->fix.text, '#'));
	section("name = Acme Board # mine");
	assert_found(machine, "EVS101", "[device keyboard]", "name = Acme Board");
	assert_int_equal(check_status(&machine->report), EX_UNAVAILABLE);
}

static void quotes(void **state)
{
	(void)state;
	section("name = \"Acme Board\"");
	assert_found(machine, "EVS102", "quotes", "name = Acme Board");
	section("name = 'Acme Board' # mine");
	assert_found(machine, "EVS102", "quotes", "name = Acme Board");
}

static void older_interface(void **state)
{
	(void)state;
	machine_file(machine, "/dev/input/mouse0", "%s", "");
	machine_file(machine, "/sys/class/input/mouse0/device/event4/dev", "13:68\n");
	machine_link(machine, "/dev/input/by-id/usb-Acme_Mouse-mouse", "/dev/input/mouse0");
	section("path = /dev/input/by-id/usb-Acme_Mouse-mouse");
	assert_found(machine, "EVS103", "mouse0",
		     "path = /dev/input/by-id/usb-Acme_Mouse-event-mouse");
}

static void typo(void **state)
{
	(void)state;
	section("path = /dev/input/by-id/usb-Acme_Borad-event-kbd");
	assert_found(machine, "EVS104", "there is usb-Acme_Board-event-kbd", "path = " BOARD);
	section("path = /dev/input/by-id/usb-Acme_Board");
	assert_found(machine, "EVS104", "there is usb-Acme_Board-event-kbd", "path = " BOARD);
}

/* A device that is not plugged in is not a typo of another. */
static void not_here(void **state)
{
	(void)state;
	section("path = /dev/input/by-id/usb-Acme_Board-event-mouse");
	assert_found(machine, "EVS105", "usb-Acme_Board-event-mouse", "evswitch --probe");
	assert_not_found(machine, "EVS104");
	section("path = /dev/input/event77");
	assert_found(machine, "EVS105", "event77", "evswitch --probe");
	section("name = Quite Another");
	assert_found(machine, "EVS105", "name = Quite Another", "evswitch --probe");
	section("id = 1234:5678");
	assert_found(machine, "EVS105", "id = 1234:5678", "evswitch --probe");
	section("uniq = aa:bb");
	assert_found(machine, "EVS105", "uniq = aa:bb", "evswitch --probe");
	section("phys = usb-9");
	assert_found(machine, "EVS105", "phys = usb-9", "evswitch --probe");
	assert_int_equal(check_status(&machine->report), EX_OK);
}

static void part_of_a_name(void **state)
{
	(void)state;
	section("name = acme board");
	assert_found(machine, "EVS106", "acme board", "name = Acme Board");
	section("name = Board");
	assert_found(machine, "EVS106", "Board", "name = Acme Board");
	section("name = Acme Baord");
	assert_found(machine, "EVS106", "Acme Baord", "name = Acme Board");
}

static void number(void **state)
{
	(void)state;
	section("path = /dev/input/event3");
	assert_found(machine, "EVS107", "/dev/input/event3", "path = " BOARD);
	assert_not_found(machine, "EVS108");
	machine_device(machine, 5, "Bare Board", "ID_INPUT_KEYBOARD", NULL);
	section("path = /dev/input/event5");
	assert_found(machine, "EVS107", "/dev/input/event5", "name = Bare Board");
}

static void by_hand(void **state)
{
	(void)state;
	machine_link(machine, "/dev/input/by-id/my-board", "/dev/input/event3");
	section("path = /dev/input/by-id/my-board");
	assert_found(machine, "EVS108", "my-board", "path = /dev/input/by-id/");
	section("path = " BOARD);
	assert_not_found(machine, "EVS108");
	machine_link(machine, "/opt/board", "/dev/input/event3"); /* a link that stays */
	section("path = /opt/board");
	assert_not_found(machine, "EVS108");
}

static void different_devices(void **state)
{
	(void)state;
	section("path = " BOARD "\nname = Acme Mouse");
	assert_found(machine, "EVS109", "no device has them all", "keep one");
}

static void refused(void **state)
{
	(void)state;
	machine_device(machine, 6, "Acme Pad", "ID_INPUT_TOUCHPAD", NULL);
	section("name = Acme Pad");
	assert_found(machine, "EVS110", "touchpads", "remove the section");
}

static void no_keyboard(void **state)
{
	(void)state;
	section("name = Acme Mouse");
	assert_found(machine, "EVS111", "keyboard", "evswitch --probe");
}

static void not_a_node(void **state)
{
	(void)state;
	section("path = /dev/input/by-id");
	assert_found(machine, "EVS112", "/dev/input/by-id", "evswitch --probe");
	section("path = /dev/uinput");
	assert_found(machine, "EVS112", "/dev/uinput", "evswitch --probe");
}

static void no_nodes(void **state)
{
	(void)state;
	machine_remove(machine, "/run/udev/data/c13:67");
	machine_remove(machine, "/run/udev/data/c13:68");
	machine_check(machine);
	assert_found(machine, "EVS113", "none of the 2", "systemd-udevd");
}

/* Without a permission for the devices, but for /dev/uinput: the section is named. */
static void not_permitted(void **state)
{
	(void)state;
	machine_remove(machine, "/dev/uinput");
	machine->access.allowed = machine->access.in_process = machine->access.in_database = false;
	machine_check(machine);
	assert_found(machine, "EVS205", "[device keyboard]: /dev/input/event3: you are not in",
		     "usermod");
}

/* A clone of ours with the name of its source is not that device. */
static void own_clone(void **state)
{
	(void)state;
	machine_file(machine, "/sys/devices/virtual/input/input7/event7/device/name",
		     "Our Board\n");
	machine_file(machine, "/sys/devices/virtual/input/input7/event7/device/phys",
		     "evswitch/host/keyboard\n");
	machine_link(machine, "/sys/class/input/event7",
		     "/sys/devices/virtual/input/input7/event7");
	section("name = Our Board");
	assert_found(machine, "EVS105", "name = Our Board", "plug it in");
}

static void nearest(void **state)
{
	struct check_nearest near;

	(void)state;
	check_nearest_init(&near, "win10", 2);
	check_nearest_offer(&near, "linux");
	assert_string_equal(near.word, "");
	check_nearest_offer(&near, "wim11");
	assert_string_equal(near.word, "wim11");
	check_nearest_offer(&near, "win1");
	assert_string_equal(near.word, "win1");
	check_nearest_offer(&near, "in1");
	assert_string_equal(near.word, "win1");
	assert_true(check_is_part("WIN", "win10") && check_is_part("win10-old", "win10"));
	assert_false(check_is_part("", "win10") || check_is_part("lin", "win10"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_set_up, machine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(comment),  TEST(quotes),        TEST(older_interface),
		TEST(typo),     TEST(not_here),      TEST(part_of_a_name),
		TEST(number),   TEST(by_hand),       TEST(different_devices),
		TEST(refused),  TEST(no_keyboard),   TEST(not_a_node),
		TEST(no_nodes), TEST(not_permitted), TEST(own_clone),
		TEST(nearest),
	};

	return cmocka_run_group_tests_name("check-device", tests, NULL, NULL);
}
