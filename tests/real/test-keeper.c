/* SPDX-License-Identifier: MIT */
/*
 * A guest's uinput nodes outlive the daemon, whatever ends it, and their keeper outlives nobody who
 * needs it. An observer holds the nodes as QEMU would; what it has open must stay the same device.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "chance.h"
#include "keeper/keeper.h"
#include "keepers.h"
#include "now.h"
#include "stage.h"
#include "base/util.h"

#define CONF(via, more)                                                                            \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mouse]\nname = test mouse\n"                                                      \
	"[guest one]\nvia = " via "\n" more

#define KILLS 100 /* or the environment's KILLS, for those in a hurry */
/* Instants are spread over this time after the first event: about twelve switches. */
#define SPREAD_US 60000
/* How long the kernel may take to let go of a device, in a machine that may be emulated beside others. */
#define FREE_MS 20000
/* After it is over, a keeper has this much time to see that, and to get its turn on a busy machine. */
#define END_MS (KEEPER_WAIT_MS - 1000) /* at its next look, not when its patience ends */

/* --- what tests are made of -------------------------------------------------------------- */

static void expect_typed_in_guest(struct stage *stage)
{
	puppet_type(&stage->keyboard, KEY_B);
	observer_expect_typed(&stage->guest_keyboard, KEY_B);
	puppet_key(&stage->mouse, BTN_RIGHT, 1);
	puppet_key(&stage->mouse, BTN_RIGHT, 0);
	observer_expect_typed(&stage->guest_pointer, BTN_RIGHT);
}

static void expect_typed_on_host(struct stage *stage)
{
	puppet_type(&stage->keyboard, KEY_H);
	observer_expect_typed(&stage->host_keyboard, KEY_H);
}

/* The guest has opened and grabbed the nodes, and has the focus. */
static void open_in_guest(struct stage *stage, const char *conf)
{
	stage_open(stage, conf);
	stage_guest_up(stage);
	stage_focus_guest(stage);
}

/* What the observer has open is what now stands at its path, and is there at all. */
static void expect_same_node(const struct observer *observer, const char *phys)
{
	struct stat open_one, present;
	char devnode[64];
	char name[80];

	assert_true(find_node(phys, devnode, 0));
	assert_string_equal(devnode, observer->devnode);
	assert_int_equal(fstat(observer->fd, &open_one), 0);
	assert_int_equal(stat(devnode, &present), 0);
	assert_int_equal(present.st_rdev, open_one.st_rdev);
	assert_int_equal(present.st_ino, open_one.st_ino);
	if (ioctl(observer->fd, EVIOCGNAME(sizeof(name)), name) < 0)
		fail_msg("%s: %s", devnode, strerror(errno)); /* ENODEV: it has gone */
}

static void expect_same_nodes(const struct stage *stage)
{
	expect_same_node(&stage->guest_keyboard, "evswitch/one/keyboard");
	expect_same_node(&stage->guest_media, "evswitch/one/media");
	expect_same_node(&stage->guest_pointer, "evswitch/one/pointer");
}

static void start_again(struct stage *stage, const char *conf)
{
	stage_start(stage, conf);
	expect_same_nodes(stage);
	stage_focus_guest(stage);
	expect_typed_in_guest(stage);
}

static void finish(struct stage *stage)
{
	pid_t keeper = keeper_find(0);

	stage_close(stage);
	keeper_await_end(keeper, WORLD_MS);
}

/* --- the end of the daemon --------------------------------------------------------------- */

struct daemon_end {
	const char *conf;
	int stop_first; /* SIGSTOP, or 0 */
	int signal;
	int code; /* as program_wait has it */
};

static void test_daemon_ends(void **state)
{
	const struct daemon_end *end = *state;
	struct stage stage;
	pid_t keeper;
	long since;

	open_in_guest(&stage, end->conf);
	keeper = keeper_find(0);
	puppet_key(&stage.keyboard, KEY_A, 1);
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 1);
	observer_expect(&stage.guest_pointer, EV_KEY, BTN_LEFT, 1);
	if (end->stop_first)
		program_signal(&stage.program, end->stop_first);
	since = now_ms();
	program_signal(&stage.program, end->signal);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 0);
	observer_expect(&stage.guest_pointer, EV_KEY, BTN_LEFT, 0);
	printf("released after %ld ms\n", now_ms() - since);
	stage_expect_end(&stage, end->code);
	expect_same_nodes(&stage);
	puppet_key(&stage.keyboard, KEY_A, 0);
	puppet_key(&stage.mouse, BTN_LEFT, 0);
	observer_expect_nothing(&stage.guest_keyboard);
	start_again(&stage, end->conf);
	assert_int_equal(keeper_find(0), keeper);
	finish(&stage);
}

/* Returns when nothing is down on the node any more, which its events tell. */
static void await_released(struct observer *observer)
{
	long deadline = now_ms() + WORLD_MS;
	struct seen seen;

	while (observer_keys_down(observer) > 0)
		if (now_ms() > deadline || !observer_frame(observer, &seen, WORLD_MS))
			fail_msg("%s: %u keys stay down", observer->devnode,
				 observer_keys_down(observer));
	while (observer_frame(observer, &seen, 0))
		;
}

static void await_free(const struct puppet *puppet)
{
	long since = now_ms();

	while (node_is_grabbed(puppet->uinput.devnode)) {
		if (now_ms() - since > FREE_MS)
			fail_msg("%s is grabbed after the kill", puppet->uinput.devnode);
		usleep(1000); /* the kernel tells nobody */
	}
}

static void kill_at_random(struct stage *stage, const char *conf)
{
	stage_start(stage, conf);
	expect_same_nodes(stage);
	stage_kill_in_play(stage, (unsigned)rand() % SPREAD_US, NULL, NULL);
	stage_expect_end(stage, 128 + SIGKILL);
	await_released(&stage->guest_keyboard);
	await_released(&stage->guest_media);
	await_released(&stage->guest_pointer);
	await_free(&stage->keyboard);
	await_free(&stage->mouse);
	expect_same_nodes(stage);
}

/* While it types, moves and switches. */
static void test_kill_at_random(void **state)
{
	const char *conf = CONF("virtio-input", "");
	struct stage stage;
	pid_t keeper;

	(void)state;
	chance_seed();
	stage_open(&stage, conf);
	stage_guest_up(&stage);
	keeper = keeper_find(0);
	stage_kill(&stage);
	for (unsigned i = 0, n = kills_wanted(KILLS); i < n; i++)
		kill_at_random(&stage, conf);
	assert_int_equal(keeper_find(0), keeper);
	start_again(&stage, conf);
	finish(&stage);
}

/* The guest's lock LEDs are the guest's: the next daemon shows them. */
static void test_leds_outlive(void **state)
{
	const char *conf = CONF("virtio-input", "");
	struct input_event ev[] = {
		{ .type = EV_LED, .code = LED_CAPSL, .value = 1 },
		{ .type = EV_SYN, .code = SYN_REPORT },
	};
	struct stage stage;
	unsigned leds = 0;

	(void)state;
	open_in_guest(&stage, conf);
	assert_int_equal(write(stage.guest_keyboard.fd, ev, sizeof(ev)), sizeof(ev));
	while (!(leds & 1U << LED_CAPSL))
		assert_true(puppet_read_leds(&stage.keyboard, &leds, WORLD_MS));
	stage_kill(&stage);
	stage_start(&stage, conf);
	while (leds & 1U << LED_CAPSL)
		assert_true(puppet_read_leds(&stage.keyboard, &leds, WORLD_MS));
	stage_focus_guest(&stage);
	while (!(leds & 1U << LED_CAPSL))
		assert_true(puppet_read_leds(&stage.keyboard, &leds, WORLD_MS));
	finish(&stage);
}

/* --- the keeper itself ------------------------------------------------------------------- */

/* A duplicate of a real device's descriptor would keep the grab alive. */
static void test_holds_no_device(void **state)
{
	struct stage stage;
	pid_t keeper;

	(void)state;
	open_in_guest(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	assert_int_equal(keeper_holds(keeper, stage.keyboard.uinput.devnode), 0);
	assert_int_equal(keeper_holds(keeper, stage.mouse.uinput.devnode), 0);
	assert_int_equal(keeper_holds(keeper, stage.host_keyboard.devnode), 0);
	assert_int_equal(keeper_holds(keeper, stage.guest_keyboard.devnode), 1);
	assert_int_equal(keeper_holds(keeper, "/dev/input/*"), SHAPE_NODES);
	assert_int_equal(keeper_holds(keeper, "/dev/uinput"), SHAPE_NODES);
	assert_int_equal(keeper_holds(keeper, "/memfd:*"), 0);
	stage_kill(&stage);
	await_free(&stage.keyboard);
	await_free(&stage.mouse);
	assert_false(find_node("evswitch/host/keyboard", (char[64]){ 0 }, 0));
	stage_unplug(&stage);
}

static bool has_socket(void)
{
	char path[USOCK_PATH_MAX];

	assert_int_equal(keeper_path("one", path), 0);
	return access(path, F_OK) == 0;
}

static void test_ends_after_bye(void **state)
{
	struct stage stage;
	pid_t keeper;
	long took;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	assert_true(has_socket());
	stage_close(&stage);
	took = keeper_await_end(keeper, END_MS);
	printf("it ended after %ld ms\n", took);
	assert_false(has_socket());
	assert_false(keeper_runs());
	assert_false(find_node("evswitch/one/keyboard", (char[64]){ 0 }, 0));
}

/* A daemon that crashed comes back: it is waited for, but not for ever. */
static void test_ends_after_kill(void **state)
{
	struct stage stage;
	pid_t keeper;
	long took;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	stage_kill(&stage);
	took = keeper_await_end(keeper, KEEPER_WAIT_MS + WORLD_MS);
	printf("it ended after %ld ms\n", took);
	assert_true(took > KEEPER_WAIT_MS / 2);
	assert_false(has_socket());
	assert_false(find_node("evswitch/one/keyboard", (char[64]){ 0 }, 0));
	stage_unplug(&stage);
}

/* Held, it stays; that one of the nodes is held is enough. */
static void test_stays_while_held(void **state)
{
	struct stage stage;
	pid_t keeper;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	keeper = keeper_find(0);
	program_stop(&stage.program);
	observer_close(&stage.guest_keyboard);
	observer_close(&stage.guest_media);
	usleep((3 * KEEPER_LOOK_MS + 500) * 1000); /* several looks: it must not end meanwhile */
	assert_int_equal(keeper_find(0), keeper);
	expect_same_node(&stage.guest_pointer, "evswitch/one/pointer");
	assert_true(has_socket());
	stage_guest_down(&stage);
	keeper_await_end(keeper, END_MS);
	assert_false(has_socket());
	stage_unplug(&stage);
}

static void test_is_idle(void **state)
{
	struct stage stage;
	pid_t keeper;

	(void)state;
	open_in_guest(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	keeper_expect_idle(keeper, "with a daemon");
	stage_kill(&stage);
	keeper_expect_idle(keeper, "without");
	stage_unplug(&stage);
}

/* The daemon has the nodes too; the next keeper takes over. */
static void test_keeper_is_killed(void **state)
{
	struct stage stage;
	pid_t keeper, next;

	(void)state;
	open_in_guest(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	puppet_key(&stage.keyboard, KEY_A, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 1);
	kill(keeper, SIGKILL);
	expect_typed_in_guest(&stage);
	puppet_key(&stage.keyboard, KEY_A, 0);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 0);
	program_expect(&stage.program, "its keeper has ended");
	next = keeper_find(keeper);
	while (keeper_holds(next, "/dev/uinput") < SHAPE_NODES)
		usleep(1000); /* until the daemon has handed them over */
	assert_int_equal(keeper_holds(next, "/dev/input/*"), SHAPE_NODES);
	expect_typed_in_guest(&stage);
	expect_same_nodes(&stage);
	stage_kill(&stage);
	expect_same_nodes(&stage);
	start_again(&stage, STAGE_CONF);
	finish(&stage);
}

/* Killed again and again, also while the next daemon starts: that makes another one. */
static void test_keeper_and_daemon_are_killed(void **state)
{
	struct stage stage;
	pid_t keeper;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	kill(keeper, SIGKILL);
	stage_kill(&stage);
	assert_true(has_socket()); /* and nobody listens */
	stage_start(&stage, STAGE_CONF);
	assert_int_not_equal(keeper_find(keeper), keeper);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	expect_typed_in_guest(&stage);
	finish(&stage);
}

/* A restart that is faster than the end of the keeper: the devices are there when it is ready. */
static void test_restarts_at_once(void **state)
{
	char devnode[64];
	struct stage stage;

	(void)state;
	stage_plug(&stage);
	for (unsigned i = 0; i < 10; i++) {
		program_start(&stage.program, STAGE_CONF);
		program_expect(&stage.program, "is grabbed");
		assert_true(find_node("evswitch/one/pointer", devnode, 0));
		program_stop(&stage.program);
	}
	stage_unplug(&stage);
}

/* --- others at the socket ---------------------------------------------------------------- */

/* It takes nothing, disturbs nothing, and says why; once the first one has ended, it can start. */
static void test_second_daemon(void **state)
{
	struct program second;
	struct stage stage;

	(void)state;
	open_in_guest(&stage, STAGE_CONF);
	program_start(&second, STAGE_CONF);
	assert_int_equal(program_wait(&second), 69);
	assert_non_null(strstr(second.log, "another evswitch is running, as user root: stop it "
					   "first"));
	expect_typed_in_guest(&stage);
	expect_same_nodes(&stage);
	assert_false(program_says(&stage.program, "focus", 0));
	finish(&stage);
}

static void test_second_daemon_takes_over(void **state)
{
	struct stage stage;

	(void)state;
	open_in_guest(&stage, STAGE_CONF);
	stage_kill(&stage);
	program_start(&stage.program, STAGE_CONF);
	program_expect(&stage.program, "guest one: pointer is");
	expect_same_nodes(&stage);
	finish(&stage);
}

/* What an evswitch of the future would say, as far as this one can know. */
static void greet_as(int listener, uint32_t version, size_t size)
{
	struct keeper_message hello = keeper_message(KEEPER_HELLO);
	int connection = keeper_accept(listener);

	hello.version = version;
	hello.size = (uint32_t)size;
	assert_int_equal(usock_send(connection, &hello, sizeof(hello), NULL, 0), 0);
	keeper_expect_silence(connection);
}

/* The host has its devices, whatever the guest has. */
static void expect_started(struct stage *stage)
{
	program_expect(&stage->program, "is grabbed");
	program_expect(&stage->program, "is grabbed");
	observer_open(&stage->host_keyboard, "evswitch/host/keyboard");
	observer_open(&stage->host_mouse, "evswitch/host/mouse");
}

static void expect_guest_is_refused(struct stage *stage, const char *why)
{
	stage_toggle(stage);
	program_expect(&stage->program, "cannot switch to guest one");
	program_expect(&stage->program, why);
	observer_expect_typed(&stage->host_keyboard, KEY_LEFTCTRL);
	expect_typed_on_host(stage);
}

static void expect_taken_over(struct stage *stage)
{
	program_expect(&stage->program, "guest one: pointer is");
	stage_guest_up(stage);
	stage_focus_guest(stage);
	expect_typed_in_guest(stage);
	finish(stage);
}

struct other {
	uint32_t version;
	size_t size;
};

static void test_other_version(void **state)
{
	const struct other *other = *state;
	struct stage stage;
	int listener;

	stage_plug(&stage);
	listener = keeper_play();
	program_start(&stage.program, STAGE_CONF);
	greet_as(listener, other->version, other->size);
	program_expect(&stage.program, "guest one: its keeper is from another version of evswitch");
	expect_started(&stage);
	expect_guest_is_refused(&stage, "is from another version");
	assert_false(find_node("evswitch/one/keyboard", (char[64]){ 0 }, 0));
	assert_false(program_says(&stage.program, "another version", 0)); /* said once */
	keeper_unplay(listener);
	expect_taken_over(&stage);
}

/* The program of which the test is told, or the one of another version beside it. */
static const char *program_path(bool other)
{
	static char path[2][128];
	const char *mine = getenv("EVSWITCH") ?: "build/evswitch";

	if (path[0][0] == '\0') {
		snprintf(path[0], sizeof(path[0]), "%s", mine);
		snprintf(path[1], sizeof(path[1]), "%.*s/tests/evswitch-other",
			 (int)(strrchr(mine, '/') - mine), mine);
	}
	return path[other];
}

/*
 * An upgrade, or the way back: the guest keeps what it has while it has it open, whoever asks; then its
 * keeper ends, though it is asked all the time, and the guest is given new devices.
 */
static void test_upgrade(void **state)
{
	bool to_other = *(const bool *)*state;
	struct stage stage;
	pid_t keeper;

	setenv("EVSWITCH", program_path(!to_other), 1);
	open_in_guest(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	stage_kill(&stage);
	observer_close(&stage.host_keyboard);
	observer_close(&stage.host_mouse);
	setenv("EVSWITCH", program_path(to_other), 1);
	stage_start(&stage, STAGE_CONF);
	assert_non_null(
		strstr(stage.program.log, "its keeper is from another version of evswitch"));
	expect_guest_is_refused(&stage, "is from another version");
	usleep((KEEPER_WAIT_MS + KEEPER_LOOK_MS) * 1000); /* it must not end meanwhile */
	assert_int_equal(keeper_find(0), keeper);
	expect_same_nodes(&stage);
	stage_guest_down(&stage);
	keeper_await_end(keeper, KEEPER_WAIT_MS + WORLD_MS);
	expect_taken_over(&stage);
	setenv("EVSWITCH", program_path(false), 1);
}

static void test_silent_keeper(void **state)
{
	struct stage stage;
	int listener;

	(void)state;
	stage_plug(&stage);
	listener = keeper_play();
	program_start(&stage.program, STAGE_CONF);
	program_expect(&stage.program, "guest one: its keeper does not answer");
	expect_started(&stage);
	expect_guest_is_refused(&stage, "does not answer");
	keeper_unplay(listener);
	expect_taken_over(&stage);
}

/* The end of a program in good order needs nobody to release what is down. */
static void test_end_with_a_stopped_keeper(void **state)
{
	struct stage stage;
	pid_t keeper;

	(void)state;
	open_in_guest(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	puppet_key(&stage.keyboard, KEY_A, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 1);
	kill(keeper, SIGSTOP);
	program_stop(&stage.program);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 0);
	puppet_key(&stage.keyboard, KEY_A, 0);
	kill(keeper, SIGCONT);
	stage_unplug(&stage);
	keeper_await_end(keeper, END_MS);
}

/* A real one that cannot run just then, with the nodes in the guest's hands. */
static void test_stopped_keeper(void **state)
{
	struct stage stage;
	pid_t keeper;

	(void)state;
	open_in_guest(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	kill(keeper, SIGSTOP);
	stage_kill(&stage);
	keeper_crowd();
	stage_start(&stage, STAGE_CONF);
	assert_non_null(strstr(stage.program.log, "guest one: its keeper does not answer"));
	expect_same_nodes(&stage);
	kill(keeper, SIGCONT);
	program_expect(&stage.program, "guest one: pointer is");
	expect_same_nodes(&stage);
	stage_focus_guest(&stage);
	expect_typed_in_guest(&stage);
	assert_int_equal(keeper_find(0), keeper);
	finish(&stage);
}

static void greet_with(int listener, const void *bytes, size_t size)
{
	int connection = keeper_accept(listener);

	assert_int_equal(usock_send(connection, bytes, size, NULL, 0), 0);
	keeper_expect_silence(connection);
}

static void test_no_keeper_at_all(void **state)
{
	struct keeper_message cut = keeper_message(KEEPER_HELLO);
	struct keeper_message odd = keeper_message(77);
	struct stage stage;
	int listener;

	(void)state;
	stage_plug(&stage);
	listener = keeper_play();
	program_start(&stage.program, STAGE_CONF);
	greet_with(listener, "220 mail.example.org ESMTP\r\n", 28);
	program_expect(&stage.program,
		       "guest one: the process at its keeper's socket is not a keeper");
	expect_started(&stage);
	greet_with(listener, &cut, sizeof(cut) - 1);
	greet_with(listener, &odd, sizeof(odd));
	greet_with(listener, &cut, 4);
	keeper_unplay(listener);
	expect_taken_over(&stage);
}

/* Whoever says nonsense has no say, and costs the guest nothing. */
static void say_nonsense(const void *bytes, size_t size, unsigned n_fds)
{
	static const int fds[USOCK_FDS_MAX] = { 0, 1, 2, 0, 1, 2, 0, 1 };
	struct keeper_message message;
	int connection = keeper_connect();

	keeper_receive(connection, &message);
	assert_int_equal(keeper_check(&message, sizeof(message)), KEEPER_FITS);
	assert_int_equal(message.type, KEEPER_HELLO);
	assert_int_equal(message.hello.nodes, 7);
	assert_int_equal(message.hello.guards, 7);
	assert_true(message.hello.in_use);
	assert_int_equal(usock_send(connection, bytes, size, fds, n_fds), 0);
	close(connection);
}

static void test_nonsense(void **state)
{
	char big[8192] = "nonsense";
	struct keeper_message odd;
	struct stage stage;
	pid_t keeper;

	(void)state;
	open_in_guest(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	stage_kill(&stage);
	say_nonsense("x", 1, 0);
	say_nonsense("GET / HTTP/1.1\r\n\r\n", 18, USOCK_FDS_MAX);
	say_nonsense(big, sizeof(big), 3);
	for (unsigned type = 0; type < KEEPER_RETIRE; type++) {
		odd = keeper_message(type); /* a message without what belongs to it */
		memset(&odd.node, 0xff, sizeof(odd) - offsetof(struct keeper_message, node));
		say_nonsense(&odd, sizeof(odd), 0);
	}
	odd = keeper_message(KEEPER_OPEN); /* with descriptors that are no ring */
	say_nonsense(&odd, sizeof(odd), 2);
	assert_int_equal(keeper_find(0), keeper);
	expect_same_nodes(&stage);
	start_again(&stage, STAGE_CONF);
	assert_int_equal(keeper_holds(keeper, "/dev/uinput"), SHAPE_NODES);
	finish(&stage);
}

/* --- another configuration --------------------------------------------------------------- */

static bool declares(const struct observer *observer, unsigned type, unsigned code)
{
	unsigned char bits[KEY_CNT / 8] = { 0 };

	assert_true(ioctl(observer->fd, EVIOCGBIT(type, sizeof(bits)), bits) >= 0);
	return bits[code / 8] >> (code % 8) & 1;
}

static void test_other_configuration(void **state)
{
	const char *other = CONF("virtio-input", "os = windows\n");
	struct stage stage;

	(void)state;
	open_in_guest(&stage, STAGE_CONF);
	assert_false(declares(&stage.guest_keyboard, EV_KEY, KEY_SCROLLLOCK));
	program_stop(&stage.program);
	observer_close(&stage.host_keyboard);
	observer_close(&stage.host_mouse);
	stage_start(&stage, other);
	assert_non_null(strstr(stage.program.log, "guest one: its VM still uses the devices of an "
						  "earlier configuration (via = input-linux)"));
	expect_same_nodes(&stage);
	stage_focus_guest(&stage);
	expect_typed_in_guest(&stage);
	/* Shaped for what the guest has: the second of a pair waits, motion goes whole. */
	puppet_key(&stage.keyboard, KEY_LEFTSHIFT, 1);
	puppet_key(&stage.keyboard, KEY_RIGHTSHIFT, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_LEFTSHIFT, 1);
	observer_expect_nothing(&stage.guest_keyboard);
	puppet_key(&stage.keyboard, KEY_RIGHTSHIFT, 0);
	puppet_key(&stage.keyboard, KEY_LEFTSHIFT, 0);
	/* Once the VM has let go, without a restart, and while the host has the focus. */
	stage_guest_down(&stage);
	puppet_move(&stage.mouse, 1, 0);
	program_expect(&stage.program, "focus: host");
	program_expect(&stage.program, "has released the devices of an earlier configuration");
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		program_expect(&stage.program, "is /dev/input/");
	stage_await_quiet(&stage);
	stage_guest_up(&stage);
	assert_true(declares(&stage.guest_keyboard, EV_KEY, KEY_SCROLLLOCK));
	assert_false(declares(&stage.guest_pointer, EV_REL, REL_WHEEL_HI_RES));
	stage_focus_guest(&stage);
	expect_typed_in_guest(&stage);
	finish(&stage);
}

/* Nobody holds them: the old ones go, the new ones are there before it is ready. */
static void test_other_configuration_unheld(void **state)
{
	struct stage stage;
	pid_t keeper;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	keeper = keeper_find(0);
	stage_kill(&stage);
	stage_start(&stage, CONF("virtio-input", ""));
	observer_open(&stage.guest_keyboard, "evswitch/one/keyboard");
	assert_true(declares(&stage.guest_keyboard, EV_KEY, KEY_SCROLLLOCK));
	assert_int_not_equal(keeper_find(keeper), keeper);
	observer_close(&stage.guest_keyboard);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	expect_typed_in_guest(&stage);
	finish(&stage);
}

/* --- no place for the socket ------------------------------------------------------------- */

/* The guest works all the same, and it is said what does not. */
static void test_no_runtime_dir(void **state)
{
	struct stage stage;
	struct seen seen;

	setenv("XDG_RUNTIME_DIR", *state, 1);
	open_in_guest(&stage, STAGE_CONF);
	assert_non_null(strstr(stage.program.log, "guest one: cannot start its keeper: "));
	assert_non_null(strstr(stage.program.log,
			       "guest one: its devices will disappear when this process ends"));
	expect_typed_in_guest(&stage);
	assert_false(keeper_runs());
	stage_kill(&stage);
	while (observer_frame(&stage.guest_keyboard, &seen, WORLD_MS))
		;
	assert_int_equal(read(stage.guest_keyboard.fd, &seen, sizeof(struct input_event)), -1);
	assert_int_equal(errno, ENODEV);
	stage_unplug(&stage);
	unsetenv("XDG_RUNTIME_DIR");
}

/* Here there is no guest without a keeper: 73 says that something cannot be made. */
static void test_no_runtime_dir_vhost(void **state)
{
	struct program program;

	setenv("XDG_RUNTIME_DIR", *state, 1);
	program_start(&program, CONF("vhost-user", ""));
	assert_int_equal(program_wait(&program), 73);
	assert_non_null(strstr(program.log, "guest one: no directory for its sockets ("));
	assert_non_null(strstr(program.log, *state));
	program_start(&program, CONF("vhost-user", "") "[evswitch]\nsocket-dir = /tmp\n");
	assert_int_equal(program_wait(&program), 73);
	assert_non_null(strstr(program.log, "guest one: cannot start its keeper: "));
	unsetenv("XDG_RUNTIME_DIR");
}

/* ----------------------------------------------------------------------------------------- */

static int reset(void **state)
{
	unsetenv("XDG_RUNTIME_DIR");
	return world_reset(state);
}

#define VIRTIO       CONF("virtio-input", "")
#define MISSING      "/nowhere"
#define UNWRITABLE   "/sys"
#define TEST(fn)     cmocka_unit_test_teardown(fn, reset)
#define OF(fn, what) cmocka_unit_test_prestate_setup_teardown(fn, NULL, reset, what)

int main(void)
{
	static bool to_other = true, from_other;
	static struct other newer = { KEEPER_VERSION + 1, sizeof(struct keeper_message) + 64 };
	static struct other smaller = { KEEPER_VERSION, sizeof(struct keeper_message) - 8 };
	static struct daemon_end kill_input_linux = { STAGE_CONF, 0, SIGKILL, 128 + SIGKILL };
	static struct daemon_end kill_virtio_input = { VIRTIO, 0, SIGKILL, 128 + SIGKILL };
	static struct daemon_end term = { VIRTIO, 0, SIGTERM, 0 };
	static struct daemon_end stop_kill = { VIRTIO, SIGSTOP, SIGKILL, 128 + SIGKILL };
	static struct daemon_end segv = { VIRTIO, 0, SIGSEGV, 128 + SIGSEGV };
	const struct CMUnitTest tests[] = {
		OF(test_daemon_ends, &kill_input_linux),
		OF(test_daemon_ends, &kill_virtio_input),
		OF(test_daemon_ends, &term),
		OF(test_daemon_ends, &stop_kill),
		OF(test_daemon_ends, &segv),
		TEST(test_kill_at_random),
		TEST(test_leds_outlive),
		TEST(test_holds_no_device),
		TEST(test_ends_after_bye),
		TEST(test_ends_after_kill),
		TEST(test_stays_while_held),
		TEST(test_is_idle),
		TEST(test_keeper_is_killed),
		TEST(test_keeper_and_daemon_are_killed),
		TEST(test_restarts_at_once),
		TEST(test_second_daemon),
		TEST(test_second_daemon_takes_over),
		OF(test_other_version, &newer),
		OF(test_other_version, &smaller),
		OF(test_upgrade, &to_other),
		OF(test_upgrade, &from_other),
		TEST(test_silent_keeper),
		TEST(test_end_with_a_stopped_keeper),
		TEST(test_stopped_keeper),
		TEST(test_no_keeper_at_all),
		TEST(test_nonsense),
		TEST(test_other_configuration),
		TEST(test_other_configuration_unheld),
		OF(test_no_runtime_dir, MISSING),
		OF(test_no_runtime_dir, UNWRITABLE),
		OF(test_no_runtime_dir_vhost, MISSING),
		OF(test_no_runtime_dir_vhost, UNWRITABLE),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
