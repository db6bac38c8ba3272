/* SPDX-License-Identifier: MIT */
/*
 * The program and a real QEMU whose monitor it follows: a machine that was started without evswitch's
 * devices is given them, and what becomes of the focus and of what is held when it pauses, is reset
 * or ends. The test has a monitor of its own, since QEMU serves one client on each.
 */
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
#include <sys/inotify.h>
#include <sysexits.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "now.h"
#include "qemu.h"
#include "stage.h"
#include "base/usock.h"
#include "base/util.h"

#define FOLLOWED "/tmp/evswitch-followed.monitor"
#define OURS     "/tmp/evswitch-ours.monitor"

#define CONF(via)                                                                                  \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mouse]\nname = test mouse\n"                                                      \
	"[guest one]\nvia = " via "\nqmp = " FOLLOWED "\n"

struct desk {
	struct stage stage;
	struct qemu qemu;
	int monitor;
};

/* --- the test's monitor -------------------------------------------------------------------------- */

#define HEARD_MAX 8192

/* Reads until this text has come; what comes behind it is dropped. */
static void monitor_hear(int monitor, const char *text, char heard[static HEARD_MAX])
{
	size_t used = 0;

	*heard = '\0';
	while (!strstr(heard, text)) {
		struct pollfd ready = { .fd = monitor, .events = POLLIN };
		ssize_t size;

		if (poll(&ready, 1, WORLD_MS) != 1)
			fail_msg("the monitor does not say %s, but: %s", text, heard);
		size = read(monitor, heard + used, HEARD_MAX - 1 - used);
		if (size <= 0)
			fail_msg("the monitor ends before %s: %s", text, heard);
		used += (size_t)size;
		heard[used] = '\0';
	}
}

static void monitor_expect(int monitor, const char *text)
{
	char heard[HEARD_MAX];

	monitor_hear(monitor, text, heard);
}

static void monitor_tell(int monitor, const char *command)
{
	char line[128];
	int size = snprintf(line, sizeof(line), "{\"execute\":\"%s\"}\n", command);

	assert_int_equal(write(monitor, line, (size_t)size), size);
}

static void monitor_do(int monitor, const char *command)
{
	monitor_tell(monitor, command);
	monitor_expect(monitor, "\"return\"");
}

/* How many chardevs of evswitch it has. */
static unsigned count_chardevs(int monitor)
{
	char heard[HEARD_MAX];
	unsigned n = 0;

	monitor_tell(monitor, "query-chardev");
	monitor_hear(monitor, "]}", heard);
	for (const char *at = heard; (at = strstr(at, "\"evswitch-one-")); at++)
		n++;
	return n;
}

static int monitor_open(void)
{
	int monitor = usock_connect(OURS, SOCK_STREAM);

	assert_true(monitor >= 0);
	monitor_expect(monitor, "\"QMP\"");
	monitor_do(monitor, "qmp_capabilities");
	return monitor;
}

/* --- a machine and the program ------------------------------------------------------------------- */

static void start_qemu_with(struct desk *desk, const char *const *more)
{
	const char *args[32] = {
		"-qmp",
		"unix:" FOLLOWED ",server=on,wait=off",
		"-qmp",
		"unix:" OURS ",server=on,wait=off",
	};

	for (unsigned n = 4; *more && n < ARRAY_SIZE(args) - 1; n++)
		args[n] = *more++;
	qemu_start(&desk->qemu, args);
	desk->monitor = monitor_open();
}

static void start_qemu(struct desk *desk)
{
	static const char *const none[] = { NULL };

	start_qemu_with(desk, none);
}

static void stop_qemu(struct desk *desk)
{
	qemu_kill(&desk->qemu, SIGKILL);
	close_fd(&desk->monitor);
}

/* The machine runs before the program does, and has none of its devices. */
static void desk_open(struct desk *desk, const char *conf)
{
	start_qemu(desk);
	stage_open(&desk->stage, conf);
}

static void desk_close(struct desk *desk)
{
	stage_close(&desk->stage);
	stop_qemu(desk);
}

/* It may have come before something else that was looked for. */
static void expect_said(struct desk *desk, const char *text)
{
	if (!strstr(desk->stage.program.log, text))
		program_expect(&desk->stage.program, text);
}

static void expect_given(struct desk *desk)
{
	expect_said(desk, "its devices are attached to the running VM");
}

static void focus(struct desk *desk)
{
	stage_focus_guest(&desk->stage);
}

static void expect_typed_on_host(struct desk *desk)
{
	stage_await_quiet(&desk->stage);
	puppet_key(&desk->stage.keyboard, KEY_H, 1);
	observer_expect(&desk->stage.host_keyboard, EV_KEY, KEY_H, 1);
	puppet_key(&desk->stage.keyboard, KEY_H, 0);
	observer_expect(&desk->stage.host_keyboard, EV_KEY, KEY_H, 0);
}

/* What was down before may come up first. */
static void expect_typed_in_guest(struct desk *desk)
{
	struct qemu_event event;
	char text[QEMU_NAME_MAX + 4];

	puppet_key(&desk->stage.keyboard, KEY_G, 1);
	puppet_key(&desk->stage.keyboard, KEY_G, 0);
	do {
		assert_true(qemu_event(&desk->qemu, &event, WORLD_MS));
		qemu_event_text(&event, text, sizeof(text));
	} while (strcmp(text, "+g") != 0);
	qemu_expect(&desk->qemu, "-g");
}

/* From the command on the test's monitor to the program's line. Told, not judged: it is emulated. */
static void do_and_expect(struct desk *desk, const char *command, const char *says)
{
	long started = now_ms();

	monitor_do(desk->monitor, command);
	program_expect(&desk->stage.program, says);
	print_message("%s: told after %ld ms\n", command, now_ms() - started);
}

/* --- tests --------------------------------------------------------------------------------------- */

static void test_given_and_typed(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	desk_open(&desk, CONF("input-linux"));
	expect_given(&desk);
	focus(&desk);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	qemu_expect(&desk.qemu, "+a -a");
	puppet_move(&desk.stage.mouse, 5, 0);
	qemu_expect(&desk.qemu, "x+5");
	observer_expect_nothing(&desk.stage.host_keyboard);
	desk_close(&desk);
}

/* A machine that comes later, and one after it. */
static void test_given_to_each_new_machine(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	stage_open(&desk.stage, CONF("input-linux"));
	for (unsigned i = 0; i < 2; i++) {
		start_qemu(&desk);
		program_expect(&desk.stage.program, "its devices are attached to the running VM");
		focus(&desk);
		puppet_key(&desk.stage.keyboard, KEY_B, 1);
		puppet_key(&desk.stage.keyboard, KEY_B, 0);
		qemu_expect(&desk.qemu, "+b -b");
		stop_qemu(&desk);
		program_expect(&desk.stage.program, "back to the host");
		expect_typed_on_host(&desk);
	}
	stage_close(&desk.stage);
}

/* Its releases come, of several nodes and so in any order; repetitions may still be on the way. */
static void expect_released(struct desk *desk)
{
	struct qemu_event event;

	while (desk->qemu.n_down > 0)
		assert_true(qemu_event(&desk->qemu, &event, WORLD_MS));
}

/* With a key down in it. */
static void open_in_guest(struct desk *desk)
{
	desk_open(desk, CONF("input-linux"));
	expect_given(desk);
	focus(desk);
	puppet_key(&desk->stage.keyboard, KEY_A, 1);
	qemu_expect(&desk->qemu, "+a");
}

/* QEMU drops what a paused machine gets: the releases come when it runs again. */
static void test_pause_and_resume(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	open_in_guest(&desk);
	puppet_key(&desk.stage.mouse, BTN_LEFT, 1);
	qemu_expect(&desk.qemu, "+left");
	do_and_expect(&desk, "stop", "its VM is paused: back to the host");
	puppet_key(&desk.stage.keyboard, KEY_H, 1); /* typed on for the guest */
	puppet_key(&desk.stage.keyboard, KEY_H, 0);
	observer_expect_nothing(&desk.stage.host_keyboard);
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	puppet_key(&desk.stage.mouse, BTN_LEFT, 0);
	expect_typed_on_host(&desk);
	puppet_key(&desk.stage.keyboard, KEY_LEFTCTRL, 1);
	puppet_key(&desk.stage.keyboard, KEY_RIGHTCTRL, 1);
	program_expect(&desk.stage.program,
		       "cannot switch to guest one: its VM is paused: continue it");
	/* The doctor does not look at that. */
	assert_false(program_says(&desk.stage.program, "evswitch --check", 0));
	puppet_key(&desk.stage.keyboard, KEY_RIGHTCTRL, 0);
	puppet_key(&desk.stage.keyboard, KEY_LEFTCTRL, 0);
	qemu_expect_nothing(&desk.qemu);
	monitor_do(desk.monitor, "cont");
	expect_released(&desk);
	focus(&desk);
	puppet_key(&desk.stage.keyboard, KEY_B, 1);
	puppet_key(&desk.stage.keyboard, KEY_B, 0);
	qemu_expect(&desk.qemu, "+b -b");
	desk_close(&desk);
}

static void test_reset(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	open_in_guest(&desk);
	puppet_key(&desk.stage.keyboard, KEY_LEFTSHIFT, 1);
	qemu_expect(&desk.qemu, "+shift");
	do_and_expect(&desk, "system_reset", "its VM was reset: it keeps the focus");
	expect_released(&desk);
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	puppet_key(&desk.stage.keyboard, KEY_LEFTSHIFT, 0);
	expect_typed_in_guest(&desk);
	puppet_key(&desk.stage.keyboard, KEY_RIGHTSHIFT, 1); /* waits for no other of its pair */
	puppet_key(&desk.stage.keyboard, KEY_RIGHTSHIFT, 0);
	qemu_expect(&desk.qemu, "+shift_r -shift_r");
	assert_false(program_says(&desk.stage.program, "focus: host", 0));
	do_and_expect(&desk, "stop", "its VM is paused: back to the host");
	desk_close(&desk);
}

/* The last 64 KiB below 4 GiB, with this at its begin, and that where the machine begins. */
static void make_bios(const char *path, const unsigned char *code, size_t size,
		      const unsigned char *first, size_t first_size)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, 65536), 0);
	assert_int_equal(pwrite(fd, code, size, 0), size);
	assert_int_equal(pwrite(fd, first, first_size, 65536 - 16), first_size);
}

/* Firmware that panics, by pvpanic, when a key is pressed: by the keyboard controller's status. */
static void make_panicking_bios(const char *path)
{
	static const unsigned char code[] = { 0xe4, 0x64, 0xa8, 0x01, 0x74, 0xfa, 0xba, 0x05,
					      0x05, 0xb0, 0x01, 0xee, 0xf4, 0xeb, 0xfd };

	make_bios(path, NULL, 0, code, sizeof(code));
}

static void start_panicking(struct desk *desk, const char *action, const char *conf)
{
	static const char bios[] = "/tmp/evswitch-panics.bios";
	const char *const panics[] = {
		"-bios", bios, "-device", "pvpanic", "-action", action, NULL
	};

	make_panicking_bios(bios);
	start_qemu_with(desk, panics);
	stage_open(&desk->stage, conf);
}

/* The VM goes on, and so may be about to boot. */
static void expect_focus_over_crash(struct desk *desk)
{
	focus(desk);
	puppet_key(&desk->stage.keyboard, KEY_A, 1);
	program_expect(&desk->stage.program, "its system has crashed: it keeps the focus");
	qemu_expect(&desk->qemu, "+a -a");
	puppet_key(&desk->stage.keyboard, KEY_A, 0);
	expect_typed_in_guest(desk);
	assert_false(program_says(&desk->stage.program, "focus: host", 0));
	desk_close(desk);
}

static void test_crash(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	start_panicking(&desk, "panic=none", CONF("input-linux"));
	expect_given(&desk);
	expect_focus_over_crash(&desk);
}

static void test_crash_qmp(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	start_panicking(&desk, "panic=none", CONF("qmp"));
	expect_said(&desk, "guest one is up");
	expect_focus_over_crash(&desk);
}

/* The keeper has the monitor, and tells the daemon. */
static void test_crash_that_stops_qmp(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	start_panicking(&desk, "panic=pause", CONF("qmp"));
	expect_said(&desk, "guest one is up");
	focus(&desk);
	puppet_key(&desk.stage.keyboard, KEY_A, 1);
	program_expect(&desk.stage.program, "its guest has panicked: back to the host");
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	expect_typed_on_host(&desk);
	desk_close(&desk);
}

/*
 * Firmware that suspends the machine to memory at once, and again when it is woken: the power management
 * gets its ports by PCI, and its register is told to sleep (S3).
 */
static void start_suspended(struct desk *desk, const char *conf)
{
	static const unsigned char suspend[] = {
		0xba, 0xf8, 0x0c, 0x66, 0xb8, 0x40, 0x0b, 0x00, 0x80, 0x66, 0xef, /* PMBASE */
		0xba, 0xfc, 0x0c, 0x66, 0xb8, 0x01, 0x06, 0x00, 0x00, 0x66, 0xef, /* 0x600 */
		0xba, 0xf8, 0x0c, 0x66, 0xb8, 0x80, 0x0b, 0x00, 0x80, 0x66, 0xef, /* PMREGMISC */
		0xba, 0xfc, 0x0c, 0x66, 0xb8, 0x01, 0x00, 0x00, 0x00, 0x66, 0xef, /* on */
		0xba, 0x04, 0x06, 0xb8, 0x00, 0x24, 0xef, 0xf4, 0xeb, 0xfd,       /* PM1_CNT, hlt */
	};
	static const unsigned char jmp_f000_0000[] = { 0xea, 0x00, 0x00, 0x00, 0xf0 };
	static const char bios[] = "/tmp/evswitch-suspends.bios";
	const char *const args[] = { "-bios", bios, NULL };

	make_bios(bios, suspend, sizeof(suspend), jmp_f000_0000, sizeof(jmp_f000_0000));
	start_qemu_with(desk, args);
	stage_open(&desk->stage, conf);
	expect_said(desk, "guest one: its VM: suspended");
}

/* It may have the focus: QEMU takes the key, and wakes the machine by it. */
static void expect_woken_by_key(struct desk *desk)
{
	focus(desk);
	puppet_key(&desk->stage.keyboard, KEY_A, 1);
	monitor_expect(desk->monitor, "\"WAKEUP\"");
	puppet_key(&desk->stage.keyboard, KEY_A, 0);
	qemu_expect(&desk->qemu, "+a -a");
	assert_false(program_says(&desk->stage.program, "focus: host", 0));
	desk_close(desk);
}

static void test_suspended(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	start_suspended(&desk, CONF("input-linux"));
	expect_given(&desk);
	expect_woken_by_key(&desk);
}

static void test_suspended_qmp(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	start_suspended(&desk, CONF("qmp"));
	expect_said(&desk, "guest one is up");
	expect_woken_by_key(&desk);
}

/* The keeper has the monitor, and QEMU takes input all the while. */
static void test_reset_qmp(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	desk_open(&desk, CONF("qmp"));
	expect_said(&desk, "guest one is up");
	focus(&desk);
	puppet_key(&desk.stage.keyboard, KEY_LEFTSHIFT, 1);
	qemu_expect(&desk.qemu, "+shift");
	do_and_expect(&desk, "system_reset", "its VM was reset: it keeps the focus");
	expect_released(&desk);
	puppet_key(&desk.stage.keyboard, KEY_LEFTSHIFT, 0);
	expect_typed_in_guest(&desk);
	puppet_key(&desk.stage.keyboard, KEY_RIGHTSHIFT, 1); /* waits for no other of its pair */
	puppet_key(&desk.stage.keyboard, KEY_RIGHTSHIFT, 0);
	qemu_expect(&desk.qemu, "+shift_r -shift_r");
	observer_expect_nothing(&desk.stage.host_keyboard);
	assert_false(program_says(&desk.stage.program, "focus: host", 0));
	do_and_expect(&desk, "stop", "its VM is paused: back to the host");
	desk_close(&desk);
}

/* Refusals give the VM's state as their cause. It is known a little after QEMU's end. */
static void test_quit(void **state)
{
	struct desk desk = { .monitor = -1 };

	(void)state;
	open_in_guest(&desk);
	do_and_expect(&desk, "quit", "back to the host");
	puppet_key(&desk.stage.keyboard, KEY_A, 0);
	expect_typed_on_host(&desk);
	do {
		stage_toggle(&desk.stage);
		program_expect(&desk.stage.program, "cannot switch to guest one: ");
	} while (!program_says(&desk.stage.program, "its VM is off: nobody listens at", 100));
	stage_drain_host(&desk.stage);
	desk_close(&desk);
}

/* The keeper ends after the program, and the nodes with it. */
static void await_gone(const char *path)
{
	autoclose int watch = inotify_init1(IN_CLOEXEC);
	struct pollfd ready = { .fd = watch, .events = POLLIN };
	char events[4096];

	assert_true(inotify_add_watch(watch, "/dev/input", IN_DELETE) >= 0);
	while (access(path, F_OK) == 0) {
		assert_int_equal(poll(&ready, 1, WORLD_MS), 1);
		assert_true(read(watch, events, sizeof(events)) > 0);
	}
}

static void start_trial(struct program *program, const char *text, const char *seconds)
{
	const char *path = "/tmp/evswitch-trial.conf", *binary = getenv("EVSWITCH");
	const char *const argv[] = {
		binary ? binary : "build/evswitch", "-v", "-c", path, "--try", seconds, NULL
	};
	FILE *conf = fopen(path, "w");

	assert_non_null(conf);
	fputs(text, conf);
	fclose(conf);
	program_exec(program, argv);
}

/* A signal ends it as its time does, but not before a busy machine has given the devices. */
static void expect_trial_ends(struct desk *desk)
{
	program_signal(&desk->stage.program, SIGINT);
	assert_int_equal(program_wait(&desk->stage.program), 0);
	assert_false(program_says(&desk->stage.program, "not removed", 0));
	monitor_do(desk->monitor, "query-status");
}

static void test_trial_ends_by_itself(void **state)
{
	struct stage stage;

	(void)state;
	stage_plug(&stage);
	start_trial(&stage.program, CONF("input-linux"), "2");
	program_expect(&stage.program, "the trial is over");
	assert_int_equal(program_wait(&stage.program), 0);
	assert_false(node_is_grabbed(stage.keyboard.uinput.devnode));
	assert_false(node_is_grabbed(stage.mouse.uinput.devnode));
	stage_unplug(&stage);
}

/* Which is how a typo in its section shows. */
static void test_trial_misses_a_device(void **state)
{
	struct program program;

	(void)state;
	start_trial(&program, "[device ghost]\nname = nowhere\n", "1");
	program_expect(&program, "device ghost: not found yet");
	program_expect(&program, "device ghost: the trial has not found it");
	assert_int_equal(program_wait(&program), EX_UNAVAILABLE);
}

/* At the end of a trial the machine is as it was: it goes on, and the nodes are gone. */
static void test_trial_takes_back(void **state)
{
	struct desk desk = { .monitor = -1 };
	char devnode[64];

	(void)state;
	start_qemu(&desk);
	stage_plug(&desk.stage);
	start_trial(&desk.stage.program, CONF("input-linux"), "600");
	expect_given(&desk);
	assert_true(find_node("evswitch/one/keyboard", devnode, WORLD_MS));
	expect_trial_ends(&desk);
	await_gone(devnode);
	stage_unplug(&desk.stage);
	stop_qemu(&desk);
}

#define SECOND "/tmp/evswitch-second.monitor"

/*
 * A guest without an operating system never releases a device. The user need not wait for that, and is
 * told what is left; one hangup of a terminal, which may be several signals, does not end it. Input is
 * free meanwhile. A VM that goes on then is given nothing any more.
 */
static void test_trial_is_interrupted(void **state)
{
	static const char *const second_args[] = { "-qmp", "unix:" SECOND ",server=on,wait=off",
						   NULL };
	struct desk desk = { .monitor = -1 };
	struct program *program = &desk.stage.program;
	struct qemu second = { .pid = 0 };

	(void)state;
	start_qemu(&desk);
	qemu_start(&second, second_args);
	qemu_do(&second, "stop");
	stage_plug(&desk.stage);
	start_trial(program,
		    CONF("virtio-input") "[guest two]\nvia = input-linux\nqmp = " SECOND "\n",
		    "600");
	expect_given(&desk);
	expect_said(&desk, "guest two: its VM: paused");
	program_signal(program, SIGINT);
	program_expect(program, "removing the devices from the VMs");
	program_signal(program, SIGHUP);
	assert_false(node_is_grabbed(desk.stage.keyboard.uinput.devnode));
	qemu_do(&second, "cont");
	program_expect(program, "guest two: its VM: running");
	program_signal(program, SIGTERM);
	program_expect(program, "guest one: its VM keeps its devices: interrupted; not removed: "
				"evswitch-one-keyboard evswitch-one-media evswitch-one-pointer: "
				"shut the VM down");
	assert_int_equal(program_wait(program), 0);
	assert_null(strstr(program->log, "guest two: its devices are attached"));
	stage_unplug(&desk.stage);
	qemu_kill(&second, SIGKILL);
	stop_qemu(&desk);
}

/* The words of its command, or NULL. */
static const char *const *find_newer_qemu(void)
{
	static char text[2048];
	static const char *words[16];
	FILE *out = popen("tests/guest/fetch-qemu --print", "r");
	unsigned n = 0;

	assert_non_null(out);
	text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
	if (pclose(out) != 0)
		return NULL;
	for (char *word = strtok(text, "\n"); word && n < ARRAY_SIZE(words) - 1;
	     word = strtok(NULL, "\n"))
		words[n++] = word;
	return words;
}

/* The same with three vhost-user devices, in a machine whose memory is shared. */
static void test_vhost_user_given_and_taken_back(void **state)
{
	static const char *const q35[] = { "-M",
					   "q35,memory-backend=mem",
					   "-object",
					   "memory-backend-memfd,id=mem,size=32M,share=on",
					   QEMU_PORTS_WITHOUT_GUEST,
					   NULL };
	const char *const *newer = find_newer_qemu();
	struct desk desk = { .monitor = -1 };

	(void)state;
	if (!newer) {
		puts("skip: no QEMU here with vhost-user-input (8.0 or newer: make deps)");
		skip();
	}
	qemu_choose(newer);
	start_qemu_with(&desk, q35);
	stage_plug(&desk.stage);
	start_trial(&desk.stage.program, CONF("vhost-user"), "600");
	expect_given(&desk);
	assert_int_equal(count_chardevs(desk.monitor), SHAPE_NODES);
	expect_trial_ends(&desk);
	assert_int_equal(count_chardevs(desk.monitor), 0);
	stage_unplug(&desk.stage);
	stop_qemu(&desk);
	keeper_await_gone("one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_given_and_typed, qemu_reset),
		cmocka_unit_test_teardown(test_given_to_each_new_machine, qemu_reset),
		cmocka_unit_test_teardown(test_pause_and_resume, qemu_reset),
		cmocka_unit_test_teardown(test_reset, qemu_reset),
		cmocka_unit_test_teardown(test_reset_qmp, qemu_reset),
		cmocka_unit_test_teardown(test_crash, qemu_reset),
		cmocka_unit_test_teardown(test_crash_qmp, qemu_reset),
		cmocka_unit_test_teardown(test_crash_that_stops_qmp, qemu_reset),
		cmocka_unit_test_teardown(test_suspended, qemu_reset),
		cmocka_unit_test_teardown(test_suspended_qmp, qemu_reset),
		cmocka_unit_test_teardown(test_quit, qemu_reset),
		cmocka_unit_test_teardown(test_trial_misses_a_device, world_reset),
		cmocka_unit_test_teardown(test_trial_ends_by_itself, qemu_reset),
		cmocka_unit_test_teardown(test_trial_takes_back, qemu_reset),
		cmocka_unit_test_teardown(test_trial_is_interrupted, qemu_reset),
		cmocka_unit_test_teardown(test_vhost_user_given_and_taken_back, qemu_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
