/* SPDX-License-Identifier: MIT */
/* The router, step by step; the scenarios show it whole and the random walk looks for the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/router.h"
#include "base/util.h"

#include "pump.h"
#include "scenario.h"

enum { KEYBOARD, SECOND, MOUSE, DEVICES };
enum { HOST, ONE, TWO, TARGETS };

static const struct chord panic_chord = { 3, { KEY_BACKSPACE, KEY_ESC, KEY_ENTER } };
static const struct hotkeys hotkeys = {
	.n = 8,
	.entry = {
		{ { 2, { KEY_LEFTCTRL, KEY_RIGHTCTRL } }, ROUTER_NEXT },
		{ { 2, { KEY_LEFTCTRL, KEY_F1 } }, HOST },
		{ { 2, { KEY_LEFTCTRL, KEY_F2 } }, ONE },
		{ { 2, { KEY_LEFTCTRL, KEY_F9 } }, 9 }, /* there is no such target */
		{ { 2, { KEY_LEFTCTRL, KEY_F4 } }, ROUTER_ACTION(ROUTER_POINTERS, ONE) },
		{ { 2, { KEY_LEFTCTRL, KEY_F5 } }, ROUTER_ACTION(ROUTER_POINTERS, HOST) },
		{ { 2, { KEY_LEFTCTRL, KEY_F6 } }, ROUTER_ACTION(ROUTER_KEYBOARDS, ONE) },
		{ { 2, { KEY_LEFTCTRL, KEY_F7 } }, ROUTER_ACTION(ROUTER_POINTERS, ROUTER_NEXT) },
	},
};
static const struct remap plain, remap = {
	.n = 2,
	.entry = { { KEY_CAPSLOCK, KEY_LEFTCTRL }, { KEY_ESC, KEY_CAPSLOCK } },
};

struct fixture {
	struct router router;
	struct keyset always;
	bool up[TARGETS];
	bool parts; /* notes which devices move and which targets are left, too */
	int64_t now;
	char log[8192]; /* what the callbacks were told, one line each */
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void note(struct router *router, const char *format,
						       ...)
{
	struct fixture *f = container_of(router, struct fixture, router);
	va_list args;

	va_start(args, format);
	f->used += (size_t)vsnprintf(f->log + f->used, sizeof(f->log) - f->used, format, args);
	va_end(args);
	assert_true(f->used < sizeof(f->log));
}

static void on_send(struct router *router, unsigned target, unsigned device,
		    const struct frame *frame)
{
	char text[4096];

	assert_true(frame->n >= 2 && frame->n <= FRAME_MAX);
	for (unsigned i = 0; i < frame->n; i++)
		assert_int_equal(frame->ev[i].type == EV_SYN, i == frame->n - 1);
	events_print(frame, text, sizeof(text));
	note(router, "%u/%u %s\n", target, device, text);
}

static int on_enter(struct router *router, unsigned target)
{
	note(router, "enter %u\n", target);
	assert_int_not_equal(target, HOST);
	return container_of(router, struct fixture, router)->up[target] ? 0 : -ENOTCONN;
}

static void on_focused(struct router *router, unsigned from, unsigned to)
{
	assert_int_equal(router->focus, to);
	note(router, "focused %u %u\n", from, to);
}

static void on_panicked(struct router *router, bool again)
{
	assert_int_equal(router->focus, HOST);
	note(router, again ? "panicked again\n" : "panicked\n");
}

static void on_moved(struct router *router, unsigned part, unsigned to)
{
	note(router, "moved %u %u\n", part, to);
}

static void on_left(struct router *router, unsigned target)
{
	note(router, "left %u\n", target);
}

static const struct pump pump = {
	.send = on_send, .enter = on_enter, .focused = on_focused, .panicked = on_panicked
};
static const struct pump pump_parts = { .send = on_send,
					.enter = on_enter,
					.focused = on_focused,
					.panicked = on_panicked,
					.moved = on_moved,
					.left = on_left };

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ .up = { true, true, true }, .now = 5000000 };
	router_init(&fixture.router, &hotkeys, &panic_chord, &fixture.always, TARGETS);
	router_add_device(&fixture.router, KEYBOARD, &remap);
	router_add_device(&fixture.router, SECOND, &plain);
	router_add_device(&fixture.router, MOUSE, &plain);
	*state = &fixture;
	return 0;
}

static void feed(struct fixture *f, unsigned device, const char *events, bool resync)
{
	struct frame frame;
	const char *bad;

	assert_true(events_parse(events, &frame, &bad));
	frame.resync = resync;
	f->now += 1000;
	for (unsigned i = 0; i < frame.n; i++) {
		frame.ev[i].time.tv_sec = f->now / 1000000;
		frame.ev[i].time.tv_usec = f->now % 1000000;
	}
	pump_frame(f->parts ? &pump_parts : &pump, &f->router, device, &frame);
}

/* A frame goes in; exactly these lines come out. */
static void play(struct fixture *f, unsigned device, const char *events, const char *lines)
{
	feed(f, device, events, false);
	assert_string_equal(f->log, lines);
	f->log[f->used = 0] = '\0';
}

static void told(struct fixture *f, const char *lines)
{
	assert_string_equal(f->log, lines);
	f->log[f->used = 0] = '\0';
}

static void focus(struct fixture *f, unsigned target)
{
	assert_int_equal(pump_switch(&pump, &f->router, target), 0);
	assert_int_equal(f->router.focus, target);
	f->log[f->used = 0] = '\0';
}

static void routes_to_ports_and_focus(void **state)
{
	struct fixture *f = *state;

	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
	play(f, SECOND, "a:1", "0/1 a:1\n");
	play(f, MOUSE, "rel_x:1 btn_left:1 rel_y:-2", "0/2 rel_x:1 btn_left:1 rel_y:-2\n");
	play(f, SECOND, "a:0", "0/1 a:0\n");
	play(f, KEYBOARD, "a:0", "0/0 a:0\n");
	focus(f, TWO);
	play(f, MOUSE, "rel_x:1", "2/2 rel_x:1\n");
	play(f, KEYBOARD, "a:1", "2/0 a:1\n");
	play(f, SECOND, "a:1", "");
	play(f, KEYBOARD, "a:0", "");
	play(f, SECOND, "a:0", "2/1 a:0\n");
}

static void passes_other_types_and_keeps_scan_codes(void **state)
{
	struct fixture *f = *state;

	play(f, MOUSE, "abs_x:7 msc_serial:3 rel_x:1", "0/2 abs_x:7 msc_serial:3 rel_x:1\n");
	play(f, KEYBOARD, "msc_scan:30 a:1", "0/0 a:1\n");
	play(f, KEYBOARD, "msc_scan:30", "");
	focus(f, ONE);
	play(f, KEYBOARD, "msc_scan:30 a:0 sw_lid:1 rel_x:1", "0/0 sw_lid:1\n1/0 rel_x:1\n");
}

static void ignores_what_changes_nothing(void **state)
{
	struct fixture *f = *state;

	play(f, KEYBOARD, "a:0", "");
	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
	play(f, KEYBOARD, "a:1", "");
	play(f, KEYBOARD, "a:0", "0/0 a:0\n");
	play(f, KEYBOARD, "a:0", "");
	play(f, KEYBOARD, "", "");
}

static void repeats_to_guests_only(void **state)
{
	struct fixture *f = *state;

	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
	play(f, KEYBOARD, "a:2", "");
	focus(f, ONE);
	play(f, KEYBOARD, "a:2", "");
	play(f, KEYBOARD, "a:0", "");
	play(f, KEYBOARD, "esc:1", "1/0 capslock:1\n");
	play(f, KEYBOARD, "esc:2", "1/0 capslock:2\n");
}

static void ignores_codes_that_are_no_keys(void **state)
{
	struct fixture *f = *state;
	struct frame frame = { .n = 0 };
	struct input_event ev = { .type = EV_KEY, .code = KEY_MAX + 1, .value = 1 };

	frame_add(&frame, &ev);
	frame_close(&frame, &ev);
	pump_frame(&pump, &f->router, KEYBOARD, &frame);
	told(f, "");
	assert_true(router_idle(&f->router));
}

static void hotkey_moves_the_focus(void **state)
{
	struct fixture *f = *state;

	play(f, KEYBOARD, "leftctrl:1", "0/0 leftctrl:1\n");
	play(f, KEYBOARD, "f2:1", "enter 1\n0/0 leftctrl:0\nfocused 0 1\n");
	play(f, KEYBOARD, "f2:2", "");
	play(f, KEYBOARD, "f2:0", "");
	play(f, KEYBOARD, "f2:1", ""); /* there already */
	play(f, KEYBOARD, "f2:0", "");
	play(f, KEYBOARD, "f1:1", "focused 1 0\n");
	play(f, KEYBOARD, "f1:0", "");
	play(f, KEYBOARD, "rightctrl:1", "enter 1\nfocused 0 1\n");
	play(f, KEYBOARD, "rightctrl:1", ""); /* no second press without a release */
	play(f, KEYBOARD, "rightctrl:0 leftctrl:0", "");
	assert_true(router_idle(&f->router));
}

static void a_hotkey_or_the_panic_chord_is_a_decision(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(pump_switch(&pump, &f->router, ONE), 0);
	feed(f, KEYBOARD, "leftctrl:1 a:1", false);
	feed(f, KEYBOARD, "rightctrl:1", true); /* what a resync completes is none */
	assert_false(f->router.decided);
	feed(f, KEYBOARD, "rightctrl:0", false);
	assert_int_equal(pump_switch(&pump, &f->router, HOST), 0);
	feed(f, KEYBOARD, "f1:1", false); /* to where the focus is */
	assert_true(f->router.decided);
	f->router.decided = false;
	feed(f, SECOND, "backspace:1 esc:1 enter:1", false);
	assert_true(f->router.decided);
}

static void hotkey_of_no_target_is_swallowed(void **state)
{
	struct fixture *f = *state;

	play(f, KEYBOARD, "leftctrl:1 f9:1", "0/0 leftctrl:1\n");
	play(f, KEYBOARD, "f9:0", "");
	assert_int_equal(f->router.focus, HOST);
}

static void hotkey_cuts_the_frame(void **state)
{
	struct fixture *f = *state;

	play(f, KEYBOARD, "rel_x:1 a:1 leftctrl:1 rightctrl:1 rel_x:2 b:1",
	     "enter 1\n0/0 rel_x:1 a:1 leftctrl:1\n0/0 leftctrl:0 a:0\nfocused 0 1\n"
	     "1/0 rel_x:2 b:1\n");
	play(f, KEYBOARD, "b:0 leftctrl:0 a:0", "1/0 b:0\n");
	play(f, KEYBOARD, "rightctrl:0", "");
}

static void hotkey_lets_other_devices_up(void **state)
{
	struct fixture *f = *state;

	play(f, MOUSE, "btn_left:1", "0/2 btn_left:1\n");
	play(f, SECOND, "leftctrl:1", "0/1 leftctrl:1\n");
	play(f, KEYBOARD, "rightctrl:1", "enter 1\n0/1 leftctrl:0\n0/2 btn_left:0\nfocused 0 1\n");
	play(f, MOUSE, "btn_left:0", "");
	play(f, MOUSE, "btn_left:1", "1/2 btn_left:1\n");
	assert_int_equal(pump_switch(&pump, &f->router, TWO), 0);
	told(f, "enter 2\n1/2 btn_left:0\nfocused 1 2\n");
	play(f, MOUSE, "btn_left:0", "");
}

static void one_release_for_a_key_that_two_hold(void **state)
{
	struct fixture *f = *state;

	focus(f, ONE);
	play(f, KEYBOARD, "a:1", "1/0 a:1\n");
	play(f, SECOND, "a:1 b:1", "1/1 b:1\n");
	assert_int_equal(pump_switch(&pump, &f->router, HOST), 0);
	told(f, "1/1 a:0 b:0\nfocused 1 0\n");
}

static void remaps(void **state)
{
	struct fixture *f = *state;

	play(f, KEYBOARD, "capslock:1", "0/0 leftctrl:1\n");
	play(f, KEYBOARD, "leftctrl:1", "");
	play(f, KEYBOARD, "capslock:0", "");
	play(f, KEYBOARD, "esc:1", "0/0 capslock:1\n");
	play(f, KEYBOARD, "leftctrl:0", "0/0 leftctrl:0\n");
	play(f, KEYBOARD, "esc:0", "0/0 capslock:0\n");
	play(f, KEYBOARD, "rightctrl:1 capslock:1",
	     "enter 1\n0/0 rightctrl:1\n0/0 rightctrl:0\n"
	     "focused 0 1\n");
}

static void refusal_changes_nothing(void **state)
{
	struct fixture *f = *state;

	f->up[ONE] = false;
	play(f, KEYBOARD, "a:1 leftctrl:1", "0/0 a:1 leftctrl:1\n");
	play(f, KEYBOARD, "f2:1", "enter 1\n");
	assert_int_equal(f->router.focus, HOST);
	play(f, KEYBOARD, "f2:0 a:0", "0/0 a:0\n");
	assert_int_equal(pump_switch(&pump, &f->router, ONE), -ENOTCONN);
	assert_int_equal(pump_switch(&pump, &f->router, ROUTER_NEXT), 0);
	told(f, "enter 1\nenter 1\nenter 2\n0/0 leftctrl:0\nfocused 0 2\n");
	assert_int_equal(pump_switch(&pump, &f->router, TWO), 0);
	assert_int_equal(pump_switch(&pump, &f->router, ROUTER_NEXT), 0);
	told(f, "focused 2 0\n");
	f->up[TWO] = false;
	assert_int_equal(pump_switch(&pump, &f->router, ROUTER_NEXT), -ENODEV);
	assert_int_equal(pump_switch(&pump, &f->router, TARGETS), -EINVAL);
	assert_int_equal(pump_switch(&pump, &f->router, ROUTER_NEXT + 1), -EINVAL);
	told(f, "enter 1\nenter 2\n");
}

static void next_from_the_last_is_the_host(void **state)
{
	struct fixture *f = *state;

	focus(f, ONE);
	f->up[TWO] = false;
	assert_int_equal(pump_switch(&pump, &f->router, ROUTER_NEXT), 0);
	told(f, "enter 2\nfocused 1 0\n");
}

static void a_pinned_device_stays_at_the_host(void **state)
{
	struct fixture *f = *state;

	router_pin_device(&f->router, MOUSE, HOST);
	play(f, MOUSE, "btn_left:1 abs_x:1", "0/2 btn_left:1 abs_x:1\n");
	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
	assert_int_equal(pump_switch(&pump, &f->router, ONE), 0);
	told(f, "enter 1\n0/0 a:0\nfocused 0 1\n");
	play(f, MOUSE, "btn_left:0 abs_x:2 rel_wheel:1 btn_right:1",
	     "0/2 btn_left:0 abs_x:2 rel_wheel:1 btn_right:1\n");
	play(f, KEYBOARD, "a:0 b:1", "1/0 b:1\n");
	router_target_reset(&f->router, ONE, false);
	play(f, MOUSE, "rel_wheel:1", "0/2 rel_wheel:1\n");
	pump_down(&pump, &f->router, ONE, f->now);
	told(f, "focused 1 0\n");
	play(f, MOUSE, "btn_right:0 btn_left:1", "0/2 btn_right:0 btn_left:1\n");
	play(f, SECOND, "backspace:1 esc:1 enter:1", "0/2 btn_left:0\npanicked\n");
	pump_remove(&pump, &f->router, MOUSE);
	router_add_device(&f->router, MOUSE, &plain);
	focus(f, ONE);
	play(f, MOUSE, "btn_left:1", "1/2 btn_left:1\n");
}

static void always_keys_stay(void **state)
{
	struct fixture *f = *state;

	keyset_add(&f->always, KEY_MUTE);
	keyset_add(&f->always, KEY_CAPSLOCK); /* the code after the remap counts: esc becomes it */
	play(f, KEYBOARD, "mute:1 a:1 esc:1", "0/0 mute:1 a:1 capslock:1\n");
	assert_int_equal(pump_switch(&pump, &f->router, ONE), 0);
	told(f, "enter 1\n0/0 a:0\nfocused 0 1\n");
	play(f, KEYBOARD, "mute:2", "");
	play(f, KEYBOARD, "mute:0 b:1 mute:1", "0/0 mute:0 mute:1\n1/0 b:1\n");
	assert_int_equal(pump_switch(&pump, &f->router, TWO), 0);
	told(f, "enter 2\n1/0 b:0\nfocused 1 2\n");
	assert_int_equal(pump_switch(&pump, &f->router, HOST), 0);
	told(f, "focused 2 0\n");
	play(f, KEYBOARD, "mute:0", "0/0 mute:0\n");
	play(f, KEYBOARD, "esc:0", "0/0 capslock:0\n");
	focus(f, ONE);
	play(f, KEYBOARD, "esc:1", "0/0 capslock:1\n");
}

static void panic_reaches_the_host(void **state)
{
	struct fixture *f = *state;

	keyset_add(&f->always, KEY_MUTE);
	focus(f, ONE);
	play(f, MOUSE, "btn_left:1", "1/2 btn_left:1\n");
	play(f, SECOND, "mute:1", "0/1 mute:1\n");
	play(f, KEYBOARD, "backspace:1", "1/0 backspace:1\n");
	play(f, SECOND, "esc:1", "1/1 esc:1\n");
	play(f, KEYBOARD, "a:1 enter:1 b:1",
	     "1/0 a:1\n1/0 backspace:0 a:0\n1/1 esc:0\n1/2 btn_left:0\nfocused 1 0\n"
	     "0/1 mute:0\npanicked\n0/0 b:1\n");
	play(f, KEYBOARD, "b:0 enter:0 backspace:0 a:0", "0/0 b:0\n");
	play(f, SECOND, "mute:0 esc:0", "");
	play(f, MOUSE, "btn_left:0", "");
	assert_true(router_idle(&f->router));
}

static void panic_counts_raw_codes_and_resyncs(void **state)
{
	struct fixture *f = *state;

	focus(f, TWO);
	play(f, KEYBOARD, "esc:1", "2/0 capslock:1\n");
	feed(f, KEYBOARD, "backspace:1 enter:1", true);
	told(f, "2/0 backspace:1\n2/0 capslock:0 backspace:0\nfocused 2 0\npanicked\n");
	/* The key that completes it is itself one that is renamed. */
	play(f, KEYBOARD, "esc:0", "");
	play(f, KEYBOARD, "esc:1", "panicked again\n");
}

static void panic_again_is_within_two_seconds(void **state)
{
	struct fixture *f = *state;

	play(f, SECOND, "backspace:1 esc:1 enter:1",
	     "0/1 backspace:1 esc:1\n0/1 esc:0 backspace:0\npanicked\n");
	play(f, SECOND, "enter:0", "");
	f->now += 1998000;
	play(f, SECOND, "enter:1", "panicked again\n");
	play(f, SECOND, "enter:0", "");
	f->now += 1999001;
	play(f, SECOND, "enter:1", "panicked\n");
}

static void panic_again_takes_no_clock_that_was_set_back(void **state)
{
	struct fixture *f = *state;

	play(f, SECOND, "backspace:1 esc:1 enter:1",
	     "0/1 backspace:1 esc:1\n0/1 esc:0 backspace:0\npanicked\n");
	play(f, SECOND, "enter:0", "");
	f->now -= 4000000;
	play(f, SECOND, "enter:1", "panicked\n");
}

static void no_panic_chord_is_none(void **state)
{
	static const struct chord none;
	struct fixture *f = *state;

	f->router.panic = &none;
	play(f, SECOND, "backspace:1 esc:1 enter:1", "0/1 backspace:1 esc:1 enter:1\n");
}

static void resync_completes_no_hotkey(void **state)
{
	struct fixture *f = *state;

	play(f, KEYBOARD, "leftctrl:1", "0/0 leftctrl:1\n");
	feed(f, KEYBOARD, "rightctrl:1 a:1", true);
	told(f, "0/0 rightctrl:1 a:1\n");
	feed(f, KEYBOARD, "leftctrl:0 a:0", true);
	told(f, "0/0 leftctrl:0 a:0\n");
	play(f, KEYBOARD, "leftctrl:1", "enter 1\n0/0 rightctrl:0\nfocused 0 1\n");
}

static void target_down_forgets(void **state)
{
	struct fixture *f = *state;

	focus(f, ONE);
	play(f, KEYBOARD, "a:1", "1/0 a:1\n");
	pump_down(&pump, &f->router, TWO, f->now);
	pump_down(&pump, &f->router, HOST, f->now);
	told(f, "");
	pump_down(&pump, &f->router, ONE, f->now);
	told(f, "focused 1 0\n");
	play(f, KEYBOARD, "a:2", "");
	play(f, KEYBOARD, "a:0", "");
	pump_down(&pump, &f->router, ONE, f->now);
	pump_down(&pump, &f->router, HOST, f->now);
	told(f, "");
	focus(f, ONE);
	play(f, SECOND, "a:1", "1/1 a:1\n");
}

/* The guest chose when: what is being typed for it is not the host's. */
static void lose(struct fixture *f)
{
	focus(f, ONE);
	pump_down(&pump, &f->router, ONE, f->now);
	told(f, "focused 1 0\n");
}

static void pass_quietly(struct fixture *f)
{
	f->now += ROUTER_QUIET_US;
}

static void what_is_typed_on_after_a_loss_goes_nowhere(void **state)
{
	struct fixture *f = *state;

	focus(f, ONE);
	play(f, KEYBOARD, "b:1", "1/0 b:1\n");
	pump_down(&pump, &f->router, ONE, f->now);
	told(f, "focused 1 0\n");
	play(f, KEYBOARD, "b:0", "");
	for (unsigned i = 0; i < 1000; i++) {
		play(f, i % 2 ? KEYBOARD : SECOND, "a:1", "");
		play(f, i % 2 ? KEYBOARD : SECOND, "a:0", "");
	}
	play(f, MOUSE, "btn_left:1", "");
	play(f, MOUSE, "btn_left:0", "");
	feed(f, KEYBOARD, "a:1", true);
	told(f, "");
	feed(f, KEYBOARD, "a:0", true);
	told(f, "");
	pass_quietly(f);
	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
	play(f, KEYBOARD, "a:0", "0/0 a:0\n");
}

/* Quiet before it is none: the guest chose the moment, and may have waited for it. */
static void quiet_counts_from_the_loss(void **state)
{
	struct fixture *f = *state;

	focus(f, ONE);
	play(f, KEYBOARD, "b:1", "1/0 b:1\n");
	play(f, KEYBOARD, "b:0", "1/0 b:0\n");
	f->now += 10 * ROUTER_QUIET_US;
	pump_down(&pump, &f->router, ONE, f->now);
	told(f, "focused 1 0\n");
	f->now += ROUTER_QUIET_US - 1001;
	play(f, KEYBOARD, "a:1", "");
	play(f, KEYBOARD, "a:0", "");
	f->now += ROUTER_QUIET_US - 1001;
	play(f, KEYBOARD, "a:1", "");
	play(f, KEYBOARD, "a:0", "");
	f->now += ROUTER_QUIET_US - 1000;
	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
}

/* Who comes back to the desk long after the guest was shut down has not typed for it. */
static void what_is_typed_long_after_a_loss_is_the_hosts(void **state)
{
	struct fixture *f = *state;

	lose(f);
	f->now += ROUTER_QUIET_US - 1000;
	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
}

static void motion_passes_and_tells_the_time_after_a_loss(void **state)
{
	struct fixture *f = *state;

	lose(f);
	play(f, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	play(f, MOUSE, "rel_wheel:1 btn_left:1", "0/2 rel_wheel:1\n");
	play(f, MOUSE, "btn_left:0", "");
	pass_quietly(f);
	play(f, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
	lose(f);
	play(f, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	pass_quietly(f);
	play(f, MOUSE, "btn_left:1", "");
	play(f, KEYBOARD, "a:0", "");
	play(f, MOUSE, "btn_left:0", "");
}

static void a_key_that_is_held_after_a_loss_is_not_quiet(void **state)
{
	struct fixture *f = *state;

	lose(f);
	play(f, SECOND, "a:1", "");
	pass_quietly(f);
	play(f, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	play(f, KEYBOARD, "b:1", "");
	play(f, KEYBOARD, "b:0", "");
	pass_quietly(f);
	play(f, SECOND, "a:0", "");
	play(f, KEYBOARD, "b:1", "");
	play(f, KEYBOARD, "b:0", "");
	pass_quietly(f);
	play(f, KEYBOARD, "b:1", "0/0 b:1\n");
}

static void a_key_that_went_with_its_device_was_not_quiet(void **state)
{
	struct fixture *f = *state;

	lose(f);
	play(f, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	f->now += ROUTER_QUIET_US / 2;
	play(f, SECOND, "a:1", "");
	pump_remove(&pump, &f->router, SECOND);
	f->now += ROUTER_QUIET_US / 2;
	play(f, KEYBOARD, "b:1", "");
}

static void a_clock_that_was_set_back_is_not_quiet(void **state)
{
	struct fixture *f = *state;

	lose(f);
	play(f, SECOND, "a:1", "");
	play(f, SECOND, "a:0", "");
	f->now -= 3 * ROUTER_QUIET_US;
	play(f, SECOND, "a:1", "");
	play(f, SECOND, "a:0", "");
	pass_quietly(f);
	play(f, SECOND, "a:1", "0/1 a:1\n");
}

/* The user has decided: hotkeys, whether they move the focus or not, and the panic chord. */
static void chords_work_after_a_loss_and_end_the_wait(void **state)
{
	struct fixture *f = *state;

	lose(f);
	play(f, KEYBOARD, "leftctrl:1", "");
	play(f, KEYBOARD, "f1:1", "");
	play(f, KEYBOARD, "f1:0 leftctrl:0 a:1 a:0", "0/0 a:1 a:0\n");
	lose(f);
	play(f, KEYBOARD, "leftctrl:1 f2:1", "enter 1\nfocused 0 1\n");
	play(f, KEYBOARD, "a:1", "1/0 a:1\n");
	play(f, KEYBOARD, "a:0 leftctrl:0 f2:0", "1/0 a:0\n");
	lose(f);
	play(f, SECOND, "backspace:1 esc:1 enter:1", "panicked\n");
	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
	play(f, SECOND, "backspace:0 esc:0 enter:0", "");
	play(f, KEYBOARD, "a:0", "0/0 a:0\n");
	lose(f);
	f->up[ONE] = f->up[TWO] = false; /* refused: nothing was decided */
	play(f, KEYBOARD, "leftctrl:1 rightctrl:1", "enter 1\nenter 2\n");
	play(f, KEYBOARD, "leftctrl:0 rightctrl:0 a:1", "");
	assert_int_equal(pump_switch(&pump, &f->router, HOST), 0);
	play(f, KEYBOARD, "b:1 a:0", "0/0 b:1\n");
}

/* They are the host's whoever has the focus: the guest has no say in it. */
static void always_keys_pass_after_a_loss(void **state)
{
	struct fixture *f = *state;

	keyset_add(&f->always, KEY_MUTE);
	lose(f);
	play(f, KEYBOARD, "mute:1 a:1", "0/0 mute:1\n");
	play(f, KEYBOARD, "mute:0 a:0", "0/0 mute:0\n");
}

static void reset_forgets_and_keeps_the_focus(void **state)
{
	struct fixture *f = *state;

	focus(f, ONE);
	play(f, KEYBOARD, "a:1", "1/0 a:1\n");
	router_target_reset(&f->router, TWO, false);
	router_target_reset(&f->router, HOST, false);
	play(f, KEYBOARD, "b:1 b:0", "1/0 b:1 b:0\n");
	router_target_reset(&f->router, ONE, true);
	told(f, "");
	assert_int_equal(f->router.focus, ONE);
	play(f, KEYBOARD, "a:2", "");
	play(f, KEYBOARD, "a:0", "");
	play(f, KEYBOARD, "a:1", "1/0 a:1\n");
	play(f, SECOND, "leftctrl:1 f1:1",
	     "1/1 leftctrl:1\n1/0 a:0\n1/1 leftctrl:0\nfocused 1 0\n");
}

static void nothing_is_sent_to_a_guest_that_is_not_ready(void **state)
{
	struct fixture *f = *state;

	keyset_add(&f->always, KEY_MUTE);
	focus(f, ONE);
	router_target_reset(&f->router, ONE, false);
	play(f, KEYBOARD, "a:1 mute:1", "0/0 mute:1\n");
	play(f, KEYBOARD, "a:2", "");
	play(f, MOUSE, "rel_x:1 btn_left:1 sw_lid:1", "0/2 sw_lid:1\n");
	router_target_reset(&f->router, ONE, true);
	told(f, "");
	play(f, MOUSE, "rel_x:1", "1/2 rel_x:1\n");
	play(f, KEYBOARD, "a:0 mute:0", "0/0 mute:0\n");
	play(f, KEYBOARD, "a:1", "1/0 a:1\n");
	play(f, MOUSE, "btn_left:0", "");
}

/* As it is gone, not as it is awaited. */
static void chords_and_a_loss_work_while_a_guest_is_not_ready(void **state)
{
	struct fixture *f = *state;

	focus(f, ONE);
	router_target_reset(&f->router, ONE, false);
	play(f, KEYBOARD, "leftctrl:1 f1:1", "focused 1 0\n");
	play(f, KEYBOARD, "f1:0 leftctrl:0 a:1 a:0", "0/0 a:1 a:0\n");
	focus(f, ONE);
	router_target_reset(&f->router, ONE, false);
	play(f, SECOND, "backspace:1 esc:1 enter:1", "focused 1 0\npanicked\n");
	play(f, SECOND, "backspace:0 esc:0 enter:0 a:1 a:0", "0/1 a:1 a:0\n");
	focus(f, ONE);
	router_target_reset(&f->router, ONE, false);
	pump_down(&pump, &f->router, ONE, f->now);
	told(f, "focused 1 0\n");
	play(f, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	play(f, KEYBOARD, "a:1", "");
}

static void removal_releases(void **state)
{
	struct fixture *f = *state;

	keyset_add(&f->always, KEY_MUTE);
	focus(f, ONE);
	play(f, KEYBOARD, "mute:1 a:1 b:1", "0/0 mute:1\n1/0 a:1 b:1\n");
	play(f, SECOND, "b:1 leftctrl:1", "1/1 leftctrl:1\n");
	pump_remove(&pump, &f->router, KEYBOARD);
	told(f, "0/0 mute:0\n1/0 a:0\n");
	pump_remove(&pump, &f->router, KEYBOARD);
	told(f, "");
	play(f, SECOND, "b:0", "1/1 b:0\n");
	router_add_device(&f->router, KEYBOARD, &plain);
	play(f, KEYBOARD, "a:1", "1/0 a:1\n");
	pump_remove(&pump, &f->router, SECOND);
	told(f, "1/1 leftctrl:0\n");
	play(f, KEYBOARD, "rightctrl:1", "1/0 rightctrl:1\n");
	assert_false(router_idle(&f->router));
	pump_remove(&pump, &f->router, KEYBOARD);
	assert_true(router_idle(&f->router));
}

static void removal_on_the_host_is_of_its_port(void **state)
{
	struct fixture *f = *state;

	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
	play(f, SECOND, "a:1", "0/1 a:1\n");
	pump_remove(&pump, &f->router, SECOND);
	told(f, "0/1 a:0\n");
	play(f, KEYBOARD, "a:0", "0/0 a:0\n");
}

/* More held keys than a frame holds: the releases come in whole frames. */
static void releases_more_than_a_frame_holds(void **state)
{
	struct fixture *f = *state;
	unsigned lines = 0, releases = 0;

	for (unsigned code = KEY_F1; code < KEY_F1 + 100; code++) {
		struct input_event ev = { .type = EV_KEY, .code = (uint16_t)code, .value = 1 };
		struct frame frame = { .n = 0 };

		frame_add(&frame, &ev);
		frame_close(&frame, &ev);
		pump_frame(&pump, &f->router, SECOND, &frame);
	}
	f->log[f->used = 0] = '\0';
	pump_remove(&pump, &f->router, SECOND);
	for (const char *c = f->log; *c; c++) {
		lines += *c == '\n';
		releases += *c == ':';
	}
	assert_int_equal(releases, 100);
	assert_int_equal(lines, 2);
}

static struct fixture *with_parts(void **state)
{
	struct fixture *f = *state;

	f->parts = true;
	router_set_pointer(&f->router, MOUSE);
	return f;
}

/* A switch of a part; exactly these lines come out. */
static void part(struct fixture *f, unsigned part, unsigned target, int rc, const char *lines)
{
	assert_int_equal(pump_switch_part(&pump_parts, &f->router, part, target), rc);
	told(f, lines);
}

/* Only the pointers move: the keyboards stay where they are, with what they hold. */
static void part_moves_alone(void **state)
{
	struct fixture *f = with_parts(state);

	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
	play(f, MOUSE, "btn_left:1", "0/2 btn_left:1\n");
	play(f, KEYBOARD, "leftctrl:1", "0/0 leftctrl:1\n");
	play(f, KEYBOARD, "f4:1", "enter 1\n0/2 btn_left:0\nmoved 2 1\n");
	play(f, KEYBOARD, "f4:0 a:0 leftctrl:0", "0/0 a:0 leftctrl:0\n");
	play(f, MOUSE, "rel_x:1", "1/2 rel_x:1\n");
	play(f, MOUSE, "btn_left:0 btn_right:1", "1/2 btn_right:1\n");
	play(f, KEYBOARD, "b:1", "0/0 b:1\n");
	assert_int_equal(f->router.focus, HOST);
	/* The same once more is no switch. */
	part(f, ROUTER_POINTERS, ONE, 0, "");
	/* What moves takes only its own. */
	part(f, ROUTER_POINTERS, HOST, 0, "1/2 btn_right:0\nmoved 2 0\nleft 1\n");
	play(f, KEYBOARD, "b:0", "0/0 b:0\n");
}

/* The keyboards follow the pointers: the focus is there then, and a toggle leads back. */
static void parts_make_the_focus(void **state)
{
	struct fixture *f = with_parts(state);

	part(f, ROUTER_POINTERS, ONE, 0, "enter 1\nmoved 2 1\n");
	part(f, ROUTER_KEYBOARDS, ONE, 0, "focused 0 1\n");
	assert_int_equal(f->router.focus, ONE);
	play(f, SECOND, "leftctrl:1 rightctrl:1",
	     "enter 2\n1/1 leftctrl:1\n1/1 leftctrl:0\nfocused 1 2\nleft 1\n");
}

/* A switch of all brings together what was apart, also to where the focus is. */
static void all_gathers_the_parts(void **state)
{
	struct fixture *f = with_parts(state);

	part(f, ROUTER_POINTERS, ONE, 0, "enter 1\nmoved 2 1\n");
	play(f, MOUSE, "btn_left:1", "1/2 btn_left:1\n");
	part(f, ROUTER_ALL, HOST, 0, "1/2 btn_left:0\nfocused 0 0\nleft 1\n");
	part(f, ROUTER_POINTERS, ONE, 0, "enter 1\nmoved 2 1\n");
	play(f, MOUSE, "btn_right:1", "1/2 btn_right:1\n");
	/* To where the pointer is already: it keeps what it holds, and nobody is asked. */
	part(f, ROUTER_ALL, ONE, 0, "focused 0 1\n");
	play(f, MOUSE, "btn_right:0", "1/2 btn_right:0\n");
}

/* ROUTER_NEXT counts from where the part is. */
static void part_has_its_own_next(void **state)
{
	struct fixture *f = with_parts(state);

	part(f, ROUTER_POINTERS, ROUTER_NEXT, 0, "enter 1\nmoved 2 1\n");
	f->up[TWO] = false;
	part(f, ROUTER_POINTERS, ROUTER_NEXT, 0, "enter 2\nmoved 2 0\nleft 1\n");
	f->up[ONE] = false;
	part(f, ROUTER_POINTERS, ONE, -ENOTCONN, "enter 1\n");
}

/* A device that comes goes to where its part is. */
static void device_comes_to_its_part(void **state)
{
	struct fixture *f = with_parts(state);

	part(f, ROUTER_POINTERS, ONE, 0, "enter 1\nmoved 2 1\n");
	router_add_device(&f->router, MOUSE, &plain);
	router_set_pointer(&f->router, MOUSE);
	play(f, MOUSE, "btn_left:1", "1/2 btn_left:1\n");
	router_add_device(&f->router, SECOND, &plain);
	play(f, SECOND, "a:1", "0/1 a:1\n");
}

/* One device moves alone, and its target is left with it. */
static void one_device_moves(void **state)
{
	struct fixture *f = with_parts(state);

	part(f, ROUTER_DEVICE(SECOND), TWO, 0, "enter 2\nmoved 4 2\n");
	play(f, SECOND, "a:1", "2/1 a:1\n");
	play(f, KEYBOARD, "b:1", "0/0 b:1\n");
	pump_remove(&pump_parts, &f->router, SECOND);
	told(f, "2/1 a:0\nleft 2\n");
	part(f, ROUTER_DEVICE(SECOND), TWO, -ENODEV, "");
	part(f, ROUTER_DEVICE(ROUTER_DEVICES), TWO, -ENODEV, "");
	part(f, ROUTER_DEVICE(KEYBOARD), TARGETS, -EINVAL, "");
}

/* The same key on two devices at one guest is one key; at two guests it is two. */
static void ports_of_parts(void **state)
{
	struct fixture *f = with_parts(state);

	part(f, ROUTER_ALL, ONE, 0, "enter 1\nfocused 0 1\n");
	part(f, ROUTER_DEVICE(SECOND), TWO, 0, "enter 2\nmoved 4 2\n");
	play(f, KEYBOARD, "a:1", "1/0 a:1\n");
	play(f, SECOND, "a:1", "2/1 a:1\n");
	play(f, KEYBOARD, "a:0", "1/0 a:0\n");
	part(f, ROUTER_DEVICE(SECOND), ONE, 0, "2/1 a:0\nmoved 4 1\nleft 2\n");
	play(f, KEYBOARD, "leftalt:1", "1/0 leftalt:1\n");
	play(f, SECOND, "leftalt:1", "");
	/* Alt stays down for the other one: nothing is released, no menu is shut. */
	part(f, ROUTER_DEVICE(SECOND), HOST, 0, "moved 4 0\n");
	part(f, ROUTER_ALL, HOST, 0,
	     "1/0 leftctrl:1\n1/0 leftctrl:0\n1/0 leftalt:0\nfocused 1 0\nleft 1\n");
}

/* A guest that dies gives back only what was at it, and only that is deaf. */
static void part_of_a_dead_guest(void **state)
{
	struct fixture *f = with_parts(state);

	part(f, ROUTER_POINTERS, ONE, 0, "enter 1\nmoved 2 1\n");
	play(f, MOUSE, "btn_left:1", "1/2 btn_left:1\n");
	assert_true(router_target_down(&f->router, ONE, f->now));
	assert_false(router_target_down(&f->router, ONE, f->now));
	assert_false(router_target_down(&f->router, TWO, f->now));
	play(f, MOUSE, "btn_left:0", "");
	play(f, MOUSE, "btn_left:1", "");
	play(f, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
	play(f, KEYBOARD, "a:0", "0/0 a:0\n");
	play(f, MOUSE, "btn_left:0", "");
	f->now += ROUTER_QUIET_US;
	play(f, MOUSE, "btn_left:1", "0/2 btn_left:1\n");
}

/* A device pinned to a guest sends nothing anywhere until that is up, and switches pass it by. */
static void pinned_to_a_guest(void **state)
{
	struct fixture *f = with_parts(state);

	router_pin_device(&f->router, SECOND, ONE);
	f->up[ONE] = false;
	assert_true(router_pin_waits(&f->router, SECOND));
	assert_false(router_pin_waits(&f->router, KEYBOARD));
	play(f, SECOND, "a:1", "");
	play(f, SECOND, "rel_x:1", "");
	part(f, ROUTER_DEVICE(SECOND), ONE, -ENOTCONN, "enter 1\n");
	part(f, ROUTER_DEVICE(SECOND), TWO, -EPERM, "");
	f->up[ONE] = true;
	part(f, ROUTER_DEVICE(SECOND), ONE, 0, "enter 1\nmoved 4 1\n");
	assert_false(router_pin_waits(&f->router, SECOND));
	play(f, SECOND, "a:0", "");
	play(f, SECOND, "b:1", "1/1 b:1\n");
	part(f, ROUTER_ALL, TWO, 0, "enter 2\nfocused 0 2\n");
	part(f, ROUTER_KEYBOARDS, HOST, 0, "moved 1 0\n");
	/* It still feeds hotkeys. */
	play(f, SECOND, "leftctrl:1", "1/1 leftctrl:1\n");
	play(f, SECOND, "f1:1", "focused 2 0\nleft 2\n");
	assert_true(router_target_down(&f->router, ONE, f->now));
	play(f, SECOND, "c:1", "");
	assert_true(router_pin_waits(&f->router, SECOND));
	/* The others were not at that guest: they are not deaf. */
	play(f, KEYBOARD, "c:1", "0/0 c:1\n");
}

/* A device that is no longer pinned to a guest was the last thing there. */
static void pin_changed_leaves(void **state)
{
	struct fixture *f = with_parts(state);

	router_pin_device(&f->router, SECOND, ONE);
	part(f, ROUTER_DEVICE(SECOND), ONE, 0, "enter 1\nmoved 4 1\n");
	pump_leave(&pump_parts, &f->router);
	told(f, "");
	router_pin_device(&f->router, SECOND, ROUTER_FREE);
	pump_leave(&pump_parts, &f->router);
	told(f, "left 1\n");
	assert_false(router_takes(&f->router, ONE));
}

/* The focus stays where all parts were last; that ends when a guest's end brings all to the host. */
static void down_leaves_another(void **state)
{
	struct fixture *f = with_parts(state);

	focus(f, TWO);
	part(f, ROUTER_KEYBOARDS, ONE, 0, "enter 1\nmoved 1 1\n");
	part(f, ROUTER_POINTERS, HOST, 0, "moved 2 0\n");
	assert_true(router_target_down(&f->router, ONE, f->now));
	assert_int_equal(f->router.focus, HOST);
	pump_leave(&pump_parts, &f->router);
	told(f, "left 2\n");
}

/* Within a sequence the targets are left by the sequence. */
static void leave_within_a_sequence(void **state)
{
	struct fixture *f = with_parts(state);
	struct route route, other;

	assert_int_equal(router_switch(&f->router, ONE, &route), ROUTER_ENTER);
	assert_int_equal(router_leave(&f->router, &other), ROUTER_DONE);
	assert_true(!other.host && !other.guest && other.rc == 0);
	router_entered(&f->router, 0);
	assert_int_equal(router_next(&f->router, &route), ROUTER_FOCUSED);
	assert_int_equal(route.target, ONE);
}

/* The panic chord moves it to the host, and it stays until the user switches. */
static void panic_recalls_pinned(void **state)
{
	struct fixture *f = with_parts(state);

	router_pin_device(&f->router, SECOND, ONE);
	part(f, ROUTER_DEVICE(SECOND), ONE, 0, "enter 1\nmoved 4 1\n");
	part(f, ROUTER_POINTERS, TWO, 0, "enter 2\nmoved 2 2\n");
	play(f, SECOND, "a:1", "1/1 a:1\n");
	play(f, SECOND, "backspace:1 esc:1 enter:1",
	     "1/1 backspace:1 esc:1\n1/1 esc:0 backspace:0 a:0\n"
	     "focused 0 0\nleft 1\nleft 2\npanicked\n");
	assert_false(router_pin_waits(&f->router, SECOND));
	play(f, SECOND, "backspace:0 esc:0 enter:0 a:0", "");
	play(f, SECOND, "b:1", "0/1 b:1\n");
	part(f, ROUTER_ALL, HOST, 0, "");
	assert_true(router_pin_waits(&f->router, SECOND));
	part(f, ROUTER_DEVICE(SECOND), ONE, 0, "enter 1\n0/1 b:0\nmoved 4 1\n");
}

/* A hotkey may move a part to the next target. */
static void hotkeys_of_parts(void **state)
{
	struct fixture *f = with_parts(state);

	play(f, SECOND, "leftctrl:1", "0/1 leftctrl:1\n");
	play(f, SECOND, "f7:1", "enter 1\nmoved 2 1\n");
	play(f, SECOND, "f7:0", "");
	play(f, SECOND, "f5:1", "moved 2 0\nleft 1\n");
	play(f, SECOND, "f6:1", "enter 1\n0/1 leftctrl:0\nmoved 1 1\n");
	play(f, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	play(f, KEYBOARD, "a:1", "1/0 a:1\n");
}

/* --- another configuration --- */

static const struct hotkeys other_hotkeys = {
	.n = 2,
	.entry = {
		{ { 2, { KEY_LEFTALT, KEY_F1 } }, HOST },
		{ { 2, { KEY_LEFTALT, KEY_F2 } }, 2 },
	},
};

/* The guests have changed places, and with them their numbers. */
static void replaced(void **state)
{
	static const unsigned map[ROUTER_TARGETS] = { HOST, TWO, ONE };
	struct fixture *f = *state;

	focus(f, ONE);
	router_replace(&f->router, &other_hotkeys, &panic_chord, &f->always, TARGETS, map);
	router_set_remap(&f->router, KEYBOARD, &plain);
	assert_int_equal(f->router.focus, TWO);
	play(f, KEYBOARD, "capslock:1", "2/0 capslock:1\n");
	play(f, KEYBOARD, "capslock:0", "2/0 capslock:0\n");
	play(f, MOUSE, "rel_x:3", "2/2 rel_x:3\n");
	/* The earlier hotkeys are ordinary keys. */
	play(f, KEYBOARD, "leftctrl:1", "2/0 leftctrl:1\n");
	play(f, KEYBOARD, "f1:1", "2/0 f1:1\n");
	play(f, KEYBOARD, "f1:0", "2/0 f1:0\n");
	play(f, KEYBOARD, "leftctrl:0", "2/0 leftctrl:0\n");
	play(f, KEYBOARD, "leftalt:1", "2/0 leftalt:1\n");
	play(f, KEYBOARD, "f1:1", "2/0 leftctrl:1\n2/0 leftctrl:0\n2/0 leftalt:0\nfocused 2 0\n");
}

/* A guest that is gone was left before; a pin to it ends at the host. */
static void replaced_without_a_target(void **state)
{
	static const unsigned map[ROUTER_TARGETS] = { HOST, ROUTER_GONE, ONE };
	struct fixture *f = *state;

	router_pin_device(&f->router, MOUSE, ONE);
	router_pin_device(&f->router, SECOND, TWO);
	assert_true(router_target_down(&f->router, ONE, f->now) == false);
	router_replace(&f->router, &other_hotkeys, &panic_chord, &f->always, 2, map);
	assert_int_equal(f->router.device[MOUSE].pin, HOST);
	assert_int_equal(f->router.device[MOUSE].target, HOST);
	assert_int_equal(f->router.device[SECOND].pin, ONE);
	assert_true(router_pin_waits(&f->router, SECOND));
	/* Free again, it is where its part is. */
	focus(f, ONE);
	router_pin_device(&f->router, SECOND, ROUTER_FREE);
	play(f, SECOND, "a:1", "1/1 a:1\n");
	assert_int_equal(pump_switch(&pump, &f->router, HOST), 0);
	told(f, "1/1 a:0\nfocused 1 0\n");
	assert_int_equal(pump_switch(&pump, &f->router, TWO), -EINVAL);
}

/* Motion is handed on as it came, not copied; the result of a hotkey's switch is nobody's. */
static void motion_is_not_copied(void **state)
{
	struct fixture *f = *state;
	struct frame frame;
	struct route route;
	const char *bad;

	assert_true(events_parse("rel_x:1 rel_y:1", &frame, &bad));
	assert_int_equal(router_frame(&f->router, MOUSE, &frame, &route), ROUTER_DONE);
	assert_ptr_equal(route.host, &frame);
	assert_null(route.guest);
	focus(f, ONE);
	assert_int_equal(router_frame(&f->router, MOUSE, &frame, &route), ROUTER_DONE);
	assert_ptr_equal(route.guest, &frame);
	assert_null(route.host);
	assert_true(events_parse("rel_x:1", &frame, &bad));
	assert_int_equal(router_frame(&f->router, MOUSE, &frame, &route), ROUTER_DONE);
	assert_ptr_equal(route.guest, &frame);
}

static void a_frame_has_no_result(void **state)
{
	struct fixture *f = *state;
	struct frame frame;
	struct route route;
	enum router_step step;
	const char *bad;

	f->up[ONE] = f->up[TWO] = false;
	assert_int_equal(pump_switch(&pump, &f->router, TWO), -ENOTCONN);
	told(f, "enter 2\n");
	assert_true(events_parse("leftctrl:1 rightctrl:1", &frame, &bad));
	step = router_frame(&f->router, SECOND, &frame, &route);
	assert_int_equal(pump_steps(&pump, &f->router, step, &route), 0);
	told(f, "enter 1\nenter 2\n0/1 leftctrl:1\n");
}

/* A guest that ends while another is asked gets nothing of the frame in hand. */
static void down_within_a_switch(void **state)
{
	struct fixture *f = *state;
	struct frame frame;
	struct route route;
	enum router_step step;
	const char *bad;

	focus(f, ONE);
	play(f, KEYBOARD, "capslock:1", "1/0 leftctrl:1\n");
	assert_true(events_parse("a:1 rightctrl:1", &frame, &bad));
	step = router_frame(&f->router, KEYBOARD, &frame, &route);
	assert_int_equal(step, ROUTER_ENTER);
	assert_true(router_target_down(&f->router, ONE, f->now));
	router_entered(&f->router, -ENOTCONN);
	while (step != ROUTER_DONE) {
		step = router_next(&f->router, &route);
		assert_null(route.guest);
	}
}

static void play_at(struct fixture *f, int64_t now, unsigned device, const char *events,
		    const char *lines)
{
	f->now = now - 1000; /* feed adds them */
	play(f, device, events, lines);
}

/* I13: keys that were held count until they are gone, with their device too. */
static void quiet_after_an_unplug(void **state)
{
	struct fixture *f = *state;
	int64_t lost = f->now;

	focus(f, ONE);
	pump_down(&pump, &f->router, ONE, lost);
	told(f, "focused 1 0\n");
	play_at(f, lost + 1000, KEYBOARD, "a:1", "");
	play_at(f, lost + 400000, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	pump_remove(&pump, &f->router, KEYBOARD);
	told(f, "");
	play_at(f, lost + 700000, MOUSE, "btn_left:1", "");
	play_at(f, lost + 700001, MOUSE, "btn_left:0", "");
	play_at(f, lost + 700001 + ROUTER_QUIET_US, MOUSE, "btn_left:1", "0/2 btn_left:1\n");
}

/* Where the events' time is before that of the loss, the quiet begins with them. */
static void quiet_by_the_clock_of_events(void **state)
{
	struct fixture *f = *state;
	int64_t now = f->now;

	focus(f, ONE);
	pump_down(&pump, &f->router, ONE, now + 60000000);
	told(f, "focused 1 0\n");
	play_at(f, now + 1000, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	play_at(f, now + 999 + ROUTER_QUIET_US, MOUSE, "rel_x:1", "0/2 rel_x:1\n");
	assert_true(f->router.deaf);
	play_at(f, now + 1000 + ROUTER_QUIET_US, MOUSE, "btn_left:1", "0/2 btn_left:1\n");
}

/* As many hotkeys as there can be, and chords as long as they can be. */
static void full_tables(void **state)
{
	static const struct chord panic = {
		CHORD_MAX, { KEY_1, KEY_2, KEY_3, KEY_4, KEY_5, KEY_6, KEY_7, KEY_8 }
	};
	struct fixture *f = *state;
	struct hotkeys full = { .n = HOTKEYS_MAX };

	for (unsigned i = 0; i < HOTKEYS_MAX; i++)
		full.entry[i] = (struct hotkey){ { 1, { (uint16_t)(KEY_F13 + i) } }, HOST };
	full.entry[HOTKEYS_MAX - 1] = (struct hotkey){ .chord = panic, .action = ONE };
	full.entry[HOTKEYS_MAX - 1].chord.code[0] = KEY_9;
	router_init(&f->router, &full, &panic, &f->always, TARGETS);
	router_add_device(&f->router, KEYBOARD, &plain);
	play(f, KEYBOARD, "2:1 3:1 4:1 5:1 6:1 7:1 8:1", "0/0 2:1 3:1 4:1 5:1 6:1 7:1 8:1\n");
	play(f, KEYBOARD, "9:1", "enter 1\n0/0 2:0 3:0 4:0 5:0 6:0 7:0 8:0\nfocused 0 1\n");
	play(f, KEYBOARD, "1:1", "focused 1 0\npanicked\n");
}

/* What the user has decided, and how long all has been quiet, is not another configuration's. */
static void replaced_while_deaf(void **state)
{
	static const unsigned map[ROUTER_TARGETS] = { HOST, ONE, TWO };
	struct fixture *f = *state;

	play(f, KEYBOARD, "backspace:1 esc:1 enter:1",
	     "0/0 backspace:1 capslock:1\n0/0 capslock:0 backspace:0\npanicked\n");
	play(f, KEYBOARD, "backspace:0 esc:0 enter:0", "");
	focus(f, ONE);
	pump_down(&pump, &f->router, ONE, f->now);
	told(f, "focused 1 0\n");
	f->now += ROUTER_QUIET_US - 2000;
	router_replace(&f->router, &hotkeys, &panic_chord, &f->always, TARGETS, map);
	router_set_remap(&f->router, KEYBOARD, &plain);
	assert_true(f->router.decided);
	play(f, KEYBOARD, "a:1", "");
	play(f, KEYBOARD, "a:0", "");
	f->now += ROUTER_QUIET_US - 1000;
	play(f, KEYBOARD, "a:1", "0/0 a:1\n");
}

/* Without guests there is no next target. */
static void host_alone(void **state)
{
	struct fixture *f = *state;

	router_init(&f->router, &hotkeys, &panic_chord, &f->always, 1);
	router_add_device(&f->router, KEYBOARD, &plain);
	assert_int_equal(pump_switch(&pump, &f->router, ROUTER_NEXT), -ENODEV);
	assert_int_equal(pump_switch(&pump, &f->router, HOST), 0);
	assert_int_equal(pump_switch(&pump, &f->router, ONE), -EINVAL);
	play(f, KEYBOARD, "leftctrl:1 rightctrl:1", "0/0 leftctrl:1\n");
}

/* Whichever device it is. */
static void panic_recalls_the_first(void **state)
{
	struct fixture *f = with_parts(state);

	router_pin_device(&f->router, KEYBOARD, ONE);
	part(f, ROUTER_DEVICE(KEYBOARD), ONE, 0, "enter 1\nmoved 3 1\n");
	play(f, SECOND, "backspace:1 esc:1 enter:1",
	     "0/1 backspace:1 esc:1\nfocused 0 0\nleft 1\n0/1 esc:0 backspace:0\npanicked\n");
	assert_false(router_pin_waits(&f->router, KEYBOARD));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(replaced, setup),
		cmocka_unit_test_setup(replaced_without_a_target, setup),
		cmocka_unit_test_setup(replaced_while_deaf, setup),
		cmocka_unit_test_setup(full_tables, setup),
		cmocka_unit_test_setup(host_alone, setup),
		cmocka_unit_test_setup(panic_recalls_the_first, setup),
		cmocka_unit_test_setup(routes_to_ports_and_focus, setup),
		cmocka_unit_test_setup(part_moves_alone, setup),
		cmocka_unit_test_setup(parts_make_the_focus, setup),
		cmocka_unit_test_setup(all_gathers_the_parts, setup),
		cmocka_unit_test_setup(part_has_its_own_next, setup),
		cmocka_unit_test_setup(device_comes_to_its_part, setup),
		cmocka_unit_test_setup(one_device_moves, setup),
		cmocka_unit_test_setup(ports_of_parts, setup),
		cmocka_unit_test_setup(part_of_a_dead_guest, setup),
		cmocka_unit_test_setup(pinned_to_a_guest, setup),
		cmocka_unit_test_setup(panic_recalls_pinned, setup),
		cmocka_unit_test_setup(pin_changed_leaves, setup),
		cmocka_unit_test_setup(down_leaves_another, setup),
		cmocka_unit_test_setup(leave_within_a_sequence, setup),
		cmocka_unit_test_setup(hotkeys_of_parts, setup),

		cmocka_unit_test_setup(passes_other_types_and_keeps_scan_codes, setup),
		cmocka_unit_test_setup(ignores_what_changes_nothing, setup),
		cmocka_unit_test_setup(repeats_to_guests_only, setup),
		cmocka_unit_test_setup(ignores_codes_that_are_no_keys, setup),
		cmocka_unit_test_setup(hotkey_moves_the_focus, setup),
		cmocka_unit_test_setup(a_hotkey_or_the_panic_chord_is_a_decision, setup),
		cmocka_unit_test_setup(hotkey_of_no_target_is_swallowed, setup),
		cmocka_unit_test_setup(hotkey_cuts_the_frame, setup),
		cmocka_unit_test_setup(hotkey_lets_other_devices_up, setup),
		cmocka_unit_test_setup(one_release_for_a_key_that_two_hold, setup),
		cmocka_unit_test_setup(remaps, setup),
		cmocka_unit_test_setup(refusal_changes_nothing, setup),
		cmocka_unit_test_setup(next_from_the_last_is_the_host, setup),
		cmocka_unit_test_setup(a_pinned_device_stays_at_the_host, setup),
		cmocka_unit_test_setup(always_keys_stay, setup),
		cmocka_unit_test_setup(panic_reaches_the_host, setup),
		cmocka_unit_test_setup(panic_counts_raw_codes_and_resyncs, setup),
		cmocka_unit_test_setup(panic_again_is_within_two_seconds, setup),
		cmocka_unit_test_setup(panic_again_takes_no_clock_that_was_set_back, setup),
		cmocka_unit_test_setup(no_panic_chord_is_none, setup),
		cmocka_unit_test_setup(resync_completes_no_hotkey, setup),
		cmocka_unit_test_setup(target_down_forgets, setup),
		cmocka_unit_test_setup(what_is_typed_on_after_a_loss_goes_nowhere, setup),
		cmocka_unit_test_setup(quiet_counts_from_the_loss, setup),
		cmocka_unit_test_setup(what_is_typed_long_after_a_loss_is_the_hosts, setup),
		cmocka_unit_test_setup(motion_passes_and_tells_the_time_after_a_loss, setup),
		cmocka_unit_test_setup(a_key_that_is_held_after_a_loss_is_not_quiet, setup),
		cmocka_unit_test_setup(a_key_that_went_with_its_device_was_not_quiet, setup),
		cmocka_unit_test_setup(a_clock_that_was_set_back_is_not_quiet, setup),
		cmocka_unit_test_setup(chords_work_after_a_loss_and_end_the_wait, setup),
		cmocka_unit_test_setup(always_keys_pass_after_a_loss, setup),
		cmocka_unit_test_setup(reset_forgets_and_keeps_the_focus, setup),
		cmocka_unit_test_setup(nothing_is_sent_to_a_guest_that_is_not_ready, setup),
		cmocka_unit_test_setup(chords_and_a_loss_work_while_a_guest_is_not_ready, setup),
		cmocka_unit_test_setup(removal_releases, setup),
		cmocka_unit_test_setup(removal_on_the_host_is_of_its_port, setup),
		cmocka_unit_test_setup(releases_more_than_a_frame_holds, setup),
		cmocka_unit_test_setup(motion_is_not_copied, setup),
		cmocka_unit_test_setup(a_frame_has_no_result, setup),
		cmocka_unit_test_setup(down_within_a_switch, setup),
		cmocka_unit_test_setup(quiet_after_an_unplug, setup),
		cmocka_unit_test_setup(quiet_by_the_clock_of_events, setup),
	};

	return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
