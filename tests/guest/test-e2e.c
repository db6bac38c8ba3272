/* SPDX-License-Identifier: MIT */
/*
 * The whole chain: the user's devices (uinput puppets), the real program with "via = vhost-user", its
 * keeper, and a guest's own virtio_input driver. In the VM; tests/guest/boot starts the guest. Each
 * check begins and ends with the focus in the guest and nothing down.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guest-checks.h"
#include "keepers.h"
#include "stage.h"
#include "base/util.h"
#include "vhost-guest.h"

static const char conf[] = "[device keyboard]\nname = test keyboard\n"
			   "[device mouse]\nname = test mouse\n"
			   "[guest one]\nvia = vhost-user\n";

struct desk {
	struct rig rig;
	struct stage stage;
	struct vinput_model model[SHAPE_NODES];
	unsigned leds; /* that the real keyboard shows */
	bool in_guest; /* the focus */
};

/* --- the focus --------------------------------------------------------------------------- */

static void type_on_host(struct desk *desk)
{
	puppet_key(&desk->stage.keyboard, KEY_H, 1);
	puppet_key(&desk->stage.keyboard, KEY_H, 0);
	observer_expect(&desk->stage.host_keyboard, EV_KEY, KEY_H, 1);
	observer_expect(&desk->stage.host_keyboard, EV_KEY, KEY_H, 0);
}

static void expect_nothing_on_host(struct desk *desk)
{
	observer_expect_nothing(&desk->stage.host_keyboard);
	observer_expect_nothing(&desk->stage.host_mouse);
}

/* The guest has gone, with a key held in it: what is typed on is not the host's. */
static void type_for_nobody(struct desk *desk)
{
	puppet_key(&desk->stage.keyboard, KEY_H, 1);
	puppet_key(&desk->stage.keyboard, KEY_H, 0);
	expect_nothing_on_host(desk);
}

/* Of the toggle the guest gets the first Ctrl, with it the releases of what was held there. */
static void focus_host(struct desk *desk, const char *releases)
{
	stage_focus_host(&desk->stage);
	machine_expect(&desk->rig.machine, "keyboard", "leftctrl:1");
	machine_expect(&desk->rig.machine, "keyboard", releases);
}

/* --- the source of events ---------------------------------------------------------------- */

static void send_frame(void *source, enum shape_node node, const struct frame *frame)
{
	struct desk *desk = source;

	stage_play(&desk->stage, node, frame);
}

static void expect_leds(void *source, unsigned leds)
{
	struct desk *desk = source;

	puppet_expect_leds(&desk->stage.keyboard, &desk->leds, leds, MACHINE_MS);
}

/* From here a guest that is up is one that the focus can go to, and one that is not gives it back. */
static void expect_up(void *source, enum shape_node node, bool up)
{
	struct desk *desk = source;

	(void)node;
	if (up == desk->in_guest)
		return;
	if (up) {
		program_expect(&desk->stage.program, "guest one is up");
		stage_await_quiet(&desk->stage);
		stage_focus_guest(&desk->stage);
	} else {
		program_expect(&desk->stage.program, "focus: host");
		type_for_nobody(desk);
	}
	desk->in_guest = up;
}

static const struct source_ops source_ops = {
	.send = send_frame,
	.expect_leds = expect_leds,
	.expect_up = expect_up,
};

/* --- start and end ----------------------------------------------------------------------- */

/* As the keeper's nodes are for a Linux guest. */
static void describe(struct vinput_model *model, enum shape_node node)
{
	rig_describe(model, node);
	model->product = (uint16_t)(node + 1);
	model->version = 1;
	model->repeat = node != SHAPE_POINTER;
	snprintf(model->name, sizeof(model->name), "evswitch-one-%s", shape_node_name(node));
}

static void boot(struct rig *rig)
{
	char path[SHAPE_NODES][USOCK_PATH_MAX];
	const char *argv[] = { rig->boot_script, rig->kind, path[0], path[1], path[2], NULL };

	for (enum shape_node node = 0; node < SHAPE_NODES; node++)
		vhost_guest_path("one", node, path[node]);
	machine_start(&rig->machine, &rig->loop, argv);
	machine_await_nodes(&rig->machine);
	rig_expect_up(rig, true);
}

static void reset(struct rig *rig)
{
	struct desk *desk = rig->source;

	machine_kill(&rig->machine);
	world_reset(NULL);
	observer_close(&desk->stage.host_keyboard);
	observer_close(&desk->stage.host_mouse);
	desk->in_guest = false;
	desk->leds = 0;
	stage_open(&desk->stage, conf);
}

/* --- the toggle -------------------------------------------------------------------------- */

/* The first key has come out where the focus was, and goes up there; the other reaches nobody. */
static void test_toggle(struct rig *rig)
{
	struct desk *desk = rig->source;
	struct stage *stage = &desk->stage;

	rig_expect_same(rig, SHAPE_KEYBOARD, "leftctrl:1");
	rig_play(rig, SHAPE_KEYBOARD, "rightctrl:1");
	machine_expect(&rig->machine, "keyboard", "leftctrl:0");
	program_expect(&stage->program, "focus: host");
	rig_play(rig, SHAPE_KEYBOARD, "rightctrl:0");
	rig_play(rig, SHAPE_KEYBOARD, "leftctrl:0");
	type_on_host(desk);
	puppet_key(&stage->keyboard, KEY_RIGHTCTRL, 1);
	observer_expect(&stage->host_keyboard, EV_KEY, KEY_RIGHTCTRL, 1);
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 1);
	observer_expect(&stage->host_keyboard, EV_KEY, KEY_RIGHTCTRL, 0);
	program_expect(&stage->program, "focus: one");
	rig_play(rig, SHAPE_KEYBOARD, "leftctrl:0");
	rig_play(rig, SHAPE_KEYBOARD, "rightctrl:0");
	rig_expect_typed(rig, SHAPE_KEYBOARD, "a");
	machine_expect_no_more(&rig->machine);
	expect_nothing_on_host(desk);
}

static void test_held_over_a_toggle(struct rig *rig)
{
	struct desk *desk = rig->source;

	for (unsigned i = 0; i < 3; i++) {
		rig_expect_same(rig, SHAPE_KEYBOARD, "k:1");
		rig_expect_same(rig, SHAPE_MEDIA, "volumeup:1");
		rig_expect_same(rig, SHAPE_POINTER, "btn_left:1");
		focus_host(desk, "leftctrl:0 k:0");
		machine_expect(&rig->machine, "media", "volumeup:0");
		machine_expect(&rig->machine, "pointer", "btn_left:0");
		rig_play(rig, SHAPE_KEYBOARD, "k:0 volumeup:0");
		rig_play(rig, SHAPE_POINTER, "btn_left:0");
		expect_nothing_on_host(desk);
		puppet_key(&desk->stage.keyboard, KEY_J, 1);
		observer_expect(&desk->stage.host_keyboard, EV_KEY, KEY_J, 1);
		stage_toggle(&desk->stage);
		program_expect(&desk->stage.program, "focus: one");
		puppet_key(&desk->stage.keyboard, KEY_J, 0);
		stage_drain_host(&desk->stage);
		assert_int_equal(observer_keys_down(&desk->stage.host_keyboard), 0);
		rig_expect_nothing_down(rig);
		rig_expect_typed(rig, SHAPE_KEYBOARD, "a");
		machine_expect_no_more(&rig->machine);
	}
}

#define NUM    (1U << LED_NUML)
#define CAPS   (1U << LED_CAPSL)
#define SCROLL (1U << LED_SCROLLL)

static void test_leds_follow_the_focus(struct rig *rig)
{
	struct desk *desk = rig->source;

	stage_set_host_led(&desk->stage, LED_CAPSL, 0);
	stage_set_host_led(&desk->stage, LED_NUML, 1);
	machine_expect_answer(&rig->machine, "led 1 1", "1");
	expect_leds(desk, CAPS);
	focus_host(desk, "leftctrl:0");
	expect_leds(desk, NUM);
	machine_expect_answer(&rig->machine, "led 2 1", "1");
	expect_leds(desk, NUM);
	stage_focus_guest(&desk->stage);
	expect_leds(desk, CAPS | SCROLL);
	stage_set_host_led(&desk->stage, LED_NUML, 0);
	machine_expect_answer(&rig->machine, "led 1 0", "1");
	machine_expect_answer(&rig->machine, "led 2 0", "1");
	expect_leds(desk, 0);
}

/* A guest that stands still holds nobody up, and reads all of it once it goes on. */
static void test_frozen(struct rig *rig)
{
	struct desk *desk = rig->source;

	rig_expect_same(rig, SHAPE_POINTER, "btn_left:1");
	machine_freeze(&rig->machine);
	rig_play(rig, SHAPE_KEYBOARD, "a:1");
	stage_focus_host(&desk->stage);
	rig_play(rig, SHAPE_KEYBOARD, "a:0");
	rig_play(rig, SHAPE_POINTER, "btn_left:0");
	type_on_host(desk);
	stage_focus_guest(&desk->stage);
	rig_play(rig, SHAPE_KEYBOARD, "b:1");
	rig_play(rig, SHAPE_KEYBOARD, "b:0");
	rig_play(rig, SHAPE_POINTER, "rel_x:3 rel_wheel_hi_res:15");
	machine_thaw(&rig->machine);
	machine_expect(&rig->machine, "keyboard", "a:1");
	machine_expect(&rig->machine, "keyboard", "leftctrl:1");
	machine_expect(&rig->machine, "keyboard", "leftctrl:0 a:0");
	machine_expect(&rig->machine, "keyboard", "b:1");
	machine_expect(&rig->machine, "keyboard", "b:0");
	machine_expect(&rig->machine, "pointer", "btn_left:0");
	machine_expect(&rig->machine, "pointer", "rel_x:3 rel_wheel_hi_res:15");
	machine_expect_no_more(&rig->machine);
	expect_nothing_on_host(desk);
}

/* --- ends -------------------------------------------------------------------------------- */

static void expect_not_gone(struct rig *rig)
{
	static const char *const words[] = { "gone keyboard", "gone media", "gone pointer" };

	rig_expect_nothing_down(rig); /* what it said before its answer is here */
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		assert_false(machine_says(&rig->machine, words[i], NULL, 0));
}

static void test_daemon_killed(struct rig *rig)
{
	struct desk *desk = rig->source;
	struct stage *stage = &desk->stage;
	pid_t keeper = keeper_find(0);

	for (unsigned i = 0; i < 3; i++) {
		rig_expect_same(rig, SHAPE_KEYBOARD, "a:1");
		rig_expect_same(rig, SHAPE_POINTER, "btn_left:1");
		program_signal(&stage->program, SIGKILL);
		machine_expect(&rig->machine, "keyboard", "a:0");
		machine_expect(&rig->machine, "pointer", "btn_left:0");
		assert_int_equal(program_wait(&stage->program), 128 + SIGKILL);
		observer_close(&stage->host_keyboard);
		observer_close(&stage->host_mouse);
		expect_not_gone(rig);
		machine_expect_answer(&rig->machine, "led 1 1", "1");
		rig_play(rig, SHAPE_KEYBOARD, "a:0");
		rig_play(rig, SHAPE_POINTER, "btn_left:0");
		stage_start(stage, conf);
		stage_focus_guest(stage);
		expect_leds(desk, CAPS); /* set while no daemon was there */
		rig_expect_typed(rig, SHAPE_KEYBOARD, "a");
		rig_expect_same(rig, SHAPE_POINTER, "rel_x:3 rel_y:-4");
		machine_expect_no_more(&rig->machine);
		machine_expect_answer(&rig->machine, "led 1 0", "1");
		expect_leds(desk, 0);
		expect_not_gone(rig);
		assert_int_equal(keeper_find(0), keeper);
	}
}

/* The guest that comes up is another one: the focus goes to the host, and nothing is down in it. */
static void test_rebooted(struct rig *rig)
{
	rig_expect_same(rig, SHAPE_KEYBOARD, "a:1");
	machine_tell(&rig->machine, "reboot");
	rig_expect_up(rig, false);
	rig_play(rig, SHAPE_KEYBOARD, "a:0");
	machine_await_nodes(&rig->machine);
	stage_drain_host(&((struct desk *)rig->source)->stage);
	rig_expect_up(rig, true);
	rig_expect_nothing_down(rig);
	rig_expect_typed(rig, SHAPE_KEYBOARD, "a");
	machine_expect_no_more(&rig->machine);
}

/* ----------------------------------------------------------------------------------------- */

static const struct rig_check checks[] = {
	{ "names", .run = check_names },
	{ "capabilities", .run = check_capabilities },
	{ "toggle", .run = test_toggle },
	{ "every_key", .run = check_every_key },
	{ "long_frames", .run = check_long_frames },
	{ "motion", .run = check_motion },
	{ "wheels", .run = check_wheels },
	{ "repeat", .run = check_repeat },
	{ "leds", .run = check_leds },
	{ "leds_follow_the_focus", .run = test_leds_follow_the_focus },
	{ "held_over_a_toggle", .run = test_held_over_a_toggle },
	{ "unread", .run = check_unread },
	{ "frozen", .run = test_frozen },
	{ "daemon_killed", .run = test_daemon_killed },
	{ "rebooted", .run = test_rebooted },
	{ "killed", .run = check_killed },
};

static struct desk desk;

static int open_desk(void **state)
{
	(void)state;
	assert_int_equal(loop_init(&desk.rig.loop), 0);
	for (unsigned node = 0; node < SHAPE_NODES; node++)
		describe(&desk.model[node], node);
	desk.rig.model = desk.model;
	desk.rig.ops = &source_ops;
	desk.rig.source = &desk;
	desk.rig.boot = boot;
	desk.rig.reset = reset;
	stage_open(&desk.stage, conf);
	boot(&desk.rig);
	return 0;
}

static int close_desk(void **state)
{
	machine_kill(&desk.rig.machine);
	loop_fini(&desk.rig.loop);
	return world_reset(state);
}

int main(int argc, char **argv)
{
	return rig_main(&desk.rig, checks, ARRAY_SIZE(checks), open_desk, close_desk, argc, argv);
}
