/* SPDX-License-Identifier: MIT */
/* Against a real QEMU: what it does with the guest's nodes, its own toggle, and its death. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "qemu.h"
#include "stage.h"
#include "base/util.h"

/* The toggle is none that QEMU has, so that all of QEMU's get through to the guest. */
#define CONF(via)                                                                                  \
	"[evswitch]\ntoggle = pause\n"                                                             \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mouse]\nname = test mouse\n"                                                      \
	"[guest one]\nvia = " via "\n"

#define KEYBOARD "evswitch/one/keyboard"
#define MEDIA    "evswitch/one/media"
#define POINTER  "evswitch/one/pointer"

struct desk {
	struct stage stage;
	struct qemu qemu;
};

/* --- QEMU's command line ----------------------------------------------------------------- */

struct args {
	const char *argv[20];
	char text[8][200];
	unsigned n, n_texts;
};

static void add(struct args *args, const char *option, const char *before, const char *phys,
		const char *after)
{
	char *text = args->text[args->n_texts++];
	char devnode[64];

	assert_true(args->n_texts <= ARRAY_SIZE(args->text));
	assert_true(find_node(phys, devnode, WORLD_MS));
	snprintf(text, sizeof(args->text[0]), "%sevdev=%s%s", before, devnode, after);
	args->argv[args->n++] = option;
	args->argv[args->n++] = text;
}

static void add_all(struct args *args, const char *keyboard_options)
{
	add(args, "-object", "input-linux,id=keyboard,", KEYBOARD, keyboard_options);
	add(args, "-object", "input-linux,id=media,", MEDIA, "");
	add(args, "-object", "input-linux,id=pointer,", POINTER, "");
}

static void start_qemu(struct desk *desk)
{
	struct args args = { 0 };

	add_all(&args, ",grab_all=on,repeat=on");
	qemu_start(&desk->qemu, args.argv);
}

/* --- what tests are made of -------------------------------------------------------------- */

static bool held(const char *phys)
{
	char devnode[64];

	assert_true(find_node(phys, devnode, WORLD_MS));
	return node_is_grabbed(devnode);
}

static void expect_all_held(void)
{
	assert_true(held(KEYBOARD));
	assert_true(held(MEDIA));
	assert_true(held(POINTER));
}

static void type(struct desk *desk, unsigned code)
{
	puppet_key(&desk->stage.keyboard, code, 1);
	puppet_key(&desk->stage.keyboard, code, 0);
}

static void click(struct desk *desk, unsigned code)
{
	puppet_key(&desk->stage.mouse, code, 1);
	puppet_key(&desk->stage.mouse, code, 0);
}

static void toggle_to(struct desk *desk, const char *says)
{
	type(desk, KEY_PAUSE);
	program_expect(&desk->stage.program, says);
}

static void expect_typed_on_host(struct desk *desk)
{
	type(desk, KEY_H);
	observer_expect(&desk->stage.host_keyboard, EV_KEY, KEY_H, 1);
	observer_expect(&desk->stage.host_keyboard, EV_KEY, KEY_H, 0);
}

static void expect_typed_in_guest(struct desk *desk)
{
	type(desk, KEY_B);
	qemu_expect(&desk->qemu, "+b -b");
	observer_expect_nothing(&desk->stage.host_keyboard);
}

static void finish(struct desk *desk)
{
	qemu_kill(&desk->qemu, SIGTERM);
	stage_close(&desk->stage);
}

/* --- QEMU's own toggle ------------------------------------------------------------------- */

struct combination {
	const char *name; /* grab-toggle */
	unsigned code[2]; /* the second 0: one key alone */
};

static const struct combination combinations[] = {
	{ "ctrl-ctrl", { KEY_LEFTCTRL, KEY_RIGHTCTRL } },
	{ "alt-alt", { KEY_LEFTALT, KEY_RIGHTALT } },
	{ "shift-shift", { KEY_LEFTSHIFT, KEY_RIGHTSHIFT } },
	{ "meta-meta", { KEY_LEFTMETA, KEY_RIGHTMETA } },
	{ "scrolllock", { KEY_SCROLLLOCK, 0 } },
	{ "ctrl-scrolllock", { KEY_LEFTCTRL, KEY_SCROLLLOCK } },
	{ "ctrl-scrolllock", { KEY_RIGHTCTRL, KEY_SCROLLLOCK } },
};

#define TOGGLES 6 /* that is how many values grab-toggle has */

static void press_both(struct puppet *puppet, const unsigned *code, bool swap, bool first_up_first)
{
	unsigned first = code[swap], second = code[!swap];

	if (first)
		puppet_key(puppet, first, 1);
	if (second)
		puppet_key(puppet, second, 1);
	if (first_up_first && first)
		puppet_key(puppet, first, 0);
	if (second)
		puppet_key(puppet, second, 0);
	if (!first_up_first && first)
		puppet_key(puppet, first, 0);
}

/*
 * Types B, moves the mouse and takes all that QEMU got up to then on both nodes: a QEMU that is
 * slow must not lose anything.
 */
static void let_guest_catch_up(struct desk *desk)
{
	bool typed = false, moved = false;

	type(desk, KEY_B);
	puppet_move(&desk->stage.mouse, 1, 1);
	while (!typed || !moved) {
		struct qemu_event event;

		if (!qemu_event(&desk->qemu, &event, WORLD_MS))
			fail_msg("QEMU gets nothing any more");
		typed |= strcmp(event.name, "b") == 0 && event.value == 0;
		moved |= strcmp(event.name, "y") == 0 && event.kind == QEMU_MOTION;
	}
}

/* In either order down and up, alone, with another key held, and with a mouse button held. */
static void press_in_all_ways(struct desk *desk, const struct combination *combination)
{
	struct puppet *keyboard = &desk->stage.keyboard, *mouse = &desk->stage.mouse;

	for (unsigned way = 0; way < 16; way++) {
		if (way & 4)
			puppet_key(keyboard, KEY_Z, 1);
		if (way & 8)
			puppet_key(mouse, BTN_RIGHT, 1);
		press_both(keyboard, combination->code, way & 1, way & 2);
		if (way & 4)
			puppet_key(keyboard, KEY_Z, 0);
		if (way & 8)
			puppet_key(mouse, BTN_RIGHT, 0);
		let_guest_catch_up(desk);
	}
}

/* That QEMU does let go of a keyboard which nobody protects shows that the test would notice. */
static void expect_unprotected_let_go(struct puppet *control, const struct combination *combination)
{
	unsigned tries = 0;

	assert_true(held("test/control"));
	press_both(control, combination->code, false, false);
	while (held("test/control")) {
		assert_true(++tries < 1000);
		usleep(10000);
	}
}

static void test_own_toggle(void **state)
{
	const struct combination *own = *state;
	char options[80], control_options[80];
	struct args args = { 0 };
	struct puppet control;
	struct desk desk;

	stage_open(&desk.stage, CONF("input-linux"));
	puppet_plug(&control, PUPPET_KEYBOARD, "unprotected keyboard", "test/control", 0xc003);
	snprintf(options, sizeof(options), ",grab_all=on,repeat=on,grab-toggle=%s", own->name);
	snprintf(control_options, sizeof(control_options), ",grab-toggle=%s", own->name);
	add_all(&args, options);
	add(&args, "-object", "input-linux,id=control,", "test/control", control_options);
	qemu_start(&desk.qemu, args.argv);
	expect_all_held();
	toggle_to(&desk, "focus: one");
	for (unsigned i = 0; i < ARRAY_SIZE(combinations); i++) {
		press_in_all_ways(&desk, &combinations[i]);
		expect_all_held();
	}
	qemu_expect_nothing(&desk.qemu);
	assert_int_equal(desk.qemu.n_down, 0);
	expect_typed_in_guest(&desk);
	puppet_move(&desk.stage.mouse, 3, -4);
	qemu_expect(&desk.qemu, "x+3 y-4");
	assert_false(program_says(&desk.stage.program, "focus", 0));
	toggle_to(&desk, "focus: host");
	expect_typed_on_host(&desk);
	expect_unprotected_let_go(&control, own);
	finish(&desk);
	puppet_unplug(&control);
}

/* --- what gets there --------------------------------------------------------------------- */

static void turn_wheel(struct desk *desk, int by)
{
	struct input_event ev[] = {
		{ .type = EV_REL, .code = REL_WHEEL, .value = by },
		{ .type = EV_REL, .code = REL_WHEEL_HI_RES, .value = by * 120 },
	};

	puppet_play(&desk->stage.mouse, ev, ARRAY_SIZE(ev));
}

static void test_wheel(void **state)
{
	struct desk desk;

	(void)state;
	stage_open(&desk.stage, CONF("input-linux"));
	start_qemu(&desk);
	toggle_to(&desk, "focus: one");
	turn_wheel(&desk, 3);
	qemu_expect(&desk.qemu, "+wheel-up -wheel-up +wheel-up -wheel-up +wheel-up -wheel-up");
	turn_wheel(&desk, -2);
	qemu_expect(&desk.qemu, "+wheel-down -wheel-down +wheel-down -wheel-down");
	qemu_expect_nothing(&desk.qemu);
	finish(&desk);
}

/* QEMU never grabs a mouse that has a button down when it opens it. */
static void test_started_with_button_held(void **state)
{
	struct desk desk;

	(void)state;
	stage_open(&desk.stage, CONF("input-linux"));
	puppet_key(&desk.stage.mouse, BTN_LEFT, 1);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	observer_expect(&desk.stage.host_mouse, EV_KEY, BTN_LEFT, 1);
	start_qemu(&desk);
	expect_all_held();
	toggle_to(&desk, "focus: one");
	observer_expect(&desk.stage.host_mouse, EV_KEY, BTN_LEFT, 0);
	puppet_key(&desk.stage.mouse, BTN_LEFT, 0);
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	qemu_expect_nothing(&desk.qemu);
	click(&desk, BTN_LEFT);
	qemu_expect(&desk.qemu, "+left -left");
	finish(&desk);
}

/* A node that QEMU was not given is open to the host, and so must stay silent. */
static void test_without_media(void **state)
{
	struct args args = { 0 };
	struct observer media;
	struct desk desk;

	(void)state;
	stage_open(&desk.stage, CONF("input-linux"));
	add(&args, "-object", "input-linux,id=keyboard,", KEYBOARD, ",grab_all=on");
	add(&args, "-object", "input-linux,id=pointer,", POINTER, "");
	qemu_start(&desk.qemu, args.argv);
	observer_open(&media, MEDIA);
	toggle_to(&desk, "focus: one");
	type(&desk, KEY_VOLUMEUP);
	observer_expect_nothing(&media);
	qemu_expect_nothing(&desk.qemu);
	expect_typed_in_guest(&desk);
	click(&desk, BTN_SIDE);
	qemu_expect(&desk.qemu, "+side -side");
	toggle_to(&desk, "focus: host");
	observer_close(&media);
	finish(&desk);
}

static void test_pointer_alone(void **state)
{
	struct observer keyboard;
	struct args args = { 0 };
	struct desk desk;

	(void)state;
	stage_open(&desk.stage, CONF("input-linux"));
	add(&args, "-object", "input-linux,id=pointer,", POINTER, "");
	qemu_start(&desk.qemu, args.argv);
	observer_open(&keyboard, KEYBOARD);
	toggle_to(&desk, "focus: one");
	type(&desk, KEY_A);
	observer_expect_nothing(&keyboard);
	puppet_move(&desk.stage.mouse, -1, 2);
	qemu_expect(&desk.qemu, "x-1 y+2");
	observer_close(&keyboard);
	finish(&desk);
}

/* --- its death --------------------------------------------------------------------------- */

static void expect_node_neutral(const char *phys)
{
	struct observer node;

	observer_open(&node, phys);
	assert_int_equal(observer_keys_down(&node), 0);
	observer_close(&node);
}

static void expect_all_neutral(struct desk *desk)
{
	expect_node_neutral(KEYBOARD);
	expect_node_neutral(MEDIA);
	expect_node_neutral(POINTER);
	assert_int_equal(observer_keys_down(&desk->stage.host_keyboard), 0);
	assert_int_equal(observer_keys_down(&desk->stage.host_mouse), 0);
}

/* QEMU puts its grab off while a key is down on the node. */
static void test_killed_with_key_held(void **state)
{
	struct desk desk;

	(void)state;
	stage_open(&desk.stage, CONF("input-linux"));
	start_qemu(&desk);
	toggle_to(&desk, "focus: one");
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	qemu_expect(&desk.qemu, "+a");
	qemu_kill(&desk.qemu, SIGKILL);
	program_expect(&desk.stage.program, "back to the host"); /* by the key's repetition */
	program_expect(&desk.stage.program, "focus: host");
	expect_all_neutral(&desk);
	start_qemu(&desk);
	expect_all_held();
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	observer_expect_nothing(&desk.stage.host_keyboard);
	stage_await_quiet(&desk.stage);
	expect_typed_on_host(&desk);
	toggle_to(&desk, "focus: one");
	expect_typed_in_guest(&desk);
	finish(&desk);
}

static void test_killed_with_button_held(void **state)
{
	struct desk desk;

	(void)state;
	stage_open(&desk.stage, CONF("input-linux"));
	start_qemu(&desk);
	toggle_to(&desk, "focus: one");
	puppet_key(&desk.stage.mouse, BTN_LEFT, 1);
	qemu_expect(&desk.qemu, "+left");
	qemu_kill(&desk.qemu, SIGKILL);
	puppet_key(&desk.stage.mouse, BTN_LEFT, 0);
	program_expect(&desk.stage.program, "back to the host");
	program_expect(&desk.stage.program, "focus: host");
	expect_all_neutral(&desk);
	observer_expect_nothing(&desk.stage.host_mouse);
	start_qemu(&desk);
	expect_all_held();
	toggle_to(&desk, "focus: one");
	click(&desk, BTN_LEFT);
	qemu_expect(&desk.qemu, "+left -left");
	finish(&desk);
}

/* --- virtio-input-host ------------------------------------------------------------------- */

static void start_virtio(struct desk *desk)
{
	struct args args = { 0 };

	add(&args, "-device", "virtio-input-host-pci,", KEYBOARD, "");
	add(&args, "-device", "virtio-input-host-pci,", MEDIA, "");
	add(&args, "-device", "virtio-input-host-pci,", POINTER, "");
	qemu_start(&desk->qemu, args.argv);
}

/* What it gets shows nowhere before a guest's driver runs; whether it holds the nodes does. */
static void test_virtio_input(void **state)
{
	struct desk desk;

	(void)state;
	stage_open(&desk.stage, CONF("virtio-input"));
	toggle_to(&desk, "cannot switch to guest one");
	for (unsigned i = 0; i < 2; i++) {
		start_virtio(&desk);
		expect_all_held();
		toggle_to(&desk, "focus: one");
		type(&desk, KEY_A);
		click(&desk, BTN_LEFT);
		puppet_key(&desk.stage.mouse, BTN_RIGHT, 1);
		observer_expect_nothing(&desk.stage.host_keyboard);
		observer_expect_nothing(&desk.stage.host_mouse);
		assert_false(program_says(&desk.stage.program, "focus", 0));
		qemu_kill(&desk.qemu, SIGKILL);
		puppet_move(&desk.stage.mouse, 1, 1);
		program_expect(&desk.stage.program, "back to the host");
		program_expect(&desk.stage.program, "focus: host");
		puppet_key(&desk.stage.mouse, BTN_RIGHT, 0);
		observer_expect_nothing(&desk.stage.host_mouse);
		expect_all_neutral(&desk);
		stage_await_quiet(&desk.stage);
		expect_typed_on_host(&desk);
	}
	stage_close(&desk.stage);
}

#define TEST(function) cmocka_unit_test_teardown(function, qemu_reset)

int main(void)
{
	struct CMUnitTest tests[7 + TOGGLES] = {
		TEST(test_wheel),
		TEST(test_started_with_button_held),
		TEST(test_without_media),
		TEST(test_pointer_alone),
		TEST(test_killed_with_key_held),
		TEST(test_killed_with_button_held),
		TEST(test_virtio_input),
	};
	char names[TOGGLES][48];

	for (unsigned i = 0; i < TOGGLES; i++) {
		snprintf(names[i], sizeof(names[i]), "test_own_toggle %s", combinations[i].name);
		tests[7 + i] = (struct CMUnitTest)TEST(test_own_toggle);
		tests[7 + i].name = names[i];
		tests[7 + i].initial_state = (void *)(uintptr_t)&combinations[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
