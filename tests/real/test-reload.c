/* SPDX-License-Identifier: MIT */
/*
 * Another configuration while evswitch runs: what is equal in both goes on without a key lost or stuck,
 * under the eyes of libinput at the host and of a reader of the guest's nodes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/util.h"
#include "desktop.h"
#include "play.h"

#define KEYBOARD "[device keyboard]\nname = test keyboard\n"
#define MOUSE    "[device mouse]\nname = test mouse\n"
#define ONE      "[guest one]\nvia = input-linux\n"

/* --- the command ------------------------------------------------------------------------------- */

static void expect_reload(struct stage *stage, const char *conf, int code, const char *text)
{
	program_configure(&stage->program, conf);
	command_expect("--reload", code, text);
}

/* --- eyes ---------------------------------------------------------------------------------------- */

static struct play *play;

static void see(struct libinput_event *event)
{
	enum libinput_event_type type = libinput_event_get_type(event);

	if (type == LIBINPUT_EVENT_KEYBOARD_KEY) {
		struct libinput_event_keyboard *key = libinput_event_get_keyboard_event(event);

		atomic_fetch_add(libinput_event_keyboard_get_key_state(key) ==
						 LIBINPUT_KEY_STATE_PRESSED
					 ? &play->presses
					 : &play->releases,
				 1);
	} else if (type == LIBINPUT_EVENT_POINTER_MOTION) {
		struct libinput_event_pointer *motion = libinput_event_get_pointer_event(event);

		atomic_fetch_add(&play->x,
				 (int)libinput_event_pointer_get_dx_unaccelerated(motion));
	}
}

__attribute__((format(printf, 3, 0))) static void hear_libinput(struct libinput *libinput,
								enum libinput_log_priority priority,
								const char *format, va_list args)
{
	(void)libinput;
	(void)priority;
	(void)args;
	if (strstr(format, "SYN_DROPPED"))
		play->was_late = true;
}

/* The desktop is there before the devices, as after a login. */
static void start_desktop(void)
{
	struct desktop desktop;
	pid_t eyes = play_fork();

	play_read_by(eyes);
	if (eyes)
		return;
	desktop_open(&desktop);
	libinput_log_set_priority(desktop.libinput, LIBINPUT_LOG_PRIORITY_INFO);
	libinput_log_set_handler(desktop.libinput, hear_libinput);
	for (;;) {
		struct libinput_event *event = desktop_next(&desktop, WORLD_MS);

		if (event)
			see(event);
		libinput_event_destroy(event);
	}
}

/* --- tests --------------------------------------------------------------------------------------- */

struct change {
	const char *what, *conf;
};

/* Each kind of change, while the host has the focus; first those of devices and hotkeys. */
static const struct change changes[] = {
	{ "nothing", KEYBOARD MOUSE ONE },
	{ "a hotkey", "[evswitch]\ntoggle = leftctrl+f12\n" KEYBOARD MOUSE ONE },
	{ "a remap", KEYBOARD "remap = capslock:leftctrl\n" MOUSE ONE },
	{ "a remap to a key that the keyboard has not",
	  KEYBOARD "remap = capslock:macro5\n" MOUSE ONE },
	{ "a device more", KEYBOARD MOUSE "[device third]\nname = test third\n" ONE },
	{ "a device less", KEYBOARD MOUSE ONE },
	{ "the order of devices", MOUSE KEYBOARD ONE },
	{ "a section's name", MOUSE "[device board]\nname = test keyboard\n" ONE },
	{ "and back", KEYBOARD MOUSE ONE },
	{ "a pin", KEYBOARD "target = host\n" MOUSE ONE },
	{ "all at once", "[evswitch]\ntoggle = leftctrl+f11\n[device board]\nname = test keyboard\n"
			 "remap = capslock:macro6\n" MOUSE ONE },
	{ NULL, NULL },
};

/* Creating and destroying virtual devices holds the kernel up for longer than a mouse's queue lasts. */
static const struct change guest_changes[] = {
	{ "a guest more", KEYBOARD MOUSE "[guest zero]\nvia = virtio-input\n" ONE },
	{ "a channel", KEYBOARD MOUSE "[guest zero]\nvia = virtio-input\n"
				      "[guest one]\nvia = virtio-input\n" },
	{ "a guest less", KEYBOARD MOUSE "[guest one]\nvia = virtio-input\n" },
	{ "all at once", "[evswitch]\ntoggle = leftctrl+f11\n[device board]\nname = test keyboard\n"
			 "remap = capslock:macro6\n" MOUSE "[guest two]\nvia = input-linux\n" },
	{ NULL, NULL },
};

static bool play_at_host(const struct change *change, bool counts_motion)
{
	struct puppet third;
	struct stage stage;
	bool proves;

	play = play_start();
	start_desktop();
	puppet_plug(&third, PUPPET_KEYBOARD, "test third", "test/third", 3);
	stage_open(&stage, STAGE_CONF);
	play_hands(play, &stage);
	for (; change->what; change++) {
		play_let(play, 5);
		printf("reload: %s\n", change->what);
		expect_reload(&stage, change->conf, EX_OK, "reloaded: focus: host");
	}
	play_let(play, 5);
	expect_reload(&stage, KEYBOARD "nonsense = 1\n", EX_CONFIG, "nothing is changed");
	play_let(play, 5);
	proves = play_end(play, counts_motion);
	stage_close(&stage);
	puppet_unplug(&third);
	return proves;
}

#define TRIES 5

static void test_under_typing(void **state)
{
	unsigned tries = TRIES;

	(void)state;
	while (!play_at_host(changes, true))
		assert_true(--tries > 0);
}

/* No key is lost. */
static void test_guests_under_typing(void **state)
{
	unsigned tries = TRIES;

	(void)state;
	while (!play_at_host(guest_changes, false))
		assert_true(--tries > 0);
}

/* What leaves the guest that has the focus alone, which has another number after some. */
static bool play_at_guest(void)
{
	static const char *const confs[] = {
		KEYBOARD MOUSE ONE,
		KEYBOARD MOUSE "[guest zero]\nvia = virtio-input\n" ONE,
		KEYBOARD "remap = capslock:macro5\n" MOUSE "[guest zero]\nvia = virtio-input\n"
			 "hotkey = leftmeta+f1\n" ONE,
		KEYBOARD MOUSE ONE "hotkey = leftmeta+f2\n",
		"[device board]\nname = test keyboard\n" MOUSE ONE,
	};
	struct stage stage;
	bool proves;

	play = play_start();
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	stage_drain_guest(&stage);
	play_read(play, &stage.guest_keyboard, &stage.guest_pointer);
	play_hands(play, &stage);
	for (size_t i = 0; i < ARRAY_SIZE(confs); i++) {
		play_let(play, 5);
		expect_reload(&stage, confs[i], EX_OK, "reloaded: focus: one");
	}
	play_let(play, 5);
	proves = play_end(play, true);
	stage_close(&stage);
	return proves;
}

static void test_under_typing_at_a_guest(void **state)
{
	unsigned tries = TRIES;

	(void)state;
	while (!play_at_guest())
		assert_true(--tries > 0);
}

static void test_hotkeys_and_targets(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	expect_reload(&stage,
		      KEYBOARD "remap = capslock:f12\n" MOUSE "[guest zero]\nvia = virtio-input\n"
			       "[guest one]\nvia = input-linux\nhotkey = f12\n",
		      EX_OK, "reloaded: focus: host");
	puppet_key(&stage.keyboard, KEY_CAPSLOCK, 1);
	puppet_key(&stage.keyboard, KEY_CAPSLOCK, 0);
	program_expect(&stage.program, "focus: one");
	puppet_key(&stage.keyboard, KEY_A, 1);
	puppet_key(&stage.keyboard, KEY_A, 0);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 0);
	/* The guest that has the focus goes: what is typed for it is nobody's until it is quiet. */
	expect_reload(&stage, KEYBOARD MOUSE, EX_OK, "reloaded: focus: host");
	program_expect(&stage.program, "guest one: it is no longer configured: back to the host");
	stage_close(&stage);
}

/* The guest that a device is pinned to is changed, and then gone. */
static void test_a_pin(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, KEYBOARD MOUSE "target = one\n" ONE);
	stage_guest_up(&stage);
	program_expect(&stage.program, "device mouse: at guest one, to which it is pinned");
	expect_reload(&stage, KEYBOARD MOUSE "target = one\n[guest one]\nvia = virtio-input\n",
		      EX_OK, "reloaded: focus: host");
	stage_guest_down(&stage);
	program_expect(&stage.program, "released the devices of an earlier configuration");
	expect_reload(&stage, KEYBOARD MOUSE, EX_OK, "reloaded: focus: host");
	stage_drain_host(&stage);
	puppet_move(&stage.mouse, 4, 0);
	observer_expect(&stage.host_mouse, EV_REL, REL_X, 4);
	stage_close(&stage);
}

static void test_a_device_leaves_and_comes(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	expect_reload(&stage, KEYBOARD ONE, EX_OK, "reloaded: focus: host\n");
	program_expect(&stage.program, "is returned to the host");
	expect_reload(&stage, KEYBOARD MOUSE ONE, EX_OK, "reloaded: focus: host");
	program_expect(&stage.program, "device mouse: ");
	program_expect(&stage.program, "is grabbed");
	observer_close(&stage.host_mouse);
	observer_open(&stage.host_mouse, "evswitch/host/mouse");
	puppet_move(&stage.mouse, 5, 0);
	observer_expect(&stage.host_mouse, EV_REL, REL_X, 5);
	expect_reload(&stage, KEYBOARD MOUSE "[device ghost]\nname = nowhere\n", EX_OK,
		      "ghost: absent");
	stage_close(&stage);
}

static void test_a_key_stays_down(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	puppet_key(&stage.keyboard, KEY_A, 1);
	observer_expect(&stage.host_keyboard, EV_KEY, KEY_A, 1);
	expect_reload(
		&stage, KEYBOARD MOUSE, EX_TEMPFAIL,
		"device keyboard: a key or button is held down: release it, and reload again");
	stage_drain_host(&stage); /* the kernel has repeated it */
	puppet_key(&stage.keyboard, KEY_A, 0);
	observer_expect(&stage.host_keyboard, EV_KEY, KEY_A, 0);
	expect_reload(&stage, KEYBOARD MOUSE, EX_OK, "reloaded: focus: host");
	stage_close(&stage);
}

static void test_a_broken_file(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	expect_reload(&stage, KEYBOARD "color = red\n[guest]\n", EX_CONFIG, ":3: ");
	expect_reload(&stage, KEYBOARD "color = red\n[guest]\n", EX_CONFIG, ":4: ");
	program_expect(&stage.program, "is not reloaded: nothing is changed");
	unlink(stage.program.conf);
	command_expect("--reload", EX_CONFIG, "");
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	stage_close(&stage);
}

/* The test has no terminal, as under systemd. */
static void test_signal(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	program_configure(&stage.program, KEYBOARD MOUSE "[guest two]\n");
	program_signal(&stage.program, SIGHUP);
	program_expect(&stage.program, "is reloaded");
	program_configure(&stage.program, "nonsense\n");
	program_signal(&stage.program, SIGHUP);
	program_expect(&stage.program, "is not reloaded: nothing is changed");
	stage_close(&stage);
}

#define TEST(name) cmocka_unit_test_teardown(name, play_reset)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_under_typing),
		TEST(test_guests_under_typing),
		TEST(test_under_typing_at_a_guest),
		TEST(test_hotkeys_and_targets),
		TEST(test_a_pin),
		TEST(test_a_device_leaves_and_comes),
		TEST(test_a_key_stays_down),
		TEST(test_a_broken_file),
		TEST(test_signal),
	};

	return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
