/* SPDX-License-Identifier: MIT */
/* What waits for a target that is not taking: order, sums, steps, room, overflow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "core/backlog.h"
#include "scenario.h"

static struct backlog backlog;

static int setup(void **state)
{
	(void)state;
	backlog_init(&backlog, 0);
	return 0;
}

static void push(const char *events)
{
	struct frame frame;
	const char *bad;

	assert_true(events_parse(events, &frame, &bad));
	backlog_push(&backlog, &frame);
}

static void pop_some(unsigned room, const char *events)
{
	struct frame frame;
	char text[4096];

	assert_true(backlog_pop(&backlog, room, &frame));
	assert_true(frame.n >= 2 && frame.n <= room);
	for (unsigned i = 0; i < frame.n; i++)
		assert_int_equal(frame.ev[i].type == EV_SYN, i == frame.n - 1);
	events_print(&frame, text, sizeof(text));
	assert_string_equal(text, events);
}

static void pop(const char *events)
{
	pop_some(FRAME_MAX, events);
}

static void pop_nothing(void)
{
	struct frame frame;

	assert_false(backlog_pop(&backlog, FRAME_MAX, &frame));
	assert_true(backlog_empty(&backlog));
}

/* Fills the queue with taps of a key until it gives way; their number. */
static unsigned overflow(void)
{
	unsigned before = backlog.overflows, taps = 0;

	while (backlog.overflows == before && taps++ < 1000)
		push(taps % 2 ? "x:1" : "x:0");
	assert_int_equal(backlog.overflows, before + 1);
	return taps;
}

static void keeps_frames_in_order(void **state)
{
	(void)state;
	pop_nothing();
	push("a:1");
	push("a:2");
	push("b:1 a:0 btn_left:1");
	assert_false(backlog_empty(&backlog));
	pop("a:1");
	push("b:0");
	pop("a:2");
	pop("b:1 a:0 btn_left:1");
	pop("b:0");
	pop_nothing();
}

static void sums_motion(void **state)
{
	(void)state;
	push("rel_x:5 rel_y:-3");
	push("rel_x:2 rel_wheel:1");
	push("rel_y:-1 rel_wheel:1 rel_hwheel:4");
	pop("rel_x:7 rel_y:-4 rel_wheel:2 rel_hwheel:4");
	pop_nothing();
}

static void sums_no_motion_over_a_key(void **state)
{
	(void)state;
	push("rel_x:1");
	push("btn_left:1");
	push("rel_x:2");
	push("rel_x:3");
	push("rel_x:4 btn_left:0");
	push("rel_x:5");
	pop("rel_x:1");
	pop("btn_left:1");
	pop("rel_x:5");
	pop("rel_x:4 btn_left:0");
	pop("rel_x:5");
	pop_nothing();
}

static void sums_do_not_wrap(void **state)
{
	(void)state;
	push("rel_x:2147483647 rel_y:-2147483648");
	push("rel_x:1 rel_y:-1");
	pop("rel_x:2147483647 rel_y:-2147483648");
	pop_nothing();
}

static void motion_alone_never_overflows(void **state)
{
	(void)state;
	push("a:1");
	for (unsigned i = 0; i < 10000; i++)
		push(i % 2 ? "rel_x:1 rel_y:1" : "rel_wheel:1 rel_hwheel:-1 rel_dial:1");
	assert_int_equal(backlog.overflows, 0);
	pop("a:1");
	pop("rel_wheel:5000 rel_hwheel:-5000 rel_dial:5000 rel_x:5000 rel_y:5000");
	pop_nothing();
}

/* Motion on all axes behind so many waiting transitions; false where these did not fit. */
static bool all_axes_behind(unsigned transitions)
{
	backlog_init(&backlog, 0);
	for (unsigned i = 0; i < transitions; i++)
		push(i % 2 ? "a:0" : "a:1");
	push("rel_x:1");
	if (backlog.overflows)
		return false;
	for (unsigned code = 0; code <= REL_MAX; code++) {
		struct input_event ev = { .type = EV_REL, .code = (uint16_t)code, .value = 1 };
		struct frame frame = { .n = 0 };

		frame_add(&frame, &ev);
		frame_close(&frame, &ev);
		backlog_push(&backlog, &frame);
	}
	assert_true(backlog.n <= BACKLOG_MAX);
	assert_int_equal(backlog.overflows, 0);
	for (unsigned i = 0; i < transitions; i++)
		pop(i % 2 ? "a:0" : "a:1");
	pop("rel_x:2 rel_y:1 rel_z:1 rel_rx:1 rel_ry:1 rel_rz:1 rel_hwheel:1 rel_dial:1 "
	    "rel_wheel:1 rel_misc:1 rel_reserved:1 rel_wheel_hi_res:1 rel_hwheel_hi_res:1 "
	    "2/0xd:1 2/0xe:1 rel_max:1");
	pop_nothing();
	return true;
}

/* However full the queue is, what waits last can take all axes. */
static void motion_fits_a_full_queue(void **state)
{
	unsigned n = 0;

	(void)state;
	while (all_axes_behind(n))
		n++;
	assert_true(n > 100 && n <= BACKLOG_MAX / 2);
}

static void summed_motion_goes_out_in_steps(void **state)
{
	(void)state;
	backlog_init(&backlog, 127);
	push("rel_x:100 rel_y:-100");
	push("rel_x:100 rel_y:-100");
	push("rel_x:100");
	push("rel_wheel:200 a:1 rel_x:1 b:1");
	pop("rel_x:127 rel_y:-127");
	pop("rel_x:127 rel_y:-73");
	pop("rel_x:46");
	pop("rel_wheel:127 a:1 rel_x:1 b:1");
	pop("rel_wheel:73");
	pop_nothing();
}

static void cuts_frames_to_the_room(void **state)
{
	(void)state;
	backlog_init(&backlog, 127);
	push("rel_x:200 rel_y:1 rel_wheel:1 rel_wheel_hi_res:120");
	push("a:1 b:1");
	pop_some(3, "rel_x:127 rel_y:1");
	pop_some(4, "rel_x:73 rel_wheel:1 rel_wheel_hi_res:120");
	pop_some(2, "a:1");
	pop_some(2, "b:1");
	pop_nothing();
}

static void needs_room(void **state)
{
	struct frame frame;

	(void)state;
	push("a:1");
	assert_false(backlog_pop(&backlog, 0, &frame));
	assert_false(backlog_pop(&backlog, 1, &frame));
	assert_false(backlog_empty(&backlog));
	pop("a:1");
}

static void motion_can_grow_a_frame_beyond_one(void **state)
{
	struct input_event ev = { .type = EV_REL, .code = REL_X, .value = 1 };
	struct frame frame = { .n = 0 }, out;
	int sum = 0;

	(void)state;
	while (frame_has_room(&frame))
		frame_add(&frame, &ev);
	frame_close(&frame, &ev);
	backlog_push(&backlog, &frame);
	push("rel_y:1 rel_wheel:1");
	while (backlog_pop(&backlog, UINT_MAX, &out))
		for (unsigned i = 0; i + 1 < out.n; i++)
			sum += out.ev[i].value;
	assert_int_equal(sum, FRAME_MAX - 1 + 2);
}

static void overflow_lets_everything_up(void **state)
{
	(void)state;
	push("a:1 btn_left:1 c:1");
	pop("a:1 btn_left:1 c:1");
	push("c:0"); /* not delivered before the overflow: c is still down there */
	push("d:1"); /* never was down there */
	overflow();
	assert_false(backlog_empty(&backlog));
	push("rel_x:1");
	pop("a:0 c:0 btn_left:0");
	/* The frame that did not fit is the first that counts again. */
	if (keyset_has(&backlog.down, KEY_X))
		pop("x:1");
	pop("rel_x:1");
	pop_nothing();
}

static void keys_let_go_stay_up_until_pressed(void **state)
{
	(void)state;
	push("a:1 b:1");
	pop("a:1 b:1");
	while (overflow() % 2 == 0)
		push("x:0"); /* until a release is what did not fit */
	push("a:2");
	push("a:0");
	push("b:0 a:1 rel_x:3");
	push("b:2 b:0");
	push("a:2");
	push("a:0");
	pop("a:0 b:0");
	if (keyset_has(&backlog.down, KEY_X))
		pop("x:1");
	pop("a:1 rel_x:3");
	pop("a:2");
	pop("a:0");
	pop_nothing();
}

static void overflow_takes_the_room_it_gets(void **state)
{
	(void)state;
	push("a:1 b:1 c:1");
	pop("a:1 b:1 c:1");
	overflow();
	pop_some(3, "a:0 c:0");
	overflow();
	pop_some(2, "b:0");
	if (keyset_has(&backlog.down, KEY_X))
		pop("x:1");
	pop_nothing();
	assert_int_equal(backlog.overflows, 2);
}

static void overflow_with_nothing_down(void **state)
{
	(void)state;
	push("a:1");
	pop("a:1");
	push("a:0");
	pop("a:0");
	overflow();
	if (keyset_has(&backlog.down, KEY_X))
		pop("x:1");
	pop_nothing();
}

static void holds_a_second_of_typing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		push(i % 2 ? "a:0" : "a:1");
		push("rel_x:1 rel_y:1");
		push("rel_x:1 rel_y:1");
	}
	assert_int_equal(backlog.overflows, 0);
}

static void drops_what_changes_nothing(void **state)
{
	(void)state;
	push("a:0");
	push("a:2");
	push("");
	pop_nothing();
	push("a:1");
	push("a:1");
	pop("a:1");
	pop_nothing();
}

static void reset_forgets(void **state)
{
	unsigned overflows;

	(void)state;
	backlog_init(&backlog, 127);
	push("a:1");
	pop("a:1");
	push("b:1");
	overflow();
	overflows = backlog.overflows;
	backlog_reset(&backlog);
	pop_nothing();
	push("a:0");
	pop_nothing();
	push("a:1");
	pop("a:1");
	assert_int_equal(backlog.overflows, overflows);
	assert_int_equal(backlog.step_max, 127);
	/* What was down before is not let go by an overflow after. */
	backlog_reset(&backlog);
	overflow();
	if (keyset_has(&backlog.down, KEY_X))
		pop("x:1");
	pop_nothing();
}

/* The ring goes round many times without a stall. */
static void goes_round(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5 * BACKLOG_MAX; i++) {
		push("a:1 rel_x:1");
		push("rel_x:1");
		push("a:0");
		pop("a:1 rel_x:1");
		pop("rel_x:1");
		pop("a:0");
	}
	pop_nothing();
	assert_int_equal(backlog.overflows, 0);
}

/* The target takes this frame directly; how many of its events. */
static unsigned pass(const char *events)
{
	struct frame frame;
	const char *bad;
	unsigned passed = 0;

	assert_true(events_parse(events, &frame, &bad));
	for (unsigned i = 0; i + 1 < frame.n; i++)
		passed += backlog_pass(&backlog, &frame.ev[i]);
	return passed;
}

static void passing_is_pushing_and_popping(void **state)
{
	static const char *const frames[] = { "a:1",     "a:2",     "b:1 rel_x:3", "a:1",
					      "a:0",     "a:0",     "a:2",         "rel_y:-1",
					      "b:0 a:1", "c:0 c:2", "c:1 c:1 c:0" };
	static const unsigned left[] = { 1, 1, 2, 0, 1, 0, 0, 1, 2, 0, 2 };
	struct backlog other;

	(void)state;
	backlog_init(&other, 0);
	for (unsigned i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
		struct frame frame;
		const char *bad;
		unsigned n = 0;

		assert_true(events_parse(frames[i], &frame, &bad));
		backlog_push(&other, &frame);
		if (backlog_pop(&other, FRAME_MAX, &frame))
			n = frame.n - 1;
		assert_int_equal(pass(frames[i]), left[i]);
		assert_int_equal(n, left[i]);
		assert_memory_equal(&backlog.down, &other.down, sizeof(other.down));
		assert_memory_equal(&backlog.seen, &other.seen, sizeof(other.seen));
	}
}

/* What was passed by is what is released when the queue gives way, and when it is told to. */
static void what_passed_is_let_go(void **state)
{
	(void)state;
	assert_int_equal(pass("leftshift:1"), 1);
	overflow();
	pop("leftshift:0");
	backlog_reset(&backlog);
	pass("a:1");
	push("b:1");
	push("rel_x:5");
	backlog_let_go(&backlog);
	assert_true(keyset_empty(&backlog.down));
	push("c:1");
	pop("a:0");
	pop("c:1");
	pop_nothing();
	backlog_let_go(&backlog);
	pop("c:0");
	pop_nothing();
	backlog_let_go(&backlog);
	pop_nothing();
}

static void leaves_out_repetitions(void **state)
{
	(void)state;
	backlog.no_repeats = true;
	assert_int_equal(pass("a:1"), 1);
	assert_int_equal(pass("a:2"), 0);
	push("a:2");
	pop_nothing();
	push("a:2 rel_x:1");
	pop("rel_x:1");
	push("a:0");
	pop("a:0");
}

static void says_what_the_next_frame_needs(void **state)
{
	(void)state;
	assert_int_equal(backlog_next(&backlog), 0);
	push("rel_x:1 rel_y:2");
	push("a:1");
	assert_int_equal(backlog_next(&backlog), 3);
	pop("rel_x:1 rel_y:2");
	assert_int_equal(backlog_next(&backlog), 2);
	pop("a:1");
	push("b:1 c:1 d:1");
	backlog_let_go(&backlog);
	assert_int_equal(backlog_next(&backlog), 2); /* releases can be had in parts */
	pop("a:0");
	assert_int_equal(backlog_next(&backlog), 0);
}

/* The queue's first frame is motion again once its key was popped; what was there before is nothing. */
static void sums_motion_with_a_rest(void **state)
{
	(void)state;
	push("a:1 rel_x:1");
	pop_some(2, "a:1");
	push("rel_x:2");
	pop("rel_x:3");
	pop_nothing();
}

static void reset_lets_nothing_go(void **state)
{
	(void)state;
	push("a:1");
	pop("a:1");
	backlog_let_go(&backlog);
	assert_int_equal(backlog_next(&backlog), 2);
	backlog_reset(&backlog);
	assert_true(backlog_empty(&backlog));
	assert_int_equal(backlog_next(&backlog), 0);
}

/* Merging makes it longer than a frame can be: it is popped in two. */
static void merged_beyond_a_frame(void **state)
{
	struct input_event ev = { .type = EV_REL, .code = REL_X, .value = 1 };
	struct frame frame = { 0 };

	(void)state;
	while (frame_has_room(&frame))
		frame_add(&frame, &ev);
	frame_close(&frame, &ev);
	backlog_push(&backlog, &frame);
	push("rel_y:1");
	assert_int_equal(backlog_next(&backlog), FRAME_MAX);
	assert_true(backlog_pop(&backlog, backlog_next(&backlog), &frame));
	assert_int_equal(frame.n, FRAME_MAX);
	pop("rel_y:1");
	pop_nothing();
}

/* The SYN_REPORT has the time of the last event, releases of an overflow have none. */
static void popped_frames_have_times(void **state)
{
	struct frame frame = { .resync = true };
	const char *bad;

	(void)state;
	assert_true(events_parse("a:1 b:1", &frame, &bad));
	for (unsigned i = 0; i < frame.n; i++)
		frame.ev[i].time.tv_sec = 10 + i;
	backlog_push(&backlog, &frame);
	memset(&frame, 0xff, sizeof(frame));
	frame.resync = true;
	assert_true(backlog_pop(&backlog, FRAME_MAX, &frame));
	assert_false(frame.resync);
	assert_int_equal(frame.ev[1].time.tv_sec, 11);
	assert_int_equal(frame.ev[2].time.tv_sec, 11);
	backlog_let_go(&backlog);
	assert_true(backlog_pop(&backlog, FRAME_MAX, &frame));
	for (unsigned i = 0; i < frame.n; i++)
		assert_int_equal(frame.ev[i].time.tv_sec, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keeps_frames_in_order, setup),
		cmocka_unit_test_setup(sums_motion, setup),
		cmocka_unit_test_setup(sums_no_motion_over_a_key, setup),
		cmocka_unit_test_setup(sums_do_not_wrap, setup),
		cmocka_unit_test_setup(motion_alone_never_overflows, setup),
		cmocka_unit_test_setup(motion_fits_a_full_queue, setup),
		cmocka_unit_test_setup(summed_motion_goes_out_in_steps, setup),
		cmocka_unit_test_setup(cuts_frames_to_the_room, setup),
		cmocka_unit_test_setup(needs_room, setup),
		cmocka_unit_test_setup(motion_can_grow_a_frame_beyond_one, setup),
		cmocka_unit_test_setup(overflow_lets_everything_up, setup),
		cmocka_unit_test_setup(keys_let_go_stay_up_until_pressed, setup),
		cmocka_unit_test_setup(overflow_takes_the_room_it_gets, setup),
		cmocka_unit_test_setup(overflow_with_nothing_down, setup),
		cmocka_unit_test_setup(holds_a_second_of_typing, setup),
		cmocka_unit_test_setup(drops_what_changes_nothing, setup),
		cmocka_unit_test_setup(reset_forgets, setup),
		cmocka_unit_test_setup(goes_round, setup),
		cmocka_unit_test_setup(passing_is_pushing_and_popping, setup),
		cmocka_unit_test_setup(what_passed_is_let_go, setup),
		cmocka_unit_test_setup(leaves_out_repetitions, setup),
		cmocka_unit_test_setup(says_what_the_next_frame_needs, setup),
		cmocka_unit_test_setup(sums_motion_with_a_rest, setup),
		cmocka_unit_test_setup(reset_lets_nothing_go, setup),
		cmocka_unit_test_setup(merged_beyond_a_frame, setup),
		cmocka_unit_test_setup(popped_frames_have_times, setup),
	};

	return cmocka_run_group_tests_name("backlog", tests, NULL, NULL);
}
