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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "frontend.h"
#include "keeper.h"
#include "keepers.h"
#include "stage.h"
#include "util.h"

#define CONF                                                                                       \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mouse]\nname = test mouse\n"                                                      \
	"[guest one]\nvia = vhost-user\n"

#define KILLS 100 /* or the environment's KILLS, for those in a hurry */
/* Instants are spread over this time after the first event: about twelve switches. */
#define SPREAD_US 60000
#define MOVES     30
#define END_MS    (KEEPER_LOOK_MS + 2000)

struct desk {
	struct stage stage;
	struct frontend fe[SHAPE_NODES];
};

static struct frontend *keyboard_of(struct desk *desk)
{
	return &desk->fe[SHAPE_KEYBOARD];
}

static struct frontend *pointer_of(struct desk *desk)
{
	return &desk->fe[SHAPE_POINTER];
}

/* --- the guest --------------------------------------------------------------------------- */

static void get_path(enum shape_node which, char path[static USOCK_PATH_MAX])
{
	char dir[USOCK_PATH_MAX];

	assert_int_equal(usock_dir(dir), 0);
	assert_true(snprintf(path, USOCK_PATH_MAX, "%s/one-%s.sock", dir, shape_node_name(which)) <
		    USOCK_PATH_MAX);
}

/* The sockets are there once the program has grabbed a device. */
static void guest_up(struct desk *desk)
{
	static const struct frontend_play play = { .kind = FRONTEND_QEMU_10,
						   .num = 64,
						   .want = F_INDIRECT | F_EVENT_IDX };

	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		struct frontend *fe = &desk->fe[i];
		char path[USOCK_PATH_MAX];

		get_path(i, path);
		frontend_init(fe, &play);
		frontend_connect(fe, path);
		frontend_realize(fe);
		frontend_start(fe);
		guest_give(fe, fe->guest.buffers);
	}
}

static void guest_gone(struct desk *desk)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_fini(&desk->fe[i]);
}

/* The machine is reset and its drivers come up again, each device in its turn. */
static void guest_reboot(struct desk *desk)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_stop(&desk->fe[i]);
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		guest_reset(&desk->fe[i]);
		frontend_start(&desk->fe[i]);
		guest_give(&desk->fe[i], desk->fe[i].guest.buffers);
	}
}

static void await_call(struct frontend *fe, const char *what)
{
	struct pollfd call = { .fd = fe->ring[EVENTQ].call, .events = POLLIN };

	if (poll(&call, 1, WORLD_MS) != 1)
		fail_msg("the guest waits for %s, and nothing comes", what);
	guest_calls(fe, EVENTQ);
}

static void await_released(struct frontend *fe)
{
	guest_harvest(fe);
	while (!keyset_empty(&fe->guest.down) || fe->guest.in_frame) {
		await_call(fe, "releases");
		guest_harvest(fe);
	}
	guest_forget(fe);
}

/* Asks for the config space at every socket: each is answered. */
static void expect_connected(struct desk *desk)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_sync(&desk->fe[i]);
}

static void expect_key(struct frontend *fe, uint16_t code, int value)
{
	guest_expect(fe, EVENTS({ EV_KEY, code, value }, { EV_SYN, SYN_REPORT, 0 }), false);
}

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
	expect_key(keyboard_of(desk), KEY_B, 1);
	puppet_key(&desk->stage.keyboard, KEY_B, 0);
	expect_key(keyboard_of(desk), KEY_B, 0);
	puppet_key(&desk->stage.mouse, BTN_RIGHT, 1);
	expect_key(pointer_of(desk), BTN_RIGHT, 1);
	puppet_key(&desk->stage.mouse, BTN_RIGHT, 0);
	expect_key(pointer_of(desk), BTN_RIGHT, 0);
}

/* --- the daemon -------------------------------------------------------------------------- */

static void open_in_guest(struct desk *desk)
{
	*desk = (struct desk){ 0 };
	stage_open(&desk->stage, CONF);
	guest_up(desk);
	stage_focus_guest(&desk->stage);
}

static void program_gone(struct stage *stage, int code)
{
	assert_int_equal(program_wait(&stage->program), code);
	observer_close(&stage->host_keyboard);
	observer_close(&stage->host_mouse);
}

static void kill_program(struct stage *stage)
{
	program_signal(&stage->program, SIGKILL);
	program_gone(stage, 128 + SIGKILL);
}

static void start_again(struct desk *desk)
{
	stage_start(&desk->stage, CONF);
	stage_focus_guest(&desk->stage);
	expect_typed_in_guest(desk);
	expect_connected(desk);
}

static void finish(struct desk *desk)
{
	pid_t keeper = keeper_find(0);

	guest_gone(desk);
	stage_close(&desk->stage);
	keeper_await_end(keeper, END_MS);
}

struct end {
	int stop_first, signal, code;
};

static void test_daemon_ends(void **state)
{
	const struct end *end = *state;
	struct desk desk;
	pid_t keeper;

	open_in_guest(&desk);
	keeper = keeper_find(0);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	expect_key(keyboard_of(&desk), KEY_A, 1);
	puppet_key(&desk.stage.mouse, BTN_LEFT, 1);
	expect_key(pointer_of(&desk), BTN_LEFT, 1);
	if (end->stop_first)
		program_signal(&desk.stage.program, end->stop_first);
	program_signal(&desk.stage.program, end->signal);
	expect_key(keyboard_of(&desk), KEY_A, 0);
	expect_key(pointer_of(&desk), BTN_LEFT, 0);
	program_gone(&desk.stage, end->code);
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	puppet_key(&desk.stage.mouse, BTN_LEFT, 0);
	expect_connected(&desk);
	start_again(&desk);
	assert_int_equal(keeper_find(0), keeper);
	finish(&desk);
}

static pid_t kill_after(pid_t victim, unsigned us)
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(us);
		kill(victim, SIGKILL);
		_exit(0);
	}
	return pid;
}

static void play_until_killed(struct desk *desk, pid_t killer)
{
	struct stage *stage = &desk->stage;

	puppet_key(&stage->keyboard, KEY_A, 1);
	puppet_key(&stage->mouse, BTN_LEFT, 1);
	while (waitpid(killer, NULL, WNOHANG) == 0) {
		puppet_key(&stage->keyboard, KEY_C, 1);
		puppet_key(&stage->keyboard, KEY_C, 0);
		puppet_move(&stage->mouse, 1, 0);
		stage_toggle(stage);
		guest_harvest(keyboard_of(desk));
		guest_harvest(pointer_of(desk));
		usleep(2000); /* a pace for the play, not a wait */
	}
	puppet_key(&stage->keyboard, KEY_A, 0);
	puppet_key(&stage->mouse, BTN_LEFT, 0);
}

/* While a daemon is there, all motion arrives. */
static void expect_motion(struct desk *desk)
{
	struct frontend *pointer = pointer_of(desk);
	int64_t x = pointer->guest.rel[REL_X] + 3 * MOVES;
	int64_t y = pointer->guest.rel[REL_Y] - 2 * MOVES;

	for (unsigned i = 0; i < MOVES; i++)
		puppet_move(&desk->stage.mouse, 3, -2);
	guest_harvest(pointer);
	while (pointer->guest.rel[REL_X] != x || pointer->guest.rel[REL_Y] != y) {
		await_call(pointer, "motion");
		guest_harvest(pointer);
	}
	guest_forget(pointer);
}

static void test_kill_at_random(void **state)
{
	unsigned seed = (unsigned)time(NULL);
	struct desk desk;
	pid_t keeper, killer;

	(void)state;
	printf("seed %u\n", seed);
	srand(seed);
	open_in_guest(&desk);
	keeper = keeper_find(0);
	for (unsigned i = 0, n = kills_wanted(KILLS); i < n; i++) {
		expect_motion(&desk);
		expect_typed_in_guest(&desk);
		killer = kill_after(desk.stage.program.pid, (unsigned)rand() % SPREAD_US);
		play_until_killed(&desk, killer);
		program_gone(&desk.stage, 128 + SIGKILL);
		stage_start(&desk.stage, CONF);
		await_released(keyboard_of(&desk));
		await_released(pointer_of(&desk));
		stage_focus_guest(&desk.stage);
	}
	expect_typed_in_guest(&desk);
	expect_connected(&desk);
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
	kill_program(&desk.stage);
	await_released(keyboard_of(&desk));
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
	program_signal(&desk.stage.program, SIGSTOP);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	puppet_move(&desk.stage.mouse, 5, 5);
	guest_reboot(&desk);
	program_signal(&desk.stage.program, SIGCONT);
	program_expect(&desk.stage.program, "focus: host");
	expect_nothing(keyboard_of(&desk));
	expect_nothing(pointer_of(&desk));
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	stage_drain_host(&desk.stage);
	stage_focus_guest(&desk.stage);
	expect_typed_in_guest(&desk);
	finish(&desk);
}

/* What was down is up for the guest, which is another one now, and the focus is the host's. */
static void test_reset_gives_focus_back(void **state)
{
	struct desk desk;

	(void)state;
	open_in_guest(&desk);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	expect_key(keyboard_of(&desk), KEY_A, 1);
	guest_reboot(&desk);
	program_expect(&desk.stage.program, "focus: host");
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	expect_nothing(keyboard_of(&desk));
	stage_drain_host(&desk.stage);
	stage_focus_guest(&desk.stage);
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
	expect_key(keyboard_of(&desk), KEY_A, 1);
	kill(keeper, SIGKILL);
	program_expect(&desk.stage.program, "focus: host");
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_expect_closed(&desk.fe[i]);
	guest_gone(&desk);
	program_expect(&desk.stage.program, "guest one: pointer is");
	keeper_find(keeper);
	guest_up(&desk);
	stage_drain_host(&desk.stage);
	/* Up is what the daemon hears of, not what the guest has done. */
	while (!program_says(&desk.stage.program, "focus: one", WORLD_QUIET_MS))
		stage_toggle(&desk.stage);
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
		frontend_fini(&desk.fe[i]);
	usleep((2 * KEEPER_LOOK_MS + 500) * 1000); /* several looks: it must not end meanwhile */
	assert_int_equal(keeper_find(0), keeper);
	frontend_sync(pointer_of(&desk));
	guest_gone(&desk);
	keeper_await_end(keeper, END_MS);
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		get_path(i, path);
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
	kill_program(&desk.stage);
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
		kill_program(&desk.stage);
		start_again(&desk);
	}
	/* A ring each: what the daemons before had has gone. */
	assert_in_range(keeper_holds(keeper, "anon_inode:[eventfd]"), 0, 1 + 3 * SHAPE_NODES * 2);
	assert_in_range(keeper_holds(keeper, "/memfd:evswitch*"), 0, 1);
	finish(&desk);
}

#define IDLE_MS 4000

static void expect_idle(pid_t keeper, const char *when)
{
	unsigned long sleeps = keeper_sleeps(keeper), ticks = keeper_ticks(keeper);

	usleep(IDLE_MS * 1000); /* a period to measure, not a wait */
	sleeps = keeper_sleeps(keeper) - sleeps;
	ticks = keeper_ticks(keeper) - ticks;
	printf("%s: in %d ms it slept %lu times and ran for %lu ticks\n", when, IDLE_MS, sleeps,
	       ticks);
	assert_in_range(sleeps, 0, 20);
	assert_in_range(ticks, 0, (unsigned long)sysconf(_SC_CLK_TCK) * IDLE_MS / 1000 / 20);
}

static void test_is_idle(void **state)
{
	struct desk desk;
	pid_t keeper;

	(void)state;
	open_in_guest(&desk);
	keeper = keeper_find(0);
	expect_idle(keeper, "with a daemon");
	kill_program(&desk.stage);
	expect_idle(keeper, "without");
	start_again(&desk);
	finish(&desk);
}

/* ----------------------------------------------------------------------------------------- */

#define TEST(fn)     cmocka_unit_test_teardown(fn, world_reset)
#define OF(fn, what) cmocka_unit_test_prestate_setup_teardown(fn, NULL, world_reset, what)

int main(void)
{
	static struct end killed = { 0, SIGKILL, 128 + SIGKILL };
	static struct end term = { 0, SIGTERM, 0 };
	static struct end stop_kill = { SIGSTOP, SIGKILL, 128 + SIGKILL };
	const struct CMUnitTest tests[] = {
		OF(test_daemon_ends, &killed),
		OF(test_daemon_ends, &term),
		OF(test_daemon_ends, &stop_kill),
		TEST(test_kill_at_random),
		TEST(test_nothing_comes_late),
		TEST(test_reset_drops_older_frames),
		TEST(test_reset_gives_focus_back),
		TEST(test_keeper_is_killed),
		TEST(test_stays_while_connected),
		TEST(test_leds_outlive),
		TEST(test_holds),
		TEST(test_is_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
