/*
 * From the user's devices to what a guest's own kernel reads: a Linux guest in a real QEMU, with
 * virtio-input-host on evswitch's nodes. It boots once, takes a minute or two for it, and all tests
 * share it. tests/nested/run brings the guest's kernel and initramfs; in the guest runs
 * tests/nested/reader.c, which talks to us over its serial console.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "qemu.h"
#include "scenario.h"
#include "stage.h"
#include "util.h"

#define BOOT_MS  400000
#define GUEST_MS 60000 /* an emulated machine in an emulated machine is slow */
#define SERIAL   "/tmp/evswitch-nested-serial"

static const char conf[] = "[device keyboard]\nname = test keyboard\n"
			   "[device mouse]\nname = test mouse\n"
			   "[guest one]\nvia = virtio-input\n";

struct nest {
	struct stage stage;
	struct qemu qemu;
	int serial;
	char text[8192]; /* from the serial console, not yet taken */
	size_t used;
	unsigned n_waiting;
	char waiting[64][200]; /* lines of one node that came before the expected ones of another */
	unsigned leds;         /* that the real keyboard shows */
};

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- the guest's serial console ---------------------------------------------------------- */

static void connect_serial(struct nest *nest)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SERIAL };

	nest->serial = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(nest->serial >= 0);
	if (connect(nest->serial, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("%s: %s", SERIAL, strerror(errno));
}

static bool read_serial(struct nest *nest, long deadline)
{
	struct pollfd in = { .fd = nest->serial, .events = POLLIN };
	long left = deadline - now_ms();
	ssize_t size;

	assert_true(nest->used < sizeof(nest->text) - 1);
	if (poll(&in, 1, left > 0 ? (int)left : 0) <= 0)
		return false;
	size = read(nest->serial, nest->text + nest->used, sizeof(nest->text) - 1 - nest->used);
	if (size <= 0)
		fail_msg("the guest has ended");
	nest->used += (size_t)size;
	return true;
}

/* The next line of the reader, without its "@". The kernel's are shown: they should be none. */
static bool guest_says(struct nest *nest, char *line, size_t size, int timeout_ms)
{
	long deadline = now_ms() + timeout_ms;

	for (;;) {
		char *end = memchr(nest->text, '\n', nest->used);
		bool ours = end && *nest->text == '@';

		if (!end) {
			if (!read_serial(nest, deadline))
				return false;
			continue;
		}
		*end++ = '\0';
		nest->text[strcspn(nest->text, "\r")] = '\0';
		if (ours)
			snprintf(line, size, "%.*s", (int)size - 1, nest->text + 1);
		else if (*nest->text)
			printf("the guest's kernel: %s\n", nest->text);
		nest->used -= (size_t)(end - nest->text);
		memmove(nest->text, end, nest->used);
		if (ours)
			return true;
	}
}

static void tell_guest(struct nest *nest, const char *command)
{
	assert_int_equal(write(nest->serial, command, strlen(command)), strlen(command));
}

/* --- frames ------------------------------------------------------------------------------ */

/* "keyboard 1:30:1" -> "keyboard", "a:1"; true where it is nothing but a key that repeats. */
static bool decode(const char *line, char *node, char *events, size_t size)
{
	struct frame frame = { 0 };
	struct input_event now = { 0 };
	bool repeats = true;
	unsigned type, code;
	int value, at = 0, length;

	assert_int_equal(sscanf(line, "%15s%n", node, &at), 1);
	while (sscanf(line + at, " %u:%u:%d%n", &type, &code, &value, &length) == 3) {
		frame_put(&frame, &now, type, code, value);
		repeats &= type == EV_KEY && value == 2;
		at += length;
	}
	assert_true(frame.n > 0);
	frame_close(&frame, &now);
	events_print(&frame, events, size);
	return repeats;
}

/* The next line of this node. In which order the nodes' lines come says nothing. */
static bool next_line(struct nest *nest, const char *node, char *line, size_t size)
{
	size_t length = strlen(node);

	for (unsigned i = 0; i < nest->n_waiting; i++) {
		if (strncmp(nest->waiting[i], node, length) != 0)
			continue;
		snprintf(line, size, "%s", nest->waiting[i]);
		nest->n_waiting--;
		memmove(nest->waiting[i], nest->waiting[i + 1],
			(nest->n_waiting - i) * sizeof(nest->waiting[0]));
		return true;
	}
	while (guest_says(nest, line, size, GUEST_MS)) {
		if (strncmp(line, node, length) == 0)
			return true;
		assert_true(nest->n_waiting < ARRAY_SIZE(nest->waiting));
		snprintf(nest->waiting[nest->n_waiting++], sizeof(nest->waiting[0]), "%s", line);
	}
	return false;
}

static void expect(struct nest *nest, const char *node, const char *events)
{
	char line[200], seen_node[16], seen[512];
	bool repeats = strstr(events, ":2") != NULL;

	do {
		if (!next_line(nest, node, line, sizeof(line)))
			fail_msg("the guest got no %s on its %s", events, node);
	} while (decode(line, seen_node, seen, sizeof(seen)) && !repeats);
	if (strcmp(seen, events) != 0)
		fail_msg("the guest got \"%s\" on its %s instead of \"%s\"", seen, node, events);
}

/* What came by now has been expected, but for keys that repeat. */
static void expect_no_more(struct nest *nest)
{
	char node[16], seen[512];

	for (unsigned i = 0; i < nest->n_waiting; i++)
		if (!decode(nest->waiting[i], node, seen, sizeof(seen)))
			fail_msg("the guest got \"%s\" on its %s too", seen, node);
	nest->n_waiting = 0;
}

static void play(struct puppet *puppet, const char *events)
{
	struct frame frame;
	const char *bad;

	if (!events_parse(events, &frame, &bad))
		fail_msg("not an event: %s", bad);
	puppet_play(puppet, frame.ev, frame.n - 1);
}

/* Each of the words, down and up, arrives on this node and nowhere else. */
static void expect_each(struct nest *nest, struct puppet *puppet, const char *node,
			const char *words)
{
	autofree char *copy = strdup(words);
	char *rest = copy, *word;

	assert_non_null(copy);
	while ((word = strsep(&rest, " "))) {
		char down[64], up[64];

		snprintf(down, sizeof(down), "%s:1", word);
		snprintf(up, sizeof(up), "%s:0", word);
		play(puppet, down);
		play(puppet, up);
		expect(nest, node, down);
		expect(nest, node, up);
	}
	expect_no_more(nest);
	observer_expect_nothing(&nest->stage.host_keyboard);
	observer_expect_nothing(&nest->stage.host_mouse);
}

/* Played and seen without a change. */
static void expect_same(struct nest *nest, struct puppet *puppet, const char *node,
			const char *events)
{
	play(puppet, events);
	expect(nest, node, events);
}

/* --- the focus --------------------------------------------------------------------------- */

/* The number that answers. All that came before it must have been expected. */
static unsigned ask_guest(struct nest *nest, const char *question)
{
	char command[32], line[200];

	snprintf(command, sizeof(command), "%s\n", question);
	tell_guest(nest, command);
	if (!next_line(nest, question, line, sizeof(line)))
		fail_msg("the guest does not answer");
	expect_no_more(nest);
	return (unsigned)strtoul(line + strlen(question), NULL, 10);
}

static void expect_nothing_down(struct nest *nest)
{
	assert_int_equal(ask_guest(nest, "down"), 0);
}

/* --- the tests --------------------------------------------------------------------------- */

static void test_keys(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, &nest->stage.keyboard, "keyboard",
		    "a z 1 0 enter esc backspace tab space leftshift rightshift leftctrl "
		    "rightctrl leftalt rightalt leftmeta rightmeta compose 102nd ro kpenter "
		    "kp5 up insert pause sysrq f1 f12");
}

static void test_function_keys(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, &nest->stage.keyboard, "keyboard",
		    "f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24");
}

static void test_rare_keys(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, &nest->stage.keyboard, "keyboard",
		    "macro micmute prog1 prog4 kbdillumup rfkill ok numeric_0 als_toggle "
		    "assistant macro1 macro30 kbd_lcd_menu5");
}

static void test_media_keys(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, &nest->stage.keyboard, "media",
		    "mute volumedown volumeup playpause nextsong previoussong stopcd calc mail "
		    "back forward homepage search brightnessup");
}

static void test_buttons(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, &nest->stage.mouse, "pointer",
		    "btn_left btn_right btn_middle btn_side btn_extra btn_forward btn_back "
		    "btn_task btn_0 btn_9");
}

static void test_wheels(void **state)
{
	struct nest *nest = *state;
	struct puppet *mouse = &nest->stage.mouse;

	expect_same(nest, mouse, "pointer", "rel_wheel:1 rel_wheel_hi_res:120");
	expect_same(nest, mouse, "pointer", "rel_wheel:-3 rel_wheel_hi_res:-360");
	expect_same(nest, mouse, "pointer", "rel_wheel_hi_res:15");
	expect_same(nest, mouse, "pointer", "rel_hwheel:2 rel_hwheel_hi_res:240");
	expect_same(nest, mouse, "pointer", "rel_hwheel_hi_res:-30");
}

static void test_motion(void **state)
{
	struct nest *nest = *state;
	struct puppet *mouse = &nest->stage.mouse;

	expect_same(nest, mouse, "pointer", "rel_x:1");
	expect_same(nest, mouse, "pointer", "rel_x:-40000 rel_y:40000");
	expect_same(nest, mouse, "pointer", "rel_x:127 rel_y:-128 btn_left:1");
	expect_same(nest, mouse, "pointer", "rel_y:-1 btn_left:0");
}

/* The nodes do not repeat by themselves: the guest counts on the source's repetitions. */
static void test_repeats(void **state)
{
	struct nest *nest = *state;

	expect_same(nest, &nest->stage.keyboard, "keyboard", "y:1");
	expect(nest, "keyboard", "y:2");
	expect(nest, "keyboard", "y:2");
	expect_same(nest, &nest->stage.keyboard, "keyboard", "y:0");
}

static void test_nothing_stays_down(void **state)
{
	struct nest *nest = *state;
	struct puppet *keyboard = &nest->stage.keyboard, *mouse = &nest->stage.mouse;

	expect_same(nest, keyboard, "keyboard", "leftshift:1");
	expect_same(nest, keyboard, "keyboard", "x:1");
	expect_same(nest, keyboard, "media", "volumeup:1");
	expect_same(nest, mouse, "pointer", "btn_left:1");
	/* The panic chord: the toggle does not act with Shift down. */
	play(keyboard, "backspace:1");
	play(keyboard, "esc:1");
	expect(nest, "keyboard", "backspace:1");
	expect(nest, "keyboard", "esc:1");
	play(keyboard, "enter:1");
	program_expect(&nest->stage.program, "panic chord");
	expect(nest, "keyboard", "esc:0 backspace:0 leftshift:0 x:0");
	expect(nest, "media", "volumeup:0");
	expect(nest, "pointer", "btn_left:0");
	expect_nothing_down(nest);
	play(keyboard, "backspace:0 esc:0 enter:0 leftshift:0 x:0 volumeup:0");
	play(mouse, "btn_left:0");
	observer_expect_nothing(&nest->stage.host_keyboard);
	observer_expect_nothing(&nest->stage.host_mouse);
	expect_nothing_down(nest);
	stage_focus_guest(&nest->stage);
}

/* Keys and buttons held both ways over many toggles, while the guest lags behind. */
static void test_many_toggles(void **state)
{
	struct nest *nest = *state;
	struct puppet *keyboard = &nest->stage.keyboard, *mouse = &nest->stage.mouse;

	for (unsigned i = 0; i < 10; i++) {
		expect_same(nest, keyboard, "keyboard", "k:1");
		expect_same(nest, mouse, "pointer", "btn_right:1");
		stage_focus_host(&nest->stage);
		play(keyboard, "k:0");
		play(mouse, "btn_right:0");
		expect(nest, "keyboard", "leftctrl:1");
		expect(nest, "keyboard", "leftctrl:0 k:0");
		expect(nest, "pointer", "btn_right:0");
		play(keyboard, "j:1");
		stage_toggle(&nest->stage);
		program_expect(&nest->stage.program, "focus: one");
		play(keyboard, "j:0");
		assert_int_equal(observer_keys_down(&nest->stage.host_keyboard), 0);
	}
	stage_drain_host(&nest->stage);
	expect_nothing_down(nest);
	expect_same(nest, keyboard, "keyboard", "b:1");
	expect_same(nest, keyboard, "keyboard", "b:0");
	observer_expect_nothing(&nest->stage.host_keyboard);
}

/*
 * To ask whether a node is held, evswitch sends the guest an empty frame. What the guest's kernel
 * sends back, QEMU writes into the node, and it would be on its way for ever.
 */
static void test_no_echo(void **state)
{
	struct nest *nest = *state;
	unsigned before = ask_guest(nest, "syncs"), after;

	for (unsigned i = 0; i < 12; i++) {
		stage_focus_host(&nest->stage);
		expect(nest, "keyboard", "leftctrl:1");
		expect(nest, "keyboard", "leftctrl:0");
		stage_focus_guest(&nest->stage);
	}
	after = ask_guest(nest, "syncs");
	if (after - before > 12 * 3) /* as many as its nodes, each time */
		fail_msg("the guest got %u of them", after - before);
	observer_expect_nothing(&nest->stage.host_keyboard);
	assert_int_equal(ask_guest(nest, "syncs"), after);
}

/* --- LEDs -------------------------------------------------------------------------------- */

#define NUM    (1U << LED_NUML)
#define CAPS   (1U << LED_CAPSL)
#define SCROLL (1U << LED_SCROLLL)

static void expect_leds(struct nest *nest, unsigned leds)
{
	puppet_expect_leds(&nest->stage.keyboard, &nest->leds, leds, GUEST_MS);
}

static void set_guest_led(struct nest *nest, unsigned code, int value)
{
	char question[32];

	snprintf(question, sizeof(question), "led %u %d", code, value);
	assert_int_equal(ask_guest(nest, question), 1);
}

/* A node that loses its grab makes the host's own console set the LEDs of all keyboards anew. */
static unsigned host_leds(const struct nest *nest)
{
	unsigned char leds[(LED_CNT + 7) / 8] = { 0 };

	assert_true(ioctl(nest->stage.host_keyboard.fd, EVIOCGLED(sizeof(leds)), leds) >= 0);
	return leds[0];
}

static void test_leds(void **state)
{
	struct nest *nest = *state;

	expect_each(nest, &nest->stage.keyboard, "keyboard", "capslock");
	expect_leds(nest, CAPS); /* the guest's console did that */
	stage_set_host_led(&nest->stage, LED_NUML, 1);
	expect_leds(nest, CAPS);
	stage_focus_host(&nest->stage);
	expect(nest, "keyboard", "leftctrl:1");
	expect(nest, "keyboard", "leftctrl:0");
	expect_leds(nest, NUM);
	set_guest_led(nest, LED_SCROLLL, 1);
	expect_leds(nest, NUM);
	stage_focus_guest(&nest->stage);
	expect_leds(nest, CAPS | SCROLL);
	set_guest_led(nest, LED_SCROLLL, 0);
	expect_leds(nest, CAPS);
}

/* LEDs that the host's console has set come along with the next key. */
static void expect_on_host(struct nest *nest, unsigned code, int value)
{
	struct seen seen;

	assert_true(observer_frame(&nest->stage.host_keyboard, &seen, WORLD_MS));
	for (unsigned i = 0; i < seen.n - 1; i++)
		assert_int_equal(seen.ev[i].type, EV_LED);
	assert_int_equal(seen.ev[seen.n - 1].type, EV_KEY);
	assert_int_equal(seen.ev[seen.n - 1].code, code);
	assert_int_equal(seen.ev[seen.n - 1].value, value);
}

/* Last: the guest does not survive it. */
static void test_guest_dies(void **state)
{
	struct nest *nest = *state;

	expect_same(nest, &nest->stage.mouse, "pointer", "btn_left:1");
	qemu_kill(&nest->qemu, SIGKILL);
	play(&nest->stage.mouse, "rel_x:1");
	program_expect(&nest->stage.program, "focus: host");
	expect_leds(nest, host_leds(nest)); /* no longer the guest's Caps Lock */
	play(&nest->stage.mouse, "btn_left:0");
	stage_drain_host(&nest->stage);
	play(&nest->stage.keyboard, "h:1");
	play(&nest->stage.keyboard, "h:0");
	expect_on_host(nest, KEY_H, 1);
	expect_on_host(nest, KEY_H, 0);
	observer_expect_nothing(&nest->stage.host_mouse);
	stage_close(&nest->stage);
}

/* --- start ------------------------------------------------------------------------------- */

static void start_guest(struct nest *nest)
{
	static const char *const nodes[] = { "keyboard", "media", "pointer" };
	const char *kernel = getenv("NESTED_KERNEL"), *initramfs = getenv("NESTED_INITRAMFS");
	char device[ARRAY_SIZE(nodes)][128];

	if (!kernel || !initramfs)
		fail_msg("NESTED_KERNEL and NESTED_INITRAMFS are not set: use tests/nested/run");
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++) {
		char phys[64], devnode[64];

		snprintf(phys, sizeof(phys), "evswitch/one/%s", nodes[i]);
		assert_true(find_node(phys, devnode, WORLD_MS));
		snprintf(device[i], sizeof(device[i]), "virtio-input-host-pci,evdev=%s", devnode);
	}
	/* Counted instructions: without, it never gets past the calibration of its clock. */
	qemu_start(&nest->qemu,
		   (const char *const[]){
			   "-bios",
			   "bios-256k.bin",
			   "-m",
			   "160",
			   "-icount",
			   "shift=1,sleep=off",
			   "-kernel",
			   kernel,
			   "-initrd",
			   initramfs,
			   "-append",
			   "console=ttyS0 quiet tsc=reliable nokaslr mitigations=off panic=-1",
			   "-no-reboot",
			   "-serial",
			   "unix:" SERIAL ",server=on,wait=off",
			   "-device",
			   device[0],
			   "-device",
			   device[1],
			   "-device",
			   device[2],
			   NULL });
	connect_serial(nest);
}

/* A guest within a guest is too slow for thirty repetitions a second. */
static void repeat_slowly(const struct puppet *keyboard)
{
	unsigned delay_and_period[] = { 2000, 2000 };
	int fd = open(keyboard->uinput.devnode, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, EVIOCSREP, delay_and_period), 0);
	close(fd);
}

static bool booted;

static int boot(void **state)
{
	static struct nest nest;
	long since = now_ms();
	char line[200] = "the firmware is up";

	*state = &nest;
	stage_open(&nest.stage, conf);
	repeat_slowly(&nest.stage.keyboard);
	start_guest(&nest);
	do {
		printf("%3ld s: in the guest: %s\n", (now_ms() - since) / 1000, line);
		if (!guest_says(&nest, line, sizeof(line), BOOT_MS))
			fail_msg("the guest does not boot");
	} while (strcmp(line, "ready") != 0);
	stage_focus_guest(&nest.stage);
	booted = true;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_function_keys),
		cmocka_unit_test(test_rare_keys),
		cmocka_unit_test(test_media_keys),
		cmocka_unit_test(test_buttons),
		cmocka_unit_test(test_wheels),
		cmocka_unit_test(test_motion),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_nothing_stays_down),
		cmocka_unit_test(test_many_toggles),
		cmocka_unit_test(test_no_echo),
		cmocka_unit_test(test_leds),
		cmocka_unit_test(test_guest_dies),
	};
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	failed = cmocka_run_group_tests(tests, boot, qemu_reset);
	if (!booted)
		failed = ARRAY_SIZE(tests);
	printf("%d passed, %d failed\n", (int)ARRAY_SIZE(tests) - failed, failed);
	return failed != 0;
}
