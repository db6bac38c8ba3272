/* SPDX-License-Identifier: MIT */
/*
 * Frames of any events into the core, with chords, remaps and rules of the input's own, while targets go
 * down, come up and are reset. On every port presses and releases alternate (I7), also behind shape and
 * backlog; each frame is whole; and once all is released, nothing is down. core.c has a model of all else,
 * for chords of its own. Codes and values are in the kernel's ranges, which device.c relies on.
 */
#include <string.h>

#include "core/backlog.h"
#include "core/router.h"
#include "core/shape.h"
#include "fuzz.h"
#include "pump.h"

#define DEVICES 4
#define TARGETS 4

static struct scene {
	struct router router;
	struct hotkeys hotkeys;
	struct chord panic;
	struct keyset always, host_down[ROUTER_DEVICES];
	struct remap remap[DEVICES];
	bool refuses[TARGETS];
	struct guest {
		struct shape shape;
		struct backlog backlog[SHAPE_NODES];
		struct keyset down, node_down[SHAPE_NODES];
	} guest[TARGETS];
	int64_t now_us;
} scene;

/* Few codes, so that chords meet frames; with modifiers, buttons, media keys and the last one. */
static uint16_t draw_code(struct fuzz *fuzz)
{
	static const uint16_t codes[] = {
		KEY_LEFTCTRL,  KEY_RIGHTCTRL, KEY_LEFTALT, KEY_LEFTMETA,
		KEY_RIGHTMETA, KEY_LEFTSHIFT, KEY_A,       KEY_F1,
		KEY_ESC,       KEY_ENTER,     KEY_MUTE,    KEY_CAPSLOCK,
		BTN_LEFT,      BTN_SIDE,      KEY_MAX,     KEY_SCROLLLOCK
	};
	uint8_t what = fuzz_u8(fuzz);

	return what & 128 ? (uint16_t)((what & 127) * 6 + 1) : codes[what % 16];
}

static void check_frame(const struct frame *frame, struct keyset *down, const char *where)
{
	FUZZ_CHECK(frame->n >= 1 && frame->n <= FRAME_MAX, "%s: %u events", where, frame->n);
	for (unsigned i = 0; i < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		FUZZ_CHECK((ev->type == EV_SYN && ev->code == SYN_REPORT) == (i + 1 == frame->n),
			   "%s: event %u of %u", where, i, frame->n);
		if (ev->type != EV_KEY)
			continue;
		FUZZ_CHECK(ev->value >= 0 && ev->value <= 2 &&
				   keyset_has(down, ev->code) == (ev->value != 1),
			   "%s: key %u gets %d", where, ev->code, ev->value);
		if (ev->value == 1)
			keyset_add(down, ev->code);
		else if (ev->value == 0)
			keyset_remove(down, ev->code);
	}
}

static void drain(struct guest *guest, unsigned node, unsigned room)
{
	struct frame out;

	while (backlog_pop(&guest->backlog[node], room, &out))
		check_frame(&out, &guest->node_down[node], "node");
}

static void send_guest(struct guest *guest, const struct frame *frame)
{
	unsigned ready;

	check_frame(frame, &guest->down, "guest");
	for (ready = shape_frame(&guest->shape, frame); ready; ready = shape_more(&guest->shape)) {
		for (unsigned i = 0; i < SHAPE_NODES; i++)
			if (ready >> i & 1)
				backlog_push(&guest->backlog[i], guest->shape.ready[i]);
		if (!(ready & SHAPE_MORE))
			break;
	}
}

static void on_send(struct router *router, unsigned target, unsigned device,
		    const struct frame *frame)
{
	FUZZ_CHECK(router_takes(router, target), "target %u", target);
	if (target == ROUTER_HOST)
		check_frame(frame, &scene.host_down[device], "host");
	else
		send_guest(&scene.guest[target], frame);
}

static int on_enter(struct router *router, unsigned target)
{
	(void)router;
	return scene.refuses[target] ? -1 : 0;
}

static void on_focused(struct router *router, unsigned from, unsigned to)
{
	(void)from;
	FUZZ_CHECK(router->focus == to, "focus %u, %u", router->focus, to);
}

static void on_moved(struct router *router, unsigned part, unsigned to)
{
	(void)router;
	FUZZ_CHECK(to < TARGETS && part < ROUTER_DEVICE(ROUTER_DEVICES), "part %u", part);
}

static void on_panicked(struct router *router, bool again)
{
	(void)again;
	FUZZ_CHECK(router->focus == ROUTER_HOST, "I6");
}

static const struct pump pump = { .send = on_send,
				  .enter = on_enter,
				  .focused = on_focused,
				  .moved = on_moved,
				  .panicked = on_panicked };

static void stamp(struct input_event *ev)
{
	ev->input_event_sec = scene.now_us / 1000000;
	ev->input_event_usec = scene.now_us % 1000000;
}

static void play(struct fuzz *fuzz, unsigned device)
{
	static const uint8_t types[] = { EV_KEY, EV_KEY, EV_KEY, EV_REL,
					 EV_KEY, EV_MSC, EV_ABS, EV_SW };
	struct input_event now = { 0 };
	struct frame frame = { 0 };
	uint8_t how = fuzz_u8(fuzz);

	scene.now_us += how >> 3 << 14;
	stamp(&now);
	frame.resync = how % 8 == 7;
	for (unsigned n = how % 8 == 6 ? FRAME_MAX - 1 : 1 + how % 4; n > 0; n--) {
		uint8_t what = fuzz_u8(fuzz);
		unsigned type = types[what % 8];

		if (type == EV_KEY)
			frame_put(&frame, &now, type, draw_code(fuzz), (what >> 3) % 3);
		else
			frame_put(&frame, &now, type, what >> 4,
				  (int16_t)(fuzz_u8(fuzz) << (what & 8)));
	}
	frame_close(&frame, &now);
	pump_frame(&pump, &scene.router, device, &frame);
}

static void forget(struct guest *guest)
{
	guest->down = (struct keyset){ 0 };
	shape_reset(&guest->shape);
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		backlog_reset(&guest->backlog[i]);
		guest->node_down[i] = (struct keyset){ 0 };
	}
}

static void act(struct fuzz *fuzz)
{
	struct router *router = &scene.router;
	uint8_t what = fuzz_u8(fuzz);
	unsigned device = what >> 4 & 3, target = 1 + (what >> 6) % (TARGETS - 1);

	switch (what % 16) {
	case 0:
		pump_switch(&pump, router, what >> 4 & 7);
		break;
	case 1:
		pump_switch_part(&pump, router, fuzz_u8(fuzz) % 8, what >> 4 & 7);
		break;
	case 2:
		router_target_down(router, target, scene.now_us);
		forget(&scene.guest[target]);
		break;
	case 3:
		router_target_reset(router, target, what & 16);
		forget(&scene.guest[target]);
		break;
	case 4:
		scene.refuses[target] = what & 16;
		break;
	case 5:
		if (router->device[device].present)
			pump_remove(&pump, router, device);
		else
			router_add_device(router, device, &scene.remap[device]);
		break;
	case 6:
	case 7:
		drain(&scene.guest[target], device % SHAPE_NODES, 2 + fuzz_u8(fuzz) % FRAME_MAX);
		break;
	default:
		if (router->device[device].present)
			play(fuzz, device);
	}
}

static void draw_chord(struct fuzz *fuzz, struct chord *chord, unsigned least)
{
	for (unsigned n = least + fuzz_below(fuzz, 3); chord->n < n;) {
		uint16_t code = draw_code(fuzz);

		while (chord_has(chord, code))
			code = (uint16_t)(code % 700 + 1);
		chord->code[chord->n++] = code;
	}
}

/* No two remaps of a device begin with the same key, as the configuration checks. */
static void draw_remap(struct fuzz *fuzz, struct remap *remap)
{
	for (unsigned n = fuzz_below(fuzz, 4); remap->n < n; remap->n++) {
		uint16_t from = draw_code(fuzz), to = draw_code(fuzz);

		for (unsigned i = 0; i < remap->n; i++)
			if (remap->entry[i].from == from)
				return;
		remap->entry[remap->n] = (struct remap_entry){ from, to };
	}
}

static void set_up(struct fuzz *fuzz)
{
	memset(&scene, 0, sizeof(scene));
	scene.now_us = 1000000;
	draw_chord(fuzz, &scene.panic, 2);
	for (unsigned n = fuzz_below(fuzz, 6); scene.hotkeys.n < n; scene.hotkeys.n++) {
		struct hotkey *hotkey = &scene.hotkeys.entry[scene.hotkeys.n];
		unsigned target = fuzz_below(fuzz, TARGETS + 1);

		hotkey->action = ROUTER_ACTION(fuzz_below(fuzz, ROUTER_PARTS),
					       target == TARGETS ? ROUTER_NEXT : target);
		draw_chord(fuzz, &hotkey->chord, 1);
	}
	for (unsigned n = fuzz_below(fuzz, 3); n > 0; n--)
		keyset_add(&scene.always, draw_code(fuzz));
	router_init(&scene.router, &scene.hotkeys, &scene.panic, &scene.always, TARGETS);
	for (unsigned i = 0; i < DEVICES; i++) {
		draw_remap(fuzz, &scene.remap[i]);
		router_add_device(&scene.router, i, &scene.remap[i]);
		if (i == DEVICES - 1)
			router_set_pointer(&scene.router, i);
	}
	for (unsigned i = 1; i < TARGETS; i++) {
		uint8_t what = fuzz_u8(fuzz);
		struct shape_rules rules = { .one_of_pair = what & 1,
					     .wheel_clicks = what & 2,
					     .no_hires_wheel = what & 4,
					     .step_max = what & 8 ? 127 : 0 };

		shape_init(&scene.guest[i].shape, &rules);
		for (unsigned node = 0; node < SHAPE_NODES; node++)
			backlog_init(&scene.guest[i].backlog[node], rules.step_max);
	}
}

void fuzz_one(struct fuzz *fuzz)
{
	set_up(fuzz);
	while (fuzz->left)
		act(fuzz);
	for (unsigned i = 0; i < DEVICES; i++)
		if (scene.router.device[i].present)
			pump_remove(&pump, &scene.router, i);
	FUZZ_CHECK(router_idle(&scene.router), "not idle");
	for (unsigned i = 0; i < DEVICES; i++)
		FUZZ_CHECK(keyset_empty(&scene.host_down[i]), "host: port %u", i);
	for (unsigned i = 1; i < TARGETS; i++) {
		FUZZ_CHECK(keyset_empty(&scene.guest[i].down), "guest %u", i);
		for (unsigned node = 0; node < SHAPE_NODES; node++) {
			drain(&scene.guest[i], node, FRAME_MAX);
			FUZZ_CHECK(keyset_empty(&scene.guest[i].node_down[node]), "node %u", node);
		}
	}
}
