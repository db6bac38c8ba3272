/* SPDX-License-Identifier: MIT */
/*
 * What a keeper says and does at its socket, as a process, with nodes of pipes: what is written to the
 * one comes back at its guard, as where nobody holds it, or it does not. The keeper is this same program,
 * as it is in evswitch; the test is its daemons.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/evring.h"
#include "guest/channel.h"
#include "keeper/keeper.h"
#include "keepers.h"
#include "now.h"
#include "launch/launch.h"
#include "base/util.h"
#include "vhost-guest.h"
#include "world.h"

/* Both ends of the pipe that its messages go through. */
#define LOG_PIPE 2

struct scene {
	char dir[32], name[32];
	char path[USOCK_PATH_MAX];
	pid_t keeper;
	int device[2], guard[2]; /* pipes */
};

static struct scene scene;

static void start_keeper(uid_t uid)
{
	int listener;

	assert_int_equal(seteuid(uid), 0);
	listener = usock_listen(scene.path, SOCK_SEQPACKET, 0600);
	assert_int_equal(seteuid(getuid()), 0);
	assert_true(listener >= 0);
	scene.keeper = fork();
	if (scene.keeper == 0) {
		int null = open("/dev/null", O_RDWR);

		if (setresuid(uid, uid, uid) < 0)
			_exit(126);

		/* None of them is to be a pipe of the test's caller: pipes are counted. */
		for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
			dup2(null, fd);
		if (listener == LAUNCH_LISTENER_FD)
			fcntl(listener, F_SETFD, 0);
		else
			dup2(listener, LAUNCH_LISTENER_FD);
		execl("/proc/self/exe", "evswitch", KEEPER_OPTION, scene.name, NULL);
		_exit(127);
	}
	close(listener);
}

static int setup(void **state)
{
	(void)state;
	scene = (struct scene){ .dir = "/tmp/evswitch-keeper-XXXXXX" };
	assert_non_null(mkdtemp(scene.dir));
	setenv("XDG_RUNTIME_DIR", scene.dir, 1);
	snprintf(scene.name, sizeof(scene.name), "socket%d", getpid());
	keepers_look_at(scene.name);
	assert_int_equal(keeper_path(scene.name, scene.path), 0);
	assert_int_equal(pipe2(scene.device, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipe2(scene.guard, O_CLOEXEC | O_NONBLOCK), 0);
	start_keeper(geteuid());
	return 0;
}

static int teardown(void **state)
{
	char command[80];

	(void)state;
	kill(scene.keeper, SIGKILL);
	waitpid(scene.keeper, NULL, 0);
	for (unsigned i = 0; i < 2; i++) {
		close_fd(&scene.device[i]);
		close_fd(&scene.guard[i]);
	}
	snprintf(command, sizeof(command), "rm -rf %s", scene.dir);
	return system(command);
}

/* --- a daemon ---------------------------------------------------------------------------- */

static struct keeper_hello connect_daemon(int *connection)
{
	struct keeper_message message;

	*connection = keeper_connect();
	keeper_receive(*connection, &message);
	assert_int_equal(keeper_check(&message, sizeof(message)), KEEPER_FITS);
	assert_int_equal(message.type, KEEPER_HELLO);
	return message.hello;
}

static void tell(int connection, enum keeper_type type)
{
	struct keeper_message message = keeper_message(type);

	assert_int_equal(usock_send(connection, &message, sizeof(message), NULL, 0), 0);
}

/* A node that seems to be held where 'guard' is another pipe than the device. */
static void keep(int connection, unsigned which, int guard)
{
	struct keeper_message message = keeper_message(KEEPER_NODE);
	int fds[] = { scene.device[1], guard };

	message.node.which = (uint8_t)which;
	snprintf(message.node.identity.via, KEEPER_VIA_MAX, "input-linux");
	message.node.identity.rules.step_max = 127;
	snprintf(message.node.devnode, UINPUT_DEVNODE_MAX, "/dev/input/event%u", 100 + which);
	assert_int_equal(usock_send(connection, &message, sizeof(message), fds, guard < 0 ? 1 : 2),
			 0);
}

static void keep_all(int connection, int guard)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		keep(connection, i, guard);
}

static void expect_kept(const struct keeper_hello *hello, bool in_use)
{
	assert_int_equal(hello->nodes, 7);
	assert_int_equal(hello->guards, 7);
	assert_int_equal(hello->in_use, in_use);
	assert_string_equal(hello->identity.via, "input-linux");
	assert_int_equal(hello->identity.rules.step_max, 127);
	assert_string_equal(hello->devnode[SHAPE_POINTER], "/dev/input/event102");
}

static void expect_ended(int timeout_ms)
{
	keeper_await_end(scene.keeper, timeout_ms);
	assert_int_equal(access(scene.path, F_OK), -1);
}

static bool same_file(int a, int b)
{
	struct stat one, other;

	assert_int_equal(fstat(a, &one), 0);
	assert_int_equal(fstat(b, &other), 0);
	return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* --- the tests --------------------------------------------------------------------------- */

static void test_new_one_has_nothing(void **state)
{
	struct keeper_hello hello;
	int connection;

	(void)state;
	hello = connect_daemon(&connection);
	assert_string_equal(hello.identity.via, "");
	assert_int_equal(hello.nodes, 0);
	assert_int_equal(hello.guards, 0);
	assert_false(hello.in_use);
	close(connection);
}

/* The next daemon gets the very descriptors of the last one. */
static void test_gives_back(void **state)
{
	struct keeper_message message;
	int connection, fds[USOCK_FDS_MAX];
	struct pollfd in = { .events = POLLIN };
	unsigned n_fds;

	(void)state;
	connect_daemon(&connection);
	keep_all(connection, scene.guard[0]);
	close(connection);
	connection = in.fd = keeper_connect();
	assert_int_equal(poll(&in, 1, WORLD_MS), 1);
	assert_int_equal(usock_receive(connection, &message, sizeof(message), fds, &n_fds),
			 sizeof(message));
	assert_int_equal(keeper_check(&message, sizeof(message)), KEEPER_FITS);
	expect_kept(&message.hello, true);
	assert_int_equal(n_fds, 2 * SHAPE_NODES);
	for (unsigned i = 0; i < n_fds; i++) {
		assert_true(same_file(fds[i], i < SHAPE_NODES ? scene.device[1] : scene.guard[0]));
		close(fds[i]);
	}
	close(connection);
}

static void test_without_guards(void **state)
{
	struct keeper_hello hello;
	int connection;

	(void)state;
	connect_daemon(&connection);
	keep_all(connection, -1);
	keep(connection, SHAPE_MEDIA, scene.device[0]);
	close(connection);
	hello = connect_daemon(&connection);
	assert_int_equal(hello.nodes, 7);
	assert_int_equal(hello.guards, 1 << SHAPE_MEDIA);
	assert_false(hello.in_use);
	close(connection);
}

static void test_one_daemon_at_a_time(void **state)
{
	struct keeper_message message;
	struct keeper_hello hello;
	int first, second;

	(void)state;
	connect_daemon(&first);
	for (unsigned i = 0; i < 3; i++) {
		second = keeper_connect();
		keeper_receive(second, &message);
		assert_int_equal(message.type, KEEPER_BUSY);
		keeper_expect_silence(second);
	}
	keep_all(first, scene.device[0]);
	close(first);
	hello = connect_daemon(&first);
	expect_kept(&hello, false);
	close(first);
}

/* All that it has said counts, and it is no reason to refuse the next one. */
static void test_last_words(void **state)
{
	int connection;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		struct keeper_hello hello;

		hello = connect_daemon(&connection);
		if (i)
			expect_kept(&hello, true);
		for (unsigned j = 0; j < 4; j++)
			keep_all(connection, scene.guard[0]);
		close(connection);
	}
	connect_daemon(&connection); /* its greeting comes after all that the last one said */
	keeper_await_holds(scene.keeper, "pipe:*", LOG_PIPE + 2 * SHAPE_NODES);
	close(connection);
}

static void test_ends_after_bye(void **state)
{
	int connection;

	(void)state;
	connect_daemon(&connection);
	keep_all(connection, scene.device[0]);
	tell(connection, KEEPER_BYE);
	expect_ended(KEEPER_WAIT_MS / 2);
	close(connection);
}

static void test_waits_for_the_next(void **state)
{
	int connection;
	long took;

	(void)state;
	connect_daemon(&connection);
	keep_all(connection, scene.device[0]);
	close(connection);
	took = keeper_await_end(scene.keeper, KEEPER_WAIT_MS + 20000);
	assert_in_range(took, KEEPER_WAIT_MS - 1000, KEEPER_WAIT_MS + 20000);
	assert_int_equal(access(scene.path, F_OK), -1);
}

static void test_nobody_ever_comes(void **state)
{
	(void)state;
	expect_ended(KEEPER_WAIT_MS + 20000);
}

/* One node that is held is enough. */
static void test_stays_while_held(void **state)
{
	struct keeper_hello hello;
	int connection;

	(void)state;
	connect_daemon(&connection);
	keep_all(connection, scene.device[0]);
	keep(connection, SHAPE_POINTER, scene.guard[0]);
	tell(connection, KEEPER_BYE);
	close(connection);
	usleep((2 * KEEPER_LOOK_MS + 500) * 1000); /* several looks: it must not end meanwhile */
	hello = connect_daemon(&connection);
	expect_kept(&hello, true);
	keep(connection, SHAPE_POINTER, scene.device[0]);
	tell(connection, KEEPER_BYE);
	expect_ended(KEEPER_WAIT_MS / 2);
	close(connection);
}

/* Whatever the guest holds. */
static void test_retires(void **state)
{
	int connection;

	(void)state;
	connect_daemon(&connection);
	keep_all(connection, scene.guard[0]);
	tell(connection, KEEPER_RETIRE);
	expect_ended(KEEPER_WAIT_MS / 2);
	keeper_expect_silence(connection);
}

static void say(const void *bytes, size_t size, unsigned n_fds)
{
	int fds[USOCK_FDS_MAX];
	struct keeper_hello hello;
	int connection;

	for (unsigned i = 0; i < USOCK_FDS_MAX; i++)
		fds[i] = scene.guard[1];
	hello = connect_daemon(&connection);
	expect_kept(&hello, true);
	assert_int_equal(usock_send(connection, bytes, size, fds, n_fds), 0);
	close(connection);
}

static void test_nonsense(void **state)
{
	struct keeper_message message;
	char big[8192] = "nonsense";
	int connection;

	(void)state;
	connect_daemon(&connection);
	keep_all(connection, scene.guard[0]);
	close(connection);
	say("x", 1, 0);
	say("GET / HTTP/1.1\r\n\r\n", 18, USOCK_FDS_MAX);
	say(big, sizeof(big), 3);
	for (unsigned type = 0; type < 20; type++) {
		if (type == KEEPER_RETIRE || type == KEEPER_OPEN)
			continue;
		message = keeper_message(type);
		memset(&message.node, 0xff,
		       sizeof(message) - offsetof(struct keeper_message, node));
		say(&message, sizeof(message), 0);
		say(&message, sizeof(message) - 1, 2);
		message.version++;
		say(&message, sizeof(message), 2);
	}
	message = keeper_message(KEEPER_OPEN);
	snprintf(message.open.identity.via, KEEPER_VIA_MAX, "vhost-user");
	say(&message, sizeof(message), 2); /* which are no ring */
	say(&message, sizeof(message), 1);
	connect_daemon(&connection);
	keeper_await_holds(scene.keeper, "pipe:*", LOG_PIPE + 2 * SHAPE_NODES);
	close(connection);
}

/* A daemon that is broken is disconnected, and what is kept stays as it is. */
static void expect_dropped(const struct keeper_message *message, const int *fds, unsigned n_fds)
{
	int connection;

	connect_daemon(&connection);
	assert_int_equal(usock_send(connection, message, sizeof(*message), fds, n_fds), 0);
	keeper_expect_silence(connection);
}

static void open_message(struct keeper_message *message, const char *via, const char *place)
{
	*message = keeper_message(KEEPER_OPEN);
	snprintf(message->open.identity.via, KEEPER_VIA_MAX, "%s", via);
	snprintf(message->open.identity.socket_path, USOCK_PATH_MAX, "%s", place);
}

static void test_broken_daemon_is_dropped(void **state)
{
	const int fds[] = { scene.device[1], scene.guard[0], scene.guard[0] };
	struct keeper_message message;
	struct evring ring;

	(void)state;
	assert_int_equal(evring_create(&ring), 0);
	for (unsigned type = KEEPER_HELLO; type <= KEEPER_STATE; type++) {
		message = keeper_message(type); /* what a keeper says */
		expect_dropped(&message, NULL, 0);
	}
	message = keeper_message(KEEPER_NODE);
	snprintf(message.node.identity.via, KEEPER_VIA_MAX, "input-linux");
	expect_dropped(&message, NULL, 0);
	expect_dropped(&message, fds, 3);
	message.node.identity.rules.step_max = -1;
	expect_dropped(&message, fds, 2);
	open_message(&message, "input-linux", "");
	expect_dropped(&message, (int[]){ ring.memory_fd, ring.doorbell_fd }, 2);
	open_message(&message, "vhost-user", scene.dir);
	expect_dropped(&message, (int[]){ ring.memory_fd }, 1);
	expect_dropped(&message, (int[]){ scene.device[1], ring.doorbell_fd }, 2);
	expect_dropped(&message, (int[]){ ring.memory_fd, scene.device[1] }, 2);
	evring_close(&ring);
	assert_int_equal(keeper_find(0), scene.keeper);
}

static void push_key(struct evring *ring)
{
	static const struct input_event at = { 0 };
	struct frame frame = { 0 };

	frame_put(&frame, &at, EV_KEY, KEY_A, 1);
	frame_close(&frame, &at);
	assert_int_equal(evring_push(ring, 0, SHAPE_KEYBOARD, &frame), 0);
}

/* For an endpoint that cannot be made, and before that has been told. */
static void test_frame_without_end(void **state)
{
	struct keeper_message message;
	struct evring ring;
	int connection;

	(void)state;
	assert_int_equal(evring_create(&ring), 0);
	connect_daemon(&connection);
	open_message(&message, "vhost-user", "/nowhere");
	push_key(&ring);
	assert_int_equal(usock_send(connection, &message, sizeof(message),
				    (int[]){ ring.memory_fd, ring.doorbell_fd }, 2),
			 0);
	keeper_receive(connection, &message);
	assert_int_equal(message.type, KEEPER_STATE);
	assert_false(message.state.up);
	push_key(&ring);
	tell(connection, KEEPER_NODE); /* nonsense: it answers by hanging up */
	keeper_expect_silence(connection);
	connect_daemon(&connection);
	close(connection);
	evring_close(&ring);
}

/* A state in which the guest is up, awaited. */
static struct keeper_state await_up(int connection)
{
	struct keeper_message message;

	do
		keeper_receive(connection, &message);
	while (message.type != KEEPER_STATE || !message.state.up);
	return message.state;
}

static void push(struct evring *ring, uint32_t generation, unsigned node,
		 const struct input_event *ev)
{
	struct frame frame = { 0 };

	frame_add(&frame, ev);
	frame_close(&frame, ev);
	assert_int_equal(evring_push(ring, generation, node, &frame), 0);
}

/* A daemon that is broken sends what would lead out of tables: nothing of that reaches the guest. */
static void test_frames_that_no_device_makes(void **state)
{
	static const struct input_event bad[] = {
		{ .type = EV_KEY, .code = KEY_CNT, .value = 1 },
		{ .type = EV_KEY, .code = UINT16_MAX, .value = 1 },
		{ .type = EV_KEY, .code = KEY_B, .value = 3 },
		{ .type = EV_KEY, .code = KEY_B, .value = -1 },
		{ .type = EV_REL, .code = REL_CNT, .value = 1 },
		{ .type = EV_REL, .code = UINT16_MAX, .value = 1 },
		{ .type = EV_ABS, .code = ABS_X, .value = 1 },
		{ .type = EV_CNT, .code = KEY_B, .value = 1 },
	};
	const struct input_event other = { .type = EV_KEY, .code = KEY_C, .value = 1 };
	const struct input_event good = { .type = EV_KEY, .code = KEY_A, .value = 1 };
	struct vhost_guest guest = { 0 };
	struct keeper_message message;
	char place[USOCK_PATH_MAX];
	struct evring ring;
	int connection;
	uint32_t generation;

	(void)state;
	assert_int_equal(usock_dir_name(place), 0);
	assert_int_equal(evring_create(&ring), 0);
	connect_daemon(&connection);
	open_message(&message, "vhost-user", place);
	assert_int_equal(usock_send(connection, &message, sizeof(message),
				    (int[]){ ring.memory_fd, ring.doorbell_fd }, 2),
			 0);
	vhost_guest_up(&guest, scene.name);
	generation = await_up(connection).generation;
	for (unsigned node = 0; node < SHAPE_NODES; node++)
		for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
			push(&ring, generation, node, &bad[i]);
	push(&ring, generation, SHAPE_NODES, &other);
	push(&ring, generation, 127, &other);
	push(&ring, generation - 1, SHAPE_KEYBOARD, &other);
	push(&ring, generation + 1, SHAPE_KEYBOARD, &other);
	push(&ring, generation, SHAPE_KEYBOARD, &good);
	guest_expect_key(&guest.fe[SHAPE_KEYBOARD], KEY_A, 1);
	/* Of a key that is down, too. */
	for (int value = -1; value <= 3; value += 4)
		push(&ring, generation, SHAPE_KEYBOARD,
		     &(struct input_event){ .type = EV_KEY, .code = KEY_A, .value = value });
	push(&ring, generation, SHAPE_KEYBOARD, &other);
	guest_expect_key(&guest.fe[SHAPE_KEYBOARD], KEY_C, 1);
	for (unsigned node = 0; node < SHAPE_NODES; node++) {
		guest_harvest(&guest.fe[node]);
		assert_int_equal(guest.fe[node].guest.events, 0);
	}
	vhost_guest_down(&guest);
	close(connection);
	evring_close(&ring);
}

/* It ends as ever, though a read of the guard would wait, or a write to a device that is full. */
static void test_blocking_descriptors(void **state)
{
	char full[65536] = { 0 };
	int connection;

	(void)state;
	connect_daemon(&connection);
	fcntl(scene.guard[0], F_SETFL, 0);
	keep_all(connection, scene.guard[0]);
	while (write(scene.device[1], full, sizeof(full)) > 0)
		;
	fcntl(scene.device[1], F_SETFL, 0);
	keep(connection, SHAPE_POINTER, scene.guard[0]);
	/* And once more, when it has looked at them. */
	close(connection);
	connect_daemon(&connection);
	fcntl(scene.guard[0], F_SETFL, 0);
	tell(connection, KEEPER_BYE);
	close(connection);
	connect_daemon(&connection);
	close(connection);
}

static void test_empty_packets(void **state)
{
	const int fds[] = { scene.device[1], scene.guard[0] };
	int connection;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		connect_daemon(&connection);
		assert_int_equal(usock_send(connection, "", 0, fds, 2), 0);
		keeper_expect_silence(connection);
	}
	connect_daemon(&connection);
	keeper_await_holds(scene.keeper, "pipe:*", LOG_PIPE);
	close(connection);
}

/* --- who only asks ----------------------------------------------------------------------- */

/* Asked more often than it looks, it ends as soon as if nobody had: a daemon of another version does so. */
static void test_asking_is_no_reason_to_stay(void **state)
{
	int connection, rc = 0;
	long since = now_ms();

	(void)state;
	connect_daemon(&connection);
	keep_all(connection, scene.device[0]);
	close(connection);
	while (rc == 0 && now_ms() - since < KEEPER_WAIT_MS + 5000) {
		rc = usock_connect(scene.path, SOCK_SEQPACKET);
		if (rc >= 0)
			close(rc);
		rc = rc >= 0 || rc == -EAGAIN ? 0 : rc;
		usleep(300000); /* a pace, not a wait */
	}
	assert_true(rc == -ENOENT || rc == -ECONNREFUSED);
	assert_true(now_ms() - since > KEEPER_WAIT_MS / 2);
}

static void say_other_version(int connection, enum keeper_type type)
{
	const int fds[] = { scene.device[1], scene.device[0] };
	struct keeper_message message = keeper_message(type);

	message.version++;
	assert_int_equal(usock_send(connection, &message, sizeof(message), fds, 2), 0);
}

/* Nothing is written to a node: what is down in the guest is the guest's affair until a daemon comes. */
static void test_other_version_changes_nothing(void **state)
{
	struct keeper_hello hello;
	char text[256];
	int connection;

	(void)state;
	connect_daemon(&connection);
	keep_all(connection, scene.guard[0]);
	close(connection);
	hello = connect_daemon(&connection); /* after it has seen to the end of the last */
	close(connection);
	expect_kept(&hello, true);
	for (unsigned type = 0; type < 12; type++) {
		hello = connect_daemon(&connection);
		expect_kept(&hello, true);
		say_other_version(connection, type);
		keeper_expect_silence(connection);
	}
	while (read(scene.device[0], text, sizeof(text)) > 0)
		;
	connect_daemon(&connection); /* it is done with the last message when it greets */
	close(connection);
	keeper_await_holds(scene.keeper, "pipe:*", LOG_PIPE + 2 * SHAPE_NODES);
}

/* --- other users ------------------------------------------------------------------------- */

#define KEEPER_UID   1000
#define STRANGER_UID 1001

/* Whether a process of this user is greeted. */
static bool greets(uid_t uid)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct keeper_message message;
		int fds[USOCK_FDS_MAX], fd;
		struct pollfd in = { .events = POLLIN };
		unsigned n;

		if (setresuid(uid, uid, uid) < 0)
			_exit(126);
		in.fd = fd = usock_connect(scene.path, SOCK_SEQPACKET);
		if (fd < 0)
			_exit(2);
		poll(&in, 1, WORLD_MS);
		_exit(usock_receive(fd, &message, sizeof(message), fds, &n) > 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		return false;
	assert_in_range(WEXITSTATUS(status), 0, 1);
	return WEXITSTATUS(status) == 1;
}

/* What it makes is its user's, and takes that user and root alone, also where the file lets others in. */
static void test_users(void **state)
{
	struct stat status;

	(void)state;
	if (geteuid() != 0)
		skip();
	kill(scene.keeper, SIGKILL);
	waitpid(scene.keeper, NULL, 0);
	unlink(scene.path);
	*strrchr(scene.path, '/') = '\0';
	assert_int_equal(chown(scene.dir, KEEPER_UID, (gid_t)-1), 0);
	assert_int_equal(chown(scene.path, KEEPER_UID, (gid_t)-1), 0);
	assert_int_equal(keeper_path(scene.name, scene.path), 0);
	start_keeper(KEEPER_UID);
	assert_int_equal(stat(scene.path, &status), 0);
	assert_int_equal(status.st_uid, KEEPER_UID);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_true(greets(KEEPER_UID));
	assert_true(greets(0));
	assert_false(greets(STRANGER_UID));
	assert_int_equal(chmod(scene.path, 0666), 0);
	*strrchr(scene.path, '/') = '\0';
	assert_int_equal(chmod(scene.path, 0711), 0);
	assert_int_equal(chmod(scene.dir, 0711), 0);
	assert_int_equal(keeper_path(scene.name, scene.path), 0);
	assert_false(greets(STRANGER_UID));
	assert_true(greets(KEEPER_UID));
}

static void test_no_socket(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		dup2(open("/dev/null", O_RDWR), STDERR_FILENO);
		close(LAUNCH_LISTENER_FD);
		execl("/proc/self/exe", "evswitch", KEEPER_OPTION, scene.name, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 64);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_one_has_nothing),
		TEST(test_gives_back),
		TEST(test_without_guards),
		TEST(test_one_daemon_at_a_time),
		TEST(test_last_words),
		TEST(test_ends_after_bye),
		TEST(test_waits_for_the_next),
		TEST(test_nobody_ever_comes),
		TEST(test_stays_while_held),
		TEST(test_retires),
		TEST(test_nonsense),
		TEST(test_broken_daemon_is_dropped),
		TEST(test_frame_without_end),
		TEST(test_frames_that_no_device_makes),
		TEST(test_blocking_descriptors),
		TEST(test_empty_packets),
		TEST(test_asking_is_no_reason_to_stay),
		TEST(test_other_version_changes_nothing),
		TEST(test_users),
		TEST(test_no_socket),
	};

	if (argc == 3 && strcmp(argv[1], KEEPER_OPTION) == 0)
		return keeper_run(argv[2], channel_endpoint);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
