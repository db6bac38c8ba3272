/* SPDX-License-Identifier: MIT */
/*
 * Which real nodes the program takes, and what their clones are: odd shapes, links, twins, replugging,
 * LEDs. Shapes that only a driver makes come from the kernel's own, through uhid.
 */
#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <linux/uhid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/router.h"
#include "stage.h"
#include "base/util.h"

/* --- shapes --------------------------------------------------------------------------- */

static struct libevdev *model_new(const char *name, unsigned short product)
{
	struct libevdev *model = libevdev_new();

	assert_non_null(model);
	libevdev_set_name(model, name);
	libevdev_set_id_bustype(model, BUS_USB);
	libevdev_set_id_vendor(model, 0x046d);
	libevdev_set_id_product(model, product);
	return model;
}

static void add(struct libevdev *model, unsigned type, unsigned first, unsigned last)
{
	for (unsigned code = first; code <= last; code++)
		assert_int_equal(libevdev_enable_event_code(model, type, code, NULL), 0);
}

static void add_axis(struct libevdev *model, unsigned code, struct input_absinfo axis)
{
	assert_int_equal(libevdev_enable_event_code(model, EV_ABS, code, &axis), 0);
}

static void add_joystick(struct libevdev *model)
{
	add_axis(model, ABS_X, (struct input_absinfo){ .maximum = 255 });
	add_axis(model, ABS_Y, (struct input_absinfo){ .maximum = 255 });
	add(model, EV_KEY, BTN_JOYSTICK, BTN_JOYSTICK + 5);
}

static struct libevdev *keyboard_model(const char *name)
{
	struct libevdev *model = model_new(name, 0xc101);

	add(model, EV_KEY, KEY_ESC, KEY_MICMUTE);
	libevdev_enable_event_type(model, EV_REP);
	return model;
}

static struct libevdev *mouse_model(const char *name)
{
	struct libevdev *model = model_new(name, 0xc102);

	add(model, EV_KEY, BTN_LEFT, BTN_TASK);
	add(model, EV_REL, REL_X, REL_Y);
	return model;
}

static void plug(struct puppet *puppet, struct libevdev *model, const char *phys)
{
	puppet_plug_model(puppet, model, phys);
	libevdev_free(model);
}

/* A boot keyboard with one more field: 32 bits of volume, from 0 to what as a signed number is -1. */
static const unsigned char cover[] = {
	0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00,
	0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x75, 0x08, 0x95, 0x06, 0x15, 0x00,
	0x25, 0x65, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0x05, 0x0c, 0x09, 0xe0, 0x15, 0x00,
	0x27, 0xff, 0xff, 0xff, 0xff, 0x75, 0x20, 0x95, 0x01, 0x81, 0x02, 0xc0,
};

/* The kernel's HID driver makes the device; closing the descriptor unplugs it. */
static int hid_plug(const char *name, const char *phys, const unsigned char *report, unsigned size)
{
	struct uhid_event ev = { .type = UHID_CREATE2 };
	struct uhid_create2_req *create = &ev.u.create2;
	int fd = open("/dev/uhid", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	snprintf((char *)create->name, sizeof(create->name), "%s", name);
	snprintf((char *)create->phys, sizeof(create->phys), "%s", phys);
	memcpy(create->rd_data, report, size);
	create->rd_size = (uint16_t)size;
	create->bus = BUS_USB;
	create->vendor = 0x045e;
	create->product = 0x07a9;
	assert_int_equal(write(fd, &ev, sizeof(ev)), sizeof(ev));
	return fd;
}

/* A key of the boot keyboard by its HID usage; 0: all up. */
static void hid_key(int fd, unsigned char usage)
{
	struct uhid_event ev = { .type = UHID_INPUT2,
				 .u.input2 = { .size = 11, .data = { 0, usage } } };

	assert_int_equal(write(fd, &ev, sizeof(ev)), sizeof(ev));
}

/* An axis from a higher to a lower number: the keyboard is one all the same. */
static void odd_axis(void **state)
{
	struct program program;
	struct observer host;
	struct libevdev *clone;
	char devnode[64];
	int fd;

	(void)state;
	if (access("/dev/uhid", F_OK) < 0)
		assert_int_equal(system("modprobe -a uhid hid-generic"), 0);
	fd = hid_plug("test cover", "test/cover", cover, sizeof(cover));
	assert_true(find_node("test/cover", devnode, WORLD_MS));
	program_start(&program,
		      "[device keyboard]\nname = test cover\n[guest one]\nvia = input-linux\n");
	program_expect(&program, "test cover) is grabbed");
	observer_open(&host, "evswitch/host/keyboard");
	assert_int_equal(libevdev_new_from_fd(host.fd, &clone), 0);
	assert_true(libevdev_has_event_code(clone, EV_ABS, ABS_VOLUME));
	libevdev_free(clone);
	hid_key(fd, 4);
	hid_key(fd, 0);
	observer_expect(&host, EV_KEY, KEY_A, 1);
	observer_expect(&host, EV_KEY, KEY_A, 0);
	program_stop(&program);
	observer_close(&host);
	close(fd);
}

/* A dead zone wider than its axis, and no name. */
static void odd_axis_and_no_name(void **state)
{
	struct input_absinfo volume = { .maximum = 100, .flat = 200 };
	struct program program;
	char devnode[64];
	int fd, node;

	(void)state;
	fd = hid_plug("", "test/nameless", cover, sizeof(cover));
	assert_true(find_node("test/nameless", devnode, WORLD_MS));
	node = open(devnode, O_RDWR | O_CLOEXEC);
	assert_int_equal(ioctl(node, EVIOCSABS(ABS_VOLUME), &volume), 0);
	program_start(&program,
		      "[device keyboard]\nphys = test/nameless\n[guest one]\nvia = input-linux\n");
	program_expect(&program, "is grabbed");
	program_stop(&program);
	close(node);
	close(fd);
}

#define TWO_CONF                                                                                   \
	"[device keyboard]\nname = odd keyboard\n[device mouse]\nname = odd mouse\n"               \
	"[guest one]\nvia = input-linux\n"

static void expect_both_grabbed(struct libevdev *keyboard, struct libevdev *mouse)
{
	struct program program;
	struct puppet puppet[2];

	plug(&puppet[0], keyboard, "test/odd0");
	plug(&puppet[1], mouse, "test/odd1");
	program_start(&program, TWO_CONF);
	program_expect(&program, "is grabbed");
	program_expect(&program, "is grabbed");
	program_stop(&program);
	puppet_unplug(&puppet[0]);
	puppet_unplug(&puppet[1]);
}

/* What also declares a joystick is what its keys and its motion say. */
static void joystick_bits(void **state)
{
	struct libevdev *keyboard = keyboard_model("odd keyboard"),
			*mouse = mouse_model("odd mouse");

	(void)state;
	add_joystick(keyboard);
	add_joystick(mouse);
	expect_both_grabbed(keyboard, mouse);
}

/* The buttons of a mouse run on into a joystick's from the seventeenth. */
static void many_buttons(void **state)
{
	struct libevdev *keyboard = keyboard_model("odd keyboard"),
			*mouse = mouse_model("odd mouse");

	(void)state;
	add(mouse, EV_KEY, BTN_LEFT, BTN_LEFT + 19);
	add_axis(keyboard, ABS_VOLUME, (struct input_absinfo){ .maximum = 100 });
	expect_both_grabbed(keyboard, mouse);
}

/* One section matches more nodes than can be taken: the rest is left to the host, and that is said. */
static void too_many(void **state)
{
	static struct puppet mouse[ROUTER_DEVICES + 1];
	struct program program;
	unsigned taken = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(mouse); i++)
		plug(&mouse[i], mouse_model("odd mouse"), "test/many");
	assert_int_equal(system("udevadm settle -t 300"), 0);
	program_start(&program, TWO_CONF);
	program_expect(&program, "more than 64 devices");
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		program_expect(&program, "odd mouse) is grabbed");
	for (unsigned i = 0; i < ARRAY_SIZE(mouse); i++)
		taken += node_is_grabbed(mouse[i].uinput.devnode);
	assert_int_equal(taken, ROUTER_DEVICES);
	program_stop(&program);
	for (unsigned i = 0; i < ARRAY_SIZE(mouse); i++)
		puppet_unplug(&mouse[i]);
}

static void game_pad(void **state)
{
	struct libevdev *pad = model_new("odd mouse", 0xc103);
	struct program program;
	struct puppet puppet;

	(void)state;
	add_joystick(pad);
	add(pad, EV_KEY, BTN_GAMEPAD, BTN_THUMBR);
	plug(&puppet, pad, "test/pad");
	program_start(&program, TWO_CONF);
	program_expect(&program, "cannot be switched");
	assert_false(node_is_grabbed(puppet.uinput.devnode));
	program_stop(&program);
	puppet_unplug(&puppet);
}

/* --- what a clone copies -------------------------------------------------------------- */

static void repeat_rate(void **state)
{
	unsigned wanted[2] = { 333, 44 }, rate[2] = { 0 };
	struct stage stage;
	int fd;

	(void)state;
	stage_plug(&stage);
	fd = open(stage.keyboard.uinput.devnode, O_RDWR | O_CLOEXEC);
	assert_int_equal(ioctl(fd, EVIOCSREP, wanted), 0);
	close(fd);
	stage_start(&stage, STAGE_CONF);
	assert_int_equal(ioctl(stage.host_keyboard.fd, EVIOCGREP, rate), 0);
	assert_int_equal(rate[0], wanted[0]);
	assert_int_equal(rate[1], wanted[1]);
	stage_close(&stage);
}

/* --- wheels of one form --------------------------------------------------------------- */

static void open_with_mouse(struct stage *stage, enum puppet_kind kind, const char *conf)
{
	stage_plug(stage);
	puppet_unplug(&stage->mouse);
	puppet_plug(&stage->mouse, kind, "test mouse", "test/mouse", 0xc002);
	stage_start(stage, conf);
	stage_guest_up(stage);
}

static void turn(struct stage *stage, unsigned code, int value)
{
	struct input_event ev = { .type = EV_REL, .code = (uint16_t)code, .value = value };

	puppet_play(&stage->mouse, &ev, 1);
}

/* The next frame is these two, or the first alone (second 0), and nothing else. */
static void expect_turn(struct observer *observer, unsigned code, int value, unsigned second,
			int second_value)
{
	struct seen seen;

	assert_true(observer_frame(observer, &seen, WORLD_MS));
	assert_int_equal(seen.n, second ? 2 : 1);
	assert_int_equal(seen.ev[0].type, EV_REL);
	assert_int_equal(seen.ev[0].code, code);
	assert_int_equal(seen.ev[0].value, value);
	if (!second)
		return;
	assert_int_equal(seen.ev[1].type, EV_REL);
	assert_int_equal(seen.ev[1].code, second);
	assert_int_equal(seen.ev[1].value, second_value);
}

/* A mouse without clicks, where the desktop and the guest read nothing else. */
static void wheel_without_clicks(void **state)
{
	struct stage stage;

	(void)state;
	open_with_mouse(&stage, PUPPET_MOUSE_HIRES,
			"[device keyboard]\nname = test keyboard\n"
			"[device mouse]\nname = test mouse\n"
			"[guest one]\nvia = virtio-input\nos = windows\n");
	turn(&stage, REL_WHEEL_HI_RES, 60);
	turn(&stage, REL_WHEEL_HI_RES, 60);
	turn(&stage, REL_HWHEEL_HI_RES, -240);
	expect_turn(&stage.host_mouse, REL_WHEEL_HI_RES, 60, 0, 0);
	expect_turn(&stage.host_mouse, REL_WHEEL_HI_RES, 60, REL_WHEEL, 1);
	expect_turn(&stage.host_mouse, REL_HWHEEL_HI_RES, -240, REL_HWHEEL, -2);
	stage_focus_guest(&stage);
	turn(&stage, REL_WHEEL_HI_RES, -60);
	turn(&stage, REL_WHEEL_HI_RES, -60);
	turn(&stage, REL_HWHEEL_HI_RES, 120);
	expect_turn(&stage.guest_pointer, REL_WHEEL, -1, 0, 0);
	expect_turn(&stage.guest_pointer, REL_HWHEEL, 1, 0, 0);
	stage_close(&stage);
}

static void wheel_with_clicks_alone(void **state)
{
	struct stage stage;

	(void)state;
	open_with_mouse(&stage, PUPPET_MOUSE_CLICKS,
			"[device keyboard]\nname = test keyboard\n"
			"[device mouse]\nname = test mouse\n"
			"[guest one]\nvia = virtio-input\n");
	turn(&stage, REL_WHEEL, 2);
	expect_turn(&stage.host_mouse, REL_WHEEL, 2, REL_WHEEL_HI_RES, 240);
	stage_focus_guest(&stage);
	turn(&stage, REL_WHEEL, -1);
	turn(&stage, REL_HWHEEL, 3);
	expect_turn(&stage.guest_pointer, REL_WHEEL, -1, REL_WHEEL_HI_RES, -120);
	expect_turn(&stage.guest_pointer, REL_HWHEEL, 3, REL_HWHEEL_HI_RES, 360);
	stage_close(&stage);
}

/* --- held keys, and the focus elsewhere ----------------------------------------------- */

/* Plugs the keyboard again, with a key down before the program can see it. */
static void plug_held(struct stage *stage, struct puppet *keyboard, const char *phys,
		      struct observer *desktop)
{
	struct libevdev *model = keyboard_model("test keyboard");

	libevdev_disable_event_type(model, EV_REP); /* the desktop's queue is not to overrun */
	program_pause(&stage->program);
	plug(keyboard, model, phys);
	observer_open(desktop, phys);
	puppet_key(keyboard, KEY_A, 1);
	program_resume(&stage->program);
	observer_expect(desktop, EV_KEY, KEY_A, 1);
}

/* Back with a key down: nothing may keep the program from grabbing it, for what is typed is the guest's. */
static void held_at_replug(void **state)
{
	struct observer desktop;
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	puppet_unplug(&stage.keyboard);
	program_expect(&stage.program, "is gone");
	plug_held(&stage, &stage.keyboard, "test/keyboard", &desktop);
	program_expect(&stage.program, "is down while a guest has the focus");
	program_expect(&stage.program, "test keyboard) is grabbed");
	puppet_key(&stage.keyboard, KEY_B, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_B, 1);
	observer_expect(&desktop, EV_KEY, KEY_A, 0);
	observer_expect_nothing(&desktop);
	observer_close(&desktop);
	stage_close(&stage);
}

static bool try_held_at_switch(void)
{
	struct observer desktop;
	struct puppet second;
	struct stage stage;
	bool in_time;

	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	plug_held(&stage, &second, "test/second", &desktop);
	/* On a busy machine its three seconds may be over before the focus has left. */
	in_time = !program_says(&stage.program, "releasing it for the host", 0);
	stage_focus_guest(&stage);
	in_time &= program_says(&stage.program, "is down while a guest has the focus", WORLD_MS);
	if (in_time) {
		program_expect(&stage.program, "test keyboard) is grabbed");
		puppet_key(&second, KEY_B, 1);
		observer_expect(&stage.guest_keyboard, EV_KEY, KEY_B, 1);
		observer_expect(&desktop, EV_KEY, KEY_A, 0);
		observer_expect_nothing(&desktop);
	}
	observer_close(&desktop);
	puppet_unplug(&second);
	stage_close(&stage);
	return in_time;
}

/* A key that is held keeps a keyboard from being grabbed, and then the focus leaves. */
static void held_at_switch(void **state)
{
	bool in_time = false;

	(void)state;
	for (unsigned tries = 0; tries < 5 && !in_time; tries++)
		in_time = try_held_at_switch();
	assert_true(in_time);
}

/* --- LEDs ----------------------------------------------------------------------------- */

#define LED(code) (1U << (code))

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

static void plug_led_keyboard(struct puppet *puppet)
{
	struct libevdev *model = keyboard_model("test keyboard");

	add(model, EV_LED, LED_NUML, LED_CHARGING);
	plug(puppet, model, "test/keyboard");
}

/* The lock LEDs are the target's that has the focus, the others the host's, whoever writes them. */
static void other_leds(void **state)
{
	struct stage stage;
	unsigned leds = 0;

	(void)state;
	stage_plug(&stage);
	puppet_unplug(&stage.keyboard);
	plug_led_keyboard(&stage.keyboard);
	stage_start(&stage, "[device keyboard]\nname = test keyboard\n"
			    "[device mouse]\nname = test mouse\n[guest one]\nvia = virtio-input\n");
	write_led(stage.keyboard.uinput.devnode, LED_CHARGING, 1);
	puppet_expect_leds(&stage.keyboard, &leds, LED(LED_CHARGING), WORLD_MS);
	write_led(stage.host_keyboard.devnode, LED_MUTE, 1);
	write_led(stage.host_keyboard.devnode, LED_CAPSL, 1);
	puppet_expect_leds(&stage.keyboard, &leds,
			   LED(LED_CHARGING) | LED(LED_MUTE) | LED(LED_CAPSL), WORLD_MS);
	stage_drain_host(&stage);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	puppet_expect_leds(&stage.keyboard, &leds, LED(LED_CHARGING) | LED(LED_MUTE), WORLD_MS);
	write_led(stage.host_keyboard.devnode, LED_COMPOSE, 1);
	write_led(stage.host_keyboard.devnode, LED_MUTE, 0);
	write_led(stage.guest_keyboard.devnode, LED_NUML, 1);
	puppet_expect_leds(&stage.keyboard, &leds,
			   LED(LED_CHARGING) | LED(LED_COMPOSE) | LED(LED_NUML), WORLD_MS);
	stage_focus_host(&stage);
	puppet_expect_leds(&stage.keyboard, &leds,
			   LED(LED_CHARGING) | LED(LED_COMPOSE) | LED(LED_CAPSL), WORLD_MS);
	stage_close(&stage);
}

/* Plugged in again, the keyboard shows what the host set before. */
static void other_leds_replugged(void **state)
{
	struct stage stage;
	unsigned leds = 0;

	(void)state;
	stage_plug(&stage);
	puppet_unplug(&stage.keyboard);
	plug_led_keyboard(&stage.keyboard);
	stage_start(&stage, STAGE_CONF);
	write_led(stage.host_keyboard.devnode, LED_MUTE, 1);
	puppet_expect_leds(&stage.keyboard, &leds, LED(LED_MUTE), WORLD_MS);
	puppet_unplug(&stage.keyboard);
	program_expect(&stage.program, "is gone");
	leds = 0;
	plug_led_keyboard(&stage.keyboard);
	program_expect(&stage.program, "test keyboard) is grabbed");
	puppet_expect_leds(&stage.keyboard, &leds, LED(LED_MUTE), WORLD_MS);
	stage_close(&stage);
}

/* --- links ---------------------------------------------------------------------------- */

#define RULES "/etc/udev/rules.d/99-test-devices.rules"
#define TWIN  "/dev/input/by-id/usb-Twin-event-mouse"
#define HAND  "/tmp/by-hand/deep/mouse"

static void write_rules(const char *rules)
{
	FILE *file = fopen(RULES, "we");

	assert_non_null(file);
	fputs(rules, file);
	fclose(file);
	assert_int_equal(system("udevadm control --reload"), 0);
}

static void leads_to(const char *link, char target[64])
{
	char path[4096];

	assert_non_null(realpath(link, path));
	snprintf(target, 64, "%.60s", path);
}

#define PATH_CONF(path)                                                                            \
	"[device mouse]\npath = " path "\n[device keyboard]\nname = odd keyboard\n"                \
	"[guest one]\nvia = input-linux\n"

/* udev gives two devices one link, which leads to one of them. */
static void shared_link(void **state)
{
	struct program program;
	struct puppet twin[2];
	char target[64];
	unsigned taken;

	(void)state;
	write_rules("KERNEL==\"event*\", ATTRS{phys}==\"test/twin*\", "
		    "SYMLINK+=\"input/by-id/usb-Twin-event-mouse\"\n");
	plug(&twin[0], mouse_model("twin mouse"), "test/twin0");
	plug(&twin[1], mouse_model("twin mouse"), "test/twin1");
	assert_int_equal(system("udevadm settle -t 20"), 0);
	leads_to(TWIN, target);
	taken = strcmp(target, twin[1].uinput.devnode) == 0;
	program_start(&program, PATH_CONF(TWIN));
	program_expect(&program, "twin mouse) is grabbed");
	assert_false(program_says(&program, "twin mouse) is grabbed", WORLD_QUIET_MS * 10));
	assert_true(node_is_grabbed(twin[taken].uinput.devnode));
	assert_false(node_is_grabbed(twin[!taken].uinput.devnode));
	/* Pulled, udev lets the link lead to the other. */
	puppet_unplug(&twin[taken]);
	program_expect(&program, "twin mouse) is grabbed");
	assert_true(node_is_grabbed(twin[!taken].uinput.devnode));
	program_stop(&program);
	puppet_unplug(&twin[!taken]);
	write_rules("");
}

/* A link made by hand, before or after the node, and one that is made to lead elsewhere. */
static void link_by_hand(void **state)
{
	struct program program;
	struct puppet mouse[2];

	(void)state;
	assert_int_equal(system("rm -rf /tmp/by-hand"), 0);
	plug(&mouse[0], mouse_model("odd mouse"), "test/odd0");
	plug(&mouse[1], mouse_model("odd mouse"), "test/odd1");
	program_start(&program, PATH_CONF(HAND));
	program_expect(&program, "device mouse: not found yet");
	assert_int_equal(mkdir("/tmp/by-hand", 0755), 0);
	assert_int_equal(mkdir("/tmp/by-hand/deep", 0755), 0);
	assert_int_equal(symlink(mouse[0].uinput.devnode, HAND), 0);
	program_expect(&program, "odd mouse) is grabbed");
	assert_true(node_is_grabbed(mouse[0].uinput.devnode));
	assert_false(node_is_grabbed(mouse[1].uinput.devnode));
	assert_int_equal(symlink(mouse[1].uinput.devnode, HAND ".new"), 0);
	assert_int_equal(rename(HAND ".new", HAND), 0);
	program_expect(&program, "odd mouse) is grabbed");
	assert_true(node_is_grabbed(mouse[1].uinput.devnode));
	program_stop(&program);
	program_start(&program, PATH_CONF(HAND));
	program_expect(&program, "odd mouse) is grabbed");
	assert_true(node_is_grabbed(mouse[1].uinput.devnode));
	program_stop(&program);
	puppet_unplug(&mouse[0]);
	puppet_unplug(&mouse[1]);
}

/* The legacy node of a mouse is told from the event node, which is named. */
static void not_an_event_node(void **state)
{
	struct program program;
	struct puppet mouse;
	char text[200];

	(void)state;
	write_rules("KERNEL==\"mouse*\", ATTRS{phys}==\"test/twin*\", "
		    "SYMLINK+=\"input/by-id/usb-Twin-mouse\"\n"
		    "KERNEL==\"event*\", ATTRS{phys}==\"test/twin*\", "
		    "SYMLINK+=\"input/by-id/usb-Twin-event-mouse\"\n");
	plug(&mouse, mouse_model("twin mouse"), "test/twin");
	assert_int_equal(system("udevadm settle -t 20"), 0);
	program_start(&program, PATH_CONF("/dev/input/by-id/usb-Twin-mouse"));
	program_expect(&program,
		       "device mouse: /dev/input/by-id/usb-Twin-mouse is not an event node");
	snprintf(text, sizeof(text), "the event node of this device is %s", TWIN);
	program_expect(&program, text);
	program_stop(&program);
	program_start(&program, PATH_CONF("/dev/null"));
	program_expect(&program, "device mouse: /dev/null is not an event node");
	program_stop(&program);
	puppet_unplug(&mouse);
	write_rules("");
}

/* --- replugging ----------------------------------------------------------------------- */

/* Two nodes of one name and one id, as a receiver has: each gets its own clone back, at another port too. */
static void replug_receiver(struct puppet puppet[2], struct program *program, unsigned first,
			    char port)
{
	struct libevdev *model[] = { keyboard_model("receiver"), mouse_model("receiver") };

	libevdev_set_id_product(model[1], 0xc101);
	for (unsigned i = 0; i < 2; i++) {
		unsigned n = i ^ first;
		char phys[] = "usb-test-0/input0";

		phys[9] = port;
		phys[16] = (char)('0' + n);
		plug(&puppet[n], model[n], phys);
		program_expect(program, "receiver) is grabbed");
	}
}

static void replug_in_any_order(void **state)
{
	struct program program;
	struct observer keyboard, mouse;
	struct puppet puppet[2];

	(void)state;
	program_start(&program, "[device both]\nname = receiver\n[guest one]\nvia = input-linux\n");
	program_expect(&program, "device both: not found yet");
	replug_receiver(puppet, &program, 0, '1');
	observer_open(&keyboard, "evswitch/host/both");
	observer_open(&mouse, "evswitch/host/both.2");
	for (unsigned first = 0; first < 2; first++) {
		for (unsigned i = 0; i < 2; i++) {
			puppet_unplug(&puppet[i]);
			program_expect(&program, "is gone");
		}
		replug_receiver(puppet, &program, first, '2');
		puppet_key(&puppet[0], KEY_A, 1);
		observer_expect(&keyboard, EV_KEY, KEY_A, 1);
		puppet_key(&puppet[0], KEY_A, 0);
		observer_expect(&keyboard, EV_KEY, KEY_A, 0);
		puppet_key(&puppet[1], BTN_LEFT, 1);
		observer_expect(&mouse, EV_KEY, BTN_LEFT, 1);
		puppet_key(&puppet[1], BTN_LEFT, 0);
		observer_expect(&mouse, EV_KEY, BTN_LEFT, 0);
	}
	program_stop(&program);
	observer_close(&keyboard);
	observer_close(&mouse);
	puppet_unplug(&puppet[0]);
	puppet_unplug(&puppet[1]);
}

/* Twins in all but the port, and in all but the address. */
static void replug_twins(void **state)
{
	static const char *const phys[] = { "usb-test-1/input0", "usb-test-2/input0" };
	struct program program;
	struct observer host[2];
	struct puppet twin[2];

	(void)state;
	plug(&twin[0], mouse_model("twin"), phys[0]);
	program_start(&program, "[device both]\nname = twin\n[guest one]\nvia = input-linux\n");
	program_expect(&program, "twin) is grabbed");
	plug(&twin[1], mouse_model("twin"), phys[1]);
	program_expect(&program, "twin) is grabbed");
	observer_open(&host[0], "evswitch/host/both");
	observer_open(&host[1], "evswitch/host/both.2");
	for (unsigned first = 0; first < 2; first++) {
		for (unsigned i = 0; i < 2; i++) {
			puppet_unplug(&twin[i]);
			program_expect(&program, "is gone");
		}
		for (unsigned i = 0; i < 2; i++) {
			unsigned n = i ^ first;

			plug(&twin[n], mouse_model("twin"), phys[n]);
			program_expect(&program, "twin) is grabbed");
		}
		for (unsigned i = 0; i < 2; i++) {
			puppet_key(&twin[i], BTN_LEFT, 1);
			observer_expect(&host[i], EV_KEY, BTN_LEFT, 1);
			puppet_key(&twin[i], BTN_LEFT, 0);
			observer_expect(&host[i], EV_KEY, BTN_LEFT, 0);
		}
	}
	program_stop(&program);
	for (unsigned i = 0; i < 2; i++) {
		observer_close(&host[i]);
		puppet_unplug(&twin[i]);
	}
}

/* With an argument: the tests whose name it is, with * and ?. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(odd_axis, world_reset),
		cmocka_unit_test_teardown(odd_axis_and_no_name, world_reset),
		cmocka_unit_test_teardown(joystick_bits, world_reset),
		cmocka_unit_test_teardown(many_buttons, world_reset),
		cmocka_unit_test_teardown(too_many, world_reset),
		cmocka_unit_test_teardown(game_pad, world_reset),
		cmocka_unit_test_teardown(repeat_rate, world_reset),
		cmocka_unit_test_teardown(wheel_without_clicks, world_reset),
		cmocka_unit_test_teardown(wheel_with_clicks_alone, world_reset),
		cmocka_unit_test_teardown(held_at_replug, world_reset),
		cmocka_unit_test_teardown(held_at_switch, world_reset),
		cmocka_unit_test_teardown(other_leds, world_reset),
		cmocka_unit_test_teardown(other_leds_replugged, world_reset),
		cmocka_unit_test_teardown(shared_link, world_reset),
		cmocka_unit_test_teardown(link_by_hand, world_reset),
		cmocka_unit_test_teardown(not_an_event_node, world_reset),
		cmocka_unit_test_teardown(replug_in_any_order, world_reset),
		cmocka_unit_test_teardown(replug_twins, world_reset),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
