/* Where every event goes, and who holds what. The invariants stand in the header. */
#include "core/router.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

enum { AT_HOST, AT_GUEST };

static void add_chord(struct keyset *codes, const struct chord *chord)
{
	for (unsigned i = 0; i < chord->n; i++)
		keyset_add(codes, chord->code[i]);
}

void router_init(struct router *router, const struct router_ops *ops, const struct hotkeys *hotkeys,
		 const struct chord *panic, const struct keyset *always, unsigned n_targets)
{
	*router = (struct router){ .ops = ops,
				   .hotkeys = hotkeys,
				   .panic = panic,
				   .always = always,
				   .n_targets = n_targets };
	add_chord(&router->in_panic, panic);
	for (unsigned i = 0; i < hotkeys->n; i++)
		add_chord(&router->in_a_hotkey, &hotkeys->entry[i].chord);
}

/*
 * The targets are two places: the host, and whichever guest has the focus. No other has keys down.
 */
static unsigned place_target(const struct router *router, unsigned place)
{
	return place == AT_HOST ? ROUTER_HOST : router->focus;
}

static struct keyset *held_at(struct router_device *device, unsigned place)
{
	return place == AT_HOST ? &device->at_host : &device->at_guest;
}

static unsigned focus_place(const struct router *router)
{
	return router->focus == ROUTER_HOST ? AT_HOST : AT_GUEST;
}

/* Where what device d sends goes now. */
static unsigned place_of(const struct router *router, unsigned d)
{
	return router->device[d].pinned ? AT_HOST : focus_place(router);
}

static void flush(struct router *router, unsigned d, unsigned place, const struct input_event *at)
{
	struct frame *out = &router->out[place];

	if (out->n == 0)
		return;
	frame_close(out, at);
	router->ops->send(router, place_target(router, place), d, out);
	out->n = 0;
}

/* A frame that ran full is cut where the kernel cuts: by a SYN_REPORT between two events. */
static void put(struct router *router, unsigned d, unsigned place, const struct input_event *ev,
		unsigned code)
{
	if (!frame_has_room(&router->out[place]))
		flush(router, d, place, ev);
	frame_put(&router->out[place], ev, ev->type, code, ev->value);
}

/* Whether 'code' (after the remap) is down on the port that device d has at this place. */
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
		put(router, d, place, ev, code);
}

static void release_at(struct router *router, unsigned d, unsigned place,
		       const struct input_event *ev)
{
	struct router_device *device = &router->device[d];
	unsigned code = remap_code(device->remap, ev->code);

	keyset_remove(held_at(device, place), ev->code);
	if (!is_down_at(router, d, place, code))
		put(router, d, place, ev, code);
}

/* Releases what device d holds at the place; 'keep' (codes after the remap) may be NULL. */
static void release_held(struct router *router, unsigned d, unsigned place,
			 const struct keyset *keep, const struct input_event *at)
{
	struct router_device *device = &router->device[d];
	struct keyset *held = held_at(device, place);

	keyset_for_each (raw, held) {
		struct input_event up = *at;

		if (keep && keyset_has(keep, remap_code(device->remap, raw)))
			continue;
		up.type = EV_KEY;
		up.code = (uint16_t)raw;
		up.value = 0;
		release_at(router, d, place, &up);
	}
	flush(router, d, place, at);
}

const uint16_t router_menu_keys[ROUTER_MENU_KEYS] = { KEY_LEFTALT, KEY_RIGHTALT, KEY_LEFTMETA,
						      KEY_RIGHTMETA };

/* Whether Alt or Meta is about to come up on the port, and no Ctrl is down with it. */
static bool opens_menu(struct router *router, unsigned d, unsigned place, const struct keyset *keep)
{
	bool menu = false;

	for (unsigned i = 0; i < ROUTER_MENU_KEYS; i++)
		menu |= !(keep && keyset_has(keep, router_menu_keys[i])) &&
			is_down_at(router, d, place, router_menu_keys[i]);
	return menu && !is_down_at(router, d, place, KEY_LEFTCTRL) &&
	       !is_down_at(router, d, place, KEY_RIGHTCTRL);
}

/*
 * Alt or Meta that comes up with no other key in between opens a menu, in Windows and on most
 * desktops. A tap of Ctrl, which by itself does nothing, comes between.
 */
static void keep_menu_shut(struct router *router, unsigned d, unsigned place,
			   const struct keyset *keep, const struct input_event *at)
{
	struct input_event ctrl = *at;

	if (!opens_menu(router, d, place, keep))
		return;
	ctrl.type = EV_KEY;
	for (ctrl.value = 1; ctrl.value >= 0; ctrl.value--) {
		put(router, d, place, &ctrl, KEY_LEFTCTRL);
		flush(router, d, place, at);
	}
}

static bool leaves_host(const struct router_device *device)
{
	return device->present && !device->pinned;
}

/* All that a switch takes away from the place; a guest has one port for all devices. */
static void leave_place(struct router *router, unsigned place, const struct keyset *keep,
			const struct input_event *at)
{
	unsigned ports = place == AT_HOST ? router->n_devices : 1;

	for (unsigned d = 0; d < ports; d++)
		if (place == AT_GUEST || leaves_host(&router->device[d]))
			keep_menu_shut(router, d, place, keep, at);
	for (unsigned d = 0; d < router->n_devices; d++)
		if (leaves_host(&router->device[d]))
			release_held(router, d, place, keep, at);
}

static void give_focus(struct router *router, unsigned to)
{
	unsigned from = router->focus;

	router->focus = to;
	router->awaited = false;
	router->deaf = false;
	router->ops->focused(router, from, to);
}

/* 'at' lends its time to the releases; device d is the one whose frame is in hand. */
static void move_focus(struct router *router, unsigned d, unsigned to, const struct input_event *at)
{
	unsigned place = focus_place(router);

	flush(router, d, AT_HOST, at);
	flush(router, d, AT_GUEST, at);
	leave_place(router, place, place == AT_HOST ? router->always : NULL, at);
	give_focus(router, to);
}

static int try_target(struct router *router, unsigned d, unsigned to, const struct input_event *at)
{
	int rc = to == ROUTER_HOST ? 0 : router->ops->enter(router, to);

	if (rc == 0)
		move_focus(router, d, to, at);
	return rc;
}

static int switch_to(struct router *router, unsigned d, unsigned target,
		     const struct input_event *at)
{
	if (target == router->focus) {
		router->deaf = false;
		return 0;
	}
	if (target != ROUTER_NEXT)
		return target < router->n_targets ? try_target(router, d, target, at) : -EINVAL;
	for (unsigned i = 1; i < router->n_targets; i++)
		if (try_target(router, d, (router->focus + i) % router->n_targets, at) == 0)
			return 0;
	return -ENODEV;
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

/* To the host whatever the state, and everything up there too: the user may be fighting a stuck
 * key. */
static void panic(struct router *router, unsigned d, const struct input_event *ev)
{
	int64_t last = time_us(router->panicked_at);
	int64_t since = time_us(ev->time) - last;
	bool again = last != 0 && since >= 0 && since <= ROUTER_PANIC_AGAIN_US;

	router->panicked_at = ev->time;
	router->decided = true;
	router->deaf = false;
	if (router->focus != ROUTER_HOST)
		move_focus(router, d, ROUTER_HOST, ev);
	flush(router, d, AT_HOST, ev);
	for (unsigned i = 0; i < router->n_devices; i++)
		if (router->device[i].present)
			release_held(router, i, AT_HOST, NULL, ev);
	router->ops->panicked(router, again);
}

static int hotkey_completed(const struct router *router, unsigned code)
{
	struct keyset down = { 0 };

	/* Hardly any press can complete one: only for those is it worth to see what else is down. */
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
		panic(router, d, ev);
		return;
	}
	action = resync ? -1 : hotkey_completed(router, code);
	router->decided |= action >= 0;
	if (action >= 0)
		switch_to(router, d, (unsigned)action, ev);
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

/* The host's clone repeats by itself; a guest's driver may count on the source's repetitions. */
static void repeat(struct router *router, unsigned d, const struct input_event *ev)
{
	const struct router_device *device = &router->device[d];

	if (keyset_has(&device->at_guest, ev->code))
		put(router, d, AT_GUEST, ev, remap_code(device->remap, ev->code));
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
 * Scan codes stay behind: no desktop reads them, a guest's driver would send them back, and so does
 * uinput, which would wake us for each.
 */
static bool is_scan_code(const struct input_event *ev)
{
	return ev->type == EV_MSC && ev->code == MSC_SCAN;
}

/* Every event tells the time; one that was queued before the loss tells an earlier one. */
static void listen_for_quiet(struct router *router, const struct input_event *ev)
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
		put(router, d, AT_HOST, ev, ev->code);
		return;
	}
	place = place_of(router, d);
	if (takes_motion(router, place) && !is_scan_code(ev))
		put(router, d, place, ev, ev->code);
}

void router_frame(struct router *router, unsigned d, const struct frame *frame)
{
	const struct input_event *last = &frame->ev[frame->n - 1];

	for (const struct input_event *ev = frame->ev; ev < last; ev++) {
		if (router->deaf)
			listen_for_quiet(router, ev);
		if (ev->type == EV_KEY)
			route_key(router, d, ev, frame->resync);
		else
			route_other(router, d, ev);
	}
	flush(router, d, AT_HOST, last);
	flush(router, d, AT_GUEST, last);
}

int router_switch(struct router *router, unsigned target)
{
	static const struct input_event now = { 0 };

	return switch_to(router, 0, target, &now);
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

void router_remove_device(struct router *router, unsigned d)
{
	static const struct input_event now = { 0 };

	if (!router->device[d].present)
		return;
	release_held(router, d, AT_HOST, NULL, &now);
	release_held(router, d, AT_GUEST, NULL, &now);
	router->device[d].present = false;
	router->device[d].raw = (struct keyset){ 0 };
}

static void forget_guest(struct router *router)
{
	for (unsigned d = 0; d < router->n_devices; d++)
		router->device[d].at_guest = (struct keyset){ 0 };
	router->out[AT_GUEST].n = 0;
}

void router_target_down(struct router *router, unsigned target, int64_t now_us)
{
	if (target == ROUTER_HOST || target != router->focus)
		return;
	forget_guest(router);
	give_focus(router, ROUTER_HOST);
	router->deaf = true;
	router->quiet_since_us = now_us;
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
