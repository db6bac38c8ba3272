/* SPDX-License-Identifier: MIT */
/*
 * The text scenarios against the real program: puppets are the devices, and a receiver is each guest.
 * With --via the guests are given another channel than the files say, and a file that this channel
 * cannot carry is named with the reason and not played. usage: scenarios [--via CHANNEL] FILE...
 */
#include <errno.h>
#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "receiver.h"
#include "now.h"
#include "scenario.h"
#include "base/util.h"
#include "world.h"

/* How long a frame that nobody asked for has to show itself; later ones spoil the next line. */
#define MOMENT_MS  15
#define GUESTS_MAX 4
/* Enough to overrun the kernel's queue for the longest of the devices played. */
#define FLOOD 400

struct real {
	const struct receiver_ops *channel; /* survives the scenarios, as the guests do */
	struct receiver *guest[GUESTS_MAX]; /* those that a scenario named; NULL: no more */
	const struct scenario *scenario;
	struct puppet puppet[SCENARIO_DEVICES_MAX];
	struct keyset down[SCENARIO_DEVICES_MAX];   /* fingers */
	struct observer host[SCENARIO_DEVICES_MAX]; /* fd -1: not open */
	struct program program;
	unsigned last; /* the device that was played on last */
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
	static const uint16_t common[] = { KEY_CAPSLOCK, KEY_NUMLOCK, KEY_INSERT, KEY_MUTE };
	struct libevdev *model = libevdev_new();
	char name[80];

	assert_non_null(model);
	snprintf(name, sizeof(name), "evswitch-test %s", device->name);
	libevdev_set_name(model, name);
	libevdev_set_id_bustype(model, BUS_USB);
	libevdev_set_id_vendor(model, 0x46d);
	keyset_for_each (code, &device->keys)
		libevdev_enable_event_code(model, EV_KEY, code, NULL);
	/* What a keyboard has, or udev would take one with a game pad's button for a game pad. */
	for (unsigned i = 0; keyset_has(&device->keys, KEY_LEFTCTRL) && i < ARRAY_SIZE(common); i++)
		libevdev_enable_event_code(model, EV_KEY, common[i], NULL);
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

static struct receiver *find_guest(struct real *real, const char *name)
{
	unsigned i = 0;

	while (i < GUESTS_MAX && real->guest[i] && strcmp(real->guest[i]->guest, name) != 0)
		i++;
	assert_true(i < GUESTS_MAX);
	if (!real->guest[i])
		real->guest[i] = receiver_new(real->channel, name);
	return real->guest[i];
}

static void expect_told(struct real *real, const struct receiver *guest, const char *state)
{
	char text[64];

	snprintf(text, sizeof(text), "guest %s is %s", guest->guest, state);
	if (guest->ops->told)
		program_expect(&real->program, text);
}

static int guest_up(void *world, const char *name)
{
	struct receiver *guest = find_guest(world, name);

	receiver_up(guest);
	expect_told(world, guest, "up");
	return 0;
}

/* The last focus that the program has told of by now, wherever program_expect has read to. */
static void read_focus(struct real *real)
{
	const char *at = real->program.log;

	program_says(&real->program, "no such words", 0);
	while ((at = strstr(at, "focus: ")))
		sscanf(at += strlen("focus: "), "%32s", real->focus);
}

static int guest_down(void *world, const char *name)
{
	struct real *real = world;
	struct receiver *guest = find_guest(real, name);
	size_t before;

	read_focus(real);
	before = real->program.used;
	receiver_down(guest);
	expect_told(real, guest, "down");
	if (strcmp(real->focus, name) == 0) {
		real->program.read_to = before; /* they may come in either order */
		program_expect(&real->program, guest->ops->down_says);
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
	/* It reads all of a device before it turns to the next: what came first is to be read first. */
	if (i != real->last)
		process_await_sleep(real->program.pid);
	real->last = i;
	puppet_play(&real->puppet[i], frame->ev, frame->n - 1);
	return 0;
}

/* The program is stopped while its queue overruns: what changed meanwhile it can only compare. */
static int dropped(void *world, const char *name, const struct keyset *down)
{
	struct real *real = world;
	unsigned i = device_index(real, name);

	program_pause(&real->program);
	for (unsigned code = 0; code < KEY_CNT; code++)
		if (keyset_has(&real->down[i], code) != keyset_has(down, code))
			puppet_key(&real->puppet[i], code, keyset_has(down, code));
	for (unsigned n = 0; n < FLOOD; n++)
		puppet_key(&real->puppet[i], KEY_UNKNOWN, n % 2 == 0);
	real->down[i] = *down;
	program_resume(&real->program);
	program_expect(&real->program, "events were lost");
	return 0;
}

/* The command, which has its answer once all frames of the switch are out. */
static int switch_to(void *world, const char *target)
{
	const struct real *real = world;
	char command[256];
	int status;

	process_await_sleep(real->program.pid); /* it has read what was played before */
	snprintf(command, sizeof(command), "%s --switch %s 2>&1",
		 getenv("EVSWITCH") ?: "build/evswitch", target);
	status = system(command);
	if (!WIFEXITED(status))
		return -EIO;
	return WEXITSTATUS(status) == EX_OK || WEXITSTATUS(status) == EX_UNAVAILABLE ? 0 : -EPROTO;
}

static int wait_ms(void *world, unsigned ms)
{
	(void)world;
	usleep(ms * 1000); /* the scenario asks for time to pass, not for an event */
	return 0;
}

static void take_host(struct real *real, struct scenario_out *out, unsigned *n)
{
	struct seen seen;

	for (unsigned i = 0; i < real->scenario->n_devices; i++) {
		while (*n < SCENARIO_OUT_MAX && real->host[i].fd >= 0 &&
		       observer_frame(&real->host[i], &seen, 0)) {
			struct input_event at = { 0 };

			out[*n] = (struct scenario_out){ 0 };
			snprintf(out[*n].port, sizeof(out[*n].port), "host/%s",
				 real->scenario->device[i].name);
			for (unsigned k = 0; k < seen.n; k++)
				frame_add(&out[*n].frame, &seen.ev[k]);
			frame_close(&out[*n].frame, &at);
			++*n;
		}
	}
}

static void take_guests(struct real *real, struct scenario_out *out, unsigned *n)
{
	for (unsigned i = 0; i < GUESTS_MAX && real->guest[i]; i++) {
		struct receiver *guest = real->guest[i];
		struct receiver_frame in;

		while (*n < SCENARIO_OUT_MAX && guest->is_up && guest->ops->take(guest, &in)) {
			snprintf(out[*n].port, sizeof(out[*n].port), "%s/%s", guest->guest,
				 shape_node_name(in.node));
			out[*n].frame = in.frame;
			++*n;
		}
	}
}

/* Polls in turns: the ports are many and the wait is short. */
static int collect(void *world, unsigned expected, struct scenario_out *out)
{
	struct real *real = world;
	unsigned n = 0;
	unsigned idle_ms = 0;
	unsigned limit = WORLD_MS;

	while (idle_ms < limit) {
		unsigned before = n;

		limit = n < expected ? WORLD_MS : MOMENT_MS;
		take_host(real, out, &n);
		take_guests(real, out, &n);
		if (n > before) {
			idle_ms = 0;
			continue;
		}
		usleep(1000);
		idle_ms++;
	}
	return (int)n;
}

/* What the program says comes after what it does: if it is not 'want' yet, waits for that. */
static const char *focus(void *world, const char *want)
{
	struct real *real = world;
	long deadline = now_ms() + WORLD_MS;
	bool quits;

	do {
		program_says(&real->program, "no such words", WORLD_QUIET_MS);
		read_focus(real);
		quits = strstr(real->program.log, "releasing all devices");
	} while (!quits && strcmp(real->focus, want) != 0 && now_ms() < deadline);
	if (quits)
		return program_wait(&real->program) == 0 ? "quit" : "failed";
	return real->focus;
}

/* Of 'line' with its "guest" section's name, where it is the head of one. */
static bool is_guest_section(const char *line, char *name)
{
	return sscanf(line, "[guest %32[^]]]", name) == 1;
}

static char *make_conf(struct real *real)
{
	const struct scenario *scenario = real->scenario;
	const char *end = scenario->conf + scenario->conf_size;
	bool in_guest = false;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (const char *line = scenario->conf; line < end; line += strcspn(line, "\n") + 1) {
		char name[SCENARIO_NAME_MAX], settings[256] = "";

		if (line[0] == '[')
			in_guest = is_guest_section(line, name);
		if (in_guest && real->channel->via && strncmp(line, "via", 3) == 0)
			continue;
		fprintf(out, "%.*s\n", (int)strcspn(line, "\n"), line);
		if (in_guest && line[0] == '[')
			receiver_settings(find_guest(real, name), settings, sizeof(settings));
		fputs(settings, out);
	}
	fclose(out);
	return text;
}

/* What a scenario that failed left behind. */
static void clear(struct real *real)
{
	for (unsigned i = 0; i < GUESTS_MAX && real->guest[i]; i++)
		if (real->guest[i]->is_up)
			receiver_down(real->guest[i]);
	for (unsigned i = 0; i < SCENARIO_DEVICES_MAX; i++) {
		observer_close(&real->host[i]);
		real->puppet[i].uinput.fd = -1;
		real->down[i] = (struct keyset){ 0 };
	}
	real->program = (struct program){ .err = -1 };
	snprintf(real->focus, sizeof(real->focus), "host");
}

static int start(void *world, const struct scenario *scenario)
{
	struct real *real = world;
	autofree char *conf = NULL;

	real->scenario = scenario;
	clear(real);
	if (!real->channel->persists)
		program_place();
	conf = make_conf(real);
	for (unsigned i = 0; i < scenario->n_devices; i++)
		plug(real, scenario->device[i].name);
	program_start(&real->program, conf);
	for (unsigned i = 0; i < scenario->n_devices; i++)
		program_expect(&real->program, "is grabbed");
	for (unsigned i = 0; i < scenario->n_devices; i++) {
		char phys[80];

		snprintf(phys, sizeof(phys), "evswitch/host/%s", scenario->device[i].name);
		observer_open(&real->host[i], phys);
	}
	return 0;
}

static void stop(void *world)
{
	struct real *real = world;

	if (real->program.err >= 0)
		program_stop(&real->program);
	for (unsigned i = 0; i < SCENARIO_DEVICES_MAX; i++)
		puppet_unplug(&real->puppet[i]);
	clear(real);
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

static const struct receiver_ops *const channels[] = { &receiver_frontend, &receiver_qmp };

static struct real real = { .channel = &receiver_observer };

static void play_file(void **state)
{
	struct scenario *scenario = scenario_load(*state);
	bool passed;

	assert_non_null(scenario);
	passed = scenario_play(scenario, &world_ops, &real);
	scenario_free(scenario);
	assert_true(passed);
}

/* Why the channel cannot carry it, or NULL. */
static const char *cannot_carry(const struct scenario *scenario)
{
	const char *why = NULL;

	if (!real.channel->via)
		return NULL;
	if (memmem(scenario->conf, scenario->conf_size, "input-linux", strlen("input-linux")))
		return "it is about what input-linux cannot take";
	for (unsigned i = 0; i < scenario->n_steps && !why; i++) {
		const struct scenario_step *step = &scenario->step[i];

		if (step->verb != SCENARIO_OUTPUT || strncmp(step->name, "host/", 5) == 0)
			continue;
		for (unsigned k = 0; k + 1 < step->frame.n && !why; k++)
			why = real.channel->cannot(&step->frame.ev[k]);
	}
	return why;
}

static bool is_carried(const char *file)
{
	struct scenario *scenario = scenario_load(file);
	const char *why = scenario ? cannot_carry(scenario) : NULL;

	scenario_free(scenario);
	if (why)
		printf("not carried by %s: %s: %s\n", real.channel->via, file, why);
	return !why;
}

static bool choose_channel(const char *via)
{
	for (unsigned i = 0; i < ARRAY_SIZE(channels); i++) {
		if (strcmp(channels[i]->via, via) != 0)
			continue;
		real.channel = channels[i];
		return true;
	}
	fprintf(stderr, "--via: vhost-user or qmp\n");
	return false;
}

int main(int argc, char **argv)
{
	struct CMUnitTest *tests = calloc((size_t)argc, sizeof(*tests));
	size_t n = 0;
	int failed;

	for (unsigned i = 0; i < SCENARIO_DEVICES_MAX; i++)
		real.host[i].fd = -1;
	if (tests && argc > 2 && strcmp(argv[1], "--via") == 0) {
		if (!choose_channel(argv[2]))
			return 1;
		argv += 2;
		argc -= 2;
	}
	if (!tests || argc < 2)
		return 1;
	for (int i = 1; i < argc; i++)
		if (is_carried(argv[i]))
			tests[n++] = (struct CMUnitTest){ .name = argv[i],
							  .test_func = play_file,
							  .teardown_func = world_reset,
							  .initial_state = argv[i] };
	failed = _cmocka_run_group_tests("scenarios", tests, n, NULL, NULL);
	for (unsigned i = 0; i < GUESTS_MAX; i++)
		receiver_free(real.guest[i]);
	free(tests);
	return failed;
}
