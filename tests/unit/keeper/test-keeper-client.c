/* SPDX-License-Identifier: MIT */
/*
 * The daemon's side of a keeper that is broken: the test is the keeper, and a half daemon asks it. It must
 * hang up, say so, and neither wait nor lose a descriptor.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "half-daemon.h"
#include "keepers.h"
#include "lingering.h"
#include "now.h"
#include "base/log.h"
#include "base/util.h"
#include "world.h"

#define NOBODY 65534

struct scene {
	char dir[32], name[32];
	pid_t daemon;
	int listener, control;
	int pipe[2];    /* a descriptor that is no device */
	unsigned pipes; /* that the daemon had when it began */
};

static struct scene scene;

static struct report ask(enum order what)
{
	struct request request = { .order = what };
	struct pollfd in = { .fd = scene.control, .events = POLLIN };
	struct report report;

	assert_int_equal(send(scene.control, &request, sizeof(request), MSG_NOSIGNAL),
			 sizeof(request));
	if (poll(&in, 1, WORLD_MS) != 1)
		fail_msg("the daemon does not answer");
	assert_int_equal(recv(scene.control, &report, sizeof(report), 0), sizeof(report));
	return report;
}

static void start_daemon(void)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	scene.daemon = fork();
	assert_true(scene.daemon >= 0);
	if (scene.daemon == 0) {
		close(scene.pipe[0]);
		close(scene.pipe[1]);
		close(ends[0]);
		half_daemon_run(scene.name, ends[1]);
	}
	close(ends[1]);
	scene.control = ends[0];
	ask(ORDER_LOOK);
	scene.pipes = keeper_holds(scene.daemon, "pipe:*");
}

static int setup(void **state)
{
	(void)state;
	scene = (struct scene){ .dir = "/tmp/evswitch-kept-XXXXXX" };
	assert_non_null(mkdtemp(scene.dir));
	setenv("XDG_RUNTIME_DIR", scene.dir, 1);
	snprintf(scene.name, sizeof(scene.name), "kept%d", getpid());
	keepers_look_at(scene.name);
	scene.listener = keeper_play();
	assert_int_equal(pipe2(scene.pipe, O_CLOEXEC), 0);
	start_daemon();
	return 0;
}

static int teardown(void **state)
{
	char command[80];

	(void)state;
	kill(scene.daemon, SIGKILL);
	waitpid(scene.daemon, NULL, 0);
	close(scene.control);
	close(scene.listener);
	close_fd(&scene.pipe[0]);
	close_fd(&scene.pipe[1]);
	snprintf(command, sizeof(command), "rm -rf %s", scene.dir);
	return system(command);
}

/* The daemon hangs up, and keeps nothing: what it was passed, a thread closes. */
static void expect_dropped(int connection)
{
	keeper_expect_silence(connection);
	assert_false(ask(ORDER_LOOK).attached);
	keeper_await_holds(scene.daemon, "pipe:*", scene.pipes);
}

static int pass(int connection, const struct keeper_message *message, size_t size, unsigned n_fds)
{
	const int fds[] = { scene.pipe[1], scene.pipe[1], scene.pipe[1],
			    scene.pipe[0], scene.pipe[0], scene.pipe[0] };

	return usock_send(connection, message, size, fds, n_fds);
}

static void say(const struct keeper_message *message, size_t size, unsigned n_fds)
{
	int connection = keeper_accept(scene.listener);
	int rc = pass(connection, message, size, n_fds);

	/* A daemon that waits for too long hangs up, and comes again. */
	while (rc == -EPIPE || rc == -ECONNRESET) {
		close(connection);
		connection = keeper_accept(scene.listener);
		rc = pass(connection, message, size, n_fds);
	}
	assert_int_equal(rc, 0);
	expect_dropped(connection);
}

static struct keeper_message hello_of_nodes(void)
{
	struct keeper_message hello = keeper_message(KEEPER_HELLO);

	snprintf(hello.hello.identity.via, KEEPER_VIA_MAX, "input-linux");
	hello.hello.nodes = 7;
	hello.hello.guards = 7;
	hello.hello.in_use = true;
	return hello;
}

/* A write to it could wait for ever, and so could a read. */
static void test_nodes_that_are_no_devices(void **state)
{
	struct keeper_message hello = hello_of_nodes();

	(void)state;
	say(&hello, sizeof(hello), 6);
}

static void stop_daemon(void)
{
	int status;

	kill(scene.daemon, SIGSTOP);
	assert_int_equal(waitpid(scene.daemon, &status, WUNTRACED), scene.daemon);
}

/*
 * A descriptor that waits when it is closed, with this message in place of a node. The daemon stands
 * still: who closes it last waits, and that is not to be the test.
 */
static void say_lingering(int connection, struct lingering *lingering,
			  const struct keeper_message *message, unsigned n_fds)
{
	const int fds[] = { lingering->fd, scene.pipe[1], scene.pipe[1],
			    scene.pipe[0], scene.pipe[0], scene.pipe[0] };

	assert_int_equal(usock_send(connection, message, sizeof(*message), fds, n_fds), 0);
	close_fd(&lingering->fd);
}

static void test_node_that_lingers(void **state)
{
	struct keeper_message hello = hello_of_nodes();
	struct lingering lingering;
	int connection = keeper_accept(scene.listener);

	(void)state;
	lingering_open(&lingering);
	stop_daemon();
	say_lingering(connection, &lingering, &hello, 6);
	kill(scene.daemon, SIGCONT);
	assert_false(ask(ORDER_LOOK).attached);
	lingering_close(&lingering);
	expect_dropped(connection);
}

/* The number is wrong, and what comes behind it is not read any more. */
static void test_descriptors_that_linger_unread(void **state)
{
	struct keeper_message hello = hello_of_nodes();
	struct lingering lingering[2];
	int connection = keeper_accept(scene.listener);

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		lingering_open(&lingering[i]);
	stop_daemon();
	for (unsigned i = 0; i < 2; i++)
		say_lingering(connection, &lingering[i], &hello, 1);
	kill(scene.daemon, SIGCONT);
	assert_false(ask(ORDER_LOOK).attached);
	for (unsigned i = 0; i < 2; i++)
		lingering_close(&lingering[i]);
	expect_dropped(connection);
}

static void test_wrong_number_of_descriptors(void **state)
{
	struct keeper_message hello = hello_of_nodes();

	(void)state;
	say(&hello, sizeof(hello), 2);
	hello = keeper_message(KEEPER_HELLO);
	say(&hello, sizeof(hello), 2);
}

/* What it sent would be believed, and the guest's devices, with all that is typed, handed to it. */
static void test_keeper_of_another_user(void **state)
{
	struct keeper_message hello = keeper_message(KEEPER_HELLO);
	int connection, rc;

	(void)state;
	if (geteuid() != 0) {
		puts("skip: another user's keeper takes root");
		skip();
	}
	connection = keeper_accept(scene.listener); /* to us: it was made before */
	/* The kernel notes who calls listen. */
	assert_int_equal(seteuid(NOBODY), 0);
	assert_int_equal(listen(scene.listener, 1), 0);
	assert_int_equal(seteuid(0), 0);
	close(connection);
	connection = keeper_accept(scene.listener);
	rc = usock_send(connection, &hello, sizeof(hello), NULL, 0);
	assert_true(rc == 0 || rc == -EPIPE || rc == -ECONNRESET);
	expect_dropped(connection);
}

static void test_wrong_field(void **state)
{
	struct keeper_message hello = keeper_message(KEEPER_HELLO);

	(void)state;
	memset(&hello.hello.in_use, 7, sizeof(hello.hello.in_use));
	say(&hello, sizeof(hello), 0);
}

static void test_words_of_a_daemon(void **state)
{
	struct keeper_message message;

	(void)state;
	message = keeper_message(KEEPER_BYE);
	say(&message, sizeof(message), 0);
	message = keeper_message(KEEPER_RETIRE);
	say(&message, sizeof(message), 0);
}

/* It looks like the end, after which another try follows soon. */
static void test_empty_packet(void **state)
{
	struct keeper_message message = { 0 };

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		say(&message, 0, 6);
}

/* The daemon gives this keeper the guest's end to drive. */
static bool is_taken(int connection)
{
	struct keeper_message message = keeper_message(KEEPER_HELLO);
	struct pollfd in = { .fd = connection, .events = POLLIN };
	int fds[USOCK_FDS_MAX];
	unsigned n_fds = 0;
	ssize_t size;

	if (usock_send(connection, &message, sizeof(message), NULL, 0) < 0 ||
	    poll(&in, 1, WORLD_MS) != 1)
		return false;
	size = usock_receive(connection, &message, sizeof(message), fds, &n_fds);
	while (n_fds)
		close_fd(&fds[--n_fds]);
	return size == sizeof(message) && message.type == KEEPER_OPEN;
}

/*
 * The guest's end, played by a keeper that says what it likes of it. A daemon that waits for too long, as it does
 * while the test gets no processor, hangs up and comes again.
 */
static int attach(void)
{
	long deadline = now_ms() + WORLD_MS;
	int connection = keeper_accept(scene.listener);

	while (!is_taken(connection)) {
		if (now_ms() > deadline)
			fail_msg("the daemon takes no keeper");
		close(connection);
		connection = keeper_accept(scene.listener);
	}
	return connection;
}

static void test_second_hello(void **state)
{
	struct keeper_message message = keeper_message(KEEPER_HELLO);
	int connection = attach();

	(void)state;
	assert_int_equal(usock_send(connection, &message, sizeof(message), NULL, 0), 0);
	expect_dropped(connection);
}

static void test_state_without_an_end(void **state)
{
	struct keeper_message message = keeper_message(KEEPER_STATE);
	int connection = attach();

	(void)state;
	memset(message.state.why, 'x', sizeof(message.state.why));
	assert_int_equal(usock_send(connection, &message, sizeof(message), NULL, 0), 0);
	expect_dropped(connection);
}

/* It goes to the log and to the terminal. */
static void test_reason_is_made_printable(void **state)
{
	struct keeper_message message = keeper_message(KEEPER_STATE);
	struct report report;
	int connection = attach();

	(void)state;
	snprintf(message.state.why, KEEPER_WHY_MAX, "a\033[31mb\nc");
	assert_int_equal(usock_send(connection, &message, sizeof(message), NULL, 0), 0);
	while (ask(ORDER_LOOK).pending)
		;
	report = ask(ORDER_ENTER);
	assert_int_equal(report.error, -ENOTCONN);
	assert_string_equal(report.why, "a\\x1b[31mb\\x0ac");
	close(connection);
}

/* What the user is told. */
static bool is_why(const char *part)
{
	struct report report = ask(ORDER_ENTER);

	assert_int_equal(report.error, -ENOTCONN);
	return strstr(report.why, part);
}

/* The daemon tells the user this, before it waits in vain for the next keeper, or soon. */
static void say_and_expect(const struct keeper_message *message, size_t size, unsigned n_fds,
			   const char *why)
{
	long deadline = now_ms() + WORLD_MS;

	do {
		if (now_ms() > deadline)
			fail_msg("not \"%s\", but: %s", why, ask(ORDER_ENTER).why);
		say(message, size, n_fds);
	} while (!is_why(why));
}

static void test_busy(void **state)
{
	struct keeper_message message = keeper_message(KEEPER_BUSY);

	(void)state;
	say_and_expect(&message, sizeof(message), 0, "another evswitch is running");
	close(attach());
}

/* It is left alone for long, so that its guest keeps the devices. */
static void test_other_version(void **state)
{
	struct keeper_message message = hello_of_nodes();

	(void)state;
	message.version++;
	say_and_expect(&message, sizeof(message), 6, "another version");
}

static void test_shorter_message(void **state)
{
	struct keeper_message message = keeper_message(KEEPER_HELLO);

	(void)state;
	message.size -= 8;
	say_and_expect(&message, sizeof(message) - 8, 0, "another version");
}

static void test_no_keeper(void **state)
{
	struct keeper_message message = keeper_message(KEEPER_HELLO);

	(void)state;
	message.magic++;
	say_and_expect(&message, sizeof(message), 0, "is not a keeper");
	close(attach());
}

/* It takes the connection, and says nothing for longer than a keeper may. */
static void test_silent_keeper(void **state)
{
	(void)state;
	expect_dropped(keeper_accept(scene.listener));
	assert_true(is_why("does not answer"));
	close(attach());
}

/* It has taken the guest's end, and says nothing of it. */
static void test_silent_about_the_state(void **state)
{
	(void)state;
	expect_dropped(attach());
	assert_true(is_why("does not answer"));
	close(attach());
}

/* Nobody takes connections at the socket. No second keeper is started beside one that may be busy. */
static void test_keeper_that_accepts_nobody(void **state)
{
	int connection = keeper_accept(scene.listener);

	(void)state;
	keeper_crowd();
	close(connection);
	for (long deadline = now_ms() + WORLD_MS; !is_why("does not answer");)
		assert_true(now_ms() < deadline);
	assert_false(keeper_runs());
	/* The crowd has gone, and leaves the daemon among those that still wait, or come. */
	close(attach());
}

/* It has no room for what a keeper passes: nothing of that is kept, and it comes back. */
static void test_no_room_for_descriptors(void **state)
{
	const struct keeper_message hello = hello_of_nodes();
	long deadline = now_ms() + WORLD_MS;
	struct rlimit few = { .rlim_cur = 1 }, before;
	bool told;

	(void)state;
	assert_int_equal(prlimit(scene.daemon, RLIMIT_NOFILE, NULL, &before), 0);
	few.rlim_max = before.rlim_max;
	do {
		int connection = keeper_accept(scene.listener);

		assert_true(now_ms() < deadline);
		prlimit(scene.daemon, RLIMIT_NOFILE, &few, NULL);
		pass(connection, &hello, sizeof(hello), 6);
		expect_dropped(connection);
		told = is_why("out of descriptors");
		prlimit(scene.daemon, RLIMIT_NOFILE, &before, NULL);
	} while (!told);
	close(attach());
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nodes_that_are_no_devices),
		TEST(test_node_that_lingers),
		TEST(test_descriptors_that_linger_unread),
		TEST(test_wrong_number_of_descriptors),
		TEST(test_keeper_of_another_user),
		TEST(test_wrong_field),
		TEST(test_words_of_a_daemon),
		TEST(test_empty_packet),
		TEST(test_second_hello),
		TEST(test_state_without_an_end),
		TEST(test_reason_is_made_printable),
		TEST(test_busy),
		TEST(test_other_version),
		TEST(test_shorter_message),
		TEST(test_no_keeper),
		TEST(test_silent_keeper),
		TEST(test_silent_about_the_state),
		TEST(test_keeper_that_accepts_nobody),
		TEST(test_no_room_for_descriptors),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
