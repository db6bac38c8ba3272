/*
 * The text scenarios against the real program: puppets are the devices, and observers that grab a
 * guest's nodes are its QEMU. usage: scenarios FILE...
 */
#include <errno.h>
#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <signal.h>

#include "scenario.h"
#include "shape.h"
#include "util.h"
#include "world.h"

/* How long a frame that nobody asked for has to show itself; later ones spoil the next line. */
#define MOMENT_MS 15
#define PORTS_MAX 32
/* Enough to overrun the kernel's queue for the longest of the devices played. */
#define FLOOD 400

struct port {
	char name[SCENARIO_PORT_MAX]; /* "host/mouse"; "" is free */
	struct observer observer;
};

struct real {
	const struct scenario *scenario;
	struct puppet puppet[SCENARIO_DEVICES_MAX];
	struct keyset down[SCENARIO_DEVICES_MAX]; /* fingers */
	struct program program;
	struct port port[PORTS_MAX];
	char focus[SCENARIO_NAME_MAX];
};

static unsigned device_index(const struct real *real, const char *name)
{
	for (unsigned i = 0; i < real->scenario->n_devices; i++)
		if (strcmp(real->scenario->device[i].name, name) == 0)
			return i;
	fail_msg("no device %s", name);
	return 0;
}

static void enable_bits(struct libevdev *model, unsigned type, uint32_t bits)
{
	for (unsigned code = 0; code < 32; code++)
		if (bits >> code & 1)
			libevdev_enable_event_code(model, type, code, NULL);
}

/* KEY_UNKNOWN and REL_MISC are what floods a device. */
static struct libevdev *describe(const struct scenario_device *device)
{
	struct libevdev *model = libevdev_new();
	char name[80];

	assert_non_null(model);
	snprintf(name, sizeof(name), "evswitch-test %s", device->name);
	libevdev_set_name(model, name);
	libevdev_set_id_bustype(model, BUS_USB);
	libevdev_set_id_vendor(model, 0x46d);
	keyset_for_each (code, &device->keys)
		libevdev_enable_event_code(model, EV_KEY, code, NULL);
	libevdev_enable_event_code(model, EV_KEY, KEY_UNKNOWN, NULL);
	enable_bits(model, EV_REL, device->rel);
	enable_bits(model, EV_MSC, device->msc);
	enable_bits(model, EV_SW, device->sw);
	return model;
}

static int plug(void *world, const char *name)
{
	struct real *real = world;
	unsigned i = device_index(real, name);
	struct libevdev *model = describe(&real->scenario->device[i]);
	char phys[128];

	snprintf(phys, sizeof(phys), "scenario/%.100s", name);
	puppet_plug_model(&real->puppet[i], model, phys);
	libevdev_free(model);
	real->down[i] = (struct keyset){ 0 };
	if (real->program.pid)
		program_expect(&real->program, "is grabbed");
	return 0;
}

static int unplug(void *world, const char *name)
{
	struct real *real = world;

	puppet_unplug(&real->puppet[device_index(real, name)]);
	program_expect(&real->program, "is gone");
	return 0;
}

/* Opens and, for a guest's node, grabs. */
static void watch_port(struct real *real, const char *target, const char *port)
{
	struct port *free_port = real->port;
	char phys[80];

	while (free_port->name[0])
		free_port++;
	assert_true(free_port < real->port + PORTS_MAX);
	snprintf(free_port->name, sizeof(free_port->name), "%s/%s", target, port);
	snprintf(phys, sizeof(phys), "evswitch/%s/%s", target, port);
	observer_open(&free_port->observer, phys);
	if (strcmp(target, "host") != 0)
		observer_grab(&free_port->observer);
}

static int guest_up(void *world, const char *guest)
{
	for (unsigned node = 0; node < SHAPE_NODES; node++)
		watch_port(world, guest, shape_node_name(node));
	return 0;
}

static void unwatch_guest(struct real *real, const char *guest)
{
	size_t length = strlen(guest);

	for (struct port *port = real->port; port < real->port + PORTS_MAX; port++) {
		if (strncmp(port->name, guest, length) != 0 || port->name[length] != '/')
			continue;
		observer_close(&port->observer);
		port->name[0] = '\0';
	}
}

/* The last focus that the program has told of by now, wherever program_expect has read to. */
static void read_focus(struct real *real)
{
	const char *at = real->program.log;

	program_says(&real->program, "no such words", 0);
	while ((at = strstr(at, "focus: ")))
		sscanf(at += strlen("focus: "), "%32s", real->focus);
}

/*
 * Nobody holds the nodes any more. evswitch learns of it by what it hears there: here a LED that is
 * written as the console would, instead of a frame that a scenario would have to spell out.
 */
static int guest_down(void *world, const char *guest)
{
	struct real *real = world;
	struct input_event led[] = { { .type = EV_LED, .code = LED_NUML, .value = 1 },
				     { .type = EV_SYN, .code = SYN_REPORT } };
	struct observer console;
	char phys[128];

	unwatch_guest(real, guest);
	snprintf(phys, sizeof(phys), "evswitch/%.100s/keyboard", guest);
	observer_open(&console, phys);
	for (led[0].value = 1; led[0].value >= 0; led[0].value--)
		assert_int_equal(write(console.fd, led, sizeof(led)), sizeof(led));
	observer_close(&console);
	read_focus(real);
	if (strcmp(real->focus, guest) == 0) {
		program_expect(&real->program, "let go of its devices");
		program_expect(&real->program, "focus: host");
		snprintf(real->focus, sizeof(real->focus), "host");
	}
	return 0;
}

static int play(void *world, const char *name, const struct frame *frame)
{
	struct real *real = world;
	unsigned i = device_index(real, name);

	for (unsigned n = 0; n < frame->n; n++) {
		const struct input_event *ev = &frame->ev[n];

		if (ev->type == EV_KEY && ev->value == 1)
			keyset_add(&real->down[i], ev->code);
		if (ev->type == EV_KEY && ev->value == 0)
			keyset_remove(&real->down[i], ev->code);
	}
	puppet_play(&real->puppet[i], frame->ev, frame->n - 1);
	return 0;
}

/* The program is stopped while its queue overruns: what changed meanwhile it can only compare. */
static int dropped(void *world, const char *name, const struct keyset *down)
{
	struct real *real = world;
	unsigned i = device_index(real, name);

	program_signal(&real->program, SIGSTOP);
	for (unsigned code = 0; code < KEY_CNT; code++)
		if (keyset_has(&real->down[i], code) != keyset_has(down, code))
			puppet_key(&real->puppet[i], code, keyset_has(down, code));
	for (unsigned n = 0; n < FLOOD; n++)
		puppet_key(&real->puppet[i], KEY_UNKNOWN, n % 2 == 0);
	real->down[i] = *down;
	program_signal(&real->program, SIGCONT);
	program_expect(&real->program, "events were lost");
	return 0;
}

static int switch_to(void *world, const char *target)
{
	(void)world;
	(void)target;
	return -EOPNOTSUPP;
}

static int wait_ms(void *world, unsigned ms)
{
	(void)world;
	usleep(ms * 1000); /* the scenario asks for time to pass, not for an event */
	return 0;
}

/* One round over all ports; true where anything came. */
static bool collect_round(struct real *real, struct scenario_out *out, unsigned *n)
{
	bool any = false;

	for (struct port *port = real->port; port < real->port + PORTS_MAX; port++) {
		struct seen seen;

		while (port->name[0] && *n < SCENARIO_OUT_MAX &&
		       observer_frame(&port->observer, &seen, 0)) {
			struct input_event at = { 0 };

			out[*n] = (struct scenario_out){ 0 };
			memcpy(out[*n].port, port->name, sizeof(port->name));
			for (unsigned i = 0; i < seen.n; i++)
				frame_add(&out[*n].frame, &seen.ev[i]);
			frame_close(&out[*n].frame, &at);
			++*n;
			any = true;
		}
	}
	return any;
}

/* Polls in turns: the ports are many and the wait is short. */
static int collect(void *world, unsigned expected, struct scenario_out *out)
{
	struct real *real = world;
	unsigned n = 0;
	unsigned idle_ms = 0;
	unsigned limit = WORLD_MS;

	while (idle_ms < limit) {
		limit = n < expected ? WORLD_MS : MOMENT_MS;
		if (collect_round(real, out, &n)) {
			idle_ms = 0;
			continue;
		}
		usleep(1000);
		idle_ms++;
	}
	return (int)n;
}

static const char *focus(void *world)
{
	struct real *real = world;

	/* What it says comes after what it does. */
	program_says(&real->program, "no such words", WORLD_QUIET_MS);
	read_focus(real);
	if (strstr(real->program.log, "letting go of everything"))
		return program_wait(&real->program) == 0 ? "quit" : "failed";
	return real->focus;
}

static int start(void *world, const struct scenario *scenario)
{
	struct real *real = world;
	autofree char *conf = strndup(scenario->conf, scenario->conf_size);

	*real = (struct real){ .scenario = scenario, .focus = "host" };
	for (unsigned i = 0; i < SCENARIO_DEVICES_MAX; i++)
		real->puppet[i].uinput.fd = -1;
	for (unsigned i = 0; i < scenario->n_devices; i++)
		plug(real, scenario->device[i].name);
	program_start(&real->program, conf);
	for (unsigned i = 0; i < scenario->n_devices; i++)
		program_expect(&real->program, "is grabbed");
	for (unsigned i = 0; i < scenario->n_devices; i++)
		watch_port(real, "host", scenario->device[i].name);
	return 0;
}

static void stop(void *world)
{
	struct real *real = world;

	if (real->program.err >= 0)
		program_stop(&real->program);
	for (struct port *port = real->port; port < real->port + PORTS_MAX; port++)
		if (port->name[0])
			observer_close(&port->observer);
	for (unsigned i = 0; i < SCENARIO_DEVICES_MAX; i++)
		puppet_unplug(&real->puppet[i]);
}

static const struct scenario_world_ops world_ops = {
	.start = start,
	.frame = play,
	.guest_up = guest_up,
	.guest_down = guest_down,
	.plug = plug,
	.unplug = unplug,
	.dropped = dropped,
	.switch_to = switch_to,
	.wait = wait_ms,
	.collect = collect,
	.focus = focus,
	.stop = stop,
};

static bool needs_commands(const struct scenario *scenario)
{
	for (unsigned i = 0; i < scenario->n_steps; i++)
		if (scenario->step[i].verb == SCENARIO_SWITCH)
			return true;
	return false;
}

static void play_file(void **state)
{
	static struct real real;
	struct scenario *scenario = scenario_load(*state);
	bool passed;

	assert_non_null(scenario);
	if (needs_commands(scenario)) {
		printf("skip: %s: it switches by command, which the program does not take yet\n",
		       (const char *)*state);
		scenario_free(scenario);
		skip();
	}
	passed = scenario_play(scenario, &world_ops, &real);
	scenario_free(scenario);
	assert_true(passed);
}

int main(int argc, char **argv)
{
	struct CMUnitTest *tests = calloc((size_t)argc, sizeof(*tests));

	if (!tests || argc < 2)
		return 1;
	for (int i = 1; i < argc; i++)
		tests[i - 1] = (struct CMUnitTest){ .name = argv[i],
						    .test_func = play_file,
						    .teardown_func = world_reset,
						    .initial_state = argv[i] };
	return _cmocka_run_group_tests("scenarios", tests, (size_t)argc - 1, NULL, NULL);
}
