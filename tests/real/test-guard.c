/* SPDX-License-Identifier: MIT */
/*
 * What the guard of a guest's node must know, with the test in QEMU's place: that a grab is gone stays
 * known until it was acted on, and a node that is taken after the guest got the focus comes to life.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "now.h"
#include "qemu.h"
#include "stage.h"
#include "base/util.h"

#define MONITOR  "/tmp/evswitch-guard.monitor"
#define FOLLOWED STAGE_CONF "qmp = " MONITOR "\n"

static void type(struct stage *stage, unsigned code)
{
	puppet_key(&stage->keyboard, code, 1);
	puppet_key(&stage->keyboard, code, 0);
}

static void let_go(struct observer *observer)
{
	assert_int_equal(ioctl(observer->fd, EVIOCGRAB, NULL), 0);
}

/* udev announces the device once more, as it does when somebody asks for it. */
static void announce(const char *devnode)
{
	char path[128];
	autoclose int fd = -1;

	snprintf(path, sizeof(path), "/sys/class/input/%s/uevent", strrchr(devnode, '/') + 1);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "change", 6), 6);
}

/* --- evidence ---------------------------------------------------------------------------- */

static void start_qemu(struct qemu *qemu)
{
	static const char *const args[] = { "-qmp", "unix:" MONITOR ",server=on,wait=off", NULL };

	qemu_start(qemu, args);
}

/* The focus is the guest's, whose VM is known to run: it was paused, and is not any more. */
static void focus_running(struct stage *stage, struct qemu *qemu)
{
	long deadline = now_ms() + WORLD_MS;

	stage_toggle(stage);
	program_expect(&stage->program, "focus: one");
	qemu_do(qemu, "stop");
	program_expect(&stage->program, "its VM is paused: back to the host");
	qemu_do(qemu, "cont");
	do {
		assert_true(now_ms() < deadline);
		stage_toggle(stage);
	} while (!program_says(&stage->program, "focus: one", WORLD_QUIET_MS));
}

/*
 * Any of the program's devices may be announced at any time, and then the guest is looked at. What
 * was heard by that look is not lost.
 */
static void test_announced_while_let_go(void **state)
{
	static const char *const phys[] = { "evswitch/one/keyboard", "evswitch/one/media",
					    "evswitch/host/mouse" };
	struct stage stage;
	struct qemu qemu;

	(void)state;
	stage_open(&stage, FOLLOWED);
	stage_guest_up(&stage);
	start_qemu(&qemu);
	focus_running(&stage, &qemu);
	let_go(&stage.guest_keyboard);
	let_go(&stage.guest_media);
	let_go(&stage.guest_pointer);
	for (unsigned i = 0; i < ARRAY_SIZE(phys); i++) {
		char devnode[64];

		assert_true(find_node(phys[i], devnode, WORLD_MS));
		announce(devnode);
	}
	/* The program reads udev's messages in their order: this one comes last. */
	puppet_unplug(&stage.mouse);
	program_expect(&stage.program, "is gone");
	puppet_plug(&stage.mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
	program_expect(&stage.program, "test mouse) is grabbed");
	type(&stage, KEY_X);
	program_expect(&stage.program, "back to the host");
	qemu_kill(&qemu, SIGKILL);
	stage_close(&stage);
}

/* --- a node that is taken later ---------------------------------------------------------- */

static const unsigned marks[SHAPE_NODES] = { KEY_B, KEY_VOLUMEUP, BTN_SIDE };

static struct observer *node_of(struct stage *stage, unsigned which)
{
	struct observer *const nodes[] = { &stage->guest_keyboard, &stage->guest_media,
					   &stage->guest_pointer };

	return nodes[which];
}

static void take(struct stage *stage, unsigned which)
{
	static const char *const phys[] = { "evswitch/one/keyboard", "evswitch/one/media",
					    "evswitch/one/pointer" };

	observer_open(node_of(stage, which), phys[which]);
	observer_grab(node_of(stage, which));
}

static void click(struct stage *stage, unsigned which)
{
	struct puppet *puppet = which == SHAPE_POINTER ? &stage->mouse : &stage->keyboard;

	puppet_key(puppet, marks[which], 1);
	puppet_key(puppet, marks[which], 0);
}

/* A user who finds it dead tries again. */
static void expect_comes_to_life(struct stage *stage, unsigned which)
{
	struct observer *observer = node_of(stage, which);
	long deadline = now_ms() + WORLD_MS;
	struct seen seen;

	do {
		if (now_ms() > deadline)
			fail_msg("node %u stays dead", which);
		click(stage, which);
	} while (!observer_frame(observer, &seen, WORLD_QUIET_MS) || seen.n == 0);
	while (observer_frame(observer, &seen, WORLD_QUIET_MS))
		;
	click(stage, which);
	observer_expect(observer, EV_KEY, marks[which], 1);
	observer_expect(observer, EV_KEY, marks[which], 0);
}

/* And its grab is guarded from then on, like that of the first. */
static void take_later(unsigned first)
{
	struct stage stage;

	stage_open(&stage, STAGE_CONF);
	take(&stage, first);
	stage_focus_guest(&stage);
	for (unsigned i = 1; i < SHAPE_NODES; i++) {
		unsigned which = (first + i) % SHAPE_NODES;

		take(&stage, which);
		expect_comes_to_life(&stage, which);
	}
	let_go(node_of(&stage, (first + 1) % SHAPE_NODES));
	click(&stage, (first + 1) % SHAPE_NODES);
	program_expect(&stage.program, "back to the host");
	stage_close(&stage);
}

static void test_pointer_taken_after_keyboard(void **state)
{
	(void)state;
	take_later(SHAPE_KEYBOARD);
}

static void test_keyboard_taken_after_pointer(void **state)
{
	(void)state;
	take_later(SHAPE_POINTER);
}

#define TEST(function) cmocka_unit_test_teardown(function, qemu_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_announced_while_let_go),
		TEST(test_pointer_taken_after_keyboard),
		TEST(test_keyboard_taken_after_pointer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
