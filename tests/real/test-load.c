/* SPDX-License-Identifier: MIT */
/*
 * Load: eight mice at 8 kHz, each moving and clicking, into one guest on vhost-user whose driver takes
 * events as they come, slowly, or for a second not at all. No press or release may be lost, and the
 * motion that arrives must sum up to what was made. In the deterministic VM, where it is one processor
 * of 10^9 instructions a second that makes the load, carries it and reads it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <libevdev/libevdev.h>

#include "vhost-guest.h"
#include "world.h"

#define MICE    8
#define RATE    8000 /* frames a second and mouse */
#define SECONDS 3
#define TICK_US 1000
#define TICKS   (SECONDS * 1000000 / TICK_US)
/* Between a press and its release: fewer than wait in a second without a reader. */
#define CLICK_TICKS 250
#define STALL_FROM  1000
#define STALL_TO    2000
#define SLOW_EVENTS 8 /* that a slow driver takes in one tick */
/* Frames of one mouse in a row, which its queue has room for: what is more behind is left out. */
#define BURST (2 * RATE / 1000)

enum reader { AT_ONCE, SLOWLY, NOT_FOR_A_SECOND };

struct mouse {
	struct puppet puppet;
	unsigned button;
	bool down;
	long made, arrived; /* presses and releases */
};

struct load {
	enum reader reader;
	struct mouse mouse[MICE];
	struct program program;
	struct vhost_guest guest;
	long frames;    /* made */
	long events;    /* arrived, SYN_REPORTs among them */
	int64_t sum[2]; /* of the motion made */
	double owed;    /* frames of each mouse that are due and not yet made */
	int timer;
	double seconds; /* that it took to make them */
};

/* --- set-up ------------------------------------------------------------------------------ */

static void plug_mouse(struct mouse *mouse, unsigned i)
{
	struct libevdev *model = libevdev_new();
	char phys[32];

	assert_non_null(model);
	libevdev_set_name(model, "test mouse");
	libevdev_set_id_bustype(model, BUS_USB);
	mouse->button = BTN_LEFT + i;
	for (unsigned code = BTN_LEFT; code <= BTN_TASK; code++)
		libevdev_enable_event_code(model, EV_KEY, code, NULL);
	libevdev_enable_event_code(model, EV_KEY, KEY_F1, NULL);
	libevdev_enable_event_code(model, EV_REL, REL_X, NULL);
	libevdev_enable_event_code(model, EV_REL, REL_Y, NULL);
	snprintf(phys, sizeof(phys), "test/mouse-%u", i);
	puppet_plug_model(&mouse->puppet, model, phys);
	libevdev_free(model);
}

static void start(struct load *load)
{
	static const char conf[] = "[device mice]\nname = test mouse\n"
				   "[guest one]\nvia = vhost-user\nhotkey = f1\n";

	for (unsigned i = 0; i < MICE; i++)
		plug_mouse(&load->mouse[i], i);
	program_place();
	program_start(&load->program, conf);
	for (unsigned i = 0; i < MICE; i++)
		program_expect(&load->program, "is grabbed");
	vhost_guest_up(&load->guest, "one");
	program_expect(&load->program, "guest one is up");
	puppet_key(&load->mouse[0].puppet, KEY_F1, 1);
	puppet_key(&load->mouse[0].puppet, KEY_F1, 0);
	program_expect(&load->program, "focus: one");
	load->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	assert_true(load->timer >= 0);
}

static void stop(struct load *load)
{
	program_stop(&load->program);
	vhost_guest_down(&load->guest);
	for (unsigned i = 0; i < MICE; i++)
		puppet_unplug(&load->mouse[i].puppet);
	close_fd(&load->timer);
}

/* --- the load ---------------------------------------------------------------------------- */

static void move(struct load *load, struct mouse *mouse, unsigned i)
{
	int dx = 1 + (int)i, dy = load->frames % 2 ? -3 : 2;

	puppet_move(&mouse->puppet, dx, dy);
	load->sum[0] += dx;
	load->sum[1] += dy;
	load->frames++;
}

static void click(struct load *load, struct mouse *mouse)
{
	mouse->down = !mouse->down;
	mouse->made++;
	load->frames++;
	puppet_key(&mouse->puppet, mouse->button, mouse->down);
}

/* Mouse after mouse, as their interrupts would come. */
static void play_tick(struct load *load, unsigned tick, unsigned ticks)
{
	load->owed += RATE * 1e-6 * TICK_US * ticks;
	if (load->owed > BURST)
		load->owed = BURST;
	for (; load->owed >= 1; load->owed--)
		for (unsigned i = 0; i < MICE; i++)
			move(load, &load->mouse[i], i);
	for (unsigned passed = 0; passed < ticks; passed++)
		for (unsigned i = 0; i < MICE; i++)
			if ((tick + passed + i * CLICK_TICKS / MICE) % CLICK_TICKS == 0)
				click(load, &load->mouse[i]);
}

static void take(struct load *load)
{
	struct guest *guest = &load->guest.fe[SHAPE_POINTER].guest;

	guest_harvest(&load->guest.fe[SHAPE_POINTER]);
	for (unsigned i = 0; i < guest->n_log; i++)
		if (guest->log[i].type == EV_KEY)
			load->mouse[guest->log[i].code - BTN_LEFT].arrived++;
	load->events += guest->n_log;
	guest_forget(&load->guest.fe[SHAPE_POINTER]);
}

static void read_tick(struct load *load, unsigned tick)
{
	if (load->reader == NOT_FOR_A_SECOND && tick >= STALL_FROM && tick < STALL_TO)
		return;
	load->guest.fe[SHAPE_POINTER].guest.keeps = load->reader == SLOWLY;
	take(load);
	if (load->reader == SLOWLY)
		guest_give(&load->guest.fe[SHAPE_POINTER], SLOW_EVENTS);
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void play(struct load *load)
{
	struct itimerspec every = { { 0, TICK_US * 1000 }, { 0, TICK_US * 1000 } };
	double began = now();
	uint64_t passed;

	assert_int_equal(timerfd_settime(load->timer, 0, &every, NULL), 0);
	for (unsigned tick = 0; tick < TICKS; tick += (unsigned)passed) {
		assert_int_equal(read(load->timer, &passed, sizeof(passed)), sizeof(passed));
		play_tick(load, tick, (unsigned)passed);
		read_tick(load, tick);
	}
	load->seconds = now() - began;
}

/* --- the account ------------------------------------------------------------------------- */

static void let_go(struct load *load)
{
	for (unsigned i = 0; i < MICE; i++)
		if (load->mouse[i].down)
			click(load, &load->mouse[i]);
}

static bool all_arrived(const struct load *load)
{
	const struct guest *guest = &load->guest.fe[SHAPE_POINTER].guest;

	for (unsigned i = 0; i < MICE; i++)
		if (load->mouse[i].arrived < load->mouse[i].made)
			return false;
	return guest->rel[REL_X] == load->sum[0] && guest->rel[REL_Y] == load->sum[1];
}

static void take_rest(struct load *load)
{
	double deadline = now() + WORLD_MS / 1000.0;

	load->guest.fe[SHAPE_POINTER].guest.keeps = false;
	guest_give(&load->guest.fe[SHAPE_POINTER], load->guest.fe[SHAPE_POINTER].guest.n_kept);
	while (!all_arrived(load) && now() < deadline) {
		take(load);
		usleep(500);
	}
}

static void check(struct load *load)
{
	/* Then it is not evswitch that lost them, and the test has not been one. */
	assert_false(program_says(&load->program, "events were lost", 0));
	assert_true(load->frames >= MICE * RATE * SECONDS / 100 * 98);
	if (!all_arrived(load))
		fail_msg("%ld events of %ld frames arrived, and that is not all; the program "
			 "said:\n%s",
			 load->events, load->frames, load->program.log);
	for (unsigned i = 0; i < MICE; i++)
		assert_int_equal(load->mouse[i].arrived, load->mouse[i].made);
	assert_true(load->guest.fe[SHAPE_POINTER].guest.rel[REL_X] == load->sum[0]);
	assert_true(load->guest.fe[SHAPE_POINTER].guest.rel[REL_Y] == load->sum[1]);
	assert_true(keyset_empty(&load->guest.fe[SHAPE_POINTER].guest.down));
	assert_int_equal(load->guest.fe[SHAPE_KEYBOARD].guest.n_log, 0);
}

static void test_load(void **state)
{
	static struct load load;

	load = (struct load){ .reader = *(enum reader *)*state };
	start(&load);
	play(&load);
	let_go(&load);
	take_rest(&load);
	check(&load);
	printf("%d mice at %d Hz: %.0f frames/s for %.1f s, %ld events arrived\n", MICE, RATE,
	       (double)load.frames / load.seconds, load.seconds, load.events);
	stop(&load);
}

int main(void)
{
	static enum reader readers[] = { AT_ONCE, SLOWLY, NOT_FOR_A_SECOND };
	struct CMUnitTest tests[] = {
		{ .name = "read at once", .initial_state = &readers[0] },
		{ .name = "read slowly", .initial_state = &readers[1] },
		{ .name = "not read for a second", .initial_state = &readers[2] },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++) {
		tests[i].test_func = test_load;
		tests[i].teardown_func = world_reset;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
