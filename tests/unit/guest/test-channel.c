/* SPDX-License-Identifier: MIT */
/*
 * The channels: that each descriptor is sound; and that a further one, which is nothing but a file of
 * its own (tests/lib/channel-wire.c) and an entry in the table, goes all the way: from the configuration
 * to what is printed for QEMU, to the steps that give it to a VM, and, through a keeper, to its frames.
 * This program has a table of its own in place of guest/channel.c, and is its own keeper.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "channel-wire.h"
#include "guest/channel.h"
#include "guest/guest.h"
#include "keeper/keeper.h"
#include "keepers.h"
#include "launch/launch.h"
#include "qemu/attach-steps.h"
#include "qemu/guest-xml.h"

#define WAIT_MS 30000

extern const struct channel channel_input_linux, channel_virtio_input, channel_vhost_user,
	channel_qmp, channel_wire;

const struct conf_channel *const channel_table[] = {
	&channel_input_linux.conf, &channel_virtio_input.conf, &channel_vhost_user.conf,
	&channel_qmp.conf,         &channel_wire.conf,         NULL,
};

/* --- descriptors ------------------------------------------------------------------------- */

static void expect_sound(const struct channel *channel)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";
	const char *name = channel->conf.name;
	const struct qemu_channel *qemu = &channel->qemu;
	bool has_chardev = qemu_has(qemu, QEMU_CHARDEV);
	bool has_thing = qemu_has(qemu, QEMU_OBJECT) || qemu_has(qemu, QEMU_DEVICE);

	print_message("%s\n", name);
	/* What the keeper's messages take. */
	assert_in_range(strlen(name), 1, KEEPER_VIA_MAX - 1);
	assert_int_equal(name[strspn(name, letters)], '\0');
	assert_non_null(channel->sink);
	assert_true(channel->sink->size >= sizeof(struct sink));
	/* QEMU finds the nodes of the one by links, and the others are driven by the keeper. */
	assert_true((qemu->transport == QEMU_LINKS) == !channel->endpoint_new);
	assert_true(channel->conf.needs_qmp == (qemu->transport == QEMU_MONITOR));
	assert_true(has_thing == (qemu->transport != QEMU_MONITOR));
	assert_true(has_thing == (qemu->type != NULL));
	assert_true(!has_chardev || (has_thing && qemu->transport == QEMU_SOCKETS));
	assert_true((qemu->element == NULL) == (qemu->source == NULL));
	/* What cannot be given to a VM says why. */
	assert_true(qemu->element || qemu->not_by_virsh);
	assert_true(has_thing || qemu->not_by_monitor);
}

static void test_descriptors(void **state)
{
	unsigned defaults = 0;

	(void)state;
	for (const struct conf_channel *const *each = channel_table; *each; each++) {
		assert_ptr_equal(&channel_find((*each)->name)->conf, *each);
		assert_ptr_equal(channel_endpoint((*each)->name), channel_of(*each)->endpoint_new);
		expect_sound(channel_of(*each));
		defaults += (*each)->by_default;
	}
	assert_int_equal(defaults, 1);
	assert_null(channel_find("wir"));
	assert_null(channel_endpoint("wires"));
	assert_null(channel_find(""));
}

/* --- the configuration ------------------------------------------------------------------- */

#define DEVICE "[device a]\nname = b\n"

static void config_error(void *ctx, const char *message)
{
	snprintf(ctx, 256, "%s", message);
}

static void test_configuration(void **state)
{
	static const char good[] = DEVICE "[guest one]\nvia = wire\n[guest two]\n";
	static const char bad[] = DEVICE "[guest one]\nvia = wired\n";
	char error[256] = "";
	struct conf *conf = NULL;

	(void)state;
	assert_int_equal(
		conf_parse("f", good, strlen(good), channel_table, config_error, error, &conf), 0);
	assert_ptr_equal(channel_of(conf->guests[0].via), &channel_wire);
	assert_ptr_equal(channel_of(conf->guests[1].via), &channel_virtio_input);
	conf_free(conf);
	assert_int_equal(
		conf_parse("f", bad, strlen(bad), channel_table, config_error, error, &conf),
		-EINVAL);
	assert_non_null(strstr(error, "input-linux, virtio-input, vhost-user, qmp, wire"));
}

/* --- words ------------------------------------------------------------------------------- */

static const struct conf_guest section = { .name = "one", .via = &channel_wire.conf };
static const struct guest_env env = { "/run/evswitch", "me" };

static void test_arguments(void **state)
{
	static const char expected[] =
		"-chardev socket,id=evswitch-one-keyboard,path=/run/evswitch/one-keyboard.sock\n"
		"-object input-wire,id=evswitch-one-keyboard,wire=evswitch-one-keyboard,repeat=on\n"
		"-chardev socket,id=evswitch-one-media,path=/run/evswitch/one-media.sock\n"
		"-object input-wire,id=evswitch-one-media,wire=evswitch-one-media\n"
		"-chardev socket,id=evswitch-one-pointer,path=/run/evswitch/one-pointer.sock\n"
		"-object input-wire,id=evswitch-one-pointer,wire=evswitch-one-pointer\n";
	char text[2048] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(out);
	guest_args(out, &section, &channel_wire.qemu, &env);
	fclose(out);
	assert_string_equal(text, expected);
}

static void test_domain(void **state)
{
	char text[4096] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(out);
	assert_false(guest_xml_element(out, &section, &channel_wire.qemu, SHAPE_KEYBOARD));
	guest_xml_domain(out, &section, &channel_wire.qemu, &env);
	fclose(out);
	assert_memory_equal(text, "<domain xmlns:qemu=", strlen("<domain xmlns:qemu="));
	assert_non_null(
		strstr(text, "<!-- Passes on everything - - but to no QEMU that there is. -->"));
	assert_non_null(strstr(text, "<qemu:arg value='-object'/>\n    <qemu:arg value='input-wire,"
				     "id=evswitch-one-media,wire=evswitch-one-media'/>"));
	assert_null(strstr(text, "driver"));
	assert_null(strstr(text, "<devices>"));
	assert_null(strstr(text, "<memoryBacking>"));
}

/* --- steps ------------------------------------------------------------------------------- */

static void attach_ended(struct attach *attach, int rc, const char *words)
{
	(void)attach;
	(void)rc;
	(void)words;
}

static const char *const op_names[] = {
	[ATTACH_MACHINE] = "machine",          [ATTACH_PORTS] = "ports",
	[ATTACH_FREE_PORTS] = "free-ports",    [ATTACH_CHARDEV_ADD] = "+chardev",
	[ATTACH_DEVICE_ADD] = "+device",       [ATTACH_OBJECT_ADD] = "+object",
	[ATTACH_DEVICE_DEL] = "-device",       [ATTACH_OBJECT_DEL] = "-object",
	[ATTACH_AWAIT_DELETED] = "await",      [ATTACH_CHARDEV_REMOVE] = "-chardev",
	[ATTACH_VIRSH_ATTACH] = "+element",    [ATTACH_VIRSH_DETACH] = "-element",
	[ATTACH_VIRSH_GONE] = "await-libvirt",
};

/* How a VM that runs is given the channel's end ('begin' is attach_add) or rid of it; or why not. */
static void expect_steps(const struct channel *channel, const char *libvirt,
			 int (*begin)(struct attach *, attach_fn, const char **),
			 const char *expected)
{
	const struct conf_guest guest = { .name = "one", .libvirt = (char *)libvirt };
	struct vm vm = { .guest = &guest, .state = RUN_STATE_RUNNING };
	const char *why = NULL;
	char text[512] = "";
	struct attach attach;
	struct loop loop;
	int rc;

	assert_int_equal(loop_init(&loop), 0);
	assert_int_equal(attach_init(&attach, &loop, &vm, &channel->qemu, "/run"), 0);
	rc = begin(&attach, attach_ended, &why);
	assert_true(rc == 0 || rc == -EOPNOTSUPP);
	if (rc)
		snprintf(text, sizeof(text), "%s", why);
	for (unsigned i = 0; i < attach.n_steps; i++) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%s %d", used ? ", " : "",
			 op_names[attach.plan[i].op], (int)attach.plan[i].node);
	}
	assert_string_equal(text, expected);
	attach_fini(&attach);
	loop_fini(&loop);
}

/* What QEMU has goes in the opposite order to that in which it came. */
static void test_steps(void **state)
{
	static const char needs_nothing[] = "the channel qmp attaches no devices";

	(void)state;
	expect_steps(&channel_wire, NULL, attach_add,
		     "+chardev 0, +object 0, +chardev 1, +object 1, +chardev 2, +object 2");
	expect_steps(&channel_wire, NULL, attach_remove,
		     "-object 0, -object 1, -object 2, -chardev 0, -chardev 1, -chardev 2");
	expect_steps(&channel_input_linux, NULL, attach_add, "+object 0, +object 1, +object 2");
	expect_steps(&channel_input_linux, NULL, attach_remove, "-object 0, -object 1, -object 2");
	expect_steps(&channel_virtio_input, NULL, attach_add,
		     "machine 0, ports 0, free-ports 0, +device 0, +device 1, +device 2");
	expect_steps(&channel_virtio_input, NULL, attach_remove,
		     "-device 0, -device 1, -device 2, await 0");
	expect_steps(&channel_vhost_user, NULL, attach_add,
		     "machine 0, ports 0, free-ports 0, +chardev 0, +device 0, +chardev 1, "
		     "+device 1, +chardev 2, +device 2");
	expect_steps(
		&channel_vhost_user, NULL, attach_remove,
		"-device 0, -device 1, -device 2, await 0, -chardev 0, -chardev 1, -chardev 2");
	expect_steps(&channel_qmp, NULL, attach_add, needs_nothing);
	expect_steps(&channel_qmp, NULL, attach_remove, needs_nothing);
}

static void test_steps_by_virsh(void **state)
{
	static const char add[] = "+element 0, +element 1, +element 2";
	static const char take[] = "-element 0, -element 1, -element 2, await-libvirt 0";

	(void)state;
	expect_steps(&channel_wire, "vm", attach_add, "libvirt has no wire");
	expect_steps(&channel_wire, "vm", attach_remove, "libvirt has no wire");
	expect_steps(&channel_input_linux, "vm", attach_add, add);
	expect_steps(&channel_input_linux, "vm", attach_remove, take);
	expect_steps(&channel_virtio_input, "vm", attach_add, add);
	expect_steps(&channel_virtio_input, "vm", attach_remove, take);
	expect_steps(&channel_vhost_user, "vm", attach_add,
		     "libvirt cannot attach vhost-user to a running domain: add the output of "
		     "evswitch --xml, and restart the domain");
}

/* --- frames ------------------------------------------------------------------------------ */

static struct scene {
	char dir[32];
	int wire; /* where the channel's end sends to */
	struct launcher launcher;
	struct loop loop;
	struct conf conf;
	struct guest guest;
} scene;

static void guest_told(struct guest *guest, const char *why)
{
	(void)guest;
	(void)why;
}

static void guest_set_leds(struct guest *guest)
{
	(void)guest;
}

static void guest_changed(struct guest *guest)
{
	(void)guest;
}

static const struct guest_ops guest_ops = {
	.down = guest_told, .changed = guest_changed, .reset = guest_told, .leds = guest_set_leds
};

static int listen_at(const char *dir, const char *guest)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s.wire", dir, guest);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int setup(void **state)
{
	struct conf_guest *guest = &scene.conf.guests[0];

	(void)state;
	scene = (struct scene){ .dir = "/tmp/evswitch-channel-XXXXXX", .launcher = LAUNCHER_INIT };
	assert_non_null(mkdtemp(scene.dir));
	setenv("XDG_RUNTIME_DIR", scene.dir, 1);
	/* Another run of the tests, beside this one, has other names. */
	snprintf(guest->name, sizeof(guest->name), "test%d", getpid());
	keepers_look_at(guest->name);
	guest->via = &channel_wire.conf;
	scene.conf.n_guests = 1;
	scene.conf.socket_dir = scene.dir;
	scene.wire = listen_at(scene.dir, guest->name);
	assert_int_equal(launcher_start(&scene.launcher, NULL), 0);
	assert_int_equal(loop_init(&scene.loop), 0);
	assert_int_equal(launcher_watch(&scene.launcher, &scene.loop), 0);
	return 0;
}

static int teardown(void **state)
{
	char command[80];

	(void)state;
	launcher_stop(&scene.launcher);
	loop_fini(&scene.loop);
	keepers_kill();
	close(scene.wire);
	snprintf(command, sizeof(command), "rm -rf %s", scene.dir);
	return system(command);
}

/* Until its keeper has made the endpoint. */
static void open_guest(void)
{
	struct guest_why why;

	assert_int_equal(guest_open(&scene.guest, &scene.conf, &scene.conf.guests[0], &scene.loop,
				    &guest_ops),
			 0);
	while (guest_is_pending(&scene.guest))
		assert_int_equal(loop_turn(&scene.loop, -1), 0);
	if (guest_enter(&scene.guest) != 0) {
		guest_why_down(&scene.guest, &why);
		fail_msg("%s", why.text);
	}
}

static void play(unsigned type, unsigned code, int value)
{
	static const struct input_event at = { 0 };
	struct frame frame = { 0 };

	frame_put(&frame, &at, type, code, value);
	frame_close(&frame, &at);
	assert_int_equal(guest_send(&scene.guest, &frame), 0);
}

static struct wire_frame receive(void)
{
	struct pollfd in = { .fd = scene.wire, .events = POLLIN };
	struct wire_frame frame;

	if (poll(&in, 1, WAIT_MS) != 1)
		fail_msg("no frame comes");
	assert_int_equal(recv(scene.wire, &frame, sizeof(frame), 0), sizeof(frame));
	return frame;
}

static void expect(enum shape_node node, unsigned type, unsigned code, int value)
{
	struct wire_frame frame = receive();

	assert_int_equal(frame.node, node);
	assert_int_equal(frame.n, 2);
	assert_int_equal(frame.ev[0].type, type);
	assert_int_equal(frame.ev[0].code, code);
	assert_int_equal(frame.ev[0].value, value);
	assert_int_equal(frame.ev[1].type, EV_SYN);
}

static void expect_released(void)
{
	assert_int_equal(receive().node, SHAPE_NODES);
}

static void close_guest(void)
{
	pid_t keeper = keeper_find(0);

	guest_close(&scene.guest);
	expect_released();
	keeper_await_end(keeper, WAIT_MS);
}

static void test_frames(void **state)
{
	(void)state;
	open_guest();
	play(EV_KEY, KEY_A, 1);
	expect(SHAPE_KEYBOARD, EV_KEY, KEY_A, 1);
	play(EV_KEY, KEY_A, 0);
	expect(SHAPE_KEYBOARD, EV_KEY, KEY_A, 0);
	play(EV_KEY, KEY_MUTE, 1);
	expect(SHAPE_MEDIA, EV_KEY, KEY_MUTE, 1);
	play(EV_REL, REL_WHEEL_HI_RES, 120); /* by its rules it takes none */
	play(EV_REL, REL_X, 300);
	expect(SHAPE_POINTER, EV_REL, REL_X, 300);
	guest_leave(&scene.guest);
	guest_release(&scene.guest);
	expect_released();
	close_guest();
}

/* With "os = windows", the guest's rules come on top of the channel's. */
static void test_rules(void **state)
{
	(void)state;
	scene.conf.guests[0].os = CONF_OS_WINDOWS;
	open_guest();
	play(EV_REL, REL_X, 130);
	expect(SHAPE_POINTER, EV_REL, REL_X, 127);
	expect(SHAPE_POINTER, EV_REL, REL_X, 3);
	close_guest();
}

/* Where the endpoint cannot be made, the user is told what its channel said. */
static void test_no_end(void **state)
{
	struct guest_why why;
	char path[sizeof(scene.dir) + CONF_NAME_MAX + sizeof("/.wire")];

	(void)state;
	snprintf(path, sizeof(path), "%s/%s.wire", scene.dir, scene.conf.guests[0].name);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(guest_open(&scene.guest, &scene.conf, &scene.conf.guests[0], &scene.loop,
				    &guest_ops),
			 0);
	while (guest_is_pending(&scene.guest))
		assert_int_equal(loop_turn(&scene.loop, -1), 0);
	assert_int_equal(guest_enter(&scene.guest), -ENOTCONN);
	guest_why_down(&scene.guest, &why);
	assert_int_equal(why.cause, GUEST_NOT_OPEN);
	assert_non_null(strstr(why.text, scene.dir));
	assert_non_null(strstr(why.text, strerror(ENOENT)));
	guest_close(&scene.guest);
}

#define LIVE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_steps_by_virsh),
		LIVE(test_frames),
		LIVE(test_rules),
		LIVE(test_no_end),
	};

	if (argc == 3 && strcmp(argv[1], KEEPER_OPTION) == 0)
		return keeper_run(argv[2], channel_endpoint);
	log_set_level(LOG_LEVEL_ERROR);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
