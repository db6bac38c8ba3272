/* SPDX-License-Identifier: MIT */
/* What gets to a guest's nodes: which node, one key of a pair, motion in steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "scenario.h"
#include "core/shape.h"

static const struct shape_rules none;
static const struct shape_rules input_linux = { .one_of_pair = true, .wheel_clicks = true };
static const struct shape_rules windows = { .no_hires_wheel = true, .step_max = 127 };

struct fixture {
	struct shape shape;
	unsigned frames;
	long dx, dy, wheel; /* what came out in all */
	size_t used;
	char log[65536];
};

static void note(struct fixture *f, enum shape_node node, const struct frame *frame)
{
	char text[4096];

	assert_true(frame->n >= 2 && frame->n <= FRAME_MAX);
	for (unsigned i = 0; i < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		assert_int_equal(ev->type == EV_SYN, i == frame->n - 1);
		if (ev->type == EV_REL && ev->code == REL_X)
			f->dx += ev->value;
		if (ev->type == EV_REL && ev->code == REL_Y)
			f->dy += ev->value;
		if (ev->type == EV_REL && ev->code == REL_WHEEL)
			f->wheel += ev->value;
		if (ev->type != EV_SYN)
			assert_true(shape_carries(&f->shape.rules, node, ev->type, ev->code));
	}
	f->frames++;
	events_print(frame, text, sizeof(text));
	f->used += (size_t)snprintf(f->log + f->used, sizeof(f->log) - f->used, "%s %s\n",
				    shape_node_name(node), text);
	assert_true(f->used < sizeof(f->log));
}

static void pass(struct fixture *f, const struct frame *in)
{
	unsigned ready = shape_frame(&f->shape, in);

	for (;; ready = shape_more(&f->shape)) {
		for (unsigned node = 0; node < SHAPE_NODES; node++)
			if (ready >> node & 1)
				note(f, node, f->shape.ready[node]);
		if (!(ready & SHAPE_MORE))
			return;
	}
}

static struct fixture *with(const struct shape_rules *rules)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	shape_init(&fixture.shape, rules);
	return &fixture;
}

static void feed(struct fixture *f, const char *events)
{
	struct frame frame;
	const char *bad;

	assert_true(events_parse(events, &frame, &bad));
	f->log[f->used = 0] = '\0';
	f->frames = 0;
	f->dx = f->dy = f->wheel = 0;
	pass(f, &frame);
}

static void play(struct fixture *f, const char *events, const char *lines)
{
	feed(f, events);
	assert_string_equal(f->log, lines);
}

static void names_the_nodes(void **state)
{
	(void)state;
	assert_string_equal(shape_node_name(SHAPE_KEYBOARD), "keyboard");
	assert_string_equal(shape_node_name(SHAPE_MEDIA), "media");
	assert_string_equal(shape_node_name(SHAPE_POINTER), "pointer");
}

static void splits_over_the_nodes(void **state)
{
	struct fixture *f = with(&none);

	(void)state;
	play(f, "a:1", "keyboard a:1\n");
	play(f, "rel_x:1 a:0 volumeup:1 btn_left:1 b:1",
	     "keyboard a:0 b:1\nmedia volumeup:1\npointer rel_x:1 btn_left:1\n");
	play(f, "a:2", "keyboard a:2\n");
	play(f, "", "");
}

static void leaves_out_what_no_node_carries(void **state)
{
	struct fixture *f = with(&none);

	(void)state;
	play(f, "reserved:1 btn_trigger:1", "");
	play(f, "mute:1 btn_0:1", "media mute:1\npointer btn_0:1\n");
	play(f, "btn_south:1 btn_tool_pen:1 btn_trigger_happy1:1 btn_dpad_up:1", "");
	play(f, "abs_x:4 msc_scan:4 sw_lid:1 rel_z:1 rel_ry:1 rel_reserved:1", "");
	play(f, "rel_dial:1 rel_misc:2", "pointer rel_dial:1 rel_misc:2\n");
}

/*
 * No code on two nodes; buttons and motion on the pointer alone; QEMU must see no keyboard there.
 */
static void carries_each_code_on_one_node(void **state)
{
	static const struct shape_rules *const all[] = { &none, &input_linux, &windows };

	(void)state;
	for (unsigned r = 0; r < 3; r++) {
		for (unsigned code = 0; code < 0x10000; code++) {
			bool keyboard = shape_carries(all[r], SHAPE_KEYBOARD, EV_KEY, code);
			bool media = shape_carries(all[r], SHAPE_MEDIA, EV_KEY, code);
			bool pointer = shape_carries(all[r], SHAPE_POINTER, EV_KEY, code);

			assert_true(keyboard + media + pointer <= 1);
			if (code >= 0x2c0 || (code >= 0x100 && code < 0x160))
				assert_true(!keyboard && !media);
			else
				assert_false(pointer);
			assert_false(shape_carries(all[r], SHAPE_KEYBOARD, EV_REL, code));
			assert_false(shape_carries(all[r], SHAPE_MEDIA, EV_REL, code));
			for (unsigned node = 0; node < SHAPE_NODES; node++)
				assert_false(shape_carries(all[r], node, EV_ABS, code) ||
					     shape_carries(all[r], node, EV_MSC, code) ||
					     shape_carries(all[r], node, EV_SYN, code));
		}
		assert_false(shape_carries(all[r], SHAPE_KEYBOARD, EV_KEY, KEY_RESERVED));
		assert_true(shape_carries(all[r], SHAPE_KEYBOARD, EV_KEY, KEY_MACRO1));
		assert_true(shape_carries(all[r], SHAPE_POINTER, EV_KEY, BTN_TASK));
		assert_true(shape_carries(all[r], SHAPE_POINTER, EV_REL, REL_HWHEEL));
	}
}

/* A device that declared all codes would never be announced by Linux before 6.10. */
static void carries_the_keys_of_keyboards(void **state)
{
	static const uint16_t kept[] = { KEY_ESC,
					 KEY_F13,
					 KEY_F24,
					 KEY_MICMUTE,
					 KEY_OK,
					 KEY_DISPLAYTOGGLE,
					 KEY_EURO,
					 KEY_CONTEXT_MENU,
					 KEY_FN,
					 KEY_BRL_DOT8,
					 KEY_TOUCHPAD_TOGGLE,
					 KEY_ASSISTANT,
					 KEY_EMOJI_PICKER,
					 KEY_MACRO1,
					 KEY_MACRO30,
					 KEY_MACRO_RECORD_START,
					 KEY_KBD_LCD_MENU5 };
	static const uint16_t left_out[] = { KEY_TV,          KEY_RED,
					     KEY_NUMERIC_0,   KEY_CAMERA_ZOOMIN,
					     KEY_FN_F1,       KEY_ATTENDANT_ON,
					     KEY_NEXT_ELEMENT };
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		assert_true(shape_carries(&none, SHAPE_KEYBOARD, EV_KEY, kept[i]));
	for (unsigned i = 0; i < sizeof(left_out) / sizeof(*left_out); i++)
		assert_false(shape_carries(&none, SHAPE_KEYBOARD, EV_KEY, left_out[i]));
	for (unsigned code = 0; code < KEY_CNT; code++)
		n += shape_carries(&none, SHAPE_KEYBOARD, EV_KEY, code) ||
		     shape_carries(&none, SHAPE_MEDIA, EV_KEY, code);
	print_message("%u keys\n", n);
	play(with(&none), "tv:1 numeric_0:1 a:1", "keyboard a:1\n");
}

static void carries_by_rule(void **state)
{
	(void)state;
	assert_true(shape_carries(&none, SHAPE_KEYBOARD, EV_KEY, KEY_SCROLLLOCK));
	assert_false(shape_carries(&input_linux, SHAPE_KEYBOARD, EV_KEY, KEY_SCROLLLOCK));
	assert_true(shape_carries(&none, SHAPE_POINTER, EV_REL, REL_WHEEL_HI_RES));
	assert_true(shape_carries(&none, SHAPE_POINTER, EV_REL, REL_HWHEEL_HI_RES));
	assert_false(shape_carries(&windows, SHAPE_POINTER, EV_REL, REL_WHEEL_HI_RES));
	assert_false(shape_carries(&windows, SHAPE_POINTER, EV_REL, REL_HWHEEL_HI_RES));
	assert_false(shape_carries(&none, SHAPE_POINTER, EV_REL, REL_RX));
	assert_false(shape_carries(&none, SHAPE_POINTER, EV_REL, REL_RESERVED));
	assert_false(shape_carries(&none, SHAPE_POINTER, EV_REL, REL_MAX));
	assert_false(shape_carries(&none, SHAPE_POINTER, EV_REL, UINT_MAX));
}

/* Nine axes: with these the kernel doubles the queue of the node's reader. */
static void input_linux_declares_nine_axes(void **state)
{
	unsigned axes = 0;

	(void)state;
	for (unsigned code = 0; code <= REL_MAX; code++)
		axes += shape_carries(&input_linux, SHAPE_POINTER, EV_REL, code);
	assert_true(axes >= 9);
}

static void one_of_each_pair(void **state)
{
	static const char *const names[] = { "ctrl", "shift", "alt", "meta" };
	struct fixture *f = with(&input_linux);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned right = 0; right < 2; right++) {
			const char *first = right ? "right" : "left";
			const char *second = right ? "left" : "right";
			char in[64], out[160];

			snprintf(in, sizeof(in), "%s%s:1", first, names[i]);
			snprintf(out, sizeof(out), "keyboard %s\n", in);
			play(f, in, out);
			snprintf(in, sizeof(in), "%s%s:1", second, names[i]);
			play(f, in, "");
			snprintf(in, sizeof(in), "%s%s:2", second, names[i]);
			play(f, in, "");
			snprintf(in, sizeof(in), "%s%s:2", first, names[i]);
			snprintf(out, sizeof(out), "keyboard %s\n", in);
			play(f, in, out);
			snprintf(in, sizeof(in), "%s%s:0", first, names[i]);
			snprintf(out, sizeof(out), "keyboard %s %s%s:1\n", in, second, names[i]);
			play(f, in, out);
			snprintf(in, sizeof(in), "%s%s:0", second, names[i]);
			snprintf(out, sizeof(out), "keyboard %s\n", in);
			play(f, in, out);
		}
	}
}

static void a_waiting_key_may_go_again(void **state)
{
	struct fixture *f = with(&input_linux);

	(void)state;
	play(f, "leftctrl:1 rightctrl:1", "keyboard leftctrl:1\n");
	play(f, "rightctrl:0", "");
	play(f, "leftctrl:0", "keyboard leftctrl:0\n");
	play(f, "leftctrl:1 rightctrl:1 leftctrl:0 leftctrl:1 rightctrl:0",
	     "keyboard leftctrl:1 leftctrl:0 rightctrl:1 rightctrl:0 leftctrl:1\n");
	/* Pairs do not touch each other. */
	play(f, "rightshift:1 rightalt:1", "keyboard rightshift:1 rightalt:1\n");
}

static void pairs_forget_at_a_reset(void **state)
{
	struct fixture *f = with(&input_linux);

	(void)state;
	play(f, "leftctrl:1 rightctrl:1", "keyboard leftctrl:1\n");
	shape_reset(&f->shape);
	play(f, "rightctrl:1", "keyboard rightctrl:1\n");
	/* What was down before is not down any more: its release must not make room for itself. */
	play(f, "leftctrl:0", "");
	play(f, "leftctrl:1", "");
	play(f, "rightctrl:0", "keyboard rightctrl:0 leftctrl:1\n");
	shape_reset(&f->shape);
	play(f, "leftctrl:0", "");
	assert_int_equal(f->shape.rules.one_of_pair, true);
}

static void pairs_pass_where_no_rule_is(void **state)
{
	struct fixture *f = with(&windows);

	(void)state;
	play(f, "leftctrl:1 rightctrl:1 leftctrl:0",
	     "keyboard leftctrl:1 rightctrl:1 leftctrl:0\n");
	play(f, "scrolllock:1", "keyboard scrolllock:1\n");
}

static void clicks_one_by_one(void **state)
{
	struct fixture *f = with(&input_linux);

	(void)state;
	play(f, "rel_wheel:1", "pointer rel_wheel:1\n");
	play(f, "rel_wheel:-3",
	     "pointer rel_wheel:-1\npointer rel_wheel:-1\npointer rel_wheel:-1\n");
	play(f, "btn_left:1 rel_wheel:2 rel_x:9 a:1",
	     "pointer rel_wheel:1\nkeyboard a:1\npointer btn_left:1 rel_x:9 rel_wheel:1\n");
	play(f, "rel_wheel:2 rel_wheel:-2", "");
	play(f, "rel_wheel:1 rel_wheel:1 rel_x:1000",
	     "pointer rel_wheel:1\npointer rel_x:1000 rel_wheel:1\n");
	play(f, "rel_wheel:0 rel_x:0", "pointer rel_x:0\n");
}

static void wheel_and_motion_pass_where_no_rule_is(void **state)
{
	struct fixture *f = with(&none);

	(void)state;
	play(f, "rel_wheel:3 rel_x:30000 rel_wheel_hi_res:360",
	     "pointer rel_wheel:3 rel_x:30000 rel_wheel_hi_res:360\n");
}

static void motion_in_steps(void **state)
{
	struct fixture *f = with(&windows);

	(void)state;
	play(f, "rel_x:127 rel_y:-127", "pointer rel_x:127 rel_y:-127\n");
	play(f, "rel_x:128", "pointer rel_x:127\npointer rel_x:1\n");
	/* What fits one step joins the frame's other events. */
	play(f, "btn_left:1 rel_x:127", "pointer btn_left:1 rel_x:127\n");
	play(f, "btn_left:0 rel_x:-127", "pointer btn_left:0 rel_x:-127\n");
	play(f, "btn_left:1 rel_y:127", "pointer btn_left:1 rel_y:127\n");
	play(f, "btn_left:0 rel_y:-127", "pointer btn_left:0 rel_y:-127\n");
	play(f, "rel_y:-128", "pointer rel_y:-127\npointer rel_y:-1\n");
	play(f, "rel_x:130 rel_y:300 rel_wheel:5 rel_wheel_hi_res:600 btn_left:1",
	     "pointer rel_x:127 rel_y:127\npointer rel_x:3 rel_y:127\n"
	     "pointer rel_wheel:5 btn_left:1 rel_y:46\n");
	play(f, "rel_x:100 rel_x:100", "pointer rel_x:127\npointer rel_x:73\n");
}

static void sums_nothing_over_frames(void **state)
{
	struct fixture *f = with(&windows);

	(void)state;
	feed(f, "rel_x:2147483647 rel_y:-2147483648");
	assert_int_equal(f->frames, SHAPE_STEPS_MAX);
	play(f, "rel_x:1", "pointer rel_x:1\n");
}

static void any_sixteen_bit_motion_arrives(void **state)
{
	struct fixture *f = with(&windows);

	(void)state;
	feed(f, "rel_x:32767 rel_y:-32768");
	assert_int_equal(f->dx, 32767);
	assert_int_equal(f->dy, -32768);
	assert_true(f->frames <= SHAPE_STEPS_MAX);
	feed(f, "rel_x:2147483647 rel_x:2147483647 a:1");
	assert_true(f->frames <= SHAPE_STEPS_MAX + 1);
	assert_true(f->dx > 32767);
}

static bool passes(const struct shape_rules *rules, const char *events)
{
	struct fixture *f = with(rules);
	struct frame frame;
	const char *bad;
	unsigned ready;

	assert_true(events_parse(events, &frame, &bad));
	ready = shape_frame(&f->shape, &frame);
	for (unsigned node = 0; node < SHAPE_NODES; node++)
		if (ready == 1U << node && f->shape.ready[node] == &frame)
			return true;
	return false;
}

/* What needs no change is handed on as it came, not copied. */
static void whole_frames_are_not_copied(void **state)
{
	(void)state;
	assert_true(passes(&none, "a:1"));
	assert_true(passes(&none, "a:1 b:1"));
	assert_true(passes(&none, "rel_x:1 rel_y:1 btn_left:1"));
	assert_true(passes(&windows, "rel_wheel:3"));
	assert_true(passes(&windows, "leftctrl:1"));
	assert_false(passes(&windows, "rel_x:1"));
	assert_false(passes(&input_linux, "a:1"));
	assert_false(passes(&none, "a:1 mute:1"));
	assert_false(passes(&none, "mute:1 a:1"));
	assert_false(passes(&none, "a:1 abs_x:1"));
}

/* Frames that shape makes have the time of the frame's end, and codes out of range no node. */
static void made_frames_have_the_time_of_the_end(void **state)
{
	struct fixture *f = with(&none);
	struct frame frame;
	const char *bad;

	(void)state;
	assert_true(events_parse("a:1 mute:1", &frame, &bad));
	frame.ev[0].time.tv_sec = 1;
	frame.ev[2].time.tv_sec = 3;
	frame.ev[3].time.tv_sec = 4;
	assert_int_equal(shape_frame(&f->shape, &frame), 1U << SHAPE_KEYBOARD | 1U << SHAPE_MEDIA);
	assert_int_equal(f->shape.ready[SHAPE_KEYBOARD]->ev[0].time.tv_sec, 1);
	assert_int_equal(f->shape.ready[SHAPE_KEYBOARD]->ev[1].time.tv_sec, 3);
	frame.ev[0].code = KEY_CNT;
	assert_int_equal(shape_frame(&f->shape, &frame), 1U << SHAPE_MEDIA);
}

/* Five more may follow the last event: 59 of them are one frame, 60 are two. */
static void frames_are_not_split_too_early(void **state)
{
	struct fixture *f = with(&input_linux);

	(void)state;
	for (unsigned n = 58; n < 62; n++) {
		struct input_event ev = { .type = EV_KEY, .code = KEY_A };
		struct frame frame = { 0 };

		for (unsigned i = 0; i < n; i++) {
			ev.value = i % 2 == 0;
			frame_add(&frame, &ev);
		}
		frame_close(&frame, &ev);
		f->frames = 0;
		f->log[f->used = 0] = '\0';
		pass(f, &frame);
		assert_int_equal(f->frames, n < 60 ? 1 : 2);
	}
}

static void clicks_are_bounded(void **state)
{
	struct fixture *f = with(&input_linux);

	(void)state;
	feed(f, "rel_wheel:100000");
	assert_int_equal(f->frames, SHAPE_STEPS_MAX);
	assert_int_equal(f->wheel, SHAPE_STEPS_MAX);
	play(f, "a:1", "keyboard a:1\n");
}

/* Frames as long as they get, in which each event can add two and the last steps three more. */
static void full_frames_fit(void **state)
{
	struct fixture *f = with(&input_linux);
	struct input_event ev = { .type = EV_KEY };
	struct frame frame = { .n = 0 };
	struct shape_rules all = { true, true, true, 127 };

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		unsigned presses = 0;

		frame.n = 0;
		for (unsigned i = 0; frame_has_room(&frame); i++) {
			static const struct {
				uint16_t code;
				int value;
			} cycle[] = { { KEY_LEFTCTRL, 1 },
				      { KEY_RIGHTCTRL, 1 },
				      { KEY_LEFTCTRL, 0 },
				      { KEY_RIGHTCTRL, 0 } };

			ev.code = cycle[i % 4].code;
			ev.value = cycle[i % 4].value;
			frame_add(&frame, &ev);
		}
		frame_close(&frame, &ev);
		assert_int_equal(frame.n, FRAME_MAX);
		f->log[f->used = 0] = '\0';
		pass(f, &frame);
		for (const char *c = f->log; *c; c++)
			presses += c[0] == ':' && c[1] == '1';
		assert_true(presses >= FRAME_MAX / 2 - 2);
		f = with(&all);
	}
}

/* Keys that wait from before make a frame longer than it came. */
static void frames_that_grow_fit(void **state)
{
	struct fixture *f = with(&input_linux);
	struct frame frame = { .n = 0 };
	unsigned events = 0;

	(void)state;
	feed(f, "leftctrl:1 leftshift:1 leftalt:1 leftmeta:1 "
		"rightctrl:1 rightshift:1 rightalt:1 rightmeta:1");
	for (unsigned i = 0; i < FRAME_MAX - 1; i++) {
		static const uint16_t lefts[] = { KEY_LEFTCTRL, KEY_LEFTSHIFT, KEY_LEFTALT,
						  KEY_LEFTMETA };
		unsigned left = FRAME_MAX - 2 - i;
		struct input_event ev = { .type = EV_KEY, .value = left < 4 ? 0 : i % 2 == 0 };

		ev.code = left < 4 ? lefts[left] : KEY_A;
		frame_add(&frame, &ev);
	}
	frame_close(&frame, &frame.ev[0]);
	f->log[f->used = 0] = '\0';
	pass(f, &frame);
	for (const char *c = f->log; *c; c++)
		events += *c == ':';
	assert_int_equal(events, FRAME_MAX - 1 + 4);
}

static void full_pointer_frames_fit(void **state)
{
	struct shape_rules all = { true, true, true, 127 };
	struct fixture *f = with(&all);
	struct input_event ev = { .type = EV_KEY, .code = BTN_LEFT };
	struct frame frame = { .n = 0 };

	(void)state;
	for (unsigned n = 1; n < FRAME_MAX; n++) {
		frame.n = 0;
		for (unsigned i = 0; i < n; i++) {
			ev.type = i < 3 ? EV_REL : EV_KEY;
			ev.code = i == 0 ? REL_X : i == 1 ? REL_Y : i == 2 ? REL_WHEEL : BTN_LEFT;
			ev.value = i < 3 ? 500 : i % 2;
			frame_add(&frame, &ev);
		}
		frame_close(&frame, &ev);
		f->log[f->used = 0] = '\0';
		f->dx = 0;
		pass(f, &frame);
		assert_int_equal(f->dx, 500);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_nodes),
		cmocka_unit_test(splits_over_the_nodes),
		cmocka_unit_test(leaves_out_what_no_node_carries),
		cmocka_unit_test(carries_each_code_on_one_node),
		cmocka_unit_test(carries_the_keys_of_keyboards),
		cmocka_unit_test(carries_by_rule),
		cmocka_unit_test(input_linux_declares_nine_axes),
		cmocka_unit_test(one_of_each_pair),
		cmocka_unit_test(a_waiting_key_may_go_again),
		cmocka_unit_test(pairs_forget_at_a_reset),
		cmocka_unit_test(pairs_pass_where_no_rule_is),
		cmocka_unit_test(clicks_one_by_one),
		cmocka_unit_test(wheel_and_motion_pass_where_no_rule_is),
		cmocka_unit_test(motion_in_steps),
		cmocka_unit_test(sums_nothing_over_frames),
		cmocka_unit_test(any_sixteen_bit_motion_arrives),
		cmocka_unit_test(clicks_are_bounded),
		cmocka_unit_test(full_frames_fit),
		cmocka_unit_test(frames_that_grow_fit),
		cmocka_unit_test(full_pointer_frames_fit),
		cmocka_unit_test(whole_frames_are_not_copied),
		cmocka_unit_test(made_frames_have_the_time_of_the_end),
		cmocka_unit_test(frames_are_not_split_too_early),
	};

	return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
