/* SPDX-License-Identifier: MIT */
/*
 * Nothing that is written to a guest's nodes reaches the host: neither the console's tty, nor
 * SysRq, nor libinput, nor a second client of the node; before QEMU is there, while it runs, and
 * after it was killed, but for the one frame that reveals the loss and the release of what that
 * frame pressed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vt.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "desktop.h"
#include "qemu.h"
#include "stage.h"

struct witnesses {
	struct observer client; /* a second client of the guest's keyboard */
	int tty;                /* the console's terminal */
	int kernel_log;         /* /dev/kmsg, where SysRq's help shows */
	struct desktop desktop;
};

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void open_tty(struct witnesses *witnesses)
{
	struct termios raw;

	witnesses->tty = open("/dev/tty1", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	assert_true(witnesses->tty >= 0);
	assert_int_equal(tcgetattr(witnesses->tty, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(witnesses->tty, TCSANOW, &raw), 0);
}

static void open_witnesses(struct witnesses *witnesses)
{
	observer_open(&witnesses->client, "evswitch/one/keyboard");
	open_tty(witnesses);
	write_text("/proc/sys/kernel/sysrq", "1");
	witnesses->kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(witnesses->kernel_log >= 0);
	lseek(witnesses->kernel_log, 0, SEEK_END);
	desktop_open(&witnesses->desktop);
}

static void close_witnesses(struct witnesses *witnesses)
{
	observer_close(&witnesses->client);
	close(witnesses->tty);
	close(witnesses->kernel_log);
	desktop_close(&witnesses->desktop);
}

/* --- what each has seen since the last look; true where it saw something -------------- */

static bool wait_for(int fd, int timeout_ms)
{
	struct pollfd in = { .fd = fd, .events = POLLIN };

	return poll(&in, 1, timeout_ms) == 1;
}

static bool tty_saw(struct witnesses *witnesses, int timeout_ms)
{
	char text[256];
	bool any = false;

	while (wait_for(witnesses->tty, any ? 0 : timeout_ms) &&
	       read(witnesses->tty, text, sizeof(text)) > 0)
		any = true;
	return any;
}

static bool sysrq_fired(struct witnesses *witnesses, int timeout_ms)
{
	char record[1024];
	bool fired = false;

	while (!fired && wait_for(witnesses->kernel_log, timeout_ms)) {
		ssize_t size = read(witnesses->kernel_log, record, sizeof(record) - 1);

		if (size < 0)
			break;
		record[size] = '\0';
		fired = strstr(record, "sysrq: HELP") != NULL;
	}
	return fired;
}

/* Devices are told apart by name: a guest's must never be there, not even as a device. */
static bool is_of_guest(struct libinput_event *event)
{
	const char *name = libinput_device_get_name(libinput_event_get_device(event));

	return strstr(name, "evswitch-") != NULL;
}

static bool is_key(struct libinput_event *event)
{
	return libinput_event_get_type(event) == LIBINPUT_EVENT_KEYBOARD_KEY;
}

/* Until the first event of the kind asked for, or until nothing came for that long. */
static bool desktop_saw(struct witnesses *witnesses, bool (*kind)(struct libinput_event *),
			int timeout_ms)
{
	struct libinput_event *event;
	bool saw = false;

	while (!saw && (event = desktop_next(&witnesses->desktop, timeout_ms))) {
		saw = kind(event);
		if (is_of_guest(event))
			fail_msg("the desktop sees a guest's device");
		libinput_event_destroy(event);
	}
	return saw;
}

static void forget_all(struct witnesses *witnesses)
{
	tty_saw(witnesses, WORLD_QUIET_MS);
	while (sysrq_fired(witnesses, 0))
		;
	while (desktop_saw(witnesses, is_key, WORLD_QUIET_MS))
		;
}

static void nobody_saw_anything(struct witnesses *witnesses)
{
	observer_expect_nothing(&witnesses->client);
	assert_false(tty_saw(witnesses, WORLD_QUIET_MS));
	assert_false(sysrq_fired(witnesses, 0));
	assert_false(desktop_saw(witnesses, is_key, WORLD_QUIET_MS));
}

static void play_mischief(struct stage *stage)
{
	static const unsigned keys[] = { KEY_A, KEY_ENTER, KEY_SPACE };

	for (unsigned i = 0; i < 3; i++) {
		puppet_key(&stage->keyboard, keys[i], 1);
		puppet_key(&stage->keyboard, keys[i], 0);
	}
	puppet_key(&stage->keyboard, KEY_LEFTALT, 1);
	puppet_key(&stage->keyboard, KEY_SYSRQ, 1);
	puppet_key(&stage->keyboard, KEY_H, 1);
	puppet_key(&stage->keyboard, KEY_H, 0);
	puppet_key(&stage->keyboard, KEY_SYSRQ, 0);
	puppet_key(&stage->keyboard, KEY_LEFTALT, 0);
}

/* The witnesses are awake: what goes to the host they all see. */
static void witnesses_can_see(struct stage *stage, struct witnesses *witnesses)
{
	play_mischief(stage);
	assert_true(tty_saw(witnesses, WORLD_MS));
	assert_true(sysrq_fired(witnesses, WORLD_MS));
	assert_true(desktop_saw(witnesses, is_key, WORLD_MS));
	forget_all(witnesses);
	stage_drain_host(stage);
}

static void start_qemu(struct qemu *qemu)
{
	wait_for_file("/dev/input/by-id/evswitch-one-keyboard");
	wait_for_file("/dev/input/by-id/evswitch-one-pointer");
	qemu_start(
		qemu,
		(const char *const[]){
			"-object",
			"input-linux,id=k,evdev=/dev/input/by-id/evswitch-one-keyboard,grab_all=on",
			"-object", "input-linux,id=p,evdev=/dev/input/by-id/evswitch-one-pointer",
			NULL });
}

/* Some frame after the loss reveals it: the witnesses may see that one, and its release. */
static void lose_and_recover(struct stage *stage, struct witnesses *witnesses)
{
	struct seen seen;

	puppet_key(&stage->keyboard, KEY_X, 1);
	program_expect(&stage->program, "released its devices: back to the host");
	program_expect(&stage->program, "focus: host");
	assert_true(observer_frame(&witnesses->client, &seen, WORLD_MS));
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.ev[0].code, KEY_X);
	assert_true(observer_frame(&witnesses->client, &seen, WORLD_MS));
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.ev[0].code, KEY_X);
	assert_int_equal(seen.ev[0].value, 0);
	assert_int_equal(observer_keys_down(&witnesses->client), 0);
	puppet_key(&stage->keyboard, KEY_X, 0);
	observer_expect_nothing(&witnesses->client);
	observer_expect_nothing(&stage->host_keyboard);
	forget_all(witnesses);
}

static void test_hiding(void **state)
{
	struct witnesses witnesses;
	struct stage stage;
	struct qemu qemu;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	open_witnesses(&witnesses);
	witnesses_can_see(&stage, &witnesses);

	/* Before QEMU is there the focus stays, and the guest's nodes get nothing at all. */
	stage_toggle(&stage);
	program_expect(&stage.program, "cannot switch to guest one");
	forget_all(&witnesses);
	stage_drain_host(&stage);
	nobody_saw_anything(&witnesses);

	start_qemu(&qemu);
	stage_focus_guest(&stage);
	forget_all(&witnesses);
	play_mischief(&stage);
	qemu_expect(&qemu, "+a -a +ret -ret +spc -spc +alt +print +h -h -print -alt");
	nobody_saw_anything(&witnesses);

	qemu_kill(&qemu, SIGKILL);
	lose_and_recover(&stage, &witnesses);
	stage_await_quiet(&stage);
	forget_all(&witnesses);
	witnesses_can_see(&stage, &witnesses);
	observer_expect_nothing(&witnesses.client);
	close_witnesses(&witnesses);
	stage_close(&stage);
}

/* --- the host's own keys ---------------------------------------------------------------- */

struct console {
	int tty, second, active; /* active: readable (POLLPRI) when another one is shown */
};

static int shown(const struct console *console)
{
	struct vt_stat status;

	assert_int_equal(ioctl(console->tty, VT_GETSTATE, &status), 0);
	return status.v_active;
}

/* A terminal that nobody has opened is not switched to. False where the machine has none. */
static bool open_console(struct console *console)
{
	*console = (struct console){ .tty = open("/dev/tty0", O_RDWR | O_CLOEXEC),
				     .second = open("/dev/tty2", O_RDWR | O_NOCTTY | O_CLOEXEC),
				     .active = open("/sys/class/tty/tty0/active", O_RDONLY) };
	return console->tty >= 0 && console->second >= 0 && console->active >= 0;
}

static void close_console(struct console *console)
{
	close(console->tty);
	close(console->second);
	close(console->active);
}

static void press_ctrl_alt(struct stage *stage, unsigned key)
{
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 1);
	puppet_key(&stage->keyboard, KEY_LEFTALT, 1);
	puppet_key(&stage->keyboard, key, 1);
	puppet_key(&stage->keyboard, key, 0);
	puppet_key(&stage->keyboard, KEY_LEFTALT, 0);
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 0);
}

static void expect_shown(struct console *console, int number)
{
	struct pollfd changed = { .fd = console->active, .events = POLLPRI };
	char name[16];

	while (pread(console->active, name, sizeof(name), 0) > 0 && shown(console) != number)
		if (poll(&changed, 1, WORLD_MS) != 1)
			fail_msg("tty%d is shown instead of tty%d", shown(console), number);
}

/* Ctrl+Alt+Fn: through the clone, while the host has the focus; never while a guest has it. */
static void test_console_switch(void **state)
{
	struct console console;
	struct stage stage;

	(void)state;
	if (!open_console(&console)) {
		puts("skip: no virtual terminals here (/dev/tty0, /dev/tty2)");
		skip();
	}
	stage_open(&stage, STAGE_CONF);
	expect_shown(&console, 1);
	press_ctrl_alt(&stage, KEY_F2);
	expect_shown(&console, 2);
	press_ctrl_alt(&stage, KEY_F1);
	expect_shown(&console, 1);
	stage_drain_host(&stage);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	press_ctrl_alt(&stage, KEY_F2);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_LEFTCTRL, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_LEFTALT, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_F2, 1);
	observer_expect_nothing(&stage.host_keyboard);
	assert_int_equal(shown(&console), 1);
	stage_focus_host(&stage);
	stage_close(&stage);
	close_console(&console);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_hiding, world_reset),
		cmocka_unit_test_teardown(test_console_switch, world_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
