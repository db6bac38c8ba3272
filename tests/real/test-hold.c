/* SPDX-License-Identifier: MIT */
/*
 * What stops the program, hangs beside it or ends it: the devices must be free. And they are not taken
 * while the desktop cannot hear the clone, or while another evswitch has them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "evdev/instance.h"
#include "now.h"
#include "stage.h"
#include "base/util.h"

/* No event tells of the end of a grab. */
static void expect_free(const struct puppet *puppet)
{
	long deadline = now_ms() + WORLD_MS;

	while (node_is_grabbed(puppet->uinput.devnode)) {
		if (now_ms() > deadline)
			fail_msg("%s stays grabbed", puppet->uinput.devnode);
		usleep(1000);
	}
}

static void expect_all_free(const struct stage *stage)
{
	expect_free(&stage->keyboard);
	expect_free(&stage->mouse);
}

/* --- job control --------------------------------------------------------------------------- */

static void await_stopped(struct stage *stage)
{
	int status;

	assert_int_equal(waitpid(stage->program.pid, &status, WUNTRACED), stage->program.pid);
	assert_true(WIFSTOPPED(status));
}

static void stop_and_continue(struct stage *stage, int signo)
{
	struct observer desktop;

	stage_focus_guest(stage);
	puppet_key(&stage->keyboard, KEY_A, 1);
	observer_expect(&stage->guest_keyboard, EV_KEY, KEY_A, 1);
	program_signal(&stage->program, signo);
	await_stopped(stage);
	assert_false(node_is_grabbed(stage->keyboard.uinput.devnode));
	assert_false(node_is_grabbed(stage->mouse.uinput.devnode));
	observer_expect(&stage->guest_keyboard, EV_KEY, KEY_A, 0);
	puppet_key(&stage->keyboard, KEY_A, 0);

	/* Now the desktop has the keyboard itself, and can type "fg". */
	observer_open(&desktop, "test/keyboard");
	puppet_type(&stage->keyboard, KEY_F);
	observer_expect_typed(&desktop, KEY_F);
	program_signal(&stage->program, SIGCONT);
	program_expect(&stage->program, "is grabbed");
	program_expect(&stage->program, "is grabbed");
	puppet_type(&stage->keyboard, KEY_G);
	observer_expect_typed(&stage->host_keyboard, KEY_G);
	observer_expect_nothing(&desktop);
	observer_expect_nothing(&stage->guest_keyboard);
	observer_close(&desktop);
}

static void test_job_control(void **state)
{
	static const int signals[] = { SIGTSTP, SIGTTIN, SIGTTOU };
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
		stop_and_continue(&stage, signals[i]);
		stage_drain_guest(&stage);
	}
	stage_close(&stage);
}

/* What is down on the host too, as Ctrl+Z is when it is typed. */
static void test_stopped_with_keys_down(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	puppet_key(&stage.keyboard, KEY_LEFTCTRL, 1);
	puppet_key(&stage.keyboard, KEY_Z, 1);
	observer_expect(&stage.host_keyboard, EV_KEY, KEY_LEFTCTRL, 1);
	observer_expect(&stage.host_keyboard, EV_KEY, KEY_Z, 1);
	program_signal(&stage.program, SIGTSTP);
	await_stopped(&stage);
	assert_int_equal(observer_keys_down(&stage.host_keyboard), 0);
	assert_false(node_is_grabbed(stage.keyboard.uinput.devnode));
	puppet_unplug(&stage.mouse);
	program_signal(&stage.program, SIGCONT);
	/* Not before Ctrl+Z is up again. */
	program_expect(&stage.program, "is gone");
	assert_false(node_is_grabbed(stage.keyboard.uinput.devnode));
	puppet_key(&stage.keyboard, KEY_Z, 0);
	puppet_key(&stage.keyboard, KEY_LEFTCTRL, 0);
	program_expect(&stage.program, "test keyboard) is grabbed");
	puppet_plug(&stage.mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
	program_expect(&stage.program, "test mouse) is grabbed");
	stage_close(&stage);
}

/* --- udev that stands still ---------------------------------------------------------------- */

static void signal_udev(const char *signo)
{
	char command[64];

	snprintf(command, sizeof(command), "pkill -%s -x systemd-udevd", signo);
	assert_int_equal(system(command), 0);
}

static void expect_waits_for_udev(struct stage *stage)
{
	signal_udev("STOP");
	program_start(&stage->program, STAGE_CONF);
	program_expect(&stage->program, "udev has not announced its clone");
	program_expect(&stage->program, "udev has not announced its clone");
	assert_false(node_is_grabbed(stage->keyboard.uinput.devnode));
	assert_false(node_is_grabbed(stage->mouse.uinput.devnode));
	signal_udev("CONT");
	program_expect(&stage->program, "is grabbed");
	program_expect(&stage->program, "is grabbed");
	program_stop(&stage->program);
}

/* Twice: the second time udev still knows devices of the same names, which are gone. */
static void test_udev_stands_still(void **state)
{
	struct stage stage;

	(void)state;
	stage_plug(&stage);
	assert_int_equal(system("udevadm settle"), 0);
	for (unsigned i = 0; i < 2; i++)
		expect_waits_for_udev(&stage);
	stage_unplug(&stage);
}

/* --- an exec that hangs -------------------------------------------------------------------- */

/* As a virus scanner would: nothing executes that file until it is closed. */
static int hold_exec(const char *path)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, AT_FDCWD, path) < 0)
		fail_msg("fanotify, %s: %s", path, strerror(errno));
	return fd;
}

static void await_exec(int held)
{
	struct pollfd in = { .fd = held, .events = POLLIN };

	assert_int_equal(poll(&in, 1, WORLD_MS), 1);
}

#define HOOK_CONF STAGE_CONF "on-enter = true\n"

static void hook_hangs(struct stage *stage, int *held)
{
	stage_open(stage, HOOK_CONF);
	stage_guest_up(stage);
	*held = hold_exec("/bin/sh");
	stage_focus_guest(stage);
	await_exec(*held);
}

static void test_hook_hangs_and_sigterm(void **state)
{
	struct stage stage;
	int held;

	(void)state;
	hook_hangs(&stage, &held);
	program_signal(&stage.program, SIGTERM);
	stage_expect_end(&stage, 0);
	expect_all_free(&stage);
	close(held);
	stage_unplug(&stage);
}

static void test_hook_hangs_and_sigkill(void **state)
{
	struct stage stage;
	int held;

	(void)state;
	hook_hangs(&stage, &held);
	stage_kill(&stage);
	expect_all_free(&stage);
	close(held);
	stage_unplug(&stage);
}

static void test_virsh_hangs(void **state)
{
	struct stage stage;
	char path[] = "/tmp/evswitch-bin-XXXXXX", virsh[64], search[512];
	autofree char *before = strdup(getenv("PATH"));
	int held;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(virsh, sizeof(virsh), "cp /bin/true %s/virsh", path);
	assert_int_equal(system(virsh), 0);
	snprintf(search, sizeof(search), "%s:%s", path, before);
	setenv("PATH", search, 1);
	snprintf(virsh, sizeof(virsh), "%s/virsh", path);
	held = hold_exec(virsh);
	stage_open(&stage, STAGE_CONF "libvirt = one\n");
	setenv("PATH", before, 1);
	await_exec(held);
	stage_kill(&stage);
	expect_all_free(&stage);
	close(held);
	stage_unplug(&stage);
}

/* The program is loaded, and nothing more of it: so a copy of it is held once that runs. */
static void test_keeper_hangs(void **state)
{
	char copy[] = "/tmp/evswitch-copy-XXXXXX", command[256],
	     conf[] = "/tmp/evswitch-conf-XXXXXX";
	struct stage stage;
	int fd = mkstemp(copy), held;

	(void)state;
	close(fd);
	snprintf(command, sizeof(command), "cp %s %s && chmod 755 %s",
		 getenv("EVSWITCH") ?: "build/evswitch", copy, copy);
	assert_int_equal(system(command), 0);
	fd = mkstemp(conf);
	assert_int_equal(write(fd, STAGE_CONF, strlen(STAGE_CONF)), strlen(STAGE_CONF));
	close(fd);
	stage_plug(&stage);
	held = hold_exec(copy);
	program_exec(&stage.program, (const char *const[]){ copy, "-c", conf, NULL });
	/* The first to execute it is the program itself. */
	for (unsigned i = 0; i < 2; i++) {
		struct fanotify_event_metadata event;
		struct fanotify_response allow = { .response = FAN_ALLOW };

		await_exec(held);
		if (i == 1)
			break;
		assert_int_equal(read(held, &event, sizeof(event)), sizeof(event));
		allow.fd = event.fd;
		assert_int_equal(write(held, &allow, sizeof(allow)), sizeof(allow));
		close(event.fd);
	}
	program_expect(&stage.program, "its keeper does not answer");
	program_expect(&stage.program, "is grabbed");
	program_expect(&stage.program, "is grabbed");
	stage_kill(&stage);
	expect_all_free(&stage);
	close(held);
	stage_unplug(&stage);
}

/* --- one at a time ------------------------------------------------------------------------- */

/* A process that has the lock of another user until 'end' is closed. */
struct holder {
	pid_t pid;
	int end;
};

static struct holder lock_as(uid_t user, bool is_system)
{
	struct holder holder;
	int end[2], done[2], rc = 0;

	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	holder.pid = fork();
	if (holder.pid == 0) {
		uid_t other;

		close(end[1]);
		rc = seteuid(user) < 0 ? -errno : instance_lock(is_system, &other);
		if (write(done[1], &rc, sizeof(rc)) == sizeof(rc) && read(end[0], &rc, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(end[0]);
	close(done[1]);
	assert_int_equal(read(done[0], &rc, sizeof(rc)), sizeof(rc));
	close(done[0]);
	if (rc < 0)
		fail_msg("user %u: %s", (unsigned)user, strerror(-rc));
	holder.end = end[1];
	return holder;
}

static void end_lock(struct holder holder)
{
	close(holder.end);
	assert_int_equal(waitpid(holder.pid, NULL, 0), holder.pid);
}

/* Root beside a user: whoever comes second is told who was first. */
static void test_one_instance(void **state)
{
	uid_t holder = 12345;
	struct holder user, other;
	struct stage stage;

	(void)state;
	assert_int_equal(chmod("/dev/uinput", 0666), 0);
	user = lock_as(65534, false);
	other = lock_as(2000, false); /* who may have a seat of his own */
	stage_plug(&stage);
	program_start(&stage.program, STAGE_CONF);
	stage_expect_end(&stage, 69);
	assert_non_null(strstr(stage.program.log, "another evswitch is running, as user "));
	assert_non_null(strstr(stage.program.log, "sudo pkill -x evswitch"));
	expect_all_free(&stage);
	end_lock(other);
	program_start(&stage.program, STAGE_CONF);
	stage_expect_end(&stage, 69);
	assert_non_null(strstr(stage.program.log, "as user nobody"));
	end_lock(user);
	user = lock_as(65534, true);
	program_start(&stage.program, STAGE_CONF);
	stage_expect_end(&stage, 69);
	assert_non_null(strstr(stage.program.log, "as the system service: stop it first (sudo "
						  "systemctl stop evswitch)"));
	end_lock(user);
	stage_start(&stage, STAGE_CONF);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(instance_lock(false, &holder), -EBUSY);
	assert_int_equal(holder, 0);
	assert_int_equal(instance_lock(true, &holder), -EBUSY);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(holder, 0);
	assert_int_equal(chmod("/dev/uinput", 0660), 0);
	stage_close(&stage);
}

/* --- the end ------------------------------------------------------------------------------- */

static void test_signals_end_it(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
		struct stage stage;

		stage_open(&stage, STAGE_CONF);
		puppet_key(&stage.keyboard, KEY_A, 1);
		program_signal(&stage.program, signals[i]);
		stage_expect_end(&stage, 0);
		assert_false(node_is_grabbed(stage.keyboard.uinput.devnode));
		assert_false(node_is_grabbed(stage.mouse.uinput.devnode));
		stage_unplug(&stage);
	}
}

static void test_no_uinput(void **state)
{
	struct stage stage;

	(void)state;
	stage_plug(&stage);
	assert_int_equal(rename("/dev/uinput", "/dev/hidden"), 0);
	program_start(&stage.program, STAGE_CONF);
	assert_int_equal(program_wait(&stage.program), 69);
	assert_int_equal(rename("/dev/hidden", "/dev/uinput"), 0);
	assert_non_null(strstr(stage.program.log, "load the module"));
	stage_unplug(&stage);
}

/* Of whatever a start needs, the first that cannot be had ends it, with nothing grabbed. */
static void test_no_descriptors(void **state)
{
	char command[200], conf[] = "/tmp/evswitch-conf-XXXXXX";
	int fd = mkstemp(conf);
	struct stage stage;

	(void)state;
	assert_int_equal(write(fd, STAGE_CONF, strlen(STAGE_CONF)), strlen(STAGE_CONF));
	close(fd);
	stage_plug(&stage);
	for (unsigned limit = 4; limit < 14; limit++) {
		int code;

		snprintf(command, sizeof(command), "ulimit -n %u; exec %s -c %s", limit,
			 getenv("EVSWITCH") ?: "build/evswitch", conf);
		program_exec(&stage.program,
			     (const char *const[]){ "/bin/sh", "-c", command, NULL });
		code = program_wait(&stage.program);
		if (!strstr(stage.program.log, "Too many open files") ||
		    (code != 71 && code != 73 && (limit < 7 || code != 69)))
			fail_msg("with %u descriptors it ended with %d: %s", limit, code,
				 stage.program.log);
		expect_all_free(&stage);
	}
	stage_unplug(&stage);
}

#define TEST(name) cmocka_unit_test_teardown(name, world_reset)

static int run(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_job_control),
		TEST(test_stopped_with_keys_down),
		TEST(test_udev_stands_still),
		TEST(test_hook_hangs_and_sigterm),
		TEST(test_hook_hangs_and_sigkill),
		TEST(test_virsh_hangs),
		TEST(test_keeper_hangs),
		TEST(test_one_instance),
		TEST(test_signals_end_it),
		TEST(test_no_uinput),
		TEST(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Job control stops only who has somebody in the same session, in another group, to continue him. */
int main(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setpgid(0, 0);
		return run();
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}
