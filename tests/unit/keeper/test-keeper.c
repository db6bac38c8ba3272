/* SPDX-License-Identifier: MIT */
/*
 * A keeper with vhost-user devices, as a process, between a daemon that is killed and a guest that is
 * not: keeper-client.c, guest.c and its sink in a child that plays the daemon; QEMU and the guest's driver in
 * this process. The keeper is this same program, as it is in evswitch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chance.h"
#include "half-daemon.h"
#include "guest/channel.h"
#include "keeper/keeper.h"
#include "keepers.h"
#include "base/log.h"
#include "now.h"
#include "vhost-guest.h"
#include "world.h"

#define KILLS  100
#define FRAMES 20000

/* --- both ends --------------------------------------------------------------------------- */

struct scene {
	char dir[32], name[32];
	pid_t daemon, keeper;
	int control;
	struct vhost_guest guest;
};

static struct report order(struct scene *scene, struct request request)
{
	struct pollfd in = { .fd = scene->control, .events = POLLIN };
	struct report report;

	assert_int_equal(send(scene->control, &request, sizeof(request), MSG_NOSIGNAL),
			 sizeof(request));
	if (poll(&in, 1, WORLD_MS) != 1)
		fail_msg("the daemon does not answer");
	assert_int_equal(recv(scene->control, &report, sizeof(report), 0), sizeof(report));
	return report;
}

static struct report look(struct scene *scene)
{
	return order(scene, (struct request){ .order = ORDER_LOOK });
}

/* Until the keeper has made its sockets. */
static void start_daemon(struct scene *scene)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	scene->daemon = fork();
	assert_true(scene->daemon >= 0);
	if (scene->daemon == 0) {
		close(ends[0]);
		half_daemon_run(scene->name, ends[1]);
	}
	close(ends[1]);
	scene->control = ends[0];
	while (look(scene).pending)
		;
}

static void end_daemon(struct scene *scene, int signo)
{
	int status;

	if (signo)
		kill(scene->daemon, signo);
	else
		order(scene, (struct request){ .order = ORDER_END });
	assert_int_equal(waitpid(scene->daemon, &status, 0), scene->daemon);
	if (!signo)
		assert_int_equal(status, 0);
	close(scene->control);
	scene->daemon = 0;
}

/* That the guest is up is what the daemon hears a little later. */
static void enter(struct scene *scene)
{
	while (!look(scene).up)
		;
	assert_int_equal(order(scene, (struct request){ .order = ORDER_ENTER }).error, 0);
}

static void send_some(struct scene *scene, uint16_t type, uint16_t code, int value, unsigned times)
{
	struct request request = {
		.order = ORDER_SEND, .type = type, .code = code, .value = value, .times = times
	};

	assert_int_equal(order(scene, request).error, 0);
}

static void expect_typed(struct scene *scene)
{
	send_some(scene, EV_KEY, KEY_B, 1, 1);
	guest_expect_key(&scene->guest.fe[SHAPE_KEYBOARD], KEY_B, 1);
	send_some(scene, EV_KEY, KEY_B, 0, 1);
	guest_expect_key(&scene->guest.fe[SHAPE_KEYBOARD], KEY_B, 0);
}

/*
 * Whatever the guest still gets from before, it has nothing down after it. Frames come in the order in which they were
 * sent, so this key comes last; nothing else tells that the keeper has no older ones left.
 */
static void expect_released(struct scene *scene, enum shape_node node, uint16_t code)
{
	struct frontend *fe = &scene->guest.fe[node];

	for (int value = 1; value >= 0; value--) {
		send_some(scene, EV_KEY, code, value, 1);
		guest_await_key(fe, code, value);
	}
	assert_true(keyset_empty(&fe->guest.down));
	guest_forget(fe);
}

static struct scene scene;

static int setup(void **state)
{
	(void)state;
	scene = (struct scene){ .dir = "/tmp/evswitch-keeper-XXXXXX" };
	assert_non_null(mkdtemp(scene.dir));
	setenv("XDG_RUNTIME_DIR", scene.dir, 1);
	/* Another run of the tests, beside this one, has other names. */
	snprintf(scene.name, sizeof(scene.name), "test%d", getpid());
	keepers_look_at(scene.name);
	start_daemon(&scene);
	scene.keeper = keeper_find(0);
	return 0;
}

static int teardown(void **state)
{
	char command[80];

	(void)state;
	if (scene.daemon > 0) {
		kill(scene.daemon, SIGKILL);
		waitpid(scene.daemon, NULL, 0);
		close(scene.control);
	}
	vhost_guest_down(&scene.guest);
	keepers_kill();
	snprintf(command, sizeof(command), "rm -rf %s", scene.dir);
	return system(command);
}

/* --- what the keeper logs ---------------------------------------------------------------- */

#define VISITS 60

static char log_path[64];
static long logs_since;

static int setup_logged(void **state)
{
	int before = dup(STDERR_FILENO), rc, log;

	snprintf(log_path, sizeof(log_path), "/tmp/evswitch-keeper-log-%d", getpid());
	log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	assert_true(log >= 0);
	dup2(log, STDERR_FILENO);
	rc = setup(state);
	dup2(before, STDERR_FILENO);
	close(before);
	close(log);
	logs_since = now_ms();
	return rc;
}

/* All lines with this in them, once the keeper has ended: some, and no more than its limit. */
static void expect_few_lines(const char *what)
{
	unsigned n = 0, most = PACE_BURST + (unsigned)(now_ms() - logs_since) / PACE_MS + 1;
	char line[2048];
	FILE *file;

	end_daemon(&scene, 0);
	keeper_await_end(scene.keeper, WORLD_MS);
	file = fopen(log_path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		n += strstr(line, what) != NULL;
	fclose(file);
	unlink(log_path);
	if (n == 0 || n > most)
		fail_msg("%u lines with \"%s\", of %u at most", n, what, most);
}

/* --- the tests --------------------------------------------------------------------------- */

static void test_frames_arrive(void **state)
{
	struct frontend *pointer = &scene.guest.fe[SHAPE_POINTER];

	(void)state;
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	expect_typed(&scene);
	for (unsigned i = 0; i < FRAMES / 1000; i++) {
		send_some(&scene, EV_REL, REL_X, 3, 1000);
		guest_harvest(pointer);
	}
	guest_await_rel(pointer, REL_X, 3 * FRAMES);
	guest_forget(pointer);
	expect_typed(&scene);
}

static void test_daemon_ends(void **state)
{
	const int *signo = *state;

	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	send_some(&scene, EV_KEY, KEY_A, 1, 1);
	send_some(&scene, EV_KEY, BTN_LEFT, 1, 1);
	guest_expect_key(&scene.guest.fe[SHAPE_KEYBOARD], KEY_A, 1);
	guest_expect_key(&scene.guest.fe[SHAPE_POINTER], BTN_LEFT, 1);
	end_daemon(&scene, *signo);
	guest_expect_key(&scene.guest.fe[SHAPE_KEYBOARD], KEY_A, 0);
	guest_expect_key(&scene.guest.fe[SHAPE_POINTER], BTN_LEFT, 0);
	start_daemon(&scene);
	enter(&scene);
	expect_typed(&scene);
	assert_int_equal(keeper_find(0), scene.keeper);
}

/* At full speed; all that it pushed is delivered or dropped, and nothing stays down. */
static void test_kill_at_random(void **state)
{
	(void)state;
	chance_seed();
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	for (unsigned i = 0, n = kills_wanted(KILLS); i < n; i++) {
		long until = rand() % 20000;

		order(&scene, (struct request){ .order = ORDER_PLAY });
		for (long us = 0; us < until; us += 500) {
			guest_harvest(&scene.guest.fe[SHAPE_KEYBOARD]);
			guest_harvest(&scene.guest.fe[SHAPE_POINTER]);
			usleep(500); /* a pace for the guest, not a wait */
		}
		end_daemon(&scene, SIGKILL);
		start_daemon(&scene);
		enter(&scene);
		expect_released(&scene, SHAPE_KEYBOARD, KEY_B);
		expect_released(&scene, SHAPE_POINTER, BTN_RIGHT);
	}
	assert_int_equal(keeper_find(0), scene.keeper);
}

static bool is_ready_again(struct scene *at)
{
	struct report report = look(at);

	return report.resets > 0 && report.ready;
}

/* Sent for the guest as it was before its reset, by a daemon that has not heard of that yet. */
static void test_reset_drops_older_frames(void **state)
{
	struct request press = {
		.order = ORDER_SEND, .type = EV_KEY, .code = KEY_A, .value = 1, .times = 1
	};
	struct report report;

	(void)state;
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	kill(scene.daemon, SIGSTOP);
	assert_int_equal(send(scene.control, &press, sizeof(press), 0), sizeof(press));
	vhost_guest_reboot(&scene.guest);
	kill(scene.daemon, SIGCONT);
	assert_int_equal(recv(scene.control, &report, sizeof(report), 0), sizeof(report));
	assert_int_equal(report.error, 0);
	while (!is_ready_again(&scene))
		;
	expect_typed(&scene);
	assert_int_equal(look(&scene).downs, 0);
}

static void await_resets(unsigned resets)
{
	while (look(&scene).resets < resets)
		;
	assert_int_equal(look(&scene).resets, resets);
}

/* QEMU is still connected: the guest is not gone. Once it is, that is told, whatever it used last. */
static void test_driver_stops(void **state)
{
	struct frontend *fe = scene.guest.fe;

	(void)state;
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	send_some(&scene, EV_KEY, KEY_A, 1, 1);
	guest_expect_key(&fe[SHAPE_KEYBOARD], KEY_A, 1);
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_stop(&fe[i]);
	await_resets(1);
	assert_false(look(&scene).ready);
	assert_int_equal(look(&scene).downs, 0);
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		assert_int_equal(look(&scene).downs, 0);
		frontend_fini(&fe[i]);
	}
	while (look(&scene).downs != 1)
		;
	assert_int_equal(look(&scene).resets, 1);
}

#define SYN                                                                                        \
	{                                                                                          \
		EV_SYN, SYN_REPORT, 0                                                              \
	}

/* More than the keeper takes in one turn. */
#define MANY 1000

/* What the guest is sent after the keeper runs again, in the order in which the daemon sent it. */
static void test_release_keeps_its_place(void **state)
{
	struct frontend *keyboard = &scene.guest.fe[SHAPE_KEYBOARD];

	(void)state;
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	kill(scene.keeper, SIGSTOP);
	send_some(&scene, EV_REL, REL_X, 1, MANY);
	send_some(&scene, EV_KEY, KEY_A, 1, 1);
	order(&scene, (struct request){ .order = ORDER_RELEASE });
	send_some(&scene, EV_KEY, KEY_B, 1, 1);
	kill(scene.keeper, SIGCONT);
	guest_expect(keyboard,
		     EVENTS({ EV_KEY, KEY_A, 1 }, SYN, { EV_KEY, KEY_A, 0 }, SYN,
			    { EV_KEY, KEY_B, 1 }, SYN),
		     false);
	order(&scene, (struct request){ .order = ORDER_RELEASE });
	guest_expect_key(keyboard, KEY_B, 0);
}

/* Nobody takes the frames: after a second the guest is down, and has nothing down when that ends. */
static void test_keeper_does_not_run(void **state)
{
	struct frontend *keyboard = &scene.guest.fe[SHAPE_KEYBOARD];
	struct report report;

	(void)state;
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	expect_typed(&scene);
	kill(scene.keeper, SIGSTOP);
	send_some(&scene, EV_KEY, KEY_A, 1, 1);
	assert_int_equal(look(&scene).downs, 0);
	while (look(&scene).downs != 1)
		usleep(1000); /* for a second: nothing tells */
	report = order(&scene, (struct request){ .order = ORDER_ENTER });
	assert_int_equal(report.error, -ENOTCONN);
	assert_non_null(strstr(report.why, "its keeper does not run"));
	kill(scene.keeper, SIGCONT);
	guest_expect(keyboard, EVENTS({ EV_KEY, KEY_A, 1 }, SYN, { EV_KEY, KEY_A, 0 }, SYN), false);
	enter(&scene);
	expect_typed(&scene);
}

/* So full that not one frame more fits: what is down goes up all the same. */
static void test_ring_is_full(void **state)
{
	struct frontend *keyboard = &scene.guest.fe[SHAPE_KEYBOARD];
	struct request move = {
		.order = ORDER_SEND, .type = EV_REL, .code = REL_X, .value = 1, .times = 70000
	};

	(void)state;
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	kill(scene.keeper, SIGSTOP);
	send_some(&scene, EV_KEY, KEY_A, 1, 1);
	assert_int_equal(order(&scene, move).error, -EAGAIN);
	order(&scene, (struct request){ .order = ORDER_RELEASE });
	kill(scene.keeper, SIGCONT);
	guest_expect(keyboard, EVENTS({ EV_KEY, KEY_A, 1 }, SYN, { EV_KEY, KEY_A, 0 }, SYN), false);
}

/* A QEMU that has not started its guest yet, or never gets so far, has the devices all the same. */
static void test_hears_of_connections(void **state)
{
	char path[USOCK_PATH_MAX];
	int connection;

	(void)state;
	assert_false(look(&scene).in_use);
	vhost_guest_path(scene.name, SHAPE_POINTER, path);
	for (unsigned i = 0; i < 3; i++) {
		connection = usock_connect(path, SOCK_STREAM);
		assert_true(connection >= 0);
		while (!look(&scene).in_use)
			;
		assert_false(look(&scene).up);
		close(connection);
		while (look(&scene).in_use)
			;
	}
}

#define STRANGER_UID 12345

/* Hears nothing and is hung up on; the directory lets everybody this far, as that of a system VM does. */
static void try_as_stranger(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct pollfd in = { .events = POLLIN };
		char c;

		if (setresuid(STRANGER_UID, STRANGER_UID, STRANGER_UID) < 0)
			_exit(1);
		in.fd = usock_connect(path, SOCK_STREAM);
		_exit(in.fd < 0 || poll(&in, 1, WORLD_MS) != 1 || recv(in.fd, &c, 1, 0) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_strangers(void **state)
{
	char path[USOCK_PATH_MAX], dir[64];
	struct stat socket;

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(dir, sizeof(dir), "%s/evswitch", scene.dir);
	assert_int_equal(chmod(scene.dir, 0711), 0);
	assert_int_equal(chmod(dir, 0711), 0);
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		vhost_guest_path(scene.name, i, path);
		assert_int_equal(stat(path, &socket), 0);
		assert_int_equal(socket.st_uid, geteuid());
		assert_int_equal(socket.st_mode & 0777, 0666);
		try_as_stranger(path);
	}
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	expect_typed(&scene);
}

/* Each is another process. */
static void test_strangers_by_turns(void **state)
{
	char path[USOCK_PATH_MAX], dir[64];

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(dir, sizeof(dir), "%s/evswitch", scene.dir);
	assert_int_equal(chmod(scene.dir, 0711), 0);
	assert_int_equal(chmod(dir, 0711), 0);
	vhost_guest_path(scene.name, SHAPE_KEYBOARD, path);
	for (unsigned i = 0; i < VISITS; i++)
		try_as_stranger(path);
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	expect_typed(&scene);
	vhost_guest_down(&scene.guest);
	expect_few_lines("may not connect");
}

/* True where it was served; false where the one before it still was. */
static bool visit(const char *path)
{
	static const struct vhost_user_header ask = { VHOST_USER_GET_FEATURES, VHOST_USER_VERSION,
						      0 };
	autoclose int fd = usock_connect(path, SOCK_STREAM);
	struct pollfd in = { .fd = fd, .events = POLLIN };
	char answer[64];

	if (fd < 0 || send(fd, &ask, sizeof(ask), MSG_NOSIGNAL) < 0)
		return false;
	assert_int_equal(poll(&in, 1, WORLD_MS), 1);
	return recv(fd, answer, sizeof(answer), 0) > 0;
}

/* Each is served; and what one sends against the rules is told with the device's name. */
static void test_front_ends_come_and_go(void **state)
{
	char path[USOCK_PATH_MAX], device[64];
	unsigned served = 0;

	(void)state;
	vhost_guest_path(scene.name, SHAPE_KEYBOARD, path);
	while (served < VISITS)
		served += visit(path);
	snprintf(device, sizeof(device), "evswitch-%s-keyboard: ", scene.name);
	expect_few_lines(device);
}

static void test_front_ends_break_the_rules(void **state)
{
	static const struct vhost_user_header wrong = { 99, 7, 4000 };
	char path[USOCK_PATH_MAX], device[80];

	(void)state;
	vhost_guest_path(scene.name, SHAPE_POINTER, path);
	for (unsigned i = 0; i < VISITS; i++) {
		autoclose int fd = usock_connect(path, SOCK_STREAM);
		struct pollfd in = { .fd = fd, .events = POLLIN };

		if (fd < 0 || send(fd, &wrong, sizeof(wrong), MSG_NOSIGNAL) < 0)
			continue;
		assert_int_equal(poll(&in, 1, WORLD_MS), 1);
	}
	snprintf(device, sizeof(device), "evswitch-%s-pointer: vhost-user: ", scene.name);
	expect_few_lines(device);
}

static void test_keeper_is_killed(void **state)
{
	(void)state;
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	expect_typed(&scene);
	kill(scene.keeper, SIGKILL);
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_expect_closed(&scene.guest.fe[i]);
	vhost_guest_down(&scene.guest);
	while (look(&scene).downs != 1)
		;
	assert_int_not_equal(keeper_find(scene.keeper), scene.keeper);
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	expect_typed(&scene);
}

static void test_stays_while_connected(void **state)
{
	(void)state;
	vhost_guest_up(&scene.guest, scene.name);
	end_daemon(&scene, SIGKILL);
	start_daemon(&scene);
	end_daemon(&scene, 0);
	vhost_guest_down(&scene.guest);
	keeper_await_end(scene.keeper, WORLD_MS);
	assert_false(keeper_runs());
}

/* Somebody else has one of the sockets: that is said, and the next daemon tries again. */
static void test_socket_in_use(void **state)
{
	char path[USOCK_PATH_MAX];
	struct report report;
	int other;

	(void)state;
	end_daemon(&scene, 0);
	keeper_await_end(scene.keeper, WORLD_MS);
	vhost_guest_path(scene.name, SHAPE_MEDIA, path);
	other = usock_listen(path, SOCK_STREAM, 0600);
	assert_true(other >= 0);
	start_daemon(&scene);
	report = order(&scene, (struct request){ .order = ORDER_ENTER });
	assert_int_equal(report.error, -ENOTCONN);
	assert_non_null(strstr(report.why, path));
	assert_non_null(strstr(report.why, "Address already in use"));
	assert_int_equal(access(path, F_OK), 0);
	scene.keeper = keeper_find(0);
	end_daemon(&scene, 0);
	keeper_await_end(scene.keeper, WORLD_MS);
	close(other);
	start_daemon(&scene);
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	expect_typed(&scene);
}

static void test_leds_outlive(void **state)
{
	(void)state;
	vhost_guest_up(&scene.guest, scene.name);
	guest_status(&scene.guest.fe[SHAPE_KEYBOARD], EV_LED, LED_CAPSL, 1);
	guest_await_status(&scene.guest.fe[SHAPE_KEYBOARD]);
	while (look(&scene).leds != 1 << LED_CAPSL)
		;
	end_daemon(&scene, SIGKILL);
	start_daemon(&scene);
	while (look(&scene).leds != 1 << LED_CAPSL)
		;
}

/* A hundred daemons later it has what it had with the first. */
static void test_nothing_is_left(void **state)
{
	unsigned sockets, events, memory;

	(void)state;
	vhost_guest_up(&scene.guest, scene.name);
	enter(&scene);
	expect_typed(&scene);
	sockets = keeper_holds(scene.keeper, "socket:*");
	events = keeper_holds(scene.keeper, "anon_inode:*");
	memory = keeper_holds(scene.keeper, "/memfd:*");
	for (unsigned i = 0; i < 100; i++) {
		end_daemon(&scene, i % 2 ? SIGKILL : 0);
		start_daemon(&scene);
	}
	enter(&scene);
	expect_typed(&scene);
	assert_int_equal(keeper_holds(scene.keeper, "socket:*"), sockets);
	assert_int_equal(keeper_holds(scene.keeper, "anon_inode:*"), events);
	assert_int_equal(keeper_holds(scene.keeper, "/memfd:*"), memory);
	assert_int_equal(keeper_holds(scene.keeper, "/dev/*"), 2); /* null, twice */
}

#define TEST(fn)   cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define LOGGED(fn) cmocka_unit_test_setup_teardown(fn, setup_logged, teardown)

int main(int argc, char **argv)
{
	static int killed = SIGKILL, ended;
	const struct CMUnitTest tests[] = {
		TEST(test_frames_arrive),
		cmocka_unit_test_prestate_setup_teardown(test_daemon_ends, setup, teardown,
							 &killed),
		cmocka_unit_test_prestate_setup_teardown(test_daemon_ends, setup, teardown, &ended),
		TEST(test_kill_at_random),
		TEST(test_reset_drops_older_frames),
		TEST(test_driver_stops),
		TEST(test_release_keeps_its_place),
		TEST(test_keeper_does_not_run),
		TEST(test_ring_is_full),
		TEST(test_hears_of_connections),
		TEST(test_strangers),
		LOGGED(test_strangers_by_turns),
		LOGGED(test_front_ends_come_and_go),
		LOGGED(test_front_ends_break_the_rules),
		TEST(test_keeper_is_killed),
		TEST(test_stays_while_connected),
		TEST(test_socket_in_use),
		TEST(test_leds_outlive),
		TEST(test_nothing_is_left),
	};

	if (argc == 3 && strcmp(argv[1], KEEPER_OPTION) == 0)
		return keeper_run(argv[2], channel_endpoint);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	log_set_level(LOG_LEVEL_ERROR);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
