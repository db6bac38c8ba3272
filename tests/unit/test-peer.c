/* Who is at the other end, and which domain a cgroup belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"
#include "usock.h"
#include "util.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroups),
		cmocka_unit_test_setup_teardown(test_process, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
