/* SPDX-License-Identifier: MIT */
/*
 * Plays scenarios against the bare core, wired as the daemon wires it: configuration, router,
 * shape. What a real kernel would remember of a device (which keys are down) is remembered here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "core/router.h"
#include "core/shape.h"
#include "guest/channel.h"
#include "base/util.h"

#include "pump.h"
#include "scenario.h"

/* The daemon gives the guest of "start =" this long, and tries this often. */
#define START_US     5000000
#define START_TRY_MS 250

#define STEP_US 10000 /* between two lines of a scenario */

struct core {
	struct conf *conf;
	const struct scenario *scenario;
	struct router router;
	struct hotkeys hotkeys;
	struct shape shape[CONF_GUESTS_MAX];
	bool up[CONF_GUESTS_MAX];
	struct keyset down[CONF_DEVICES_MAX]; /* the kernel's: what is down on each device */
	bool starting;                        /* the guest of "start =" was not up yet */
	bool quit;
	int64_t now; /* us */
	unsigned n_out;
	struct scenario_out out[SCENARIO_OUT_MAX];
};

static struct core *of_router(struct router *router)
{
	return container_of(router, struct core, router);
}

static void record(struct core *core, const char *target, const char *port,
		   const struct frame *frame)
{
	struct scenario_out *out = &core->out[core->n_out];

	if (core->n_out == SCENARIO_OUT_MAX)
		abort();
	core->n_out++;
	snprintf(out->port, sizeof(out->port), "%s/%s", target, port);
	out->frame = *frame;
}

static void send_frame(struct router *router, unsigned target, unsigned device,
		       const struct frame *frame)
{
	struct core *core = of_router(router);
	struct shape *shape;
	unsigned ready;

	if (target == ROUTER_HOST) {
		record(core, "host", core->conf->devices[device].name, frame);
		return;
	}
	shape = &core->shape[target - 1];
	ready = shape_frame(shape, frame);
	for (;; ready = shape_more(shape)) {
		for (unsigned node = 0; node < SHAPE_NODES; node++)
			if (ready >> node & 1)
				record(core, core->conf->guests[target - 1].name,
				       shape_node_name(node), shape->ready[node]);
		if (!(ready & SHAPE_MORE))
			return;
	}
}

static int enter(struct router *router, unsigned target)
{
	struct core *core = of_router(router);

	if (!core->up[target - 1])
		return -ENOTCONN;
	shape_reset(&core->shape[target - 1]);
	return 0;
}

static void focused(struct router *router, unsigned from, unsigned to)
{
	(void)router;
	(void)from;
	(void)to;
}

static void moved(struct router *router, unsigned part, unsigned to)
{
	(void)router;
	(void)part;
	(void)to;
}

static void panicked(struct router *router, bool again)
{
	struct core *core = of_router(router);

	if (again)
		core->quit = true;
}

static const struct pump pump = {
	.send = send_frame, .enter = enter, .focused = focused, .panicked = panicked, .moved = moved
};

static void conf_error(void *ctx, const char *message)
{
	(void)ctx;
	fprintf(stderr, "%s\n", message);
}

static void add_hotkey(struct hotkeys *hotkeys, const struct chord *chord, int action)
{
	if (chord->n > 0)
		hotkeys->entry[hotkeys->n++] = (struct hotkey){ .chord = *chord, .action = action };
}

static void add_part_hotkeys(struct hotkeys *hotkeys, const struct chord *chords, unsigned target)
{
	add_hotkey(hotkeys, &chords[CONF_KEYBOARDS], ROUTER_ACTION(ROUTER_KEYBOARDS, target));
	add_hotkey(hotkeys, &chords[CONF_POINTERS], ROUTER_ACTION(ROUTER_POINTERS, target));
}

static void init_shape(struct shape *shape, const struct conf_guest *guest)
{
	struct shape_rules rules = channel_of(guest->via)->rules;

	if (guest->os == CONF_OS_WINDOWS) {
		rules.no_hires_wheel = true;
		rules.step_max = 127;
	}
	shape_init(shape, &rules);
}

static void add_device(struct core *core, unsigned d)
{
	const struct conf_device *section = &core->conf->devices[d];
	const struct scenario_device *device = &core->scenario->device[d];

	router_add_device(&core->router, d, &section->remap);
	if ((device->rel & 1U << REL_X || keyset_has(&device->keys, BTN_LEFT)) &&
	    !keyset_has(&device->keys, KEY_ENTER))
		router_set_pointer(&core->router, d);
	if (section->target != CONF_FREE)
		router_pin_device(&core->router, d, section->target);
}

static int start(void *world, const struct scenario *scenario)
{
	struct core *core = world;
	struct conf *conf = NULL;
	int rc = conf_parse(scenario->file, scenario->conf, scenario->conf_size, channel_table,
			    conf_error, NULL, &conf);

	*core = (struct core){ .conf = conf, .now = 1000000000 };
	if (rc < 0)
		return rc;
	add_hotkey(&core->hotkeys, &conf->toggle, ROUTER_NEXT);
	add_hotkey(&core->hotkeys, &conf->host_hotkey, ROUTER_HOST);
	add_part_hotkeys(&core->hotkeys, conf->host_hotkey_part, ROUTER_HOST);
	for (unsigned i = 0; i < conf->n_guests; i++) {
		add_hotkey(&core->hotkeys, &conf->guests[i].hotkey, (int)i + 1);
		add_part_hotkeys(&core->hotkeys, conf->guests[i].hotkey_part, i + 1);
		init_shape(&core->shape[i], &conf->guests[i]);
	}
	router_init(&core->router, &core->hotkeys, &conf->panic, &conf->always, conf->n_guests + 1);
	core->scenario = scenario;
	for (unsigned i = 0; i < conf->n_devices; i++)
		add_device(core, i);
	core->starting = conf->start != ROUTER_HOST;
	return 0;
}

static void stop(void *world)
{
	struct core *core = world;

	conf_free(core->conf);
	core->conf = NULL;
}

static unsigned find_device(const struct core *core, const char *name)
{
	for (unsigned i = 0; i < core->conf->n_devices; i++)
		if (strcmp(core->conf->devices[i].name, name) == 0)
			return i;
	abort(); /* the scenario's reader has looked it up in the configuration */
}

/* The target's number, or 0 (the host) where there is no such guest. */
static unsigned find_target(const struct core *core, const char *name)
{
	for (unsigned i = 0; i < core->conf->n_guests; i++)
		if (strcmp(core->conf->guests[i].name, name) == 0)
			return i + 1;
	return ROUTER_HOST;
}

/* Puts the time on the frame and hands it in. */
static void deliver(struct core *core, unsigned device, struct frame *frame)
{
	core->now += STEP_US;
	for (unsigned i = 0; i < frame->n; i++) {
		frame->ev[i].time.tv_sec = core->now / 1000000;
		frame->ev[i].time.tv_usec = core->now % 1000000;
	}
	if (!core->quit)
		pump_frame(&pump, &core->router, device, frame);
}

static int play_frame(void *world, const char *device, const struct frame *frame)
{
	struct core *core = world;
	unsigned d = find_device(core, device);
	struct frame copy = *frame;

	for (unsigned i = 0; i < frame->n; i++) {
		if (frame->ev[i].type != EV_KEY)
			continue;
		if (frame->ev[i].value)
			keyset_add(&core->down[d], frame->ev[i].code);
		else
			keyset_remove(&core->down[d], frame->ev[i].code);
	}
	deliver(core, d, &copy);
	return 0;
}

/* As libevdev resyncs: one frame of all differences, in the order of their codes. */
static int dropped(void *world, const char *device, const struct keyset *down)
{
	static const struct input_event at = { 0 };
	struct core *core = world;
	unsigned d = find_device(core, device);
	struct frame frame = { .resync = true };

	for (unsigned code = 0; code < KEY_CNT; code++) {
		bool is = keyset_has(down, code);

		if (is != keyset_has(&core->down[d], code) && frame_has_room(&frame))
			frame_put(&frame, &at, EV_KEY, code, is);
	}
	core->down[d] = *down;
	if (frame.n == 0)
		return 0;
	frame_close(&frame, &at);
	deliver(core, d, &frame);
	return 0;
}

static int guest_up(void *world, const char *guest)
{
	struct core *core = world;
	unsigned target = find_target(core, guest);

	if (target == ROUTER_HOST)
		return -ENOENT;
	core->up[target - 1] = true;
	return 0;
}

static int guest_down(void *world, const char *guest)
{
	struct core *core = world;
	unsigned target = find_target(core, guest);

	if (target == ROUTER_HOST)
		return -ENOENT;
	core->up[target - 1] = false;
	pump_down(&pump, &core->router, target, core->now);
	return 0;
}

static int plug(void *world, const char *device)
{
	struct core *core = world;
	add_device(core, find_device(core, device));
	return 0;
}

static int unplug(void *world, const char *device)
{
	struct core *core = world;
	unsigned d = find_device(core, device);

	core->down[d] = (struct keyset){ 0 };
	pump_remove(&pump, &core->router, d);
	return 0;
}

static int switch_to(void *world, const char *target)
{
	struct core *core = world;

	if (strcmp(target, "next") == 0)
		pump_switch(&pump, &core->router, ROUTER_NEXT);
	else
		pump_switch(&pump, &core->router, find_target(core, target));
	return 0;
}

static int wait_ms(void *world, unsigned ms)
{
	struct core *core = world;
	int64_t first = 1000000000 + START_US;

	for (; ms > 0; ms -= ms < START_TRY_MS ? ms : START_TRY_MS) {
		core->now += 1000 * (int64_t)(ms < START_TRY_MS ? ms : START_TRY_MS);
		if (core->starting && core->now < first && !core->router.decided)
			core->starting = pump_switch(&pump, &core->router, core->conf->start) < 0;
		for (unsigned d = 0; d < core->conf->n_devices; d++)
			if (router_pin_waits(&core->router, d))
				pump_switch_part(&pump, &core->router, ROUTER_DEVICE(d),
						 core->conf->devices[d].target);
	}
	return 0;
}

static int collect(void *world, unsigned expected, struct scenario_out *out)
{
	struct core *core = world;
	int n = (int)core->n_out;

	(void)expected;
	memcpy(out, core->out, core->n_out * sizeof(*out));
	core->n_out = 0;
	return n;
}

static const char *focus(void *world, const char *want)
{
	struct core *core = world;

	(void)want;
	if (core->quit)
		return "quit";
	if (core->router.focus == ROUTER_HOST)
		return "host";
	return core->conf->guests[core->router.focus - 1].name;
}

static const struct scenario_world_ops world_ops = {
	.start = start,
	.frame = play_frame,
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

int main(int argc, char **argv)
{
	static struct core core;
	unsigned passed = 0, failed = 0;

	for (int i = 1; i < argc; i++) {
		struct scenario *scenario = scenario_load(argv[i]);

		if (scenario && scenario_play(scenario, &world_ops, &core))
			passed++;
		else
			failed++;
		scenario_free(scenario);
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 && passed > 0 ? 0 : 1;
}
