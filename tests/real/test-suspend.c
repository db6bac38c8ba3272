/* SPDX-License-Identifier: MIT */
/*
 * All processes are frozen for some seconds, as when the machine sleeps, and its clock is set, with keys
 * down and the focus at a guest: input goes where it went, nothing is lost or sticks, and the watchdog does
 * not take that time for a hang.
 *
 * The kernel's own test of suspend is used, of its first step alone (Documentation/power/
 * basic-pm-debugging.rst): the next one stops the device over which the VM of the tests reads its files,
 * for good. So it is not shown here that the kernel releases what is down when it suspends a device.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stage.h"

#define YEAR_S (365L * 24 * 3600)

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* Returns once the machine is awake again. */
static void sleep_machine(void)
{
	int rc = put("/sys/power/pm_test", "freezer");

	if (rc < 0) {
		print_message("skip: this kernel has no /sys/power/pm_test\n");
		skip();
	}
	assert_int_equal(put("/sys/power/state", "freeze"), 0);
}

static void step_clock(long seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += seconds;
	assert_int_equal(clock_settime(CLOCK_REALTIME, &now), 0);
}

static void open_stage(struct stage *stage)
{
	setenv("EVSWITCH_PATIENCE", "1", 1);
	stage_open(stage, STAGE_CONF);
}

static void expect_typed(struct puppet *keyboard, struct observer *there, unsigned code)
{
	puppet_key(keyboard, code, 1);
	observer_expect(there, EV_KEY, code, 1);
	puppet_key(keyboard, code, 0);
	observer_expect(there, EV_KEY, code, 0);
}

static void test_key_down(void **state)
{
	struct stage stage;

	(void)state;
	open_stage(&stage);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	stage_drain_guest(&stage);
	puppet_key(&stage.keyboard, KEY_A, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 1);
	sleep_machine();
	puppet_key(&stage.keyboard, KEY_A, 0);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 0);
	expect_typed(&stage.keyboard, &stage.guest_keyboard, KEY_B);
	assert_int_equal(observer_keys_down(&stage.host_keyboard), 0);
	stage_close(&stage);
}

/* A year forward and back, within a chord and between keys: events carry times of another clock. */
static void test_clock_is_set(void **state)
{
	struct stage stage;

	(void)state;
	open_stage(&stage);
	stage_guest_up(&stage);
	puppet_key(&stage.keyboard, KEY_LEFTCTRL, 1);
	step_clock(YEAR_S);
	puppet_key(&stage.keyboard, KEY_RIGHTCTRL, 1);
	step_clock(-YEAR_S);
	puppet_key(&stage.keyboard, KEY_RIGHTCTRL, 0);
	puppet_key(&stage.keyboard, KEY_LEFTCTRL, 0);
	program_expect(&stage.program, "focus: one");
	process_await_sleep(stage.program.pid);
	stage_drain_guest(&stage);
	step_clock(-YEAR_S);
	expect_typed(&stage.keyboard, &stage.guest_keyboard, KEY_B);
	step_clock(2 * YEAR_S);
	expect_typed(&stage.keyboard, &stage.guest_keyboard, KEY_C);
	step_clock(-YEAR_S);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_key_down, world_reset),
		cmocka_unit_test_teardown(test_clock_is_set, world_reset),
	};

	return cmocka_run_group_tests_name("suspend", tests, NULL, NULL);
}
