/* SPDX-License-Identifier: MIT */
/*
 * From the user's devices to what a guest's own kernel reads: a Linux guest in a real QEMU, with
 * virtio-input-host on evswitch's nodes. It boots once, takes a minute or two for it, and all tests
 * share it. tests/nested/run brings the guest's kernel and initramfs; in the guest runs
 * tests/guest/reader.c, which talks to us over its serial console.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest-checks.h"
#include "stage.h"
#include "base/util.h"

static const char conf[] = "[device keyboard]\nname = test keyboard\n"
			   "[device mouse]\nname = test mouse\n"
			   "[guest one]\nvia = virtio-input\n";

struct nest {
	struct rig rig;
	struct stage stage;
	unsigned leds; /* that the real keyboard shows */
};

static void send_frame(void *source, enum shape_node node, const struct frame *frame)
{
	struct nest *nest = source;

	stage_play(&nest->stage, node, frame);
}

static const struct source_ops source_ops = { .send = send_frame };

/* Each of the words, down and up, arrives on this node and nowhere else. */
static void expect_each(struct nest *nest, enum shape_node node, const char *words)
{
	autofree char *copy = strdup(words);
	char *rest = copy, *word;

	assert_non_null(copy);
	while ((word = strsep(&rest, " ")))
		rig_expect_typed(&nest->rig, node, word);
	machine_expect_no_more(&nest->rig.machine);
	observer_expect_nothing(&nest->stage.host_keyboard);
	observer_expect_nothing(&nest->stage.host_mouse);
}

static unsigned count_syncs(struct nest *nest)
{
	char said[MACHINE_LINE];

	machine_expect_no_more(&nest->rig.machine);
	machine_ask(&nest->rig.machine, "syncs", said);
	return (unsigned)strtoul(said, NULL, 10);
}

/* The guest has read nothing but what was expected of it. */
static void expect_nothing_down(struct nest *nest)
{
	rig_expect_nothing_down(&nest->rig);
	machine_expect_no_more(&nest->rig.machine);
}

/* --- the tests --------------------------------------------------------------------------- */

static void test_keys(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, SHAPE_KEYBOARD,
		    "a z 1 0 enter esc backspace tab space leftshift rightshift leftctrl "
		    "rightctrl leftalt rightalt leftmeta rightmeta compose 102nd ro kpenter "
		    "kp5 up insert pause sysrq f1 f12");
}

static void test_function_keys(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, SHAPE_KEYBOARD, "f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24");
}

static void test_rare_keys(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, SHAPE_KEYBOARD,
		    "macro micmute prog1 prog4 kbdillumup rfkill ok numeric_0 als_toggle "
		    "assistant macro1 macro30 kbd_lcd_menu5");
}

static void test_media_keys(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, SHAPE_MEDIA,
		    "mute volumedown volumeup playpause nextsong previoussong stopcd calc mail "
		    "back forward homepage search brightnessup");
}

static void test_buttons(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, SHAPE_POINTER,
		    "btn_left btn_right btn_middle btn_side btn_extra btn_forward btn_back "
		    "btn_task btn_0 btn_9");
}

static void test_wheels(void **state)
{
	struct nest *nest = *state;
	struct rig *rig = &nest->rig;

	rig_expect_same(rig, SHAPE_POINTER, "rel_wheel:1 rel_wheel_hi_res:120");
	rig_expect_same(rig, SHAPE_POINTER, "rel_wheel:-3 rel_wheel_hi_res:-360");
	rig_expect_same(rig, SHAPE_POINTER, "rel_wheel_hi_res:15");
	rig_expect_same(rig, SHAPE_POINTER, "rel_hwheel:2 rel_hwheel_hi_res:240");
	rig_expect_same(rig, SHAPE_POINTER, "rel_hwheel_hi_res:-30");
}

static void test_motion(void **state)
{
	struct nest *nest = *state;
	struct rig *rig = &nest->rig;

	rig_expect_same(rig, SHAPE_POINTER, "rel_x:1");
	rig_expect_same(rig, SHAPE_POINTER, "rel_x:-40000 rel_y:40000");
	rig_expect_same(rig, SHAPE_POINTER, "rel_x:127 rel_y:-128 btn_left:1");
	rig_expect_same(rig, SHAPE_POINTER, "rel_y:-1 btn_left:0");
}

/* The nodes do not repeat by themselves: the guest counts on the source's repetitions. */
static void test_repeats(void **state)
{
	struct nest *nest = *state;

	rig_expect_same(&nest->rig, SHAPE_KEYBOARD, "y:1");
	machine_expect(&nest->rig.machine, "keyboard", "y:2");
	machine_expect(&nest->rig.machine, "keyboard", "y:2");
	rig_expect_same(&nest->rig, SHAPE_KEYBOARD, "y:0");
}

static void test_nothing_stays_down(void **state)
{
	struct nest *nest = *state;
	struct rig *rig = &nest->rig;

	rig_expect_same(rig, SHAPE_KEYBOARD, "leftshift:1");
	rig_expect_same(rig, SHAPE_KEYBOARD, "x:1");
	rig_expect_same(rig, SHAPE_MEDIA, "volumeup:1");
	rig_expect_same(rig, SHAPE_POINTER, "btn_left:1");
	/* The panic chord: the toggle does not act with Shift down. */
	rig_play(rig, SHAPE_KEYBOARD, "backspace:1");
	rig_play(rig, SHAPE_KEYBOARD, "esc:1");
	machine_expect(&rig->machine, "keyboard", "backspace:1");
	machine_expect(&rig->machine, "keyboard", "esc:1");
	rig_play(rig, SHAPE_KEYBOARD, "enter:1");
	program_expect(&nest->stage.program, "panic chord");
	machine_expect(&rig->machine, "keyboard", "esc:0 backspace:0 leftshift:0 x:0");
	machine_expect(&rig->machine, "media", "volumeup:0");
	machine_expect(&rig->machine, "pointer", "btn_left:0");
	expect_nothing_down(nest);
	rig_play(rig, SHAPE_KEYBOARD, "backspace:0 esc:0 enter:0 leftshift:0 x:0 volumeup:0");
	rig_play(rig, SHAPE_POINTER, "btn_left:0");
	observer_expect_nothing(&nest->stage.host_keyboard);
	observer_expect_nothing(&nest->stage.host_mouse);
	expect_nothing_down(nest);
	stage_focus_guest(&nest->stage);
}

/* Keys and buttons held both ways over many toggles, while the guest lags behind. */
static void test_many_toggles(void **state)
{
	struct nest *nest = *state;
	struct rig *rig = &nest->rig;

	for (unsigned i = 0; i < 10; i++) {
		rig_expect_same(rig, SHAPE_KEYBOARD, "k:1");
		rig_expect_same(rig, SHAPE_POINTER, "btn_right:1");
		stage_focus_host(&nest->stage);
		rig_play(rig, SHAPE_KEYBOARD, "k:0");
		rig_play(rig, SHAPE_POINTER, "btn_right:0");
		machine_expect(&rig->machine, "keyboard", "leftctrl:1");
		machine_expect(&rig->machine, "keyboard", "leftctrl:0 k:0");
		machine_expect(&rig->machine, "pointer", "btn_right:0");
		rig_play(rig, SHAPE_KEYBOARD, "j:1");
		stage_toggle(&nest->stage);
		program_expect(&nest->stage.program, "focus: one");
		rig_play(rig, SHAPE_KEYBOARD, "j:0");
		assert_int_equal(observer_keys_down(&nest->stage.host_keyboard), 0);
	}
	stage_drain_host(&nest->stage);
	expect_nothing_down(nest);
	rig_expect_same(rig, SHAPE_KEYBOARD, "b:1");
	rig_expect_same(rig, SHAPE_KEYBOARD, "b:0");
	observer_expect_nothing(&nest->stage.host_keyboard);
}

/*
 * To ask whether a node is held, evswitch sends the guest an empty frame. What the guest's kernel
 * sends back, QEMU writes into the node, and it would be on its way for ever.
 */
static void test_no_echo(void **state)
{
	struct nest *nest = *state;
	unsigned before = count_syncs(nest), after;

	for (unsigned i = 0; i < 12; i++) {
		stage_focus_host(&nest->stage);
		machine_expect(&nest->rig.machine, "keyboard", "leftctrl:1");
		machine_expect(&nest->rig.machine, "keyboard", "leftctrl:0");
		stage_focus_guest(&nest->stage);
	}
	after = count_syncs(nest);
	if (after - before > 12 * 3) /* as many as its nodes, each time */
		fail_msg("the guest got %u of them", after - before);
	observer_expect_nothing(&nest->stage.host_keyboard);
	assert_int_equal(count_syncs(nest), after);
}

/* --- LEDs -------------------------------------------------------------------------------- */

#define NUM    (1U << LED_NUML)
#define CAPS   (1U << LED_CAPSL)
#define SCROLL (1U << LED_SCROLLL)

static void expect_leds(struct nest *nest, unsigned leds)
{
	puppet_expect_leds(&nest->stage.keyboard, &nest->leds, leds, MACHINE_MS);
}

static void set_guest_led(struct nest *nest, unsigned code, int value)
{
	char question[32];

	snprintf(question, sizeof(question), "led %u %d", code, value);
	machine_expect_answer(&nest->rig.machine, question, "1");
}

/* A node that loses its grab makes the host's own console set the LEDs of all keyboards anew. */
static unsigned host_leds(const struct nest *nest)
{
	unsigned char leds[(LED_CNT + 7) / 8] = { 0 };

	assert_true(ioctl(nest->stage.host_keyboard.fd, EVIOCGLED(sizeof(leds)), leds) >= 0);
	return leds[0];
}

static void test_leds(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, SHAPE_KEYBOARD, "capslock");
	expect_leds(nest, CAPS); /* the guest's console did that */
	stage_set_host_led(&nest->stage, LED_NUML, 1);
	expect_leds(nest, CAPS);
	stage_focus_host(&nest->stage);
	machine_expect(&nest->rig.machine, "keyboard", "leftctrl:1");
	machine_expect(&nest->rig.machine, "keyboard", "leftctrl:0");
	expect_leds(nest, NUM);
	set_guest_led(nest, LED_SCROLLL, 1);
	expect_leds(nest, NUM);
	stage_focus_guest(&nest->stage);
	expect_leds(nest, CAPS | SCROLL);
	set_guest_led(nest, LED_SCROLLL, 0);
	expect_leds(nest, CAPS);
}

/* LEDs that the host's console has set come along with the next key. */
static void expect_on_host(struct nest *nest, unsigned code, int value)
{
	struct seen seen;

	assert_true(observer_frame(&nest->stage.host_keyboard, &seen, WORLD_MS));
	for (unsigned i = 0; i < seen.n - 1; i++)
		assert_int_equal(seen.ev[i].type, EV_LED);
	assert_int_equal(seen.ev[seen.n - 1].type, EV_KEY);
	assert_int_equal(seen.ev[seen.n - 1].code, code);
	assert_int_equal(seen.ev[seen.n - 1].value, value);
}

/* Last: the guest does not survive it. */
static void test_guest_dies(void **state)
{
	struct nest *nest = *state;

	rig_expect_same(&nest->rig, SHAPE_POINTER, "btn_left:1");
	machine_kill(&nest->rig.machine);
	rig_play(&nest->rig, SHAPE_POINTER, "rel_x:1");
	program_expect(&nest->stage.program, "focus: host");
	expect_leds(nest, host_leds(nest)); /* no longer the guest's Caps Lock */
	rig_play(&nest->rig, SHAPE_POINTER, "btn_left:0");
	stage_await_quiet(&nest->stage);
	rig_play(&nest->rig, SHAPE_KEYBOARD, "h:1");
	rig_play(&nest->rig, SHAPE_KEYBOARD, "h:0");
	expect_on_host(nest, KEY_H, 1);
	expect_on_host(nest, KEY_H, 0);
	observer_expect_nothing(&nest->stage.host_mouse);
	stage_close(&nest->stage);
}

/* --- start ------------------------------------------------------------------------------- */

static void start_guest(struct nest *nest)
{
	static const char *const nodes[] = { "keyboard", "media", "pointer" };
	char device[ARRAY_SIZE(nodes)][128];

	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++) {
		char phys[64], devnode[64];

		snprintf(phys, sizeof(phys), "evswitch/one/%s", nodes[i]);
		assert_true(find_node(phys, devnode, WORLD_MS));
		snprintf(device[i], sizeof(device[i]), "virtio-input-host-pci,evdev=%s", devnode);
	}
	machine_nest(&nest->rig.machine, &nest->rig.loop,
		     (const char *const[]){ "-device", device[0], "-device", device[1], "-device",
					    device[2], NULL });
}

/* A guest within a guest is too slow for thirty repetitions a second. */
static void repeat_slowly(const struct puppet *keyboard)
{
	unsigned delay_and_period[] = { 2000, 2000 };
	int fd = open(keyboard->uinput.devnode, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, EVIOCSREP, delay_and_period), 0);
	close(fd);
}

static bool booted;

static int boot(void **state)
{
	static struct nest nest;

	*state = &nest;
	assert_int_equal(loop_init(&nest.rig.loop), 0);
	nest.rig.ops = &source_ops;
	nest.rig.source = &nest;
	stage_open(&nest.stage, conf);
	repeat_slowly(&nest.stage.keyboard);
	start_guest(&nest);
	machine_await_nodes(&nest.rig.machine);
	stage_focus_guest(&nest.stage);
	booted = true;
	return 0;
}

static int end(void **state)
{
	machine_reset();
	return world_reset(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_function_keys),
		cmocka_unit_test(test_rare_keys),
		cmocka_unit_test(test_media_keys),
		cmocka_unit_test(test_buttons),
		cmocka_unit_test(test_wheels),
		cmocka_unit_test(test_motion),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_nothing_stays_down),
		cmocka_unit_test(test_many_toggles),
		cmocka_unit_test(test_no_echo),
		cmocka_unit_test(test_leds),
		cmocka_unit_test(test_guest_dies),
	};
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	failed = cmocka_run_group_tests(tests, boot, end);
	if (!booted)
		failed = ARRAY_SIZE(tests);
	printf("%d passed, %d failed\n", (int)ARRAY_SIZE(tests) - failed, failed);
	return failed != 0;
}
