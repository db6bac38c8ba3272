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

/* Only the host and the focused guest can have keys down (I2). */
static struct keyset *held_at(struct router_device *device, unsigned place)
{
	return place == AT_HOST ? &device->at_host : &device->at_guest;
}

static unsigned focus_place(const struct router *router)
{
	return router->focus == ROUTER_HOST ? AT_HOST : AT_GUEST;
}

/* The destination of new events from device d. */
static unsigned place_of(const struct router *router, unsigned d)
{
	return router->device[d].pinned ? AT_HOST : focus_place(router);
}

static const struct frame *close_frame(struct router *router, unsigned place)
{
	struct frame *out = &router->out[place];

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
	route->target = router->focus;
	route->device = d;
	router->work.handed = route->host || route->guest;
	return router->work.handed;
}

/* Never overflows: routing does not lengthen a frame; callers that generate events check first. */
static void put(struct router *router, unsigned place, const struct input_event *ev, unsigned code)
{
	frame_put(&router->out[place], ev, ev->type, code, ev->value);
}

/* True if 'code' (after the remap) is down on the port that device d uses there. */
static bool is_down_at(struct router *router, unsigned d, unsigned place, unsigned code)
{
	struct router_device *device = &router->device[place == AT_HOST ? d : 0];
	const struct router_device *end =
		&router->device[place == AT_HOST ? d + 1 : router->n_devices];

	for (; device < end; device++)
		if (device->present && remap_any(device->remap, held_at(device, place), code))
			return true;
	return false;
}

static void press_at(struct router *router, unsigned d, unsigned place,
		     const struct input_event *ev)
{
	struct router_device *device = &router->device[d];
	unsigned code = remap_code(device->remap, ev->code);
	bool was_down = is_down_at(router, d, place, code);

	keyset_add(held_at(device, place), ev->code);
	if (!was_down)
		put(router, place, ev, code);
}

static void release_at(struct router *router, unsigned d, unsigned place,
		       const struct input_event *ev)
{
	struct router_device *device = &router->device[d];
	unsigned code = remap_code(device->remap, ev->code);

	keyset_remove(held_at(device, place), ev->code);
	if (!is_down_at(router, d, place, code))
		put(router, place, ev, code);
}

/*
 * Releases as many of the keys that device d holds there as fit into the frame, except those in
 * 'keep' (codes after the remap; may be NULL).
 */
static void put_releases(struct router *router, unsigned d, unsigned place,
			 const struct keyset *keep)
{
	struct router_device *device = &router->device[d];
	struct keyset *held = held_at(device, place);

	keyset_for_each (raw, held) {
		struct input_event up = *router->work.at;

		if (keep && keyset_has(keep, remap_code(device->remap, raw)))
			continue;
		if (!frame_has_room(&router->out[place]))
			return;
		up.type = EV_KEY;
		up.code = (uint16_t)raw;
		up.value = 0;
		release_at(router, d, place, &up);
	}
}

const uint16_t router_menu_keys[ROUTER_MENU_KEYS] = { KEY_LEFTALT, KEY_RIGHTALT, KEY_LEFTMETA,
						      KEY_RIGHTMETA };

/* True if Alt or Meta is about to be released on the port while no Ctrl is down there. */
static bool opens_menu(struct router *router, unsigned d, unsigned place, const struct keyset *keep)
{
	bool menu = false;

	for (unsigned i = 0; i < ROUTER_MENU_KEYS; i++)
		menu |= !(keep && keyset_has(keep, router_menu_keys[i])) &&
			is_down_at(router, d, place, router_menu_keys[i]);
	return menu && !is_down_at(router, d, place, KEY_LEFTCTRL) &&
	       !is_down_at(router, d, place, KEY_RIGHTCTRL);
}

static bool leaves_host(const struct router_device *device)
{
	return device->present && !device->pinned;
}

/* The keys that stay down when the focus leaves. */
static const struct keyset *kept_at(const struct router *router, unsigned place)
{
	return place == AT_HOST ? router->always : NULL;
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
	unsigned place = focus_place(router);
	unsigned ports = place == AT_HOST ? router->n_devices : 1;

	for (; work->cursor < ports; work->cursor++) {
		unsigned d = work->cursor;
		struct input_event ctrl = *work->at;

		if (place == AT_HOST && !leaves_host(&router->device[d]))
			continue;
		if (!work->tapped && !opens_menu(router, d, place, kept_at(router, place)))
			continue;
		work->tapped = !work->tapped;
		work->cursor += !work->tapped;
		ctrl.type = EV_KEY;
		ctrl.value = work->tapped;
		put(router, place, &ctrl, KEY_LEFTCTRL);
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
	unsigned place = focus_place(router);

	for (; work->cursor < router->n_devices; work->cursor++) {
		if (!leaves_host(&router->device[work->cursor]))
			continue;
		put_releases(router, work->cursor, place, kept_at(router, place));
		if (hand_out(router, work->cursor, route))
			return ROUTER_SEND;
	}
	begin_stage(router, STAGE_FOCUS);
	return ROUTER_DONE;
}

static void give_focus(struct router *router, unsigned to)
{
	router->focus = to;
	router->awaited = false;
	router->deaf = false;
}

static enum router_step move_focus(struct router *router, struct route *route)
{
	route->from = router->focus;
	route->target = router->work.to;
	give_focus(router, router->work.to);
	router->work.moves = false;
	begin_stage(router, router->work.panics ? STAGE_PANIC : STAGE_ROUTE);
	return ROUTER_FOCUSED;
}

static void begin_move(struct router *router)
{
	router->work.moves = true;
	begin_stage(router, STAGE_FLUSH);
}

static enum router_step ask(struct router *router, struct route *route)
{
	route->target = router->work.to;
	if (route->target != ROUTER_HOST)
		return ROUTER_ENTER;
	begin_move(router);
	return ROUTER_DONE;
}

void router_entered(struct router *router, int rc)
{
	struct router_work *work = &router->work;

	if (rc == 0) {
		begin_move(router);
	} else if (work->others > 0) {
		work->others--;
		work->to = (work->to + 1) % router->n_targets;
	} else {
		work->rc = work->next ? -ENODEV : rc;
		work->stage = STAGE_ROUTE;
	}
}

/* Works with and without an input frame. */
OFF_PATH static void begin_switch(struct router *router, unsigned target)
{
	struct router_work *work = &router->work;

	work->next = target == ROUTER_NEXT;
	work->others = work->next ? router->n_targets - 2 : 0;
	if (target == router->focus)
		router->deaf = false;
	else if (work->next && router->n_targets < 2)
		work->rc = -ENODEV;
	else if (!work->next && target >= router->n_targets)
		work->rc = -EINVAL;
	else
		work->stage = STAGE_ENTER;
	work->to = work->next ? (router->focus + 1) % router->n_targets : target;
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
	router->work.moves = router->focus != ROUTER_HOST;
	router->work.to = ROUTER_HOST;
	begin_stage(router, STAGE_FLUSH);
}

static enum router_step release_panic(struct router *router, struct route *route)
{
	struct router_work *work = &router->work;

	for (; work->cursor < router->n_devices; work->cursor++) {
		if (!router->device[work->cursor].present)
			continue;
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
		begin_switch(router, (unsigned)action);
	else if (device->pinned || keyset_has(router->always, code))
		press_at(router, d, AT_HOST, ev);
	else if (!router->deaf && !router->awaited)
		press_at(router, d, focus_place(router), ev);
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

static bool takes_motion(const struct router *router, unsigned place)
{
	return place == AT_HOST || !router->awaited;
}

static void route_other(struct router *router, unsigned d, const struct input_event *ev)
{
	unsigned place;

	if (ev->type == EV_SW) { /* lids and jacks are the host's hardware */
		put(router, AT_HOST, ev, ev->code);
		return;
	}
	place = place_of(router, d);
	if (takes_motion(router, place) && !is_scan_code(ev))
		put(router, place, ev, ev->code);
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
	unsigned place = work->stage == STAGE_REMOVE_HOST ? AT_HOST : AT_GUEST;

	put_releases(router, work->device, place, NULL);
	if (hand_out(router, work->device, route))
		return ROUTER_SEND;
	if (place == AT_HOST) {
		work->stage = STAGE_REMOVE_GUEST;
		return ROUTER_DONE;
	}
	device->present = false;
	device->raw = (struct keyset){ 0 };
	work->stage = STAGE_IDLE;
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
	unsigned place = place_of(router, d);

	if (place == AT_HOST)
		route->host = frame;
	else if (takes_motion(router, place))
		route->guest = frame;
	route->device = d;
	route->target = router->focus;
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
	begin(router, STAGE_ROUTE, 0);
	begin_switch(router, target);
	return router_next(router, route);
}

void router_add_device(struct router *router, unsigned d, const struct remap *remap)
{
	router->device[d] = (struct router_device){ .present = true, .remap = remap };
	if (d >= router->n_devices)
		router->n_devices = d + 1;
}

void router_pin_device(struct router *router, unsigned d)
{
	router->device[d].pinned = true;
}

enum router_step router_remove_device(struct router *router, unsigned d, struct route *route)
{
	begin(router, router->device[d].present ? STAGE_REMOVE_HOST : STAGE_IDLE, d);
	return router_next(router, route);
}

static void forget_guest(struct router *router)
{
	for (unsigned d = 0; d < router->n_devices; d++)
		router->device[d].at_guest = (struct keyset){ 0 };
	router->out[AT_GUEST].n = 0;
}

bool router_target_down(struct router *router, unsigned target, int64_t now_us)
{
	if (target == ROUTER_HOST || target != router->focus)
		return false;
	forget_guest(router);
	give_focus(router, ROUTER_HOST);
	router->deaf = true;
	router->quiet_since_us = now_us;
	return true;
}

void router_target_reset(struct router *router, unsigned target, bool ready)
{
	if (target == ROUTER_HOST || target != router->focus)
		return;
	forget_guest(router);
	router->awaited = !ready;
}

bool router_idle(const struct router *router)
{
	for (unsigned d = 0; d < router->n_devices; d++)
		if (!keyset_empty(&router->device[d].raw))
			return false;
	return true;
}
