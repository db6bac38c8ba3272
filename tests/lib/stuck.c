/* SPDX-License-Identifier: MIT */
/* The least that a FUSE server must answer, in a mount namespace of its own. */
#include "stuck.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/usock.h"
#include "base/util.h"

#define FILE_SIZE (1 << 20)
#define FDS_MAX   1024
#define GIVE_UP_S 60 /* nothing waits longer, whatever becomes of the test */

static void reply(int dev, uint64_t unique, const void *body, size_t size)
{
	struct {
		struct fuse_out_header header;
		uint8_t body[256];
	} message = { .header = { (uint32_t)(sizeof(message.header) + size), 0, unique } };

	memcpy(message.body, body, size);
	(void)!write(dev, &message, sizeof(message.header) + size);
}

static struct fuse_attr attr_of(uint64_t node)
{
	return (struct fuse_attr){ .ino = node,
				   .size = FILE_SIZE,
				   .nlink = 1,
				   .mode = node == 1 ? S_IFDIR | 0777 : S_IFREG | 0666 };
}

/* True until the file is open. */
static bool answer(int dev, const struct fuse_in_header *in)
{
	struct fuse_init_out init = { .major = 7, .minor = 31, .max_write = 4096 };
	struct fuse_entry_out entry = { .nodeid = 2, .attr = attr_of(2) };
	struct fuse_attr_out attr = { .attr = attr_of(in->nodeid) };
	struct fuse_open_out open = { .fh = 1 };

	if (in->opcode == FUSE_INIT)
		reply(dev, in->unique, &init, sizeof(init));
	else if (in->opcode == FUSE_LOOKUP)
		reply(dev, in->unique, &entry, sizeof(entry));
	else if (in->opcode == FUSE_GETATTR)
		reply(dev, in->unique, &attr, sizeof(attr));
	else if (in->opcode == FUSE_OPEN)
		reply(dev, in->unique, &open, sizeof(open));
	return in->opcode != FUSE_OPEN;
}

static _Noreturn void serve(int dev)
{
	static union {
		struct fuse_in_header header;
		uint8_t bytes[1 << 18];
	} message;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(GIVE_UP_S);
	while (read(dev, &message, sizeof(message)) > 0)
		if (!answer(dev, &message.header))
			break;
	for (;;)
		pause();
}

/* Reads into memory that never comes: with the pipe's lock. */
static void hold(int pipe, int fd)
{
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	(void)!read(pipe, map, 8);
}

/* Opens the file and sends it; ends with the server, not before. */
static _Noreturn void open_there(const char *dir, int to, int pipe)
{
	char path[64];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || usock_send(to, "", 1, &fd, 1) < 0)
		_exit(1);
	if (pipe >= 0)
		hold(pipe, fd);
	for (;;)
		pause();
}

static bool mount_at(const char *dir, int dev)
{
	uid_t uid = getuid();
	char data[64];

	if (unshare(uid ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=%u,group_id=%u", dev, getuid(),
		 getgid());
	return mount("evswitch", dir, "fuse", MS_NOSUID | MS_NODEV, data) == 0;
}

/* The child mounts, tells the pid of the one that serves, and becomes the one that opens. */
static _Noreturn void start(const char *dir, int to, int pipe)
{
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	pid_t server;

	if (dev < 0 || !mount_at(dir, dev))
		_exit(1);
	server = fork();
	if (server == 0) {
		close(to);
		serve(dev);
	}
	close(dev);
	if (server < 0 || send(to, &server, sizeof(server), MSG_NOSIGNAL) < 0)
		_exit(1);
	open_there(dir, to, pipe);
}

/* The test's own: a socket that it closes has to be closed. */
static void close_others(int to, int pipe)
{
	for (int fd = 3; fd < FDS_MAX; fd++)
		if (fd != to && fd != pipe)
			close(fd);
}

/* -1 where it cannot be had. 'pipe': both ends, of which the first is to be held; or NULL. */
static int make_file(struct stuck *stuck, const int *pipe)
{
	char dir[] = "/tmp/evswitch-stuck-XXXXXX", byte;
	int pair[2], fds[USOCK_FDS_MAX] = { -1 };
	unsigned n = 0;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fflush(NULL);
	stuck->holder = fork();
	assert_true(stuck->holder >= 0);
	if (stuck->holder == 0) {
		close_others(pair[1], pipe ? pipe[0] : -1);
		start(dir, pair[1], pipe ? pipe[0] : -1);
	}
	close(pair[1]);
	if (recv(pair[0], &stuck->server, sizeof(stuck->server), 0) == sizeof(stuck->server)) {
		ssize_t got = recv(pair[0], &byte, 1, MSG_PEEK);

		if (got == 1)
			usock_receive(pair[0], &byte, 1, fds, &n);
	}
	close(pair[0]);
	rmdir(dir);
	return n == 1 ? fds[0] : -1;
}

/* Until nothing more goes into it. */
static int make_socket(int *other)
{
	static const struct linger linger = { .l_onoff = 1, .l_linger = GIVE_UP_S };
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char bytes[4096] = "";

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
	*other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*other >= 0);
	close(listener);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return fd;
}

/* Its lock is taken when the 8 bytes in it are there and their reader waits for memory. */
static void await_held(struct stuck *stuck)
{
	char path[64], state[512];

	for (;;) {
		autoclose int fd = -1;
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/stack", stuck->holder);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, state, sizeof(state) - 1);
		if (n <= 0)
			break;
		state[n] = '\0';
		if (strstr(state, "pipe_read"))
			return;
	}
	usleep(200000); /* only root may see where it waits */
}

bool stuck_make(struct stuck *stuck, enum stuck_kind kind)
{
	int pair[2];

	*stuck = (struct stuck){ .fd = -1, .other = -1 };
	switch (kind) {
	case STUCK_FILE:
		stuck->fd = make_file(stuck, NULL);
		return stuck->fd >= 0;
	case STUCK_SOCKET:
		stuck->fd = make_socket(&stuck->other);
		return true;
	default:
		assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
		assert_int_equal(write(pair[1], "8 bytes.", 8), 8);
		stuck->other = make_file(stuck, pair);
		close(pair[0]);
		stuck->fd = pair[1];
		if (stuck->other < 0)
			return false;
		await_held(stuck);
		return true;
	}
}

void stuck_end(struct stuck *stuck)
{
	if (stuck->server > 0)
		kill(stuck->server, SIGKILL);
	if (stuck->holder > 0) {
		kill(stuck->holder, SIGKILL);
		waitpid(stuck->holder, NULL, 0);
	}
	close_fd(&stuck->other);
	if (stuck->fd > 0)
		close(stuck->fd);
	*stuck = (struct stuck){ .fd = -1, .other = -1 };
}
