/* SPDX-License-Identifier: MIT */
/* Unix sockets by path: what is in the way, who may connect, and descriptors that come along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lingering.h"
#include "now.h"
#include "base/peer-fd.h"
#include "base/usock.h"
#include "base/util.h"

struct place {
	char dir[32];
	char path[USOCK_PATH_MAX];
};

static struct place place;

static int setup(void **state)
{
	(void)state;
	place = (struct place){ .dir = "/tmp/evswitch-usock-XXXXXX" };
	assert_non_null(mkdtemp(place.dir));
	snprintf(place.path, sizeof(place.path), "%s/socket", place.dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(place.path);
	rmdir(place.dir);
	return 0;
}

static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int listen_here(void)
{
	int fd = usock_listen(place.path, SOCK_SEQPACKET, 0600);

	assert_true(fd >= 0);
	return fd;
}

/* --- listening and connecting ------------------------------------------------------------ */

static void test_connect(void **state)
{
	int listener = listen_here(), client = usock_connect(place.path, SOCK_SEQPACKET), server;

	(void)state;
	assert_true(client >= 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	assert_int_equal(usock_peer(server), geteuid());
	assert_int_equal(usock_peer(client), geteuid());
	assert_int_equal(fcntl(client, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(listener, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(client, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	close(server);
	close(client);
	close(listener);
}

/* As systemd in a container names its notification socket. */
static void test_abstract(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), client;
	socklen_t size = sizeof(sa_family_t);
	char name[sizeof(address.sun_path)] = "", text[8] = "";

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	size = sizeof(address);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	memcpy(name, address.sun_path, size - sizeof(sa_family_t));
	name[0] = '@';
	client = usock_connect(name, SOCK_DGRAM);
	assert_true(client >= 0);
	assert_int_equal(write(client, "ready", 5), 5);
	assert_int_equal(read(listener, text, sizeof(text)), 5);
	assert_string_equal(text, "ready");
	close(client);
	close(listener);
	assert_int_equal(usock_connect(name, SOCK_DGRAM), -ECONNREFUSED);
}

static void test_nobody_listens(void **state)
{
	int listener;

	(void)state;
	assert_int_equal(usock_connect(place.path, SOCK_SEQPACKET), -ENOENT);
	listener = listen_here();
	close(listener);
	assert_int_equal(usock_connect(place.path, SOCK_SEQPACKET), -ECONNREFUSED);
}

/* The file of a process that was killed. */
static void test_stale_gives_way(void **state)
{
	int status, listener;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(usock_listen(place.path, SOCK_SEQPACKET, 0600) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(place.path, F_OK), 0);
	listener = listen_here();
	close(usock_connect(place.path, SOCK_SEQPACKET));
	close(listener);
}

#define RIVALS 4

/* Says with one byte whether it listens, and goes on until it is told to end. */
static void be_rival(int start, int end, int result)
{
	char c;
	int fd;

	(void)!read(start, &c, 1);
	fd = usock_listen(place.path, SOCK_SEQPACKET, 0600);
	c = fd >= 0 ? 1 : fd == -EADDRINUSE ? 0 : 100;
	(void)!write(result, &c, 1);
	(void)!read(end, &c, 1);
	_exit(0);
}

static unsigned count_winners(int result)
{
	unsigned won = 0;
	char c;

	for (unsigned i = 0; i < RIVALS; i++) {
		assert_int_equal(read(result, &c, 1), 1);
		won += (unsigned)c;
	}
	return won;
}

/* Over a stale file, and all in the same instant: one listens, and can be reached. */
static void test_one_of_many(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		int start[2], end[2], result[2], client;

		close(listen_here());
		assert_int_equal(pipe2(start, O_CLOEXEC), 0);
		assert_int_equal(pipe2(end, O_CLOEXEC), 0);
		assert_int_equal(pipe2(result, O_CLOEXEC), 0);
		for (unsigned i = 0; i < RIVALS; i++)
			if (fork() == 0) {
				close(start[1]);
				close(end[1]);
				be_rival(start[0], end[0], result[1]);
			}
		close(start[1]);
		assert_int_equal(count_winners(result[0]), 1);
		client = usock_connect(place.path, SOCK_SEQPACKET);
		assert_true(client >= 0);
		close(client);
		close(end[1]);
		while (wait(NULL) > 0)
			;
		close(start[0]);
		close(end[0]);
		close(result[0]);
		close(result[1]);
	}
}

static void test_live_stays(void **state)
{
	int listener = listen_here(), client, server;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(usock_listen(place.path, SOCK_SEQPACKET, 0600), -EADDRINUSE);
	client = usock_connect(place.path, SOCK_SEQPACKET);
	assert_true(client >= 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	close(server);
	close(client);
	close(listener);
}

/* Whoever listens there for something else, or does not take any more, is no less alive. */
static void test_live_of_another_kind_stays(void **state)
{
	int listener = usock_listen(place.path, SOCK_STREAM, 0600);
	int client[64];
	unsigned n = 0;

	(void)state;
	assert_true(listener >= 0);
	assert_int_equal(usock_listen(place.path, SOCK_SEQPACKET, 0600), -EADDRINUSE);
	while (n < ARRAY_SIZE(client) && (client[n] = usock_connect(place.path, SOCK_STREAM)) >= 0)
		n++;
	assert_in_range(n, 1, ARRAY_SIZE(client) - 1);
	assert_int_equal(client[n], -EAGAIN);
	assert_int_equal(usock_listen(place.path, SOCK_STREAM, 0600), -EADDRINUSE);
	while (n)
		close(client[--n]);
	close(listener);
}

/* What is no socket is somebody's file. */
static void test_file_stays(void **state)
{
	int fd = open(place.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct stat status;

	(void)state;
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(usock_listen(place.path, SOCK_SEQPACKET, 0600), -EADDRINUSE);
	assert_int_equal(stat(place.path, &status), 0);
	assert_true(S_ISREG(status.st_mode));
	assert_int_equal(status.st_size, 8);
}

static void test_long_paths(void **state)
{
	char path[USOCK_PATH_MAX + 8];
	int listener;

	(void)state;
	memset(path, 'x', sizeof(path));
	memcpy(path, place.dir, strlen(place.dir));
	path[strlen(place.dir)] = '/';
	path[USOCK_PATH_MAX] = '\0';
	assert_int_equal(usock_listen(path, SOCK_STREAM, 0600), -ENAMETOOLONG);
	assert_int_equal(usock_connect(path, SOCK_STREAM), -ENAMETOOLONG);
	path[USOCK_PATH_MAX - 1] = '\0';
	listener = usock_listen(path, SOCK_STREAM, 0600);
	assert_true(listener >= 0);
	close(usock_connect(path, SOCK_STREAM));
	close(listener);
	unlink(path);
}

static void test_modes(void **state)
{
	static const mode_t modes[] = { 0600, 0660, 0666 };
	mode_t before = umask(027);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		int listener = usock_listen(place.path, SOCK_STREAM, modes[i]);
		struct stat status;

		assert_true(listener >= 0);
		assert_int_equal(stat(place.path, &status), 0);
		assert_int_equal(status.st_mode & 0777, modes[i]);
		close(listener);
		unlink(place.path);
	}
	assert_int_equal(umask(before), 027);
}

/* In whose directory others can replace a socket: they would be given what is typed. */
static void test_directory_of_others(void **state)
{
	static const struct {
		uid_t owner;
		mode_t mode;
		int rc;
	} cases[] = { { 0, 0711, 0 },           { 0, 01777, 0 },         { 0, 0777, -EPERM },
		      { 0, 0770, -EPERM },      { 65534, 0700, -EPERM }, { 65534, 0755, -EPERM },
		      { 65534, 01777, -EPERM }, { 1000, 0711, 0 },       { 1000, 0777, -EPERM },
		      { 1000, 0730, -EPERM } };

	(void)state;
	if (geteuid() != 0)
		skip();
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		int listener;

		assert_int_equal(chown(place.dir, cases[i].owner, (gid_t)-1), 0);
		assert_int_equal(chmod(place.dir, cases[i].mode), 0);
		if (cases[i].owner == 1000)
			assert_int_equal(seteuid(1000), 0);
		listener = usock_listen(place.path, SOCK_STREAM, 0600);
		assert_int_equal(seteuid(0), 0);
		if (listener < 0)
			assert_int_equal(listener, cases[i].rc);
		else
			assert_int_equal(0, cases[i].rc);
		close_fd(&listener);
		unlink(place.path);
	}
}

static void test_no_directory(void **state)
{
	unsigned before = count_fds();

	(void)state;
	assert_int_equal(usock_listen("/nowhere/socket", SOCK_STREAM, 0600), -ENOENT);
	assert_int_equal(usock_connect("/nowhere/socket", SOCK_STREAM), -ENOENT);
	assert_int_equal(count_fds(), before);
}

/* --- the directory ----------------------------------------------------------------------- */

static void test_dir(void **state)
{
	char dir[USOCK_PATH_MAX], expected[USOCK_PATH_MAX];
	struct stat status;

	(void)state;
	setenv("XDG_RUNTIME_DIR", place.dir, 1);
	snprintf(expected, sizeof(expected), "%s/evswitch", place.dir);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(usock_dir(dir), 0);
		assert_string_equal(dir, expected);
		assert_int_equal(stat(dir, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0700);
	}
	rmdir(dir);
}

/* It is named all the same, so that whoever asked can say what is missing. */
static void test_dir_missing(void **state)
{
	char dir[USOCK_PATH_MAX], path[256];

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	assert_int_equal(usock_dir(dir), -ENOENT);
	assert_string_equal(dir, "/nowhere/evswitch");
	assert_int_equal(usock_dir_name(dir), 0);
	assert_string_equal(dir, "/nowhere/evswitch");
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[USOCK_PATH_MAX - strlen("/evswitch")] = '\0';
	setenv("XDG_RUNTIME_DIR", path, 1);
	assert_int_equal(usock_dir(dir), -ENAMETOOLONG);
	assert_int_equal(usock_dir_name(dir), -ENAMETOOLONG);
}

static void test_dir_of_the_system(void **state)
{
	char dir[USOCK_PATH_MAX];

	(void)state;
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	assert_int_equal(usock_dir_name(dir), 0);
	assert_string_equal(dir, "/run/evswitch");
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(usock_dir_name(dir), 0);
	assert_string_equal(dir, "/run/evswitch");
}

/* --- messages and descriptors ------------------------------------------------------------ */

struct ends {
	int a, b;
	unsigned before;
};

static struct ends open_ends(int type)
{
	int ends[2];
	unsigned before = count_fds();

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
	return (struct ends){ ends[0], ends[1], before };
}

/* Threads close what was left out. */
static void await_closed(void)
{
	long deadline = now_ms() + LINGERING_MS;

	while (peer_fd_stuck() > 0)
		assert_true(now_ms() < deadline);
}

static void close_ends(const struct ends *ends)
{
	await_closed();
	close(ends->a);
	close(ends->b);
	assert_int_equal(count_fds(), ends->before);
}

static void test_descriptors(void **state)
{
	struct ends ends = open_ends(SOCK_SEQPACKET);
	int out[USOCK_FDS_MAX], in[USOCK_FDS_MAX];
	char text[16] = "", word[16] = "";
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < USOCK_FDS_MAX; i++) {
		int pipe_ends[2];

		assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
		assert_int_equal(write(pipe_ends[1], &i, sizeof(i)), sizeof(i));
		close(pipe_ends[1]);
		out[i] = pipe_ends[0];
	}
	assert_int_equal(usock_send(ends.a, "hello", 5, out, USOCK_FDS_MAX), 0);
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), in, &n), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(n, USOCK_FDS_MAX);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(fcntl(in[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(read(in[i], word, sizeof(word)), sizeof(i));
		assert_memory_equal(word, &i, sizeof(i));
		close(in[i]);
		close(out[i]);
	}
	close_ends(&ends);
}

static void test_end_and_nothing(void **state)
{
	struct ends ends = open_ends(SOCK_SEQPACKET);
	int fds[USOCK_FDS_MAX];
	char text[16];
	unsigned n = 9;

	(void)state;
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), -EAGAIN);
	assert_int_equal(n, 0);
	assert_int_equal(usock_send(ends.a, "x", 1, NULL, 0), 0);
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), 1);
	assert_int_equal(n, 0);
	shutdown(ends.a, SHUT_WR);
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), 0);
	shutdown(ends.b, SHUT_RDWR);
	assert_int_equal(usock_send(ends.a, "x", 1, NULL, 0), -EPIPE);
	close_ends(&ends);
}

/* Goodbye comes through, though who said it had not read all. */
static void test_last_words(void **state)
{
	struct ends ends = open_ends(SOCK_SEQPACKET);
	int fds[USOCK_FDS_MAX];
	char text[16];
	unsigned n;

	(void)state;
	assert_int_equal(usock_send(ends.b, "unread", 6, NULL, 0), 0);
	assert_int_equal(usock_send(ends.a, "bye", 3, NULL, 0), 0);
	close(ends.a);
	ends.a = -1;
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), 3);
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), 0);
	close_ends(&ends);
}

/* A message that is longer than its receiver has room for takes its descriptors with it. */
static void test_truncated_message(void **state)
{
	struct ends ends = open_ends(SOCK_SEQPACKET);
	int fds[USOCK_FDS_MAX], out[] = { 0, 1 };
	char text[4];
	unsigned n;

	(void)state;
	assert_int_equal(usock_send(ends.a, "hello", 5, out, 2), 0);
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), -EMSGSIZE);
	assert_int_equal(n, 0);
	close_ends(&ends);
}

/* Nothing but descriptors: it looks like the end, and costs nothing. */
static void test_empty_message(void **state)
{
	struct ends ends = open_ends(SOCK_SEQPACKET);
	int fds[USOCK_FDS_MAX], out[] = { 0, 1 };
	char text[4];
	unsigned n;

	(void)state;
	assert_int_equal(usock_send(ends.a, "", 0, out, 2), 0);
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), 0);
	assert_int_equal(n, 0);
	close_ends(&ends);
}

/* As many as the kernel passes: the last one is 'last', the others are stdin. */
static void send_many_descriptors(int fd, int last)
{
	enum { MANY = 253 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(MANY * sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(MANY * sizeof(int));
	memcpy(CMSG_DATA(&control.header) + (MANY - 1) * sizeof(int), &last, sizeof(last));
	assert_int_equal(sendmsg(fd, &message, 0), 1);
}

/* So do more descriptors than it has room for. */
static void test_too_many_descriptors(void **state)
{
	struct ends ends = open_ends(SOCK_SEQPACKET);
	int fds[USOCK_FDS_MAX];
	char text[4];
	unsigned n;

	(void)state;
	send_many_descriptors(ends.a, 0);
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), -EMSGSIZE);
	assert_int_equal(n, 0);
	assert_int_equal(
		usock_send(ends.a, "x", 1, (int[USOCK_FDS_MAX + 1]){ 0 }, USOCK_FDS_MAX + 1),
		-EINVAL);
	close_ends(&ends);
}

/* Whatever is left out, nobody waits until it is closed. */
static void test_left_out_descriptors_linger(void **state)
{
	struct ends ends = open_ends(SOCK_SEQPACKET);
	struct lingering long_message, empty, too_many;
	int fds[USOCK_FDS_MAX];
	char text[4];
	unsigned n;

	(void)state;
	lingering_open(&long_message);
	assert_int_equal(usock_send(ends.a, "hello", 5, &long_message.fd, 1), 0);
	close_fd(&long_message.fd);
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), -EMSGSIZE);
	lingering_close(&long_message);
	lingering_open(&empty);
	assert_int_equal(usock_send(ends.a, "", 0, &empty.fd, 1), 0);
	close_fd(&empty.fd);
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), 0);
	lingering_close(&empty);
	lingering_open(&too_many);
	send_many_descriptors(ends.a, too_many.fd);
	close_fd(&too_many.fd);
	assert_int_equal(usock_receive(ends.b, text, sizeof(text), fds, &n), -EMSGSIZE);
	lingering_close(&too_many);
	close_ends(&ends);
}

/* Never waits: a peer that does not read is told apart from one that is gone. */
static void test_full(void **state)
{
	struct ends ends = open_ends(SOCK_SEQPACKET);
	char text[512] = "";
	int rc = 0;

	(void)state;
	for (unsigned i = 0; i < 100000 && rc == 0; i++)
		rc = usock_send(ends.a, text, sizeof(text), NULL, 0);
	assert_int_equal(rc, -EAGAIN);
	close(ends.b);
	ends.b = -1;
	/* It has not read all: the kernel says so by ECONNRESET first. */
	assert_int_equal(usock_send(ends.a, text, sizeof(text), NULL, 0), -ECONNRESET);
	assert_int_equal(usock_send(ends.a, text, sizeof(text), NULL, 0), -EPIPE);
	close_ends(&ends);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connect),
		TEST(test_abstract),
		TEST(test_nobody_listens),
		TEST(test_stale_gives_way),
		TEST(test_one_of_many),
		TEST(test_live_stays),
		TEST(test_live_of_another_kind_stays),
		TEST(test_file_stays),
		TEST(test_long_paths),
		TEST(test_modes),
		TEST(test_directory_of_others),
		TEST(test_no_directory),
		TEST(test_dir),
		TEST(test_dir_missing),
		TEST(test_dir_of_the_system),
		TEST(test_descriptors),
		TEST(test_end_and_nothing),
		TEST(test_last_words),
		TEST(test_truncated_message),
		TEST(test_empty_message),
		TEST(test_too_many_descriptors),
		TEST(test_left_out_descriptors_linger),
		TEST(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
