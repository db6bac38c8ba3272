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

#include "keeper.h"
#include "keepers.h"
#include "util.h"
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

static void start_keeper(void)
{
	int listener = usock_listen(scene.path, SOCK_SEQPACKET, 0600);

	assert_true(listener >= 0);
	scene.keeper = fork();
	if (scene.keeper == 0) {
		int null = open("/dev/null", O_RDWR);

		/* None of them is to be a pipe of the test's caller: pipes are counted. */
		for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
			dup2(null, fd);
		if (listener == KEEPER_LISTENER_FD)
			fcntl(listener, F_SETFD, 0);
		else
			dup2(listener, KEEPER_LISTENER_FD);
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
	start_keeper();
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
	assert_int_equal(keeper_holds(scene.keeper, "pipe:*"), LOG_PIPE + 2 * SHAPE_NODES);
	close(connection);
}

static void test_ends_after_bye(void **state)
{
	int connection;

	(void)state;
	connect_daemon(&connection);
	keep_all(connection, scene.device[0]);
	tell(connection, KEEPER_BYE);
	expect_ended(1500);
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
	took = keeper_await_end(scene.keeper, KEEPER_WAIT_MS + 3000);
	assert_in_range(took, KEEPER_WAIT_MS - 1000, KEEPER_WAIT_MS + 3000);
	assert_int_equal(access(scene.path, F_OK), -1);
}

static void test_nobody_ever_comes(void **state)
{
	(void)state;
	expect_ended(KEEPER_WAIT_MS + 3000);
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
	expect_ended(1500);
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
	expect_ended(1500);
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
	snprintf(message.open.via, KEEPER_VIA_MAX, "vhost-user");
	say(&message, sizeof(message), 2); /* which are no ring */
	say(&message, sizeof(message), 1);
	connect_daemon(&connection);
	assert_int_equal(keeper_holds(scene.keeper, "pipe:*"), LOG_PIPE + 2 * SHAPE_NODES);
	close(connection);
}

static void test_no_socket(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		dup2(open("/dev/null", O_RDWR), STDERR_FILENO);
		close(KEEPER_LISTENER_FD);
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
		TEST(test_no_socket),
	};

	if (argc == 3 && strcmp(argv[1], KEEPER_OPTION) == 0)
		return keeper_run(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
