/* SPDX-License-Identifier: MIT */
/*
 * A guest's vhost-user devices outlive the daemon: the test plays QEMU and the guest's driver at the
 * keeper's sockets, and its connections and rings must go on over every end of the daemon.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "chance.h"
#include "keeper/keeper.h"
#include "keepers.h"
#include "now.h"
#include "stage.h"
#include "base/util.h"
#include "vhost-guest.h"

#define CONF                                                                                       \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mouse]\nname = test mouse\n"                                                      \
	"[guest one]\nvia = vhost-user\n"

#define KILLS 100 /* or the environment's KILLS, for those in a hurry */
/* Instants are spread over this time after the first event: about twelve switches. */
#define SPREAD_US 60000
#define MOVES     30

struct desk {
	struct stage stage;
	struct vhost_guest guest;
};

static struct frontend *keyboard_of(struct desk *desk)
{
	return &desk->guest.fe[SHAPE_KEYBOARD];
}

static struct frontend *pointer_of(struct desk *desk)
{
	return &desk->guest.fe[SHAPE_POINTER];
}

/* --- the guest --------------------------------------------------------------------------- */

static void expect_nothing(struct frontend *fe)
{
	struct pollfd call = { .fd = fe->ring[EVENTQ].call, .events = POLLIN };

	guest_harvest(fe);
	guest_calls(fe, EVENTQ);
	if (poll(&call, 1, WORLD_QUIET_MS) == 1)
		guest_harvest(fe);
	if (fe->guest.events)
		fail_msg("(%u,%u,%d) came to the guest", fe->guest.log[0].type,
			 fe->guest.log[0].code, fe->guest.log[0].value);
}

static void expect_typed_in_guest(struct desk *desk)
{
	puppet_key(&desk->stage.keyboard, KEY_B, 1);
	guest_expect_key(keyboard_of(desk), KEY_B, 1);
	puppet_key(&desk->stage.keyboard, KEY_B, 0);
	guest_expect_key(keyboard_of(desk), KEY_B, 0);
	puppet_key(&desk->stage.mouse, BTN_RIGHT, 1);
	guest_expect_key(pointer_of(desk), BTN_RIGHT, 1);
	puppet_key(&desk->stage.mouse, BTN_RIGHT, 0);
	guest_expect_key(pointer_of(desk), BTN_RIGHT, 0);
}

/* --- the daemon -------------------------------------------------------------------------- */

static void open_in_guest(struct desk *desk)
{
	*desk = (struct desk){ 0 };
	stage_open(&desk->stage, CONF);
	vhost_guest_up(&desk->guest, "one");
	stage_focus_guest(&desk->stage);
}

static void start_again(struct desk *desk)
{
	stage_start(&desk->stage, CONF);
	stage_focus_guest(&desk->stage);
	expect_typed_in_guest(desk);
	vhost_guest_sync(&desk->guest);
}

static void finish(struct desk *desk)
{
	pid_t keeper = keeper_find(0);

	vhost_guest_down(&desk->guest);
	stage_close(&desk->stage);
	keeper_await_end(keeper, WORLD_MS);
}

struct daemon_end {
	int stop_first, signal, code;
};

static void test_daemon_ends(void **state)
{
	const struct daemon_end *end = *state;
	struct desk desk;
	pid_t keeper;

	open_in_guest(&desk);
	keeper = keeper_find(0);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	guest_expect_key(keyboard_of(&desk), KEY_A, 1);
	puppet_key(&desk.stage.mouse, BTN_LEFT, 1);
	guest_expect_key(pointer_of(&desk), BTN_LEFT, 1);
	if (end->stop_first)
		program_signal(&desk.stage.program, end->stop_first);
	program_signal(&desk.stage.program, end->signal);
	guest_expect_key(keyboard_of(&desk), KEY_A, 0);
	guest_expect_key(pointer_of(&desk), BTN_LEFT, 0);
	stage_expect_end(&desk.stage, end->code);
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	puppet_key(&desk.stage.mouse, BTN_LEFT, 0);
	vhost_guest_sync(&desk.guest);
	start_again(&desk);
	assert_int_equal(keeper_find(0), keeper);
	finish(&desk);
}

/* While a daemon is there, all motion arrives. */
static void expect_motion(struct desk *desk)
{
	struct frontend *pointer = pointer_of(desk);
	int64_t x = pointer->guest.rel[REL_X] + 3 * MOVES;
	int64_t y = pointer->guest.rel[REL_Y] - 2 * MOVES;

	for (unsigned i = 0; i < MOVES; i++)
		puppet_move(&desk->stage.mouse, 3, -2);
	guest_await_rel(pointer, REL_X, x);
	guest_await_rel(pointer, REL_Y, y);
	guest_forget(pointer);
}

/* Whatever the guest still gets from before, it has nothing down after a key: that comes last. */
static void expect_released(struct frontend *fe, struct puppet *puppet, uint16_t code)
{
	for (int value = 1; value >= 0; value--) {
		puppet_key(puppet, code, value);
		guest_await_key(fe, code, value);
	}
	assert_true(keyset_empty(&fe->guest.down));
	guest_forget(fe);
}

static void harvest(void *arg)
{
	guest_harvest(keyboard_of(arg));
	guest_harvest(pointer_of(arg));
}

static void test_kill_at_random(void **state)
{
	struct desk desk;
	pid_t keeper;

	(void)state;
	chance_seed();
	open_in_guest(&desk);
	keeper = keeper_find(0);
	for (unsigned i = 0, n = kills_wanted(KILLS); i < n; i++) {
		expect_motion(&desk);
		expect_typed_in_guest(&desk);
		stage_kill_in_play(&desk.stage, (unsigned)rand() % SPREAD_US, harvest, &desk);
		stage_expect_end(&desk.stage, 128 + SIGKILL);
		stage_start(&desk.stage, CONF);
		stage_focus_guest(&desk.stage);
		expect_released(keyboard_of(&desk), &desk.stage.keyboard, KEY_B);
		expect_released(pointer_of(&desk), &desk.stage.mouse, BTN_RIGHT);
	}
	expect_typed_in_guest(&desk);
	vhost_guest_sync(&desk.guest);
	assert_int_equal(keeper_find(0), keeper);
	finish(&desk);
}

/* Nothing of a daemon that was killed comes late: what is pushed is delivered, what is down goes up. */
static void test_nothing_comes_late(void **state)
{
	struct desk desk;

	(void)state;
	open_in_guest(&desk);
	for (unsigned i = 0; i < MOVES; i++)
		puppet_move(&desk.stage.mouse, 1, 0);
	stage_kill(&desk.stage);
	guest_await_released(keyboard_of(&desk));
	guest_harvest(pointer_of(&desk));
	frontend_sync(pointer_of(&desk));
	guest_harvest(pointer_of(&desk));
	guest_forget(pointer_of(&desk));
	stage_start(&desk.stage, CONF);
	expect_nothing(pointer_of(&desk));
	expect_nothing(keyboard_of(&desk));
	finish(&desk);
}

/* Typed for the guest as it was before its reset, but seen by the daemon only after it. */
static void test_reset_drops_older_frames(void **state)
{
	struct desk desk;

	(void)state;
	open_in_guest(&desk);
	program_pause(&desk.stage.program);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	puppet_move(&desk.stage.mouse, 5, 5);
	vhost_guest_reboot(&desk.guest);
	program_resume(&desk.stage.program);
	program_expect(&desk.stage.program, "has restarted its devices: it keeps the focus");
	expect_nothing(keyboard_of(&desk));
	expect_nothing(pointer_of(&desk));
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	expect_typed_in_guest(&desk);
	finish(&desk);
}

static void stop_driver(struct desk *desk)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_stop(&desk->guest.fe[i]);
	program_expect(
		&desk->stage.program,
		"has stopped its devices: it keeps the focus, but does not accept input yet");
}

/* What is typed meanwhile is nobody's, and the host's least of all: a guest boots to its password. */
static void type_for_nobody(struct desk *desk)
{
	puppet_key(&desk->stage.keyboard, KEY_A, 0);
	puppet_key(&desk->stage.keyboard, KEY_C, 1);
	puppet_key(&desk->stage.keyboard, KEY_C, 0);
	puppet_move(&desk->stage.mouse, 1, 1);
	puppet_key(&desk->stage.keyboard, KEY_D, 1);
	observer_expect_nothing(&desk->stage.host_keyboard);
	observer_expect_nothing(&desk->stage.host_mouse);
}

static void test_focus_stays_over_a_reset(void **state)
{
	struct desk desk;

	(void)state;
	open_in_guest(&desk);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	guest_expect_key(keyboard_of(&desk), KEY_A, 1);
	stop_driver(&desk);
	type_for_nobody(&desk);
	vhost_guest_boot(&desk.guest);
	program_expect(&desk.stage.program, "has restarted its devices: it keeps the focus");
	puppet_key(&desk.stage.keyboard, KEY_D, 0);
	expect_nothing(keyboard_of(&desk));
	expect_nothing(pointer_of(&desk));
	expect_typed_in_guest(&desk);
	assert_false(program_says(&desk.stage.program, "focus: host", 0));
	finish(&desk);
}

/* The VM ends while it boots; what was typed on is not the host's even then. */
static void test_gone_after_a_reset(void **state)
{
	struct desk desk;

	(void)state;
	open_in_guest(&desk);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	guest_expect_key(keyboard_of(&desk), KEY_A, 1);
	stop_driver(&desk);
	type_for_nobody(&desk);
	vhost_guest_down(&desk.guest);
	program_expect(&desk.stage.program, "back to the host");
	program_expect(&desk.stage.program, "focus: host");
	puppet_key(&desk.stage.keyboard, KEY_C, 1);
	puppet_key(&desk.stage.keyboard, KEY_C, 0);
	puppet_key(&desk.stage.keyboard, KEY_D, 0);
	observer_expect_nothing(&desk.stage.host_keyboard);
	stage_await_quiet(&desk.stage);
	puppet_key(&desk.stage.keyboard, KEY_H, 1);
	observer_expect(&desk.stage.host_keyboard, EV_KEY, KEY_H, 1);
	puppet_key(&desk.stage.keyboard, KEY_H, 0);
	finish(&desk);
}

/* What was down is up for the guest, which is another one now. */
static void test_reset_is_seen_once_it_is_over(void **state)
{
	struct desk desk;

	(void)state;
	open_in_guest(&desk);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	guest_expect_key(keyboard_of(&desk), KEY_A, 1);
	vhost_guest_reboot(&desk.guest);
	program_expect(&desk.stage.program, "has restarted its devices: it keeps the focus");
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	expect_nothing(keyboard_of(&desk));
	expect_typed_in_guest(&desk);
	finish(&desk);
}

/* The one process whose end the guest does see: the sockets close, new ones come. */
static void test_keeper_is_killed(void **state)
{
	struct desk desk;
	pid_t keeper;

	(void)state;
	open_in_guest(&desk);
	keeper = keeper_find(0);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	guest_expect_key(keyboard_of(&desk), KEY_A, 1);
	kill(keeper, SIGKILL);
	program_expect(&desk.stage.program, "focus: host");
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_expect_closed(&desk.guest.fe[i]);
	vhost_guest_down(&desk.guest);
	program_expect(&desk.stage.program, "guest one: pointer is");
	keeper_find(keeper);
	vhost_guest_up(&desk.guest, "one");
	stage_drain_host(&desk.stage);
	/* Up is what the daemon hears of, not what the guest has done. */
	while (!program_says(&desk.stage.program, "focus: one", WORLD_QUIET_MS))
		stage_toggle(&desk.stage);
	stage_drain_host(&desk.stage);
	expect_typed_in_guest(&desk);
	finish(&desk);
}

/* Stopped, it takes no frame: within two seconds the host has the focus, and nothing stays down. */
static void test_keeper_does_not_run(void **state)
{
	struct desk desk;
	pid_t keeper;
	long since;

	(void)state;
	open_in_guest(&desk);
	keeper = keeper_find(0);
	kill(keeper, SIGSTOP);
	since = now_ms();
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	program_expect(&desk.stage.program, "guest one: its keeper does not run");
	program_expect(&desk.stage.program, "focus: host");
	printf("the host had the focus after %ld ms\n", now_ms() - since);
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	stage_drain_host(&desk.stage);
	stage_toggle(&desk.stage);
	program_expect(&desk.stage.program, "cannot switch to guest one");
	kill(keeper, SIGCONT);
	guest_await_released(keyboard_of(&desk));
	vhost_guest_sync(&desk.guest);
	guest_await_released(keyboard_of(&desk));
	guest_forget(keyboard_of(&desk));
	stage_toggle(&desk.stage);
	program_expect(&desk.stage.program, "focus: one");
	stage_drain_host(&desk.stage);
	expect_typed_in_guest(&desk);
	finish(&desk);
}

static void test_stays_while_connected(void **state)
{
	char path[USOCK_PATH_MAX];
	struct desk desk;
	pid_t keeper;

	(void)state;
	open_in_guest(&desk);
	keeper = keeper_find(0);
	program_stop(&desk.stage.program);
	for (unsigned i = 0; i < SHAPE_POINTER; i++)
		frontend_fini(&desk.guest.fe[i]);
	usleep((2 * KEEPER_LOOK_MS + 500) * 1000); /* several looks: it must not end meanwhile */
	assert_int_equal(keeper_find(0), keeper);
	frontend_sync(pointer_of(&desk));
	vhost_guest_down(&desk.guest);
	keeper_await_end(keeper, WORLD_MS);
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		vhost_guest_path("one", i, path);
		assert_int_equal(access(path, F_OK), -1);
	}
	stage_unplug(&desk.stage);
}

#define CAPS (1U << LED_CAPSL)

/* Set while no daemon was there, they are shown by the next one. */
static void test_leds_outlive(void **state)
{
	struct desk desk;
	unsigned leds = 0;

	(void)state;
	open_in_guest(&desk);
	stage_kill(&desk.stage);
	guest_status(keyboard_of(&desk), EV_LED, LED_CAPSL, 1);
	guest_await_status(keyboard_of(&desk));
	stage_start(&desk.stage, CONF);
	stage_focus_guest(&desk.stage);
	while (!(leds & CAPS))
		assert_true(puppet_read_leds(&desk.stage.keyboard, &leds, WORLD_MS));
	finish(&desk);
}

/* Guest memory is mapped here and nowhere else, and no device of the host is open. */
static void test_holds(void **state)
{
	struct desk desk;
	pid_t keeper;

	(void)state;
	open_in_guest(&desk);
	keeper = keeper_find(0);
	assert_int_equal(keeper_holds(keeper, "/dev/*"), 2); /* null, twice */
	assert_int_equal(keeper_holds(desk.stage.program.pid, "/memfd:guest*"), 0);
	for (unsigned i = 0; i < 5; i++) {
		stage_kill(&desk.stage);
		start_again(&desk);
	}
	/* A ring each: what the daemons before had has gone. */
	assert_in_range(keeper_holds(keeper, "anon_inode:[eventfd]"), 0, 1 + 3 * SHAPE_NODES * 2);
	assert_in_range(keeper_holds(keeper, "/memfd:evswitch*"), 0, 1);
	finish(&desk);
}

static void test_is_idle(void **state)
{
	struct desk desk;
	pid_t keeper;

	(void)state;
	open_in_guest(&desk);
	keeper = keeper_find(0);
	keeper_expect_idle(keeper, "with a daemon");
	stage_kill(&desk.stage);
	keeper_expect_idle(keeper, "without");
	start_again(&desk);
	finish(&desk);
}

/* ----------------------------------------------------------------------------------------- */

#define TEST(fn)     cmocka_unit_test_teardown(fn, world_reset)
#define OF(fn, what) cmocka_unit_test_prestate_setup_teardown(fn, NULL, world_reset, what)

int main(void)
{
	static struct daemon_end killed = { 0, SIGKILL, 128 + SIGKILL };
	static struct daemon_end term = { 0, SIGTERM, 0 };
	static struct daemon_end stop_kill = { SIGSTOP, SIGKILL, 128 + SIGKILL };
	const struct CMUnitTest tests[] = {
		OF(test_daemon_ends, &killed),
		OF(test_daemon_ends, &term),
		OF(test_daemon_ends, &stop_kill),
		TEST(test_kill_at_random),
		TEST(test_nothing_comes_late),
		TEST(test_reset_drops_older_frames),
		TEST(test_focus_stays_over_a_reset),
		TEST(test_gone_after_a_reset),
		TEST(test_reset_is_seen_once_it_is_over),
		TEST(test_keeper_is_killed),
		TEST(test_keeper_does_not_run),
		TEST(test_stays_while_connected),
		TEST(test_leds_outlive),
		TEST(test_holds),
		TEST(test_is_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
