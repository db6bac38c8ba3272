/* SPDX-License-Identifier: MIT */
/* Who is at the other end, which domain a cgroup belongs to, and what a descriptor is that it passed. */
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
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lingering.h"
#include "now.h"
#include "base/peer.h"
#include "base/peer-fd.h"
#include "base/usock.h"
#include "base/util.h"

static const struct {
	const char *cgroup, *domain;
	enum peer_domain is;
} cases[] = {
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dwin10.scope/libvirt/emulator\n", "win10",
	  PEER_IN_DOMAIN },
	{ "0::/machine.slice/machine-qemu\\x2d27\\x2dwin10.scope\n", "win10", PEER_IN_DOMAIN },
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dmy\\x2dwin10.scope\n", "my-win10",
	  PEER_IN_DOMAIN },
	{ "1:name=systemd:/machine.slice/machine-qemu\\x2d1\\x2dwin10.scope\n0::/\n", "win10",
	  PEER_IN_DOMAIN },
	/* libvirt drops what a host name cannot have. */
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dwin10.scope\n", "win_10", PEER_IN_DOMAIN },
	/* Half an escape is none; one at the end must not skip the end. */
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dwin\\x5.scope\n", "win-x5", PEER_IN_DOMAIN },
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dwin\\x 5.scope\n", "win-x5", PEER_IN_DOMAIN },
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dwin11.scope\n", "win10", PEER_IN_OTHER },
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dwin10.scope\n", "win11", PEER_IN_OTHER },
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dwin10.scope\n", "win1", PEER_IN_OTHER },
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dwin10.scope\n", "win100", PEER_IN_OTHER },
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dwin10.scope\n", "1-win10", PEER_IN_OTHER },
	{ "0::/machine/qemu-3-win10.libvirt-qemu/emulator\n", "win10", PEER_IN_DOMAIN },
	{ "0::/machine/qemu-3-win10.libvirt-qemu/emulator\n", "other", PEER_IN_OTHER },
	/* It cuts what is long, with "qemu-1-", after 64. */
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2d"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.scope\n",
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbb", PEER_IN_DOMAIN },
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2daaaa.scope\n", "aaaabbb", PEER_IN_OTHER },
	{ "0::/user.slice/user-1000.slice/user@1000.service/app.slice/libvirtd.service\n", "win10",
	  PEER_UNKNOWN },
	{ "0::/machine.slice/machine-lxc\\x2d1\\x2dwin10.scope\n", "win10", PEER_UNKNOWN },
	{ "0::/machine.slice/machine-qemu/other.scope\n", "win10", PEER_UNKNOWN },
	{ "0::/machine.slice/machine-qemu.scope\n", "win10", PEER_UNKNOWN },
	{ "0::/machine.slice/machine-qemu\\x2dwin10.scope\n", "win10", PEER_UNKNOWN },
	{ "0::/qemu-\n", "win10", PEER_UNKNOWN },
	{ "", "win10", PEER_UNKNOWN },
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dwin10.scope\n",
	  "4dea22b3-1d52-d8f3-2516-782e98ab3fa0", PEER_UNKNOWN },
};

static void test_cgroups(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		if (peer_domain(cases[i].cgroup, cases[i].domain) != cases[i].is)
			fail_msg("%s %s: %d", cases[i].cgroup, cases[i].domain,
				 peer_domain(cases[i].cgroup, cases[i].domain));
}

static char path[USOCK_PATH_MAX];
static int listener;

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/evswitch-peer-%d", getpid());
	listener = usock_listen(path, SOCK_STREAM, 0600);
	return listener < 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return close(listener);
}

static int accept_one(void)
{
	struct pollfd in = { .fd = listener, .events = POLLIN };
	int fd;

	assert_int_equal(poll(&in, 1, 10000), 1);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* As it was when it connected, though another process has the descriptor too. */
static void test_process(void **state)
{
	struct peer peer;
	int fd, status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		prctl(PR_SET_NAME, "some\nname");
		fd = usock_connect(path, SOCK_STREAM);
		pause();
		_exit(fd < 0);
	}
	fd = accept_one();
	assert_int_equal(peer_of(fd, &peer), 0);
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.pid, pid);
	assert_false(peer.ended);
	assert_string_equal(peer.comm, "some");
	assert_true(strlen(peer.cgroup) > 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(peer_of(fd, &peer), 0);
	assert_int_equal(peer.pid, pid);
	assert_true(peer.ended);
	assert_string_equal(peer.comm, "");
	assert_string_equal(peer.cgroup, "");
	close(fd);
}

/* A child that connects for its parent, and ends. */
static void test_ended(void **state)
{
	struct peer peer;
	int fd, status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(usock_connect(path, SOCK_STREAM) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fd = accept_one();
	assert_int_equal(peer_of(fd, &peer), 0);
	assert_true(peer.ended);
	close(fd);
}

/* --- descriptors ---------------------------------------------------------------------------- */

static void expect_kind(int fd, int kind)
{
	assert_true(fd >= 0);
	assert_int_equal(peer_fd_kind(fd), kind);
	close(fd);
}

static void test_kinds(void **state)
{
	int ends[2];

	(void)state;
	expect_kind(memfd_create("memory", MFD_CLOEXEC), PEER_FD_MEMORY);
	expect_kind(open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), PEER_FD_MEMORY);
	expect_kind(eventfd(0, EFD_CLOEXEC), PEER_FD_EVENT);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	expect_kind(ends[0], PEER_FD_PIPE);
	expect_kind(ends[1], PEER_FD_PIPE);
	expect_kind(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), PEER_FD_PIPE);
	expect_kind(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), PEER_FD_OTHER);
	expect_kind(open("/dev/null", O_RDWR | O_CLOEXEC), PEER_FD_OTHER);
	expect_kind(open("/proc/self/status", O_RDONLY | O_CLOEXEC), PEER_FD_OTHER);
	expect_kind(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), PEER_FD_OTHER);
	assert_int_equal(peer_fd_kind(-1), -EBADF);
}

/* At once where that waits for nobody, else in a thread. */
static void test_close(void **state)
{
	int fd = memfd_create("memory", MFD_CLOEXEC), same;
	struct lingering lingering;
	long deadline;

	(void)state;
	same = fd;
	peer_fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(same, F_GETFD), -1);
	same = fd = eventfd(0, EFD_CLOEXEC);
	peer_fd_close(&fd);
	assert_int_equal(fcntl(same, F_GETFD), -1);
	peer_fd_close(&fd);
	assert_int_equal(peer_fd_stuck(), 0);
	lingering_open(&lingering);
	peer_fd_close(&lingering.fd);
	assert_int_equal(lingering.fd, -1);
	assert_int_equal(peer_fd_stuck(), 1);
	lingering_close(&lingering);
	deadline = now_ms() + LINGERING_MS;
	while (peer_fd_stuck() > 0)
		assert_true(now_ms() < deadline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroups),
		cmocka_unit_test_setup_teardown(test_process, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended, setup, teardown),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
