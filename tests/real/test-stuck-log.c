/* SPDX-License-Identifier: MIT */
/*
 * Nobody reads what evswitch logs, and the file systems that it uses are full: typing, switching and the
 * control socket go on, nothing waits, and it ends when it is told to.
 */
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
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "now.h"
#include "stage.h"

/* More lines than wait for the log's thread, each of more than ten bytes, and a pipe of 4096. */
#define SWITCHES 1000

static void expect_typed(struct puppet *keyboard, struct observer *observer, unsigned code)
{
	puppet_type(keyboard, code);
	observer_expect_typed(observer, code);
}

/* By the control socket, since the log does not say. */
static void switch_to(const char *target)
{
	char arguments[64], answer[64];

	snprintf(arguments, sizeof(arguments), "--switch %s", target);
	snprintf(answer, sizeof(answer), "focus: %s", target);
	command_expect(arguments, 0, "");
	command_expect("--status", 0, answer);
}

static void expect_all_works(struct stage *stage)
{
	stage_drain_host(stage);
	expect_typed(&stage->keyboard, &stage->host_keyboard, KEY_A);
	switch_to("one");
	stage_drain_guest(stage);
	expect_typed(&stage->keyboard, &stage->guest_keyboard, KEY_B);
	switch_to("host");
	stage_drain_host(stage);
	expect_typed(&stage->keyboard, &stage->host_keyboard, KEY_C);
}

static int unread(int pipe)
{
	int bytes = 0;

	assert_int_equal(ioctl(pipe, FIONREAD, &bytes), 0);
	return bytes;
}

static void test_nobody_reads(void **state)
{
	struct stage stage;
	int before, size;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	size = fcntl(stage.program.err, F_SETPIPE_SZ, 4096);
	assert_true(size >= 4096);
	for (unsigned i = 0; i < SWITCHES; i++) {
		stage_toggle(&stage);
		process_await_sleep(stage.program.pid);
		stage_drain_host(&stage);
	}
	stage_drain_guest(&stage);
	before = unread(stage.program.err);
	print_message("%d bytes wait in a pipe of %d\n", before, size);
	assert_true(before > size - 512);
	command_expect("--switch host", 0, "");
	expect_all_works(&stage);
	/* It has nothing more to say there, or does not wait until it can. */
	assert_int_equal(unread(stage.program.err), before);
	program_stop(&stage.program);
	stage_unplug(&stage);
}

/* --- full file systems ------------------------------------------------------------------------- */

static const char place[] = "/tmp/evswitch-full";

static void mount_place(void)
{
	mkdir(place, 0700);
	assert_int_equal(mount("full", place, "tmpfs", MS_NOSUID, "size=64k,mode=0700"), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", place, 1), 0);
}

static void unmount_place(void)
{
	umount2(place, MNT_DETACH);
	rmdir(place);
	program_place();
}

/* No byte fits any more, nor another file. */
static void fill(void)
{
	static const char zeroes[4096];
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/ballast", place);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, zeroes, sizeof(zeroes)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
	for (unsigned i = 0;; i++) {
		snprintf(path, sizeof(path), "%s/ballast-%u", place, i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	assert_int_equal(errno, ENOSPC);
}

static void test_full_later(void **state)
{
	struct stage stage;

	(void)state;
	mount_place();
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	fill();
	expect_all_works(&stage);
	puppet_unplug(&stage.mouse);
	program_expect(&stage.program, "is gone");
	puppet_plug(&stage.mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
	program_expect(&stage.program, "is grabbed");
	command_expect("--reload", 0, "reloaded: focus: host");
	stage_close(&stage);
	unmount_place();
}

/* Without a place for sockets there is no --status, and the guest's devices have no keeper. */
static void expect_without_sockets(const char *why)
{
	struct stage stage;

	stage_open(&stage, STAGE_CONF);
	assert_non_null(strstr(stage.program.log, "no control socket in"));
	assert_non_null(strstr(stage.program.log, why));
	stage_guest_up(&stage);
	expect_typed(&stage.keyboard, &stage.host_keyboard, KEY_A);
	stage_focus_guest(&stage);
	expect_typed(&stage.keyboard, &stage.guest_keyboard, KEY_B);
	stage_focus_host(&stage);
	stage_close(&stage);
}

static void test_full_at_start(void **state)
{
	(void)state;
	mount_place();
	fill();
	expect_without_sockets(strerror(ENOSPC));
	unmount_place();
}

static void test_read_only(void **state)
{
	(void)state;
	mount_place();
	assert_int_equal(mount(NULL, place, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	expect_without_sockets(strerror(EROFS));
	unmount_place();
}

static int tear_down(void **state)
{
	world_reset(state);
	umount2(place, MNT_DETACH);
	program_place();
	return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_nobody_reads),
		TEST(test_full_later),
		TEST(test_full_at_start),
		TEST(test_read_only),
	};

	return cmocka_run_group_tests_name("stuck log", tests, NULL, NULL);
}
