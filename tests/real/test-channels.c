/* SPDX-License-Identifier: MIT */
/*
 * What a channel carries, measured: every key and button there is and every axis of motion, from a
 * device that has them all, through the program to whoever is at the guest's end, for each channel and
 * kind of guest. Prints the table of README.md and holds it against what is known.
 */
#include <linux/input.h>
#include <linux/netlink.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <libevdev/libevdev.h>

#include "conf/conf.h"
#include "core/keyset.h"
#include "evdev/node.h"
#include "qemu.h"
#include "receiver.h"
#include "base/util.h"
#include "world.h"

#define BATCH 8 /* codes on their way at once: fewer events than the kernel queues for a client */

/* Buttons of mice; those of game pads and tablets; the rest are keys. */
#define MOUSE_BUTTONS 32
#define OTHER_BUTTONS (0x160 - 0x120 + 4 + 0x300 - 0x2c0)
#define KEYS          (KEY_MAX - MOUSE_BUTTONS - OTHER_BUTTONS)
/* Of these, keyboards' own: a device that declares more is never announced by Linux before 6.10. */
#define KEYBOARD_KEYS 370

struct carries {
	unsigned keys, buttons, others;         /* how many codes arrived as what they are */
	int wheel, hwheel, hires, hwheel_hires; /* of 3 or 360 in one event */
	unsigned wheel_frames;                  /* that these 3 clicks came in */
	int x, y;                               /* of 300 and -300 */
	unsigned motion_frames;                 /* that these came in; expected 0: any number */
	unsigned other_axes;
	bool repeats, leds;
};

struct channel {
	const char *via, *os;
	const struct receiver_ops *receiver;
	struct carries expected;
	unsigned f13_since; /* the version of QEMU from which on there are twelve keys more */
};

/*
 * input-linux and qmp: QEMU's own names for keys (QKeyCode), and what it makes of buttons; Scroll Lock
 * is kept from input-linux, which would act on it.
 */
#define F13_SINCE 800

#define QEMU_NAMES .buttons = 5, .repeats = true
#define EVERYTHING                                                                                 \
	.keys = KEYBOARD_KEYS, .buttons = MOUSE_BUTTONS, .hwheel = 3, .other_axes = 2, .leds = true
#define EXACT   .wheel = 3, .wheel_frames = 1, .x = 300, .y = -300, .motion_frames = 1
#define WINDOWS .wheel = 3, .wheel_frames = 1, .x = 300, .y = -300, .motion_frames = 3
#define CLICKS  .wheel = 3, .wheel_frames = 3, .x = 300, .y = -300
#define HIGH    .hires = 360, .hwheel_hires = 360

static const struct channel channels[] = {
	{ .via = "input-linux",
	  .os = "linux",
	  .receiver = &receiver_qemu,
	  .expected = { QEMU_NAMES, CLICKS, .keys = 146, .motion_frames = 1 },
	  .f13_since = F13_SINCE },
	/* The steps are for the drivers of virtio devices, which such a guest may have too. */
	{ .via = "input-linux",
	  .os = "windows",
	  .receiver = &receiver_qemu,
	  .expected = { QEMU_NAMES, CLICKS, .keys = 146, .motion_frames = 3 },
	  .f13_since = F13_SINCE },
	/* QEMU passes on what the nodes give, which the nested test shows. */
	{ .via = "virtio-input",
	  .os = "linux",
	  .receiver = &receiver_observer,
	  .expected = { EVERYTHING, EXACT, HIGH, .repeats = true } },
	{ .via = "virtio-input",
	  .os = "windows",
	  .receiver = &receiver_observer,
	  .expected = { EVERYTHING, WINDOWS, .repeats = true } },
	/* The device declares EV_REP: the guest repeats by itself. */
	{ .via = "vhost-user",
	  .os = "linux",
	  .receiver = &receiver_frontend,
	  .expected = { EVERYTHING, EXACT, HIGH } },
	{ .via = "vhost-user",
	  .os = "windows",
	  .receiver = &receiver_frontend,
	  .expected = { EVERYTHING, WINDOWS } },
	/* One key more than input-linux: Scroll Lock. */
	{ .via = "qmp",
	  .os = "linux",
	  .receiver = &receiver_qmp,
	  .expected = { QEMU_NAMES, EXACT, .keys = 147, .hwheel = 3 },
	  .f13_since = F13_SINCE },
	/* What waits while QEMU is busy is summed again. */
	{ .via = "qmp",
	  .os = "windows",
	  .receiver = &receiver_qmp,
	  .expected = { QEMU_NAMES, .wheel = 3, .wheel_frames = 1, .x = 300, .y = -300,
			.motion_frames = 0, .keys = 147, .hwheel = 3 },
	  .f13_since = F13_SINCE },
};

struct bench {
	const struct channel *channel;
	struct puppet puppet;
	struct program program;
	struct receiver *guest;
	struct keyset arrived;    /* keys that were pressed since this was last cleared */
	struct keyset repeated;   /* or repeated */
	int64_t rel[REL_CNT];     /* likewise, motion summed */
	unsigned frames[REL_CNT]; /* that had motion of this axis */
};

/* --- the device that has everything ------------------------------------------------------ */

static void plug_everything(struct puppet *puppet)
{
	struct libevdev *model = libevdev_new();

	assert_non_null(model);
	libevdev_set_name(model, "test everything");
	libevdev_set_id_bustype(model, BUS_USB);
	libevdev_set_id_vendor(model, 0x46d);
	for (unsigned code = 1; code < KEY_CNT; code++)
		libevdev_enable_event_code(model, EV_KEY, code, NULL);
	for (unsigned code = 0; code < REL_CNT; code++)
		libevdev_enable_event_code(model, EV_REL, code, NULL);
	for (unsigned code = 0; code <= LED_SCROLLL; code++)
		libevdev_enable_event_code(model, EV_LED, code, NULL);
	puppet_plug_model(puppet, model, "test/everything");
	libevdev_free(model);
}

static void type(struct bench *bench, unsigned code)
{
	puppet_key(&bench->puppet, code, 1);
	puppet_key(&bench->puppet, code, 0);
}

static void move(struct bench *bench, unsigned axis, int value)
{
	struct input_event ev = { .type = EV_REL, .code = (uint16_t)axis, .value = value };

	puppet_play(&bench->puppet, &ev, 1);
}

/* --- what arrives ------------------------------------------------------------------------ */

static void clear(struct bench *bench)
{
	bench->arrived = bench->repeated = (struct keyset){ 0 };
	memset(bench->rel, 0, sizeof(bench->rel));
	memset(bench->frames, 0, sizeof(bench->frames));
}

static void note(struct bench *bench, const struct frame *frame)
{
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		if (ev->type == EV_KEY && ev->value == 1)
			keyset_add(&bench->arrived, ev->code);
		if (ev->type == EV_KEY && ev->value == 2)
			keyset_add(&bench->repeated, ev->code);
		if (ev->type != EV_REL)
			continue;
		bench->rel[ev->code] += ev->value;
		bench->frames[ev->code]++;
	}
}

/* Types and clicks this, and takes all until its release: then all before it has arrived too. */
static void take_until(struct bench *bench, unsigned marker)
{
	time_t deadline = time(NULL) + WORLD_MS / 1000;
	struct receiver_frame in;

	type(bench, marker);
	while (time(NULL) <= deadline) {
		if (!bench->guest->ops->take(bench->guest, &in)) {
			usleep(200);
			continue;
		}
		note(bench, &in.frame);
		for (unsigned i = 0; i + 1 < in.frame.n; i++)
			if (in.frame.ev[i].type == EV_KEY && in.frame.ev[i].code == marker &&
			    in.frame.ev[i].value == 0)
				return;
	}
	program_says(&bench->program, "no such words", 0);
	fail_msg("%s never came; the program said:\n%s",
		 libevdev_event_code_get_name(EV_KEY, marker), bench->program.log);
}

/* The first of these that is not measured now. */
static unsigned choose(unsigned first, unsigned end, unsigned marker, unsigned other)
{
	return marker >= first && marker < end ? other : marker;
}

/* One marker for each of the guest's devices: between these there is no order. */
static void settle(struct bench *bench, unsigned first, unsigned end)
{
	unsigned marker[] = { choose(first, end, KEY_A, KEY_SPACE),
			      choose(first, end, KEY_VOLUMEUP, KEY_NEXTSONG),
			      choose(first, end, BTN_LEFT, BTN_EXTRA) };

	for (unsigned i = 0; i < ARRAY_SIZE(marker); i++)
		take_until(bench, marker[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(marker); i++)
		keyset_remove(&bench->arrived, marker[i]);
}

/* --- the measurements -------------------------------------------------------------------- */

static void count(struct carries *carries, unsigned code)
{
	if (code >= BTN_MISC && code < BTN_JOYSTICK)
		carries->buttons++;
	else if ((code >= BTN_JOYSTICK && code < KEY_OK) ||
		 (code >= BTN_DPAD_UP && code <= BTN_DPAD_RIGHT) || code >= BTN_TRIGGER_HAPPY)
		carries->others++;
	else
		carries->keys++;
}

static void measure_batch(struct bench *bench, unsigned first, struct carries *carries)
{
	unsigned end = first + BATCH < KEY_CNT ? first + BATCH : KEY_CNT;

	clear(bench);
	for (unsigned code = first; code < end; code++)
		type(bench, code);
	settle(bench, first, end);
	keyset_for_each (code, &bench->arrived) {
		if (code < first || code >= end)
			fail_msg("%s came of a code from %#x to %#x",
				 libevdev_event_code_get_name(EV_KEY, code), first, end - 1);
		count(carries, code);
	}
}

static void measure_keys(struct bench *bench, struct carries *carries)
{
	for (unsigned code = 1; code < KEY_CNT; code += BATCH)
		measure_batch(bench, code, carries);
}

static void measure_axis(struct bench *bench, unsigned axis, int value)
{
	clear(bench);
	move(bench, axis, value);
	take_until(bench, BTN_LEFT);
	for (unsigned other = 0; other < REL_CNT; other++)
		if (other != axis && bench->rel[other])
			fail_msg("motion of axis %u came of axis %u", other, axis);
}

static void measure_motion(struct bench *bench, struct carries *carries)
{
	static const struct input_event far[] = {
		{ .type = EV_REL, .code = REL_X, .value = 300 },
		{ .type = EV_REL, .code = REL_Y, .value = -300 }
	};

	for (unsigned axis = REL_Z; axis < REL_CNT; axis++) {
		bool hires = axis == REL_WHEEL_HI_RES || axis == REL_HWHEEL_HI_RES;

		measure_axis(bench, axis, hires ? 360 : 3);
		if (axis == REL_WHEEL) {
			carries->wheel = (int)bench->rel[axis];
			carries->wheel_frames = bench->frames[axis];
		} else if (axis == REL_HWHEEL) {
			carries->hwheel = (int)bench->rel[axis];
		} else if (axis == REL_WHEEL_HI_RES) {
			carries->hires = (int)bench->rel[axis];
		} else if (axis == REL_HWHEEL_HI_RES) {
			carries->hwheel_hires = (int)bench->rel[axis];
		} else {
			carries->other_axes += bench->rel[axis] == 3;
		}
	}
	clear(bench);
	puppet_play(&bench->puppet, far, ARRAY_SIZE(far));
	take_until(bench, BTN_LEFT);
	carries->x = (int)bench->rel[REL_X];
	carries->y = (int)bench->rel[REL_Y];
	carries->motion_frames = bench->frames[REL_X];
}

static void measure_repeats(struct bench *bench, struct carries *carries)
{
	clear(bench);
	puppet_key(&bench->puppet, KEY_A, 1);
	take_until(bench, KEY_B); /* a repetition that has to wait is left out */
	puppet_key(&bench->puppet, KEY_A, 2);
	puppet_key(&bench->puppet, KEY_A, 0);
	take_until(bench, KEY_B);
	carries->repeats = keyset_has(&bench->repeated, KEY_A);
}

/* Each of the three, on and off, seen on the source; with no way to say it there is no LED. */
static void measure_leds(struct bench *bench, struct carries *carries)
{
	unsigned shown = 0;

	if (!bench->guest->ops->set_led)
		return;
	puppet_read_leds(&bench->puppet, &shown, 0);
	for (unsigned led = LED_NUML; led <= LED_SCROLLL; led++) {
		for (int on = 1; on >= 0; on--) {
			bench->guest->ops->set_led(bench->guest, led, on);
			while ((shown >> led & 1) != (unsigned)on)
				if (!puppet_read_leds(&bench->puppet, &shown, WORLD_MS))
					return;
		}
	}
	carries->leds = true;
}

/* --- one channel ------------------------------------------------------------------------- */

static void start(struct bench *bench)
{
	char settings[256], conf[512];

	bench->guest = receiver_new(bench->channel->receiver, "one");
	receiver_settings(bench->guest, settings, sizeof(settings));
	snprintf(conf, sizeof(conf),
		 "[device everything]\nname = test everything\n[guest one]\nos = %s\n%s",
		 bench->channel->os, settings);
	program_place();
	plug_everything(&bench->puppet);
	program_start(&bench->program, conf);
	program_expect(&bench->program, "is grabbed");
	receiver_up(bench->guest);
	if (bench->guest->ops->told)
		program_expect(&bench->program, "guest one is up");
	puppet_key(&bench->puppet, KEY_LEFTCTRL, 1);
	puppet_key(&bench->puppet, KEY_RIGHTCTRL, 1);
	program_expect(&bench->program, "focus: one");
	puppet_key(&bench->puppet, KEY_LEFTCTRL, 0);
	puppet_key(&bench->puppet, KEY_RIGHTCTRL, 0);
}

static void stop(struct bench *bench)
{
	program_stop(&bench->program);
	receiver_free(bench->guest);
	puppet_unplug(&bench->puppet);
}

/* 7.2 as 702, of the QEMU that the path finds. */
static unsigned installed_qemu(void)
{
	FILE *out = popen("qemu-system-x86_64 --version", "r");
	unsigned major = 0, minor = 0;

	assert_non_null(out);
	assert_int_equal(fscanf(out, "QEMU emulator version %u.%u", &major, &minor), 2);
	pclose(out);
	return major * 100 + minor;
}

static void print_row(const struct channel *channel, const struct carries *carries)
{
	printf("| `%s`, %s | %u of %u | %u of %u | %d of 3 clicks in %u, horizontal %d, hi-res %d "
	       "and %d | 300 in %u | %s | %s |\n",
	       channel->via, channel->os, carries->keys, KEYS, carries->buttons, MOUSE_BUTTONS,
	       carries->wheel, carries->wheel_frames, carries->hwheel, carries->hires,
	       carries->hwheel_hires, carries->motion_frames, carries->repeats ? "yes" : "no",
	       carries->leds ? "yes" : "no");
	fflush(stdout);
}

static void test_channel(void **state)
{
	struct bench bench = { .channel = *state };
	struct carries expected = bench.channel->expected;
	struct carries carries = { 0 };

	if (bench.channel->f13_since && installed_qemu() >= bench.channel->f13_since)
		expected.keys += 12;
	start(&bench);
	measure_keys(&bench, &carries);
	measure_motion(&bench, &carries);
	measure_repeats(&bench, &carries);
	measure_leds(&bench, &carries);
	stop(&bench);
	print_row(bench.channel, &carries);
	assert_int_equal(carries.keys, expected.keys);
	assert_int_equal(carries.buttons, expected.buttons);
	assert_int_equal(carries.others, 0);
	assert_int_equal(carries.wheel, expected.wheel);
	assert_int_equal(carries.wheel_frames, expected.wheel_frames);
	assert_int_equal(carries.hwheel, expected.hwheel);
	assert_int_equal(carries.hires, expected.hires);
	assert_int_equal(carries.hwheel_hires, expected.hwheel_hires);
	assert_int_equal(carries.x, expected.x);
	assert_int_equal(carries.y, expected.y);
	if (expected.motion_frames)
		assert_int_equal(carries.motion_frames, expected.motion_frames);
	assert_int_equal(carries.other_axes, expected.other_axes);
	assert_int_equal(carries.repeats, expected.repeats);
	assert_int_equal(carries.leds, expected.leds);
}

/* --- what a kernel announces ------------------------------------------------------------- */

/* The kernel's UEVENT_BUFFER_SIZE, less what a guest's device may have more: a longer path, a serial. */
#define UEVENT_MAX (2048 - 512)

static int listen_to_kernel(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* How long the variables are in which the kernel announces a device of this name; 0: it never does. */
static size_t await_uevent(int kernel, const char *name)
{
	struct pollfd in = { .fd = kernel, .events = POLLIN };
	time_t deadline = time(NULL) + WORLD_MS / 1000;
	char text[4096], words[128];

	snprintf(words, sizeof(words), "NAME=\"%s\"", name);
	while (time(NULL) <= deadline) {
		ssize_t size = poll(&in, 1, 1000) == 1 ? recv(kernel, text, sizeof(text), 0) : 0;

		if (size > 0 && memmem(text, (size_t)size, words, strlen(words)))
			return (size_t)size - strlen(text) - 1;
	}
	return 0;
}

static void none(struct node *node)
{
	(void)node;
}

static void test_announced(void **state)
{
	static const char guest[] = "a-guest-whose-name-is-32-bytes--";
	static const struct node_ops ops = { .lost = none, .leds = none };
	static const struct shape_rules rules = { 0 };
	int kernel = listen_to_kernel();
	struct loop loop;

	(void)state;
	assert_int_equal(strlen(guest), CONF_NAME_MAX);
	assert_int_equal(loop_init(&loop), 0);
	for (enum shape_node which = 0; which < SHAPE_NODES; which++) {
		struct node node;
		char name[80];
		size_t size;

		snprintf(name, sizeof(name), "evswitch-%s-%s", guest, shape_node_name(which));
		assert_int_equal(node_open(&node, &loop, guest, which, &rules, &ops), 0);
		size = await_uevent(kernel, name);
		print_message("%s: %zu bytes\n", name, size);
		if (size == 0)
			fail_msg("%s is never announced", name);
		assert_true(size <= UEVENT_MAX);
		node_close(&node);
	}
	loop_fini(&loop);
	close(kernel);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(channels) + 1];
	char names[ARRAY_SIZE(channels)][64];

	for (unsigned i = 0; i < ARRAY_SIZE(channels); i++) {
		snprintf(names[i], sizeof(names[i]), "%s, os = %s", channels[i].via,
			 channels[i].os);
		tests[i] = (struct CMUnitTest)cmocka_unit_test_teardown(test_channel, qemu_reset);
		tests[i].name = names[i];
		tests[i].initial_state = (void *)(uintptr_t)&channels[i];
	}
	tests[ARRAY_SIZE(channels)] = (struct CMUnitTest)cmocka_unit_test(test_announced);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
