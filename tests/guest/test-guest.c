/* SPDX-License-Identifier: MIT */
/*
 * A virtio input device against real guests: their own drivers, on the front ends of user-mode Linux
 * and of QEMU. The three devices are in this process; tests/guest/boot starts the guest. One boot
 * serves most of the tests.
 */
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest-checks.h"
#include "now.h"
#include "base/json.h"
#include "base/usock.h"
#include "base/util.h"

struct desk {
	struct rig rig;
	char dir[32]; /* of the sockets */
	char path[SHAPE_NODES][64], qmp_path[64];
	struct vinput_model model[SHAPE_NODES];
	struct vinput *vinput[SHAPE_NODES];
	int qmp;
	char json_text[65536]; /* of QEMU, not yet looked at */
	size_t qmp_used;
};

/* --- the devices ------------------------------------------------------------------------- */

static bool admit(struct vinput *vinput, int fd)
{
	(void)vinput;
	return usock_peer(fd) == getuid();
}

static void changed(struct vinput *vinput)
{
	(void)vinput;
}

static const struct vinput_ops ops = { .admit = admit, .changed = changed };

static void describe(struct vinput_model *model, enum shape_node node)
{
	rig_describe(model, node);
	model->vendor = 0x1209;
	model->product = (uint16_t)(0xe5c0 + node);
	model->version = 0x0102;
	model->repeat = node == SHAPE_KEYBOARD;
	snprintf(model->name, sizeof(model->name), "evswitch-one-%s", shape_node_name(node));
	snprintf(model->serial, sizeof(model->serial), "evswitch/one/%s", shape_node_name(node));
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 1) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

static void make_devices(struct desk *desk)
{
	for (unsigned node = 0; node < SHAPE_NODES; node++) {
		describe(&desk->model[node], node);
		snprintf(desk->path[node], sizeof(desk->path[node]), "%s/%s", desk->dir,
			 shape_node_name(node));
		assert_int_equal(vinput_new(&desk->rig.loop, listen_at(desk->path[node]),
					    &desk->model[node], &ops, desk, &desk->vinput[node]),
				 0);
	}
}

/* --- the source of events: this process -------------------------------------------------- */

static void send_frame(void *source, enum shape_node node, const struct frame *frame)
{
	struct desk *desk = source;

	vinput_send(desk->vinput[node], frame);
}

/* True as soon as it holds; the devices go on meanwhile. */
static bool wait_until(struct desk *desk, bool (*holds)(const struct desk *, unsigned, unsigned),
		       unsigned node, unsigned value)
{
	long deadline = now_ms() + MACHINE_MS;

	while (!holds(desk, node, value)) {
		long left = deadline - now_ms();

		if (left <= 0)
			return false;
		assert_int_equal(loop_turn(&desk->rig.loop, (int)left), 0);
	}
	return true;
}

static bool has_leds(const struct desk *desk, unsigned node, unsigned leds)
{
	return vinput_leds(desk->vinput[node]) == leds;
}

static void expect_leds(void *source, unsigned leds)
{
	struct desk *desk = source;

	if (!wait_until(desk, has_leds, SHAPE_KEYBOARD, leds))
		fail_msg("the guest's LEDs are 0x%x instead of 0x%x",
			 vinput_leds(desk->vinput[SHAPE_KEYBOARD]), leds);
}

static bool is_up(const struct desk *desk, unsigned node, unsigned up)
{
	return vinput_up(desk->vinput[node]) == (bool)up;
}

static void expect_up(void *source, enum shape_node node, bool up)
{
	struct desk *desk = source;

	if (!wait_until(desk, is_up, node, up))
		fail_msg("the %s is %s: \"%s\"", shape_node_name(node), up ? "not up" : "still up",
			 vinput_why(desk->vinput[node]));
	assert_int_equal(*vinput_why(desk->vinput[node]) == '\0', up);
	if (up)
		assert_true(vinput_connected(desk->vinput[node]));
}

static const struct source_ops source_ops = {
	.send = send_frame,
	.expect_leds = expect_leds,
	.expect_up = expect_up,
};

/* --- QEMU's monitor ---------------------------------------------------------------------- */

/* The next line of QMP that has this in it; others are passed over. */
static void qmp_expect(struct desk *desk, const char *text)
{
	long deadline = now_ms() + MACHINE_MS;

	for (;;) {
		struct pollfd in = { .fd = desk->qmp, .events = POLLIN };
		char *end = memchr(desk->json_text, '\n', desk->qmp_used);
		bool found;

		if (end) {
			*end++ = '\0';
			found = strstr(desk->json_text, text) != NULL;
			if (strstr(desk->json_text, "\"error\""))
				fail_msg("QEMU says %s", desk->json_text);
			desk->qmp_used -= (size_t)(end - desk->json_text);
			memmove(desk->json_text, end, desk->qmp_used);
			if (found)
				return;
			continue;
		}
		if (now_ms() > deadline)
			fail_msg("QEMU does not say %s", text);
		/* What QEMU does may need an answer of the devices first. */
		assert_int_equal(loop_turn(&desk->rig.loop, 1), 0);
		if (poll(&in, 1, 0) > 0) {
			ssize_t size = read(desk->qmp, desk->json_text + desk->qmp_used,
					    sizeof(desk->json_text) - desk->qmp_used);

			assert_true(size > 0);
			desk->qmp_used += (size_t)size;
		}
	}
}

static void qmp_send(struct desk *desk, const char *command)
{
	assert_int_equal(write(desk->qmp, command, strlen(command)), strlen(command));
}

static void qmp(struct desk *desk, const char *command)
{
	qmp_send(desk, command);
	qmp_expect(desk, "\"return\"");
}

static void qmp_connect(struct desk *desk)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", desk->qmp_path);
	close_fd(&desk->qmp);
	desk->qmp_used = 0;
	desk->qmp = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(desk->qmp, (struct sockaddr *)&address, sizeof(address)), 0);
	qmp(desk, "{\"execute\": \"qmp_capabilities\"}");
}

/* --- the guest --------------------------------------------------------------------------- */

static void start(struct desk *desk)
{
	char monitor[100];
	const char *argv[] = { desk->rig.boot_script,
			       desk->rig.kind,
			       desk->path[SHAPE_KEYBOARD],
			       desk->path[SHAPE_MEDIA],
			       desk->path[SHAPE_POINTER],
			       NULL,
			       NULL,
			       NULL };

	snprintf(monitor, sizeof(monitor), "unix:%s,server=on,wait=off", desk->qmp_path);
	if (strcmp(desk->rig.kind, "qemu") == 0) {
		argv[5] = "-qmp";
		argv[6] = monitor;
	}
	machine_start(&desk->rig.machine, &desk->rig.loop, argv);
	machine_await_nodes(&desk->rig.machine);
	if (argv[5])
		qmp_connect(desk);
}

static void boot(struct rig *rig)
{
	start(rig->source);
	rig_expect_up(rig, true);
}

static void reset(struct rig *rig)
{
	machine_kill(&rig->machine);
}

static void test_release_all(struct rig *rig)
{
	struct desk *desk = rig->source;

	rig_expect_same(rig, SHAPE_KEYBOARD, "leftctrl:1 a:1");
	rig_expect_same(rig, SHAPE_POINTER, "btn_left:1");
	for (unsigned node = 0; node < SHAPE_NODES; node++)
		vinput_release_all(desk->vinput[node]);
	rig_expect_soon(rig, "down keyboard", "");
	rig_expect_soon(rig, "down pointer", "");
	machine_drain(&rig->machine);
	rig_expect_typed(rig, SHAPE_KEYBOARD, "a");
}

/* --- what only QEMU can do --------------------------------------------------------------- */

/* While the machine is paused fingers move on; the guest must not find their keys down for ever. */
static void test_paused(struct rig *rig)
{
	struct desk *desk = rig->source;

	for (unsigned i = 0; i < 3; i++) {
		rig_expect_same(rig, SHAPE_KEYBOARD, "leftctrl:1 a:1");
		rig_expect_same(rig, SHAPE_POINTER, "btn_left:1");
		qmp(desk, "{\"execute\": \"stop\"}");
		rig_expect_up(rig, false);
		rig_play(rig, SHAPE_KEYBOARD, "leftctrl:0 a:0");
		rig_play(rig, SHAPE_POINTER, "btn_left:0");
		qmp(desk, "{\"execute\": \"cont\"}");
		rig_expect_up(rig, true);
		rig_expect_soon(rig, "down keyboard", "");
		rig_expect_soon(rig, "down pointer", "");
		machine_drain(&rig->machine);
		rig_expect_typed(rig, SHAPE_KEYBOARD, "a");
		rig_expect_typed(rig, SHAPE_POINTER, "btn_left");
	}
}

static void test_reset(struct rig *rig)
{
	struct desk *desk = rig->source;

	rig_expect_same(rig, SHAPE_KEYBOARD, "leftctrl:1");
	machine_expect_answer(&rig->machine, "led 1 1", "1");
	expect_leds(desk, 1U << LED_CAPSL);
	qmp(desk, "{\"execute\": \"system_reset\"}");
	rig_expect_up(rig, false);
	machine_await_nodes(&rig->machine);
	rig_expect_up(rig, true);
	expect_leds(desk, 0);
	machine_expect_answer(&rig->machine, "down keyboard", "");
	rig_play(rig, SHAPE_KEYBOARD, "leftctrl:0");
	rig_expect_typed(rig, SHAPE_KEYBOARD, "a");
}

static bool is_connected(const struct desk *desk, unsigned node, unsigned connected)
{
	return vinput_connected(desk->vinput[node]) == (bool)connected;
}

static void plug_media(struct desk *desk)
{
	char command[300];

	snprintf(command, sizeof(command),
		 "{\"execute\": \"chardev-add\", \"arguments\": {\"id\": \"media\", \"backend\": "
		 "{\"type\": \"socket\", \"data\": {\"server\": false, \"addr\": {\"type\": "
		 "\"unix\", \"data\": {\"path\": \"%s\"}}}}}}",
		 desk->path[SHAPE_MEDIA]);
	qmp(desk, command);
	qmp(desk, "{\"execute\": \"device_add\", \"arguments\": {\"driver\": "
		  "\"vhost-user-input-pci\", \"id\": \"media\", \"chardev\": \"media\", \"bus\": "
		  "\"port-media\"}}");
}

static void test_unplugged(struct rig *rig)
{
	struct desk *desk = rig->source;

	for (unsigned i = 0; i < 2; i++) {
		rig_expect_same(rig, SHAPE_MEDIA, "mute:1");
		qmp(desk, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"media\"}}");
		machine_await(&rig->machine, "gone media");
		machine_drain(&rig->machine); /* its kernel may have told of the key's end */
		qmp_expect(desk, "DEVICE_DELETED");
		qmp(desk, "{\"execute\": \"chardev-remove\", \"arguments\": {\"id\": \"media\"}}");
		if (!wait_until(desk, is_connected, SHAPE_MEDIA, false))
			fail_msg("still connected");
		expect_up(desk, SHAPE_MEDIA, false);
		rig_expect_typed(rig, SHAPE_KEYBOARD, "a");
		plug_media(desk);
		machine_await(&rig->machine, "up media");
		expect_up(desk, SHAPE_MEDIA, true);
		machine_expect_answer(&rig->machine, "down media", "");
		rig_expect_typed(rig, SHAPE_MEDIA, "mute");
	}
}

static bool why_says_shared(const struct desk *desk, unsigned node, unsigned value)
{
	(void)value;
	return strstr(vinput_why(desk->vinput[node]), "share") != NULL;
}

/* QEMU tells nobody that what the guest writes does not get here. */
static void test_not_shared(struct rig *rig)
{
	struct desk *desk = rig->source;

	machine_kill(&rig->machine);
	assert_int_equal(setenv("SHARE", "off", 1), 0);
	start(desk);
	unsetenv("SHARE");
	for (unsigned node = 0; node < SHAPE_NODES; node++) {
		if (!wait_until(desk, why_says_shared, node, 0))
			fail_msg("of the %s it is said: \"%s\"", shape_node_name(node),
				 vinput_why(desk->vinput[node]));
		assert_false(vinput_up(desk->vinput[node]));
	}
	machine_kill(&rig->machine);
	rig_expect_up(rig, false);
	boot(rig);
	rig_expect_typed(rig, SHAPE_KEYBOARD, "a");
}

/* --- all of them ------------------------------------------------------------------------- */

static const struct rig_check checks[] = {
	{ "names", .run = check_names },
	{ "capabilities", .run = check_capabilities },
	{ "every_key", .run = check_every_key },
	{ "long_frames", .run = check_long_frames },
	{ "motion", .run = check_motion },
	{ "wheels", .run = check_wheels },
	{ "repeat", .run = check_repeat },
	{ "leds", .run = check_leds },
	{ "release_all", .run = test_release_all },
	{ "unread", .run = check_unread },
	{ "frozen", .run = check_frozen },
	{ "frozen_long", .run = check_frozen_long },
	{ "driver_reloaded", .run = check_driver_reloaded },
	{ "rebooted", .run = check_rebooted },
	{ "killed", .run = check_killed },
	{ "paused", .run = test_paused, .only = "qemu" },
	{ "reset", .run = test_reset, .only = "qemu" },
	{ "unplugged", .run = test_unplugged, .only = "qemu" },
	{ "not_shared", .run = test_not_shared, .only = "qemu" },
};

static struct desk desk = { .qmp = -1 };

static int open_desk(void **state)
{
	(void)state;
	snprintf(desk.dir, sizeof(desk.dir), "/tmp/evswitch-guest-XXXXXX");
	assert_non_null(mkdtemp(desk.dir));
	snprintf(desk.qmp_path, sizeof(desk.qmp_path), "%s/qmp", desk.dir);
	assert_int_equal(loop_init(&desk.rig.loop), 0);
	make_devices(&desk);
	desk.rig.model = desk.model;
	desk.rig.ops = &source_ops;
	desk.rig.source = &desk;
	desk.rig.boot = boot;
	desk.rig.reset = reset;
	boot(&desk.rig);
	return 0;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *place)
{
	(void)stat, (void)type, (void)place;
	return remove(path);
}

static int close_desk(void **state)
{
	(void)state;
	machine_kill(&desk.rig.machine);
	for (unsigned node = 0; node < SHAPE_NODES; node++)
		vinput_free(desk.vinput[node]);
	close_fd(&desk.qmp);
	nftw(desk.dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
	loop_fini(&desk.rig.loop);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN); /* as in a keeper */
	return rig_main(&desk.rig, checks, ARRAY_SIZE(checks), open_desk, close_desk, argc, argv);
}
