/* SPDX-License-Identifier: MIT */
/*
 * evswitch hangs, in each of the ways in which a process can, with eight devices grabbed and without
 * systemd: the devices are free within a second, or 2.5 if it was stopped; and whatever happens to the
 * watchdog itself keeps none of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "tracer.h"
#include "now.h"
#include "world.h"

#define DEVICES    8
#define HANG_MS    1000
#define STOPPED_MS 2500
#define KILLED_MS  500
#define QUIET_MS   4000

#define CONF                                                                                       \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mice]\nname = test mouse\n"

struct desk {
	struct puppet device[DEVICES]; /* the first is a keyboard */
	struct program program;
	pid_t watchdog;
};

static struct desk desk;

static int open_desk(void **state)
{
	(void)state;
	puppet_plug(&desk.device[0], PUPPET_KEYBOARD, "test keyboard", "test/keyboard", 0xc001);
	for (unsigned i = 1; i < DEVICES; i++) {
		char phys[32];

		snprintf(phys, sizeof(phys), "test/mouse%u", i);
		puppet_plug(&desk.device[i], PUPPET_MOUSE, "test mouse", phys,
			    (unsigned short)(0xc100 + i));
	}
	setenv("EVSWITCH_PATIENCE", "1", 1);
	program_start(&desk.program, CONF);
	for (unsigned i = 0; i < DEVICES; i++)
		program_expect(&desk.program, "is grabbed");
	desk.watchdog = program_watchdog(&desk.program);
	return 0;
}

static int close_desk(void **state)
{
	for (unsigned i = 0; i < DEVICES; i++)
		puppet_unplug(&desk.device[i]);
	memset(&desk, 0, sizeof(desk));
	return world_reset(state);
}

/* Every device can be grabbed by another at last; how long after 'since'. */
static long await_free(long since)
{
	int fds[DEVICES];
	unsigned free = 0;
	bool mine[DEVICES] = { false };
	long took = 0;

	for (unsigned i = 0; i < DEVICES; i++) {
		fds[i] = open(desk.device[i].uinput.devnode, O_RDONLY | O_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
	while (free < DEVICES && took < WORLD_MS) {
		for (unsigned i = 0; i < DEVICES; i++) {
			if (mine[i] || ioctl(fds[i], EVIOCGRAB, 1) < 0)
				continue;
			mine[i] = true;
			free++;
		}
		took = now_ms() - since;
		usleep(1000); /* the kernel tells nobody */
	}
	for (unsigned i = 0; i < DEVICES; i++)
		close(fds[i]);
	if (free < DEVICES)
		fail_msg("only %u of %d devices are free after %ld ms", free, DEVICES, took);
	return took;
}

static void expect_free(const char *what, long since, long limit)
{
	long took = await_free(since);

	print_message("%-40s %4ld ms\n", what, took);
	if (took > limit)
		fail_msg("%s: free after %ld ms, the limit is %ld", what, took, limit);
	assert_int_equal(program_wait(&desk.program), 128 + SIGKILL);
}

/* Whoever its parent is now, and whether that has waited for it or not. */
static void await_end(pid_t pid)
{
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };

	if (end.fd < 0)
		return;
	if (poll(&end, 1, WORLD_MS) != 1)
		fail_msg("process %d has not ended", (int)pid);
	close(end.fd);
}

static void type(void *arg)
{
	(void)arg;
	puppet_key(&desk.device[0], KEY_A, 1);
	puppet_key(&desk.device[0], KEY_A, 0);
}

static void hang_and_expect(enum hang_kind kind, const char *what, const char *reason)
{
	long since;

	process_hang(desk.program.pid, kind, type, NULL);
	since = now_ms();
	type(NULL);
	expect_free(what, since, HANG_MS);
	assert_true(program_says(&desk.program, reason, 0));
	await_end(desk.watchdog);
}

static void test_spins(void **state)
{
	(void)state;
	hang_and_expect(HANG_SPIN, "an endless loop", "(it was running): killed");
}

static void test_spins_after_waiting(void **state)
{
	(void)state;
	hang_and_expect(HANG_WAIT_SPIN, "an endless loop after epoll_wait",
			"(it was running): killed");
}

static void test_call_blocks(void **state)
{
	(void)state;
	hang_and_expect(HANG_CALL, "a system call that blocks", "(a system call did not return)");
}

static void test_is_stopped(void **state)
{
	long since = now_ms();

	(void)state;
	program_signal(&desk.program, SIGSTOP);
	expect_free("SIGSTOP", since, STOPPED_MS);
	assert_true(program_says(&desk.program, "(it was stopped): killed", 0));
}

/* Idle, then at work: nothing that it does looks like a hang. */
static void test_is_left_alone(void **state)
{
	long since = now_ms();

	(void)state;
	usleep(QUIET_MS / 2 * 1000); /* nothing happens: that is the point */
	while (now_ms() - since < QUIET_MS)
		type(NULL);
	program_stop(&desk.program);
	await_end(desk.watchdog);
}

static void test_watchdog_ends_first(void **state)
{
	long since;

	(void)state;
	kill(desk.watchdog, SIGKILL);
	program_expect(&desk.program, "evs-watchdog has exited");
	type(NULL);
	assert_true(node_is_grabbed(desk.device[0].uinput.devnode));
	since = now_ms();
	program_signal(&desk.program, SIGKILL);
	expect_free("SIGKILL, the watchdog ended before", since, KILLED_MS);
}

static void test_watchdog_stands_still(void **state)
{
	long since;

	(void)state;
	kill(desk.watchdog, SIGSTOP);
	since = now_ms();
	program_signal(&desk.program, SIGKILL);
	expect_free("SIGKILL, the watchdog is stopped", since, KILLED_MS);
	kill(desk.watchdog, SIGCONT);
	await_end(desk.watchdog);
}

/* Stopped together, as by a frozen cgroup; it has no device's descriptor. */
static void test_both_stand_still(void **state)
{
	long since;

	(void)state;
	program_pause(&desk.program);
	since = now_ms();
	program_signal(&desk.program, SIGKILL);
	expect_free("SIGKILL, both are stopped", since, KILLED_MS);
	kill(desk.watchdog, SIGCONT);
	await_end(desk.watchdog);
}

/* Standard streams, and what watchdog.c says: a socket, a pidfd and the thread's stat. */
static void test_has_no_device(void **state)
{
	char path[64], target[256];
	unsigned n = 0;
	DIR *dir;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)desk.watchdog);
	dir = opendir(path);
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		ssize_t size = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (size <= 0)
			continue;
		target[size] = '\0';
		n++;
		assert_null(strstr(target, "/dev/input"));
		assert_null(strstr(target, "/dev/uinput"));
	}
	closedir(dir);
	assert_int_equal(n, 6);
	program_stop(&desk.program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_spins, open_desk, close_desk),
		cmocka_unit_test_setup_teardown(test_spins_after_waiting, open_desk, close_desk),
		cmocka_unit_test_setup_teardown(test_call_blocks, open_desk, close_desk),
		cmocka_unit_test_setup_teardown(test_is_stopped, open_desk, close_desk),
		cmocka_unit_test_setup_teardown(test_is_left_alone, open_desk, close_desk),
		cmocka_unit_test_setup_teardown(test_watchdog_ends_first, open_desk, close_desk),
		cmocka_unit_test_setup_teardown(test_watchdog_stands_still, open_desk, close_desk),
		cmocka_unit_test_setup_teardown(test_both_stand_still, open_desk, close_desk),
		cmocka_unit_test_setup_teardown(test_has_no_device, open_desk, close_desk),
	};

	return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
