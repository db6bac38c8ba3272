/* SPDX-License-Identifier: MIT */
/*
 * One source node on its own: what it delivers beside what the kernel says, over grabbing and losses.
 * The loop is turned here, so that a read ends where the test wants it to.
 */
#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "evdev/device.h"
#include "now.h"
#include "base/util.h"
#include "world.h"

#define READ_EVENTS 64 /* what device.c reads at once */

static struct {
	struct puppet puppet;
	struct loop loop;
	struct device device;
	bool grabbed;
	unsigned frames;
	struct keyset down; /* by what was delivered */
	bool lid;
	int volume;
} bench;

/* What a finger does right before and right after EVIOCGRAB takes effect. */
static void (*before_grab)(void), (*after_grab)(void);

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int rc;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request == EVIOCGRAB && arg && before_grab)
		before_grab();
	rc = (int)syscall(SYS_ioctl, fd, request, arg);
	if (request == EVIOCGRAB && arg && after_grab)
		after_grab();
	return rc;
}

static void take_frame(const struct frame *frame)
{
	bench.frames++;
	for (unsigned i = 0; i < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		if (ev->type == EV_KEY && ev->value == 1)
			keyset_add(&bench.down, ev->code);
		if (ev->type == EV_KEY && ev->value == 0)
			keyset_remove(&bench.down, ev->code);
		if (ev->type == EV_SW && ev->code == SW_LID)
			bench.lid = ev->value;
		if (ev->type == EV_ABS && ev->code == ABS_VOLUME)
			bench.volume = ev->value;
	}
}

/* What a finger does once the grab is known. */
static void (*after_grabbed)(void);

static void take_news(enum device_news news)
{
	const struct frame *frame;

	assert_int_not_equal(news, DEVICE_GONE);
	if (news == DEVICE_GRABBED)
		bench.grabbed = true;
	if (news == DEVICE_GRABBED && after_grabbed)
		after_grabbed();
	while ((frame = device_next_frame(&bench.device)))
		take_frame(frame);
}

static void readable(struct watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
	take_news(device_read(&bench.device));
}

static void due(struct timer *timer)
{
	(void)timer;
	take_news(device_due(&bench.device));
}

/* With so many axes, the kernel queues more events than one read takes. */
static struct libevdev *describe(void)
{
	struct libevdev *model = libevdev_new();
	struct input_absinfo volume = { .maximum = 100 };

	libevdev_set_name(model, "wide");
	libevdev_enable_event_code(model, EV_KEY, KEY_A, NULL);
	libevdev_enable_event_code(model, EV_KEY, KEY_B, NULL);
	for (unsigned code = 0; code < REL_CNT; code++)
		libevdev_enable_event_code(model, EV_REL, code, NULL);
	libevdev_enable_event_code(model, EV_SW, SW_LID, NULL);
	libevdev_enable_event_code(model, EV_ABS, ABS_VOLUME, &volume);
	return model;
}

static int set_up(void **state)
{
	struct libevdev *model = describe();

	(void)state;
	before_grab = after_grab = after_grabbed = NULL;
	memset(&bench, 0, sizeof(bench));
	puppet_plug_model(&bench.puppet, model, "test/wide");
	libevdev_free(model);
	assert_int_equal(loop_init(&bench.loop), 0);
	return 0;
}

static int tear_down(void **state)
{
	device_close(&bench.device);
	loop_fini(&bench.loop);
	return world_reset(state);
}

static void grab(void)
{
	long deadline = now_ms() + WORLD_MS;
	enum device_news news;

	assert_int_equal(
		device_open(&bench.device, &bench.loop, bench.puppet.uinput.devnode, readable, due),
		0);
	assert_int_equal(device_grab(&bench.device, &news), 0);
	take_news(news);
	while (!bench.grabbed) {
		assert_true(now_ms() < deadline);
		assert_int_equal(loop_turn(&bench.loop, 100), 0);
	}
}

static void play(unsigned type, unsigned code, int value)
{
	puppet_play(&bench.puppet,
		    &(struct input_event){
			    .type = (uint16_t)type, .code = (uint16_t)code, .value = value },
		    1);
}

/* n frames of three events. */
static void move(unsigned n)
{
	while (n-- > 0)
		puppet_move(&bench.puppet, 1, 1);
}

/* A frame, so that one read takes its first event and leaves the rest. */
static void play_split(unsigned type, unsigned code, int value)
{
	const struct input_event ev[] = {
		{ .type = (uint16_t)type, .code = (uint16_t)code, .value = value },
		{ .type = EV_REL, .code = REL_X, .value = 1 },
	};

	move((READ_EVENTS - 1) / 3);
	puppet_play(&bench.puppet, ev, 2);
	assert_int_equal(loop_turn(&bench.loop, 0), 0);
}

static void overrun(void)
{
	move(READ_EVENTS * 2);
}

/* Until nothing more comes. */
static void turn(void)
{
	unsigned frames;

	do {
		frames = bench.frames;
		assert_int_equal(loop_turn(&bench.loop, 0), 0);
	} while (bench.frames != frames);
}

/* The first event of a frame was read, the rest was lost: a press is delivered all the same. */
static void press_before_loss(void **state)
{
	(void)state;
	grab();
	play_split(EV_KEY, KEY_A, 1);
	assert_false(keyset_has(&bench.down, KEY_A));
	overrun();
	turn();
	assert_true(keyset_has(&bench.down, KEY_A));
}

static void release_before_loss(void **state)
{
	(void)state;
	grab();
	play(EV_KEY, KEY_A, 1);
	turn();
	assert_true(keyset_has(&bench.down, KEY_A));
	play_split(EV_KEY, KEY_A, 0);
	assert_true(keyset_has(&bench.down, KEY_A));
	overrun();
	turn();
	assert_false(keyset_has(&bench.down, KEY_A));
}

/* The loss itself takes both transitions of one key and one of another. */
static void keys_within_loss(void **state)
{
	(void)state;
	grab();
	play(EV_KEY, KEY_A, 1);
	turn();
	play(EV_KEY, KEY_A, 0);
	play(EV_KEY, KEY_B, 1);
	overrun();
	turn();
	assert_false(keyset_has(&bench.down, KEY_A));
	assert_true(keyset_has(&bench.down, KEY_B));
}

static void switch_within_loss(void **state)
{
	(void)state;
	grab();
	play(EV_SW, SW_LID, 1);
	turn();
	assert_true(bench.lid);
	play(EV_SW, SW_LID, 0);
	overrun();
	turn();
	assert_false(bench.lid);
}

static void axis_within_loss(void **state)
{
	(void)state;
	grab();
	play(EV_ABS, ABS_VOLUME, 50);
	turn();
	assert_int_equal(bench.volume, 50);
	play(EV_ABS, ABS_VOLUME, 0);
	overrun();
	turn();
	assert_int_equal(bench.volume, 0);
}

/* A lid that was closed before: its state comes with the grab, as no event will. */
static void switch_at_start(void **state)
{
	(void)state;
	play(EV_SW, SW_LID, 1);
	grab();
	assert_true(bench.lid);
}

static void press_a(void)
{
	before_grab = NULL;
	play(EV_KEY, KEY_A, 1);
}

static void release_a(void)
{
	after_grab = NULL;
	play(EV_KEY, KEY_A, 0);
}

static void press_a_after(void)
{
	after_grab = NULL;
	play(EV_KEY, KEY_A, 1);
}

/* The desktop heard the press, and only we the release. */
static void pressed_before_grab(void **state)
{
	struct observer desktop;

	(void)state;
	observer_open(&desktop, "test/wide");
	before_grab = press_a;
	after_grab = release_a;
	grab();
	observer_expect(&desktop, EV_KEY, KEY_A, 1);
	/* The release is made to pass by a press, which a desktop ignores. */
	for (int value = 1; value == 1;) {
		struct seen seen;

		assert_true(observer_frame(&desktop, &seen, WORLD_MS));
		assert_int_equal(seen.ev[0].code, KEY_A);
		value = seen.ev[0].value;
	}
	observer_expect_nothing(&desktop);
	assert_true(keyset_empty(&bench.down));
	observer_close(&desktop);
}

/* The desktop gets both halves, and nothing is left to be released. */
static void expect_tap_at(struct observer *desktop)
{
	observer_expect(desktop, EV_KEY, KEY_A, 1);
	observer_expect(desktop, EV_KEY, KEY_A, 0);
	observer_expect_nothing(desktop);
	assert_true(keyset_empty(&bench.down));
	observer_close(desktop);
}

/* A tap that ended before the grab is the desktop's, whole. */
static void tapped_before_grab(void **state)
{
	struct observer desktop;

	(void)state;
	observer_open(&desktop, "test/wide");
	play(EV_KEY, KEY_A, 1);
	play(EV_KEY, KEY_A, 0);
	grab();
	expect_tap_at(&desktop);
}

static void tap_a_before(void)
{
	before_grab = NULL;
	play(EV_KEY, KEY_A, 1);
	play(EV_KEY, KEY_A, 0);
}

/* One at the last moment, too: nothing has to be released for it. */
static void tapped_right_before_grab(void **state)
{
	struct observer desktop;

	(void)state;
	observer_open(&desktop, "test/wide");
	before_grab = tap_a_before;
	grab();
	expect_tap_at(&desktop);
}

static void press_a_and_overrun(void)
{
	before_grab = NULL;
	play(EV_KEY, KEY_A, 1);
	overrun();
}

/*
 * So much at the last moment that the press is lost for us, though the desktop may have heard it: the
 * key is not ours. It is released for the desktop when it has been down for long.
 */
static void press_lost_before_grab(void **state)
{
	(void)state;
	before_grab = press_a_and_overrun;
	grab();
	turn();
	assert_true(keyset_empty(&bench.down));
}

/* Pressed when only we could hear it: ours, with its release. */
static void pressed_after_grab(void **state)
{
	struct observer desktop;

	(void)state;
	observer_open(&desktop, "test/wide");
	after_grab = press_a_after;
	grab();
	assert_true(keyset_has(&bench.down, KEY_A));
	play(EV_KEY, KEY_A, 0);
	turn();
	assert_true(keyset_empty(&bench.down));
	observer_expect_nothing(&desktop);
	observer_close(&desktop);
}

static void tap_a(void)
{
	play(EV_KEY, KEY_A, 1);
	play(EV_KEY, KEY_A, 0);
}

/* Whoever hears of the grab may play at once. */
static void tapped_after_grab(void **state)
{
	(void)state;
	after_grabbed = tap_a;
	grab();
	bench.frames = 0;
	turn();
	assert_int_equal(bench.frames, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(press_before_loss, set_up, tear_down),
		cmocka_unit_test_setup_teardown(release_before_loss, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_within_loss, set_up, tear_down),
		cmocka_unit_test_setup_teardown(switch_within_loss, set_up, tear_down),
		cmocka_unit_test_setup_teardown(axis_within_loss, set_up, tear_down),
		cmocka_unit_test_setup_teardown(switch_at_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pressed_before_grab, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tapped_before_grab, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tapped_right_before_grab, set_up, tear_down),
		cmocka_unit_test_setup_teardown(press_lost_before_grab, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pressed_after_grab, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tapped_after_grab, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
