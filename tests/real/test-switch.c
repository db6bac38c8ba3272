/* SPDX-License-Identifier: MIT */
/*
 * The main job on a real kernel, where a scenario's text does not reach: devices that come and go,
 * other programs' grabs, keys held while grabbing, LEDs, permissions.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/uinput.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "stage.h"
#include "base/util.h"

static void test_toggle(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	puppet_type(&stage.keyboard, KEY_A);
	observer_expect_typed(&stage.host_keyboard, KEY_A);
	stage_toggle(&stage);
	program_expect(&stage.program, "cannot switch to guest one: no VM has taken "
				       "its devices: start its VM");
	program_expect(&stage.program, "; more from: evswitch --check\n");
	observer_expect_typed(&stage.host_keyboard, KEY_LEFTCTRL);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	puppet_type(&stage.keyboard, KEY_B);
	observer_expect_typed(&stage.guest_keyboard, KEY_B);
	observer_expect_nothing(&stage.host_keyboard);
	stage_toggle(&stage);
	program_expect(&stage.program, "focus: host");
	puppet_type(&stage.keyboard, KEY_C);
	observer_expect_typed(&stage.host_keyboard, KEY_C);
	stage_close(&stage);
}

/* There and back within one frame: both are reported, and in order. */
static void test_two_switches_at_once(void **state)
{
	static const struct input_event twice[] = {
		{ .type = EV_KEY, .code = KEY_LEFTCTRL, .value = 1 },
		{ .type = EV_KEY, .code = KEY_RIGHTCTRL, .value = 1 },
		{ .type = EV_KEY, .code = KEY_RIGHTCTRL, .value = 0 },
		{ .type = EV_KEY, .code = KEY_RIGHTCTRL, .value = 1 },
		{ .type = EV_KEY, .code = KEY_RIGHTCTRL, .value = 0 },
		{ .type = EV_KEY, .code = KEY_LEFTCTRL, .value = 0 },
	};
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	puppet_play(&stage.keyboard, twice, ARRAY_SIZE(twice));
	program_expect(&stage.program, "focus: one");
	program_expect(&stage.program, "focus: host");
	observer_expect_typed(&stage.host_keyboard, KEY_LEFTCTRL);
	puppet_type(&stage.keyboard, KEY_C);
	observer_expect_typed(&stage.host_keyboard, KEY_C);
	observer_expect_nothing(&stage.guest_keyboard);
	stage_close(&stage);
}

/* A program that opens the nodes without a grab is no guest, and is named. */
static void test_other_program(void **state)
{
	struct stage stage;
	char named[80];

	(void)state;
	stage_open(&stage, STAGE_CONF);
	observer_open(&stage.guest_keyboard, "evswitch/one/keyboard");
	snprintf(named, sizeof(named), "but process %d (test-switch) has them open", (int)getpid());
	/* The search gives up on a machine that is very slow. */
	do {
		stage_toggle(&stage);
		program_expect(&stage.program, "cannot switch to guest one: ");
	} while (!program_says(&stage.program, named, 100));
	stage_drain_host(&stage);
	stage_close(&stage);
}

#define HOOKS_CONF                                                                                 \
	STAGE_CONF "on-lost = echo lost: $FROM $TO: $REASON >&2\n"                                 \
		   "while = trap 'echo while ends >&2; exit 1' TERM; echo while: $FROM $TO >&2; "  \
		   "sleep 1000 & wait\n"                                                           \
		   "[evswitch]\non-refused = echo refused: $FROM $TO $CAUSE: $REASON >&2\n"

/* It may have come before something else that was looked for. */
static void expect_said(struct stage *stage, const char *text)
{
	if (!strstr(stage->program.log, text))
		program_expect(&stage->program, text);
}

/* What is not a switch has hooks, too: a refusal, and a guest that goes away. */
static void test_hooks(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, HOOKS_CONF);
	stage_toggle(&stage);
	program_expect(&stage.program, "refused: host one not-open: no VM has taken");
	stage_drain_host(&stage);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	program_expect(&stage.program, "while: host one");
	stage_guest_down(&stage);
	puppet_key(&stage.keyboard, KEY_A, 1);
	/* In any order: they run side by side. */
	expect_said(&stage, "focus: host");
	expect_said(&stage, "while ends");
	expect_said(&stage, "lost: one host: it released its devices");
	puppet_key(&stage.keyboard, KEY_A, 0);
	stage_close(&stage);
}

#define PARTS_CONF STAGE_CONF "hotkey-pointer = leftctrl+f4\n[host]\nhotkey-pointer = leftctrl+f5\n"

static void chord(struct stage *stage, unsigned code)
{
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 1);
	puppet_key(&stage->keyboard, code, 1);
	puppet_key(&stage->keyboard, code, 0);
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 0);
	observer_expect_typed(&stage->host_keyboard, KEY_LEFTCTRL);
}

/* The pointers move alone; the guest that loses its last device is left, and can be entered anew. */
static void test_part(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, PARTS_CONF);
	stage_guest_up(&stage);
	for (unsigned i = 0; i < 3; i++) {
		chord(&stage, KEY_F4);
		program_expect(&stage.program, "pointers: one");
		puppet_key(&stage.mouse, BTN_LEFT, 1);
		observer_expect(&stage.guest_pointer, EV_KEY, BTN_LEFT, 1);
		puppet_type(&stage.keyboard, KEY_A);
		observer_expect_typed(&stage.host_keyboard, KEY_A);
		chord(&stage, KEY_F5);
		program_expect(&stage.program, "pointers: host");
		observer_expect(&stage.guest_pointer, EV_KEY, BTN_LEFT, 0);
		puppet_key(&stage.mouse, BTN_LEFT, 0);
	}
	chord(&stage, KEY_F4);
	stage_guest_down(&stage);
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	program_expect(&stage.program, "guest one: it released its devices");
	program_expect(&stage.program, "pointers: host");
	puppet_type(&stage.keyboard, KEY_A);
	observer_expect_typed(&stage.host_keyboard, KEY_A);
	puppet_key(&stage.mouse, BTN_LEFT, 0);
	stage_close(&stage);
}

#define PIN_CONF                                                                                   \
	"[device keyboard]\nname = test keyboard\ntarget = one\n"                                  \
	"[device mouse]\nname = test mouse\n[guest one]\nvia = input-linux\n"

/* What is typed on a device of a guest that is down reaches nobody, then the guest alone. */
static void test_pinned_to_guest(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, PIN_CONF);
	puppet_type(&stage.keyboard, KEY_A);
	observer_expect_nothing(&stage.host_keyboard);
	for (unsigned i = 0; i < 2; i++) {
		stage_guest_up(&stage);
		program_expect(&stage.program, "device keyboard: at guest one");
		puppet_type(&stage.keyboard, KEY_B);
		observer_expect_typed(&stage.guest_keyboard, KEY_B);
		puppet_key(&stage.mouse, BTN_LEFT, 1);
		puppet_key(&stage.mouse, BTN_LEFT, 0);
		observer_expect_typed(&stage.host_mouse, BTN_LEFT);
		stage_guest_down(&stage);
		puppet_type(&stage.keyboard,
			    KEY_C); /* the first shows that nobody is there, and leaks */
		program_expect(&stage.program, "it released its devices");
		puppet_type(&stage.keyboard, KEY_D);
		observer_expect_nothing(&stage.host_keyboard);
	}
	stage_close(&stage);
}

/* Only one of the nodes is held: the guest is there, and what nobody holds gets nothing. */
static void test_pointer_only(void **state)
{
	struct stage stage;
	struct observer second;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	observer_open(&stage.guest_pointer, "evswitch/one/pointer");
	observer_grab(&stage.guest_pointer);
	observer_open(&second, "evswitch/one/keyboard");
	stage_focus_guest(&stage);
	puppet_type(&stage.keyboard, KEY_B);
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	puppet_key(&stage.mouse, BTN_LEFT, 0);
	observer_expect_typed(&stage.guest_pointer, BTN_LEFT);
	observer_expect_nothing(&second);
	observer_expect_nothing(&stage.host_keyboard);
	observer_close(&second);
	stage_close(&stage);
}

/* The program's own uinput device of this phys is gone, as by a fault in the kernel. */
static void destroy_device(const struct program *program, const char *phys)
{
	autoclose int process = (int)syscall(SYS_pidfd_open, program->pid, 0);

	for (int fd = 0; fd < 256; fd++) {
		autoclose int its = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
		char name[32], path[80], is[80] = "";
		FILE *file;

		if (its < 0 || ioctl(its, UI_GET_SYSNAME(sizeof(name)), name) < 0)
			continue;
		snprintf(path, sizeof(path), "/sys/devices/virtual/input/%s/phys", name);
		file = fopen(path, "r");
		if (file && fscanf(file, "%79s", is) == 1 && strcmp(is, phys) == 0) {
			fclose(file);
			assert_int_equal(ioctl(its, UI_DEV_DESTROY), 0);
			return;
		}
		if (file)
			fclose(file);
	}
	fail_msg("the program has no %s", phys);
}

/* Input that the host's programs cannot get is given back to them whole. */
static void test_host_device_fails(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	destroy_device(&stage.program, "evswitch/host/keyboard");
	puppet_key(&stage.keyboard, KEY_A, 1);
	program_expect(&stage.program, "cannot write to the host's devices");
	stage_expect_end(&stage, EX_IOERR);
	assert_false(node_is_grabbed(stage.keyboard.uinput.devnode));
	assert_false(node_is_grabbed(stage.mouse.uinput.devnode));
	puppet_key(&stage.keyboard, KEY_A, 0);
	stage_unplug(&stage);
}

/* The key is read before the guard tells that the node is gone. */
static void test_guest_device_fails(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	program_pause(&stage.program);
	puppet_key(&stage.keyboard, KEY_A, 1);
	destroy_device(&stage.program, "evswitch/one/keyboard");
	program_resume(&stage.program);
	program_expect(&stage.program, "guest one: cannot write to its devices");
	program_expect(&stage.program, "focus: host");
	puppet_key(&stage.keyboard, KEY_A, 0);
	stage_await_quiet(&stage);
	puppet_type(&stage.keyboard, KEY_H);
	observer_expect_typed(&stage.host_keyboard, KEY_H);
	stage_close(&stage);
}

/* What is down goes up by the router's rules, not by the kernel's: Alt alone would open a menu. */
static void test_end_releases(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	puppet_key(&stage.keyboard, KEY_LEFTALT, 1);
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_LEFTALT, 1);
	observer_expect(&stage.guest_pointer, EV_KEY, BTN_LEFT, 1);
	program_stop(&stage.program);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_LEFTCTRL, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_LEFTCTRL, 0);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_LEFTALT, 0);
	observer_expect(&stage.guest_pointer, EV_KEY, BTN_LEFT, 0);
	puppet_key(&stage.keyboard, KEY_LEFTALT, 0);
	puppet_key(&stage.mouse, BTN_LEFT, 0);
	stage_unplug(&stage);
}

/* Whoever sat at the desk before the program came must see the release of what was held then. */
static void test_waits_for_neutral(void **state)
{
	struct stage stage;
	struct observer desktop;

	(void)state;
	stage_plug(&stage);
	observer_open(&desktop, "test/mouse");
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	observer_expect(&desktop, EV_KEY, BTN_LEFT, 1);
	program_start(&stage.program, STAGE_CONF);
	program_expect(&stage.program, "test keyboard) is grabbed");
	assert_false(node_is_grabbed(stage.mouse.uinput.devnode));
	puppet_key(&stage.mouse, BTN_LEFT, 0);
	observer_expect(&desktop, EV_KEY, BTN_LEFT, 0);
	program_expect(&stage.program, "test mouse) is grabbed");
	assert_true(node_is_grabbed(stage.mouse.uinput.devnode));
	observer_close(&desktop);
	program_stop(&stage.program);
	stage_unplug(&stage);
}

/* Held for ever: after the deadline it is released for the desktop, and the grab is taken. */
static void test_neutral_is_bounded(void **state)
{
	struct stage stage;
	struct observer desktop;

	(void)state;
	stage_plug(&stage);
	observer_open(&desktop, "test/mouse");
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	observer_expect(&desktop, EV_KEY, BTN_LEFT, 1);
	program_start(&stage.program, STAGE_CONF);
	program_expect(&stage.program, "releasing it for the host");
	program_expect(&stage.program, "test mouse) is grabbed");
	observer_expect(&desktop, EV_KEY, BTN_LEFT, 0);
	observer_expect_nothing(&desktop);
	observer_close(&desktop);
	program_stop(&stage.program);
	stage_unplug(&stage);
}

static void test_another_grabs_first(void **state)
{
	struct stage stage;
	struct observer keyd;

	(void)state;
	stage_plug(&stage);
	observer_open(&keyd, "test/keyboard");
	observer_grab(&keyd);
	program_start(&stage.program, STAGE_CONF);
	program_expect(&stage.program, "another program holds it");
	observer_close(&keyd);
	program_expect(&stage.program, "test keyboard) is grabbed");
	program_stop(&stage.program);
	stage_unplug(&stage);
}

static void test_absent_then_plugged(void **state)
{
	struct stage stage;

	(void)state;
	stage_plug(&stage);
	puppet_unplug(&stage.mouse);
	program_start(&stage.program, STAGE_CONF);
	program_expect(&stage.program, "device mouse: not found yet");
	program_expect(&stage.program, "test keyboard) is grabbed");
	puppet_plug(&stage.mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
	program_expect(&stage.program, "test mouse) is grabbed");
	observer_open(&stage.host_mouse, "evswitch/host/mouse");
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	puppet_key(&stage.mouse, BTN_LEFT, 0);
	observer_expect_typed(&stage.host_mouse, BTN_LEFT);
	program_stop(&stage.program);
	stage_unplug(&stage);
}

/* The desktop keeps its device over unplugging: same node, released, and it goes on. */
static void test_clone_outlives_unplug(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	observer_expect(&stage.host_mouse, EV_KEY, BTN_LEFT, 1);
	puppet_unplug(&stage.mouse);
	observer_expect(&stage.host_mouse, EV_KEY, BTN_LEFT, 0);
	puppet_plug(&stage.mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
	program_expect(&stage.program, "test mouse) is grabbed");
	puppet_key(&stage.mouse, BTN_RIGHT, 1);
	puppet_key(&stage.mouse, BTN_RIGHT, 0);
	observer_expect_typed(&stage.host_mouse, BTN_RIGHT);
	stage_close(&stage);
}

/*
 * Unplugged and back under the same name while the program could not look: it finds both at once, in
 * whatever order, and must not take the new device for the old one.
 */
static void test_replug_unseen(void **state)
{
	char devnode[64];
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	snprintf(devnode, sizeof(devnode), "%s", stage.mouse.uinput.devnode);
	program_pause(&stage.program);
	puppet_unplug(&stage.mouse);
	puppet_plug(&stage.mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
	assert_string_equal(stage.mouse.uinput.devnode, devnode);
	assert_int_equal(system("udevadm settle"), 0);
	program_resume(&stage.program);
	program_expect(&stage.program, "is gone");
	program_expect(&stage.program, "test mouse) is grabbed");
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	puppet_key(&stage.mouse, BTN_LEFT, 0);
	observer_expect_typed(&stage.host_mouse, BTN_LEFT);
	stage_close(&stage);
}

/* Back as something else: the clone is made anew, to fit. */
static void test_clone_follows_capabilities(void **state)
{
	struct stage stage;
	struct observer renewed;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	puppet_unplug(&stage.mouse);
	program_expect(&stage.program, "is gone");
	puppet_plug(&stage.mouse, PUPPET_TABLET, "test mouse", "test/mouse", 0xc003);
	program_expect(&stage.program, "test mouse) is grabbed");
	observer_open(&renewed, "evswitch/host/mouse");
	puppet_play(&stage.mouse,
		    (struct input_event[]){ { .type = EV_ABS, .code = ABS_X, .value = 77 } }, 1);
	observer_expect(&renewed, EV_ABS, ABS_X, 77);
	observer_close(&renewed);
	stage_close(&stage);
}

static void test_touchpad_is_refused(void **state)
{
	struct stage stage;
	struct puppet touchpad;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	puppet_unplug(&stage.mouse);
	program_expect(&stage.program, "is gone");
	puppet_plug(&touchpad, PUPPET_TOUCHPAD, "test mouse", "test/touchpad", 0xc004);
	program_expect(&stage.program, "touchpads cannot be switched");
	assert_false(node_is_grabbed(touchpad.uinput.devnode));
	puppet_unplug(&touchpad);
	stage_close(&stage);
}

/* A click without its place would hit something else in the guest. */
static void test_tablet_stays_with_the_host(void **state)
{
	static const struct input_event point[] = {
		{ .type = EV_ABS, .code = ABS_X, .value = 100 },
		{ .type = EV_ABS, .code = ABS_Y, .value = 200 },
		{ .type = EV_KEY, .code = BTN_LEFT, .value = 1 },
	};
	struct observer host_tablet;
	struct puppet tablet;
	struct stage stage;
	struct seen seen;

	(void)state;
	stage_plug(&stage);
	puppet_plug(&tablet, PUPPET_TABLET, "test tablet", "test/tablet", 0xc003);
	stage_start(&stage, STAGE_CONF "[device tablet]\nname = test tablet\n");
	program_expect(&stage.program, "is grabbed");
	if (!strstr(stage.program.log, "it reports absolute positions, so it stays with the host"))
		program_expect(&stage.program,
			       "it reports absolute positions, so it stays with the host");
	observer_open(&host_tablet, "evswitch/host/tablet");
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	puppet_play(&tablet, point, ARRAY_SIZE(point));
	assert_true(observer_frame(&host_tablet, &seen, WORLD_MS));
	assert_int_equal(seen.n, ARRAY_SIZE(point));
	stage_focus_host(&stage);
	stage_focus_guest(&stage);
	assert_int_equal(observer_keys_down(&host_tablet), 1);
	puppet_key(&tablet, BTN_LEFT, 0);
	observer_expect(&host_tablet, EV_KEY, BTN_LEFT, 0);
	observer_expect_nothing(&stage.guest_pointer);
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	observer_expect(&stage.guest_pointer, EV_KEY, BTN_LEFT, 1);
	puppet_key(&stage.mouse, BTN_LEFT, 0);
	observer_close(&host_tablet);
	puppet_unplug(&tablet);
	stage_close(&stage);
}

static void test_several_nodes_match(void **state)
{
	struct stage stage;
	struct observer second;
	struct puppet twin;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	puppet_plug(&twin, PUPPET_MOUSE, "test mouse", "test/twin", 0xc002);
	program_expect(&stage.program, "test mouse) is grabbed");
	observer_open(&second, "evswitch/host/mouse.2");
	puppet_key(&twin, BTN_LEFT, 1);
	puppet_key(&twin, BTN_LEFT, 0);
	observer_expect_typed(&second, BTN_LEFT);
	observer_expect_nothing(&stage.host_mouse);
	observer_close(&second);
	puppet_unplug(&twin);
	stage_close(&stage);
}

/* A clone has its source's name and ids, and must not be taken for another of the same. */
static void test_own_devices_are_not_grabbed(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	/* udev has announced the clones by now: the grabs waited for it. */
	observer_expect_nothing(&stage.host_mouse);
	assert_false(node_is_grabbed(stage.host_mouse.devnode));
	assert_false(node_is_grabbed(stage.host_keyboard.devnode));
	stage_close(&stage);
}

/* Uninstalled it works too, and says what is missing. */
static void test_without_rules(void **state)
{
	struct stage stage;

	(void)state;
	assert_int_equal(rename("/etc/udev/rules.d/65-evswitch.rules", "/etc/udev/hidden"), 0);
	assert_int_equal(system("udevadm control --reload"), 0);
	stage_plug(&stage);
	program_start(&stage.program, STAGE_CONF);
	program_expect(&stage.program, "udev rules are not in effect");
	program_stop(&stage.program);
	stage_unplug(&stage);
	assert_int_equal(rename("/etc/udev/hidden", "/etc/udev/rules.d/65-evswitch.rules"), 0);
	assert_int_equal(system("udevadm control --reload"), 0);
}

/* --- lock LEDs ------------------------------------------------------------------------ */

static void write_led(const char *devnode, unsigned code, int value)
{
	struct input_event ev[] = {
		{ .type = EV_LED, .code = (uint16_t)code, .value = value },
		{ .type = EV_SYN, .code = SYN_REPORT },
	};
	int fd = open(devnode, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, ev, sizeof(ev)), sizeof(ev));
	close(fd);
}

static void expect_leds(struct stage *stage, unsigned *leds, unsigned wanted)
{
	puppet_expect_leds(&stage->keyboard, leds, wanted, WORLD_MS);
}

/* Reads on until the real keyboard was given this. */
static void await_led(struct stage *stage, unsigned code, int value)
{
	struct pollfd in = { .fd = stage->keyboard.uinput.fd, .events = POLLIN };
	struct input_event ev;

	do {
		if (poll(&in, 1, WORLD_MS) != 1)
			fail_msg("LED %u did not become %d", code, value);
		assert_int_equal(read(in.fd, &ev, sizeof(ev)), sizeof(ev));
	} while (ev.type != EV_LED || ev.code != code || ev.value != value);
}

#define CAPS (1U << LED_CAPSL)
#define NUM  (1U << LED_NUML)

/*
 * Each target has its own LEDs and the real keyboard shows those of the focus; a desktop that
 * writes into the real keyboard itself is put right. QEMU writes into the node that it holds, so
 * does this.
 */
static void test_leds(void **state)
{
	struct stage stage;
	unsigned leds = 0;

	(void)state;
	stage_open(&stage, "[device keyboard]\nname = test keyboard\n"
			   "[device mouse]\nname = test mouse\n[guest one]\nvia = virtio-input\n");
	write_led(stage.host_keyboard.devnode, LED_CAPSL, 1);
	expect_leds(&stage, &leds, CAPS);
	stage_drain_host(&stage); /* the LED shows there too */
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	expect_leds(&stage, &leds, 0);
	write_led(stage.guest_keyboard.devnode, LED_NUML, 1);
	expect_leds(&stage, &leds, NUM);
	write_led(stage.keyboard.uinput.devnode, LED_CAPSL, 1);
	await_led(&stage, LED_CAPSL, 1);
	await_led(&stage, LED_CAPSL, 0);
	expect_leds(&stage, &leds, NUM);
	write_led(stage.host_keyboard.devnode, LED_SCROLLL, 1); /* the host's, not shown now */
	expect_leds(&stage, &leds, NUM);
	stage_toggle(&stage);
	expect_leds(&stage, &leds, CAPS | 1U << LED_SCROLLL);
	stage_toggle(&stage);
	expect_leds(&stage, &leds, NUM);
	stage_close(&stage);
}

#define LOCKS_CONF                                                                                 \
	"[device keyboard]\nname = test keyboard\n[device mouse]\nname = test mouse\n"             \
	"[guest one]\nvia = virtio-input\nlocks = follow\n"

/* What the console shows on the host's keyboard is no matter here. */
static void hide_leds(const struct observer *observer)
{
	static const unsigned long none[1]; /* the kernel takes whole words */
	struct input_mask mask = { .type = EV_LED,
				   .codes_size = sizeof(none),
				   .codes_ptr = (uintptr_t)none };

	assert_int_equal(ioctl(observer->fd, EVIOCSMASK, &mask), 0);
}

/*
 * The locks follow once the guest's LEDs are known: by one tap, and only where they differ. The
 * kernel's console is the host that has locks; this test is the guest.
 */
static void test_locks_follow(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, LOCKS_CONF);
	hide_leds(&stage.host_keyboard);
	stage_guest_up(&stage); /* first, or the console sets the LED on the guest's node, too */
	puppet_type(&stage.keyboard, KEY_CAPSLOCK);
	observer_expect_typed(&stage.host_keyboard, KEY_CAPSLOCK);
	await_led(&stage, LED_CAPSL, 1);
	stage_focus_guest(&stage);
	await_led(&stage, LED_CAPSL, 0);
	/* Nothing is tapped, as the guest has said nothing. Now it does. */
	observer_expect_nothing(&stage.guest_keyboard);
	write_led(stage.guest_keyboard.devnode, LED_NUML, 1);
	await_led(&stage, LED_NUML, 1);
	stage_drain_guest(&stage);
	stage_toggle(&stage);
	observer_expect_typed(&stage.host_keyboard, KEY_NUMLOCK);
	observer_expect_typed(&stage.host_keyboard, KEY_CAPSLOCK);
	await_led(&stage, LED_CAPSL, 1); /* what the host had ... */
	await_led(&stage, LED_CAPSL, 0); /* ... and what the taps made of it: Num alone */
	stage_drain_guest(&stage);       /* the toggle's own Ctrl */
	stage_focus_guest(&stage);
	observer_expect_nothing(&stage.guest_keyboard);
	write_led(stage.guest_keyboard.devnode, LED_CAPSL, 1);
	await_led(&stage, LED_CAPSL, 1);
	stage_drain_guest(&stage);
	stage_toggle(&stage);
	observer_expect_typed(&stage.host_keyboard, KEY_CAPSLOCK);
	/* As it was: the console writes its LEDs into every keyboard that comes after this. */
	puppet_type(&stage.keyboard, KEY_CAPSLOCK);
	observer_expect_typed(&stage.host_keyboard, KEY_CAPSLOCK);
	puppet_type(&stage.keyboard, KEY_NUMLOCK);
	observer_expect_typed(&stage.host_keyboard, KEY_NUMLOCK);
	await_led(&stage, LED_NUML, 0);
	stage_close(&stage);
}

/* While nobody holds the guest's node, LEDs written there are the host console's. */
static void test_leds_of_unheld_node(void **state)
{
	struct stage stage;
	struct observer console;
	unsigned leds = 0;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	observer_open(&console, "evswitch/one/keyboard");
	write_led(console.devnode, LED_CAPSL, 1);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	expect_leds(&stage, &leds, 0);
	observer_close(&console);
	stage_close(&stage);
}

/* --- permissions ---------------------------------------------------------------------- */

static int run_as_nobody(const char *conf, char *log, size_t size)
{
	struct program program;
	int code;

	assert_int_equal(setresgid(65534, 65534, 0), 0);
	assert_int_equal(setresuid(65534, 65534, 0), 0);
	program_start(&program, conf);
	assert_int_equal(setresuid(0, 0, 0), 0);
	assert_int_equal(setresgid(0, 0, 0), 0);
	code = program_wait(&program);
	snprintf(log, size, "%.4000s", program.log);
	return code;
}

static void test_no_permission(void **state)
{
	struct stage stage;
	char log[4096];

	(void)state;
	stage_plug(&stage);
	assert_int_equal(setgroups(0, NULL), 0);
	assert_int_equal(run_as_nobody(STAGE_CONF, log, sizeof(log)), 77);
	assert_non_null(strstr(log, "/dev/uinput: no permission: you are not in group input"));
	assert_int_equal(chmod("/dev/uinput", 0666), 0);
	assert_int_equal(run_as_nobody(STAGE_CONF, log, sizeof(log)), 77);
	assert_int_equal(chmod("/dev/uinput", 0660), 0);
	assert_non_null(strstr(log, "usermod -aG input"));
	stage_unplug(&stage);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_toggle, world_reset),
		cmocka_unit_test_teardown(test_other_program, world_reset),
		cmocka_unit_test_teardown(test_hooks, world_reset),
		cmocka_unit_test_teardown(test_part, world_reset),
		cmocka_unit_test_teardown(test_pinned_to_guest, world_reset),
		cmocka_unit_test_teardown(test_two_switches_at_once, world_reset),
		cmocka_unit_test_teardown(test_pointer_only, world_reset),
		cmocka_unit_test_teardown(test_host_device_fails, world_reset),
		cmocka_unit_test_teardown(test_guest_device_fails, world_reset),
		cmocka_unit_test_teardown(test_end_releases, world_reset),
		cmocka_unit_test_teardown(test_waits_for_neutral, world_reset),
		cmocka_unit_test_teardown(test_neutral_is_bounded, world_reset),
		cmocka_unit_test_teardown(test_another_grabs_first, world_reset),
		cmocka_unit_test_teardown(test_absent_then_plugged, world_reset),
		cmocka_unit_test_teardown(test_clone_outlives_unplug, world_reset),
		cmocka_unit_test_teardown(test_replug_unseen, world_reset),
		cmocka_unit_test_teardown(test_clone_follows_capabilities, world_reset),
		cmocka_unit_test_teardown(test_touchpad_is_refused, world_reset),
		cmocka_unit_test_teardown(test_tablet_stays_with_the_host, world_reset),
		cmocka_unit_test_teardown(test_several_nodes_match, world_reset),
		cmocka_unit_test_teardown(test_own_devices_are_not_grabbed, world_reset),
		cmocka_unit_test_teardown(test_without_rules, world_reset),
		cmocka_unit_test_teardown(test_leds, world_reset),
		cmocka_unit_test_teardown(test_locks_follow, world_reset),
		cmocka_unit_test_teardown(test_leds_of_unheld_node, world_reset),
		cmocka_unit_test_teardown(test_no_permission, world_reset),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
