/* SPDX-License-Identifier: MIT */
/*
 * What an intruder in a keeper could do: each call is made by the keeper itself, once its endpoint
 * stands. And what a keeper must still be able to do afterwards: end, and remove its sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"
#include "keepers.h"
#include "tracer.h"
#include "world.h"

#define VICTIM  "/tmp/evswitch-victim"
#define MONITOR "/tmp/evswitch-confinement.monitor"

#define DEVICES                                                                                    \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mouse]\nname = test mouse\n"

struct desk {
	struct puppet keyboard, mouse;
	struct program program;
	int monitor; /* nobody answers there */
	pid_t keeper;
};

static struct desk desk;

static void open_desk(const char *conf)
{
	puppet_plug(&desk.keyboard, PUPPET_KEYBOARD, "test keyboard", "test/keyboard", 0xc001);
	puppet_plug(&desk.mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc049);
	program_start(&desk.program, conf);
	program_expect(&desk.program, "is grabbed");
	program_expect(&desk.program, "is grabbed");
	desk.keeper = keeper_find(0);
	assert_true(desk.keeper > 0);
	close(creat(VICTIM, 0600));
}

static void close_desk(void)
{
	program_stop(&desk.program);
	keeper_await_gone("one");
	puppet_unplug(&desk.keyboard);
	puppet_unplug(&desk.mouse);
	unlink(VICTIM);
}

struct attempt {
	const char *what;
	long number, arguments[6];
	const char *text;
	long expected; /* 0: succeeds */
};

static const struct attempt attempts[] = {
	{ "execute", SYS_execve, { CALL_TEXT }, "/bin/true", -ENOSYS },
	{ "execute a descriptor", SYS_execveat, { AT_FDCWD, CALL_TEXT }, "/bin/true", -ENOSYS },
	{ "fork", SYS_clone, { SIGCHLD }, NULL, -ENOSYS },
	{ "fork by clone3", SYS_clone3, { 0, 88 }, NULL, -ENOSYS },
	{ "trace", SYS_ptrace, { PTRACE_TRACEME }, NULL, -ENOSYS },
	{ "read a process's memory", SYS_process_vm_readv, { 1 }, NULL, -ENOSYS },
	{ "take a process's descriptor", SYS_pidfd_getfd, { 0, 0, 0 }, NULL, -ENOSYS },
	{ "send a signal", SYS_kill, { 1, 0 }, NULL, -ENOSYS },
	{ "read a file", SYS_openat, { AT_FDCWD, CALL_TEXT, O_RDONLY }, "/etc/passwd", -EACCES },
	{ "open a device", SYS_openat, { AT_FDCWD, CALL_TEXT, O_RDONLY }, "/dev/uinput", -EACCES },
	{ "write a file", SYS_openat, { AT_FDCWD, CALL_TEXT, O_WRONLY }, VICTIM, -ENOSYS },
	{ "create a file",
	  SYS_openat,
	  { AT_FDCWD, CALL_TEXT, O_RDONLY | O_CREAT, 0600 },
	  "/tmp/evswitch-new",
	  -ENOSYS },
	{ "remove a file", SYS_unlinkat, { AT_FDCWD, CALL_TEXT, 0 }, VICTIM, -EACCES },
	{ "rename a file",
	  SYS_renameat2,
	  { AT_FDCWD, CALL_TEXT, AT_FDCWD, CALL_TEXT },
	  VICTIM,
	  -ENOSYS },
	{ "use the network", SYS_socket, { AF_INET, SOCK_STREAM }, NULL, -ENOSYS },
	{ "hear of devices", SYS_socket, { AF_NETLINK, SOCK_RAW }, NULL, -ENOSYS },
	{ "execute memory",
	  SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -2 },
	  NULL,
	  -ENOSYS },
	{ "use io_uring", SYS_io_uring_setup, { 1 }, NULL, -ENOSYS },
	{ "load a BPF program", SYS_bpf, { 0 }, NULL, -ENOSYS },
	{ "mount", SYS_mount, { CALL_TEXT, CALL_TEXT }, "/tmp", -ENOSYS },
	{ "change the user", SYS_setuid, { 65534 }, NULL, -ENOSYS },
	{ "read /proc", SYS_openat, { AT_FDCWD, CALL_TEXT, O_RDONLY }, "/proc/self/status", 0 },
};

static void expect(const struct attempt *attempt)
{
	long result = process_call(desk.keeper, attempt->number, attempt->arguments, attempt->text);

	if (attempt->expected ? result != attempt->expected : result < 0)
		fail_msg("%s: the keeper got %ld, expected %ld", attempt->what, result,
			 attempt->expected);
}

static void expect_confined(bool connects)
{
	const struct attempt connect = { "connect",
					 SYS_socket,
					 { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC },
					 NULL,
					 connects ? 0 : -ENOSYS };

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++)
		expect(&attempts[i]);
	expect(&connect);
	assert_int_equal(access(VICTIM, F_OK), 0);
	assert_false(program_says(&desk.program, "is not confined", 0));
}

static void test_nodes(void **state)
{
	(void)state;
	open_desk(DEVICES "[guest one]\nvia = input-linux\n");
	expect_confined(false);
	close_desk();
}

static void test_vhost_user(void **state)
{
	const char *path = "/run/evswitch-confined/one-keyboard.sock";

	(void)state;
	mkdir("/run/evswitch-confined", 0711);
	open_desk(DEVICES "[evswitch]\nsocket-dir = /run/evswitch-confined\n"
			  "[guest one]\nvia = vhost-user\n");
	assert_int_equal(access(path, F_OK), 0);
	expect_confined(false);
	close_desk();
	assert_int_equal(access(path, F_OK), -1);
	rmdir("/run/evswitch-confined");
}

static void test_qmp(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = MONITOR };

	(void)state;
	unlink(MONITOR);
	desk.monitor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(desk.monitor, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(desk.monitor, 1), 0);
	open_desk(DEVICES "[guest one]\nvia = qmp\nqmp = " MONITOR "\n");
	expect_confined(true);
	close_desk();
	close(desk.monitor);
	unlink(MONITOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_nodes, world_reset),
		cmocka_unit_test_teardown(test_vhost_user, world_reset),
		cmocka_unit_test_teardown(test_qmp, world_reset),
	};

	return cmocka_run_group_tests_name("confinement", tests, NULL, NULL);
}
