/* SPDX-License-Identifier: MIT */
/* Which program has a file open: what is found in /proc. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/util.h"
#include "evdev/holder.h"

static char path[] = "/tmp/evswitch-holder-XXXXXX";

static int setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	close_fd(&fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

/* Once it returns, a process of this name has the file open. */
static pid_t hold(const char *name)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, name);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (open(path, O_RDONLY) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void let_go(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The search may give up on a machine that is very busy, so it is repeated. */
static bool find(struct holder *holder)
{
	const char *const sought[] = { "/dev/input/none", path };

	for (int i = 0; i < 1000; i++)
		if (holder_find(sought, ARRAY_SIZE(sought), holder))
			return true;
	return false;
}

static void test_program(void **state)
{
	struct holder holder;
	pid_t pid = hold("evtest");

	(void)state;
	assert_true(find(&holder));
	assert_int_equal(holder.pid, pid);
	assert_string_equal(holder.comm, "evtest");
	assert_false(holder.is_vm);
	let_go(pid);
}

/* A QEMU says more than another program, whichever is found first. */
static void test_vm_first(void **state)
{
	pid_t before = hold("evtest"), pid = hold("qemu-system-x86"), behind = hold("evtest");
	struct holder holder = { 0 };

	(void)state;
	for (int i = 0; i < 1000 && !holder.is_vm; i++)
		assert_true(find(&holder));
	assert_int_equal(holder.pid, pid);
	let_go(before);
	let_go(pid);
	let_go(behind);
}

/* Neither this process nor a keeper counts: both have guards open. */
static void test_own(void **state)
{
	const char *const sought[] = { path };
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	pid_t pid = hold("evs-keeper");
	struct holder holder;

	(void)state;
	assert_true(fd >= 0);
	assert_false(holder_find(sought, 1, &holder));
	let_go(pid);
}

static void test_nobody(void **state)
{
	const char *const sought[] = { path };
	struct holder holder;

	(void)state;
	assert_false(holder_find(sought, 1, &holder));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_vm_first),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
