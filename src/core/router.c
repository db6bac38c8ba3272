/* SPDX-License-Identifier: MIT */
/* Routing as a sequence of stages. The invariants I1 to I13 are listed in the header. */
#include "core/router.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hot.h"

enum { AT_HOST, AT_GUEST };

static void add_chord(struct keyset *codes, const struct chord *chord)
{
	for (unsigned i = 0; i < chord->n; i++)
		keyset_add(codes, chord->code[i]);
}

void router_init(struct router *router, const struct hotkeys *hotkeys, const struct chord *panic,
		 const struct keyset *always, unsigned n_targets)
{
	*router = (struct router){
		.hotkeys = hotkeys, .panic = panic, .always = always, .n_targets = n_targets
	};
	add_chord(&router->in_panic, panic);
	for (unsigned i = 0; i < hotkeys->n; i++)
		add_chord(&router->in_a_hotkey, &hotkeys->entry[i].chord);
}

/* A pin to a target that is gone is changed by the caller; until then it is at the host. */
static void renumber_device(struct router_device *device, const unsigned map[static ROUTER_TARGETS])
{
	if (device->pin != ROUTER_FREE)
		device->pin = map[device->pin] == ROUTER_GONE ? ROUTER_HOST : map[device->pin];
	device->target = map[device->target] == ROUTER_GONE ? ROUTER_HOST : map[device->target];
}

void router_replace(struct router *router, const struct hotkeys *hotkeys, const struct chord *panic,
		    const struct keyset *always, unsigned n_targets,
		    const unsigned map[static ROUTER_TARGETS])
{
	const struct router old = *router;

	router_init(router, hotkeys, panic, always, n_targets);
	router->focus = map[old.focus];
	for (unsigned part = ROUTER_KEYBOARDS; part < ROUTER_PARTS; part++)
		router->part_focus[part] = map[old.part_focus[part]];
	for (unsigned t = 0; t < old.n_targets; t++)
		if (map[t] != ROUTER_GONE)
			router->target[map[t]] = old.target[t];
	router->panicked_at = old.panicked_at;
	router->decided = old.decided;
	router->recalled = old.recalled;
	router->deaf = old.deaf;
	router->quiet_since_us = old.quiet_since_us;
	router->n_devices = old.n_devices;
	for (unsigned d = 0; d < old.n_devices; d++) {
		router->device[d] = old.device[d];
		renumber_device(&router->device[d], map);
	}
}

/* A device can have keys down only at the host and at the guest where it is (I2). */
static struct keyset *held_at(struct router_device *device, unsigned side)
{
	return side == AT_HOST ? &device->at_host : &device->at_guest;
}

/* The destination of new events from device d. */
static unsigned side_of(const struct router *router, unsigned d)
{
	return router->device[d].target == ROUTER_HOST ? AT_HOST : AT_GUEST;
}

static const struct frame *close_frame(struct router *router, unsigned side)
{
	struct frame *out = &router->out[side];

	if (out->n == 0)
		return NULL;
	frame_close(out, router->work.at);
	return out;
}

/* Hands the output out with this step. False if there is none. */
static bool hand_out(struct router *router, unsigned d, struct route *route)
{
	route->host = close_frame(router, AT_HOST);
	route->guest = close_frame(router, AT_GUEST);
	route->target = router->device[d].target;
	route->device = d;
	router->work.handed = route->host || route->guest;
	return router->work.handed;
}

/* Never overflows: routing does not lengthen a frame; callers that generate events check first. */
static void put(struct router *router, unsigned side, const struct input_event *ev, unsigned code)
{
	frame_put(&router->out[side], ev, ev->type, code, ev->value);
}

/* True if device i holds 'code' (after the remap) on the port that device d uses there. */
static bool holds(struct router *router, unsigned i, unsigned d, unsigned side, unsigned code)
{
	struct router_device *device = &router->device[i];

	return device->present && (i == d || device->target == router->device[d].target) &&
	       remap_any(device->remap, held_at(device, side), code);
}

/* The devices that can share the port of device d there: from this one ... */
static unsigned port_begin(unsigned d, unsigned side)
{
	return side == AT_HOST ? d : 0;
}

/* ... to the one before this. */
static unsigned port_end(const struct router *router, unsigned d, unsigned side)
{
	return side == AT_HOST ? d + 1 : router->n_devices;
}

/* True if 'code' (after the remap) is down on the port that device d uses there. */
static bool is_down_at(struct router *router, unsigned d, unsigned side, unsigned code)
{
	for (unsigned i = port_begin(d, side); i < port_end(router, d, side); i++)
		if (holds(router, i, d, side, code))
			return true;
	return false;
}

static void press_at(struct router *router, unsigned d, unsigned side, const struct input_event *ev)
{
	struct router_device *device = &router->device[d];
	unsigned code = remap_code(device->remap, ev->code);
	bool was_down = is_down_at(router, d, side, code);

	keyset_add(held_at(device, side), ev->code);
	if (!was_down)
		put(router, side, ev, code);
}

static void release_at(struct router *router, unsigned d, unsigned side,
		       const struct input_event *ev)
{
	struct router_device *device = &router->device[d];
	unsigned code = remap_code(device->remap, ev->code);

	keyset_remove(held_at(device, side), ev->code);
	if (!is_down_at(router, d, side, code))
		put(router, side, ev, code);
}

/*
 * Releases as many of the keys that device d holds there as fit into the frame, except those in
 * 'keep' (codes after the remap; may be NULL).
 */
static void put_releases(struct router *router, unsigned d, unsigned side,
			 const struct keyset *keep)
{
	struct router_device *device = &router->device[d];
	struct keyset *held = held_at(device, side);

	keyset_for_each (raw, held) {
		struct input_event up = *router->work.at;

		if (keep && keyset_has(keep, remap_code(device->remap, raw)))
			continue;
		if (!frame_has_room(&router->out[side]))
			return;
		up.type = EV_KEY;
		up.code = (uint16_t)raw;
		up.value = 0;
		release_at(router, d, side, &up);
	}
}

const uint16_t router_menu_keys[ROUTER_MENU_KEYS] = { KEY_LEFTALT, KEY_RIGHTALT, KEY_LEFTMETA,
						      KEY_RIGHTMETA };

static bool is_in_part(const struct router *router, unsigned d, unsigned part)
{
	if (part >= ROUTER_PARTS)
		return d == part - ROUTER_PARTS;
	return part == ROUTER_ALL || router->device[d].pointer == (part == ROUTER_POINTERS);
}

/* True if the switch under way moves device d. */
static bool is_moved(const struct router *router, unsigned d)
{
	const struct router_device *device = &router->device[d];
	const struct router_work *work = &router->work;

	if (!device->present || device->target == work->to)
		return false;
	if (device->pin != ROUTER_FREE)
		return work->panics || work->part == ROUTER_DEVICE(d);
	return is_in_part(router, d, work->part);
}

/* True if 'code' is down on the port of device d, and only devices that move hold it. */
static bool is_let_go(struct router *router, unsigned d, unsigned side, unsigned code)
{
	bool held = false;

	for (unsigned i = port_begin(d, side); i < port_end(router, d, side); i++) {
		if (!holds(router, i, d, side, code))
			continue;
		if (!is_moved(router, i))
			return false;
		held = true;
	}
	return held;
}

/* True if Alt or Meta is about to be released on the port while no Ctrl is down there. */
static bool opens_menu(struct router *router, unsigned d, unsigned side, const struct keyset *keep)
{
	bool menu = false;

	for (unsigned i = 0; i < ROUTER_MENU_KEYS; i++)
		menu |= !(keep && keyset_has(keep, router_menu_keys[i])) &&
			is_let_go(router, d, side, router_menu_keys[i]);
	return menu && !is_down_at(router, d, side, KEY_LEFTCTRL) &&
	       !is_down_at(router, d, side, KEY_RIGHTCTRL);
}

/* True if an earlier device leaves the same port. */
static bool is_port_done(const struct router *router, unsigned d, unsigned side)
{
	for (unsigned i = port_begin(d, side); i < d; i++)
		if (is_moved(router, i) && router->device[i].target == router->device[d].target)
			return true;
	return false;
}

/* The keys that stay down when a device leaves. */
static const struct keyset *kept_at(const struct router *router, unsigned side)
{
	return side == AT_HOST ? router->always : NULL;
}

static void begin_stage(struct router *router, enum router_stage stage)
{
	router->work.stage = stage;
	router->work.cursor = 0;
}

/*
 * Windows and most desktops open a menu when Alt or Meta is released with no other key in between.
 * A tap of Ctrl, which alone has no effect, prevents that. Its press and release need a frame each.
 * A guest has one port for all devices, so one tap is enough there.
 */
static enum router_step shut_menus(struct router *router, struct route *route)
{
	struct router_work *work = &router->work;

	for (; work->cursor < router->n_devices; work->cursor++) {
		unsigned d = work->cursor, side = side_of(router, d);
		struct input_event ctrl = *work->at;

		if (!is_moved(router, d) || is_port_done(router, d, side))
			continue;
		if (!work->tapped && !opens_menu(router, d, side, kept_at(router, side)))
			continue;
		work->tapped = !work->tapped;
		work->cursor += !work->tapped;
		ctrl.type = EV_KEY;
		ctrl.value = work->tapped;
		put(router, side, &ctrl, KEY_LEFTCTRL);
		hand_out(router, d, route);
		return ROUTER_SEND;
	}
	begin_stage(router, STAGE_RELEASE);
	return ROUTER_DONE;
}

/* Releases the keys that a switch takes from the old target (I2). */
static enum router_step release_left(struct router *router, struct route *route)
{
	struct router_work *work = &router->work;

	for (; work->cursor < router->n_devices; work->cursor++) {
		unsigned side = side_of(router, work->cursor);

		if (!is_moved(router, work->cursor))
			continue;
		put_releases(router, work->cursor, side, kept_at(router, side));
		if (hand_out(router, work->cursor, route))
			return ROUTER_SEND;
	}
	begin_stage(router, STAGE_FOCUS);
	return ROUTER_DONE;
}

/* New devices of the part go there. Where all parts are, the focus is. */
static void set_part_focus(struct router *router, unsigned part, unsigned to)
{
	unsigned *focus = router->part_focus;

	if (part == ROUTER_ALL)
		focus[ROUTER_KEYBOARDS] = focus[ROUTER_POINTERS] = to;
	else if (part < ROUTER_PARTS)
		focus[part] = to;
	if (focus[ROUTER_KEYBOARDS] == focus[ROUTER_POINTERS])
		router->focus = focus[ROUTER_KEYBOARDS];
}

static enum router_step move_focus(struct router *router, struct route *route)
{
	struct router_work *work = &router->work;

	for (unsigned d = 0; d < router->n_devices; d++)
		if (is_moved(router, d))
			router->device[d].target = work->to;
	route->from = router->focus;
	route->target = work->to;
	route->part = work->part;
	set_part_focus(router, work->part, work->to);
	router->deaf = false;
	work->moves = false;
	begin_stage(router, STAGE_LEAVE);
	return work->part == ROUTER_ALL || router->focus != route->from ? ROUTER_FOCUSED
									: ROUTER_MOVED;
}

static bool is_used(const struct router *router, unsigned target)
{
	bool used = router->focus == target || router->part_focus[ROUTER_KEYBOARDS] == target ||
		    router->part_focus[ROUTER_POINTERS] == target;

	for (unsigned d = 0; d < router->n_devices && !used; d++)
		used = router->device[d].present && router->device[d].target == target;
	return used;
}

static enum router_step leave_unused(struct router *router, struct route *route)
{
	struct router_work *work = &router->work;

	for (; work->cursor < router->n_targets; work->cursor++) {
		struct router_target *target = &router->target[work->cursor];

		if (!target->entered || is_used(router, work->cursor))
			continue;
		*target = (struct router_target){ 0 };
		route->target = work->cursor;
		return ROUTER_LEFT;
	}
	begin_stage(router, work->panics ? STAGE_PANIC : STAGE_ROUTE);
	return ROUTER_DONE;
}

static void begin_move(struct router *router)
{
	router->work.moves = true;
	begin_stage(router, STAGE_FLUSH);
}

static enum router_step ask(struct router *router, struct route *route)
{
	route->target = router->work.to;
	if (route->target != ROUTER_HOST && !router->target[route->target].entered)
		return ROUTER_ENTER;
	begin_move(router);
	return ROUTER_DONE;
}

void router_entered(struct router *router, int rc)
{
	struct router_work *work = &router->work;

	if (rc == 0) {
		router->target[work->to] = (struct router_target){ true, true };
	} else if (work->others > 0) {
		work->others--;
		work->to = (work->to + 1) % router->n_targets;
	} else {
		work->rc = work->next ? -ENODEV : rc;
		work->stage = STAGE_ROUTE;
	}
}

static unsigned target_of_part(const struct router *router, unsigned part)
{
	if (part == ROUTER_ALL)
		return router->focus;
	return part < ROUTER_PARTS ? router->part_focus[part]
				   : router->device[part - ROUTER_PARTS].target;
}

/* True if the switch to work.to would change nothing. */
static bool is_there(const struct router *router)
{
	const struct router_work *work = &router->work;
	bool there = target_of_part(router, work->part) == work->to &&
		     (work->to == ROUTER_HOST || router->target[work->to].entered);

	for (unsigned d = 0; d < router->n_devices && there; d++)
		there = !is_moved(router, d);
	return there &&
	       (work->part != ROUTER_ALL || (router->part_focus[ROUTER_KEYBOARDS] == work->to &&
					     router->part_focus[ROUTER_POINTERS] == work->to));
}

/* 0, or why a switch to this target, or to ROUTER_NEXT, is impossible. */
static int check_switch(const struct router *router, unsigned part, unsigned target)
{
	const struct router_device *device;

	if (target == ROUTER_NEXT && router->n_targets < 2)
		return -ENODEV;
	if (target != ROUTER_NEXT && target >= router->n_targets)
		return -EINVAL;
	if (part < ROUTER_PARTS)
		return 0;
	if (part >= ROUTER_DEVICE(ROUTER_DEVICES))
		return -ENODEV;
	device = &router->device[part - ROUTER_PARTS];
	if (device->present && device->pin != ROUTER_FREE && device->pin != target)
		return -EPERM;
	return device->present ? 0 : -ENODEV;
}

/* Works with and without an input frame. */
OFF_PATH static void begin_switch(struct router *router, unsigned part, unsigned target)
{
	struct router_work *work = &router->work;

	work->rc = check_switch(router, part, target);
	router->recalled = false;
	if (work->rc < 0)
		return;
	work->part = part;
	work->next = target == ROUTER_NEXT;
	work->others = work->next ? router->n_targets - 2 : 0;
	work->to = work->next ? (target_of_part(router, part) + 1) % router->n_targets : target;
	if (is_there(router))
		router->deaf = false;
	else
		work->stage = STAGE_ENTER;
}

static bool panic_completed(const struct router *router, unsigned code)
{
	struct keyset raw = { 0 };

	if (!keyset_has(&router->in_panic, code))
		return false;
	for (unsigned d = 0; d < router->n_devices; d++)
		keyset_add_all(&raw, &router->device[d].raw);
	return chord_down(router->panic, &raw);
}

static int64_t time_us(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

/* Releases all keys of the host, too: the reason for the chord may be a stuck key. */
OFF_PATH static void begin_panic(struct router *router, const struct input_event *ev)
{
	int64_t last = time_us(router->panicked_at);
	int64_t since = time_us(ev->time) - last;

	router->work.again = last != 0 && since >= 0 && since <= ROUTER_PANIC_AGAIN_US;
	router->panicked_at = ev->time;
	router->decided = true;
	router->deaf = false;
	router->work.panics = true;
	router->work.part = ROUTER_ALL;
	router->work.to = ROUTER_HOST;
	router->work.moves = !is_there(router);
	for (unsigned d = 0; d < router->n_devices; d++)
		router->recalled |= is_moved(router, d) && router->device[d].pin != ROUTER_FREE;
	begin_stage(router, STAGE_FLUSH);
}

static enum router_step release_panic(struct router *router, struct route *route)
{
	struct router_work *work = &router->work;

	for (; work->cursor < router->n_devices; work->cursor++) {
		put_releases(router, work->cursor, AT_HOST, NULL);
		if (hand_out(router, work->cursor, route))
			return ROUTER_SEND;
	}
	begin_stage(router, STAGE_PANICKED);
	return ROUTER_DONE;
}

static enum router_step end_panic(struct router *router, struct route *route)
{
	route->again = router->work.again;
	router->work.panics = false;
	begin_stage(router, STAGE_ROUTE);
	return ROUTER_PANICKED;
}

static int hotkey_completed(const struct router *router, unsigned code)
{
	struct keyset down = { 0 };

	/* Most keys are in no hotkey: skip the walk over all devices for them. */
	if (!keyset_has(&router->in_a_hotkey, code))
		return -1;
	for (unsigned d = 0; d < router->n_devices; d++) {
		const struct router_device *device = &router->device[d];

		keyset_for_each (raw, &device->raw)
			keyset_add(&down, remap_code(device->remap, raw));
	}
	return hotkey_match(router->hotkeys, &down, code);
}

static void press(struct router *router, unsigned d, const struct input_event *ev, bool resync)
{
	struct router_device *device = &router->device[d];
	unsigned code = remap_code(device->remap, ev->code);
	int action;

	if (keyset_has(&device->raw, ev->code))
		return;
	keyset_add(&device->raw, ev->code);
	if (panic_completed(router, ev->code)) {
		begin_panic(router, ev);
		return;
	}
	action = resync ? -1 : hotkey_completed(router, code);
	router->decided |= action >= 0;
	if (action >= 0)
		begin_switch(router, (unsigned)action / (ROUTER_NEXT + 1),
			     (unsigned)action % (ROUTER_NEXT + 1));
	else if (keyset_has(router->always, code))
		press_at(router, d, AT_HOST, ev);
	else if (!(router->deaf && device->deaf) && router_takes(router, device->target))
		press_at(router, d, side_of(router, d), ev);
}

static void release(struct router *router, unsigned d, const struct input_event *ev)
{
	struct router_device *device = &router->device[d];

	keyset_remove(&device->raw, ev->code);
	if (keyset_has(&device->at_host, ev->code))
		release_at(router, d, AT_HOST, ev);
	else if (keyset_has(&device->at_guest, ev->code))
		release_at(router, d, AT_GUEST, ev);
}

/* The kernel generates key repeat for the host's clone. A guest's driver may need the source's. */
static void repeat(struct router *router, unsigned d, const struct input_event *ev)
{
	const struct router_device *device = &router->device[d];

	if (keyset_has(&device->at_guest, ev->code))
		put(router, AT_GUEST, ev, remap_code(device->remap, ev->code));
}

static void route_key(struct router *router, unsigned d, const struct input_event *ev, bool resync)
{
	if (ev->code > KEY_MAX)
		return;
	if (ev->value == 1)
		press(router, d, ev, resync);
	else if (ev->value == 0)
		release(router, d, ev);
	else
		repeat(router, d, ev);
}

/*
 * Scan codes are dropped: no desktop reads them, and both uinput and a guest's driver would send
 * each one back to us, at the cost of a wake-up.
 */
static bool is_scan_code(const struct input_event *ev)
{
	return ev->type == EV_MSC && ev->code == MSC_SCAN;
}

/*
 * Any event may end the quiet period, since only events carry time. An event that was queued before
 * the focus returned is older than quiet_since_us, hence 'quiet < 0'.
 */
OFF_PATH static void listen_for_quiet(struct router *router, const struct input_event *ev)
{
	int64_t quiet = time_us(ev->time) - router->quiet_since_us;
	bool idle = router_idle(router);

	if (idle && quiet >= ROUTER_QUIET_US)
		router->deaf = false;
	else if (ev->type == EV_KEY || !idle || quiet < 0)
		router->quiet_since_us = time_us(ev->time);
}

static void route_other(struct router *router, unsigned d, const struct input_event *ev)
{
	if (ev->type == EV_SW) /* lids and jacks are the host's hardware */
		put(router, AT_HOST, ev, ev->code);
	else if (router_takes(router, router->device[d].target) && !is_scan_code(ev))
		put(router, side_of(router, d), ev, ev->code);
}

/* Routes events up to one that starts another stage, or to the end of the frame. */
static void route_events(struct router *router, struct route *route)
{
	struct router_work *work = &router->work;
	const struct frame *frame = work->frame;
	const struct input_event *last = &frame->ev[frame->n - 1];

	for (const struct input_event *ev = work->ev; ev < last; ev++) {
		if (router->deaf)
			listen_for_quiet(router, ev);
		if (ev->type == EV_KEY)
			route_key(router, work->device, ev, frame->resync);
		else
			route_other(router, work->device, ev);
		if (work->stage == STAGE_ROUTE)
			continue;
		work->at = ev;
		work->ev = ev + 1;
		return;
	}
	work->at = last;
	work->frame = NULL;
	work->rc = 0; /* only router_switch reports a result; a hotkey does not */
	work->stage = STAGE_IDLE;
	hand_out(router, work->device, route);
}

static enum router_step route_rest(struct router *router, struct route *route)
{
	if (router->work.frame)
		route_events(router, route);
	else
		router->work.stage = STAGE_IDLE;
	return ROUTER_DONE;
}

static enum router_step flush(struct router *router, struct route *route)
{
	bool moves = router->work.moves;

	begin_stage(router, moves ? STAGE_SHUT_MENUS : STAGE_PANIC);
	return hand_out(router, router->work.device, route) ? ROUTER_SEND : ROUTER_DONE;
}

static enum router_step release_removed(struct router *router, struct route *route)
{
	struct router_work *work = &router->work;
	struct router_device *device = &router->device[work->device];
	unsigned side = work->stage == STAGE_REMOVE_HOST ? AT_HOST : AT_GUEST;

	put_releases(router, work->device, side, NULL);
	if (hand_out(router, work->device, route))
		return ROUTER_SEND;
	if (side == AT_HOST) {
		work->stage = STAGE_REMOVE_GUEST;
		return ROUTER_DONE;
	}
	device->present = false;
	device->raw = (struct keyset){ 0 };
	begin_stage(router, STAGE_LEAVE);
	return ROUTER_DONE;
}

/* ROUTER_DONE if the stage had nothing to report: go on with the next. */
static enum router_step do_stage(struct router *router, struct route *route)
{
	switch (router->work.stage) {
	case STAGE_ROUTE:
		return route_rest(router, route);
	case STAGE_ENTER:
		return ask(router, route);
	case STAGE_FLUSH:
		return flush(router, route);
	case STAGE_SHUT_MENUS:
		return shut_menus(router, route);
	case STAGE_RELEASE:
		return release_left(router, route);
	case STAGE_FOCUS:
		return move_focus(router, route);
	case STAGE_LEAVE:
		return leave_unused(router, route);
	case STAGE_PANIC:
		return release_panic(router, route);
	case STAGE_PANICKED:
		return end_panic(router, route);
	default:
		return release_removed(router, route);
	}
}

static void begin_step(struct router *router, struct route *route)
{
	if (router->work.handed)
		router->out[AT_HOST].n = router->out[AT_GUEST].n = 0;
	router->work.handed = false;
	*route = (struct route){ 0 };
}

/* Runs stages up to one that has a step to return. */
OFF_PATH static enum router_step do_stages(struct router *router, struct route *route)
{
	while (router->work.stage != STAGE_IDLE) {
		enum router_step step = do_stage(router, route);

		if (step != ROUTER_DONE)
			return step;
	}
	route->rc = router->work.rc;
	return ROUTER_DONE;
}

enum router_step router_next(struct router *router, struct route *route)
{
	begin_step(router, route);
	return do_stages(router, route);
}

static bool is_motion(const struct frame *frame)
{
	for (unsigned i = 0; i < frame->n - 1; i++)
		if (frame->ev[i].type != EV_REL)
			return false;
	return frame->n > 1;
}

/* The frame is passed on without a copy. */
static void pass_motion(struct router *router, unsigned d, const struct frame *frame,
			struct route *route)
{
	unsigned target = router->device[d].target;

	if (target == ROUTER_HOST)
		route->host = frame;
	else if (router->target[target].ready)
		route->guest = frame;
	route->device = d;
	route->target = target;
}

enum router_step router_frame(struct router *router, unsigned d, const struct frame *frame,
			      struct route *route)
{
	struct router_work *work = &router->work;

	begin_step(router, route);
	if (!router->deaf && is_motion(frame)) {
		pass_motion(router, d, frame, route);
		return ROUTER_DONE;
	}
	work->stage = STAGE_ROUTE;
	work->device = d;
	work->frame = frame;
	work->ev = frame->ev;
	route_events(router, route);
	return work->stage == STAGE_IDLE ? ROUTER_DONE : do_stages(router, route);
}

/* Starts a sequence that has no input frame, so its events have no time. */
static void begin(struct router *router, enum router_stage stage, unsigned d)
{
	static const struct input_event undated;

	router->work = (struct router_work){
		.stage = stage, .device = d, .at = &undated, .handed = router->work.handed
	};
}

enum router_step router_switch(struct router *router, unsigned target, struct route *route)
{
	return router_switch_part(router, ROUTER_ALL, target, route);
}

enum router_step router_switch_part(struct router *router, unsigned part, unsigned target,
				    struct route *route)
{
	begin(router, STAGE_ROUTE, 0);
	begin_switch(router, part, target);
	return router_next(router, route);
}

void router_add_device(struct router *router, unsigned d, const struct remap *remap)
{
	router->device[d] = (struct router_device){
		.present = true,
		.deaf = true,
		.target = router->part_focus[ROUTER_KEYBOARDS],
		.pin = ROUTER_FREE,
		.remap = remap,
	};
	if (d >= router->n_devices)
		router->n_devices = d + 1;
}

void router_set_pointer(struct router *router, unsigned d)
{
	router->device[d].pointer = true;
	router->device[d].target = router->part_focus[ROUTER_POINTERS];
}

void router_set_remap(struct router *router, unsigned d, const struct remap *remap)
{
	router->device[d].remap = remap;
}

void router_pin_device(struct router *router, unsigned d, unsigned target)
{
	struct router_device *device = &router->device[d];
	unsigned part = device->pointer ? ROUTER_POINTERS : ROUTER_KEYBOARDS;

	device->pin = target;
	device->target = target == ROUTER_FREE ? router->part_focus[part] : target;
	device->deaf = false;
}

enum router_step router_leave(struct router *router, struct route *route)
{
	*route = (struct route){ 0 };
	if (router->work.stage != STAGE_IDLE)
		return ROUTER_DONE;
	begin(router, STAGE_LEAVE, 0);
	return router_next(router, route);
}

bool router_pin_waits(const struct router *router, unsigned d)
{
	const struct router_device *device = &router->device[d];

	return device->present && device->pin < router->n_targets && device->pin != ROUTER_HOST &&
	       !router->recalled &&
	       (device->target != device->pin || !router->target[device->pin].entered);
}

enum router_step router_remove_device(struct router *router, unsigned d, struct route *route)
{
	begin(router, router->device[d].present ? STAGE_REMOVE_HOST : STAGE_IDLE, d);
	return router_next(router, route);
}

static void forget_guest(struct router *router, unsigned target)
{
	for (unsigned d = 0; d < router->n_devices; d++)
		if (router->device[d].target == target)
			router->device[d].at_guest = (struct keyset){ 0 };
	router->out[AT_GUEST].n = 0;
}

/* I13: the device returns to the host without the user's request. */
static void return_device(struct router *router, unsigned d)
{
	struct router_device *device = &router->device[d];

	device->target = ROUTER_HOST;
	device->deaf = true;
}

bool router_target_down(struct router *router, unsigned target, int64_t now_us)
{
	if (target == ROUTER_HOST || !router->target[target].entered)
		return false;
	forget_guest(router, target);
	router->target[target] = (struct router_target){ 0 };
	for (unsigned d = 0; d < router->n_devices; d++) {
		router->device[d].deaf &= router->deaf;
		if (router->device[d].target == target && router->device[d].pin == ROUTER_FREE)
			return_device(router, d);
	}
	for (unsigned part = ROUTER_KEYBOARDS; part < ROUTER_PARTS; part++)
		if (router->part_focus[part] == target)
			set_part_focus(router, part, ROUTER_HOST);
	if (router->focus == target)
		router->focus = ROUTER_HOST;
	router->deaf = true;
	router->quiet_since_us = now_us;
	return true;
}

void router_target_reset(struct router *router, unsigned target, bool ready)
{
	if (target == ROUTER_HOST || !router->target[target].entered)
		return;
	forget_guest(router, target);
	router->target[target].ready = ready;
}

bool router_idle(const struct router *router)
{
	for (unsigned d = 0; d < router->n_devices; d++)
		if (!keyset_empty(&router->device[d].raw))
			return false;
	return true;
}
