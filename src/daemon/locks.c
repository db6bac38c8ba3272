/* SPDX-License-Identifier: MIT */
/* At a switch, makes the locks of the target that is entered equal ("locks = follow"). */
#include <string.h>

#include "daemon/internal.h"

/* The first keyboard that is grabbed and whose clone has the key and the LED of this lock. */
static struct source *host_keyboard(struct daemon *daemon, unsigned led)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct source *source = &daemon->input[i].source;
		const struct libevdev *evdev = source->device.evdev;

		if (source->ready && libevdev_has_event_code(evdev, EV_LED, led) &&
		    libevdev_has_event_code(evdev, EV_KEY, locks_key(led)))
			return source;
	}
	return NULL;
}

/* The host's desktop shows the same on every keyboard, and from the start. */
static struct locks_state host_state(struct daemon *daemon)
{
	struct locks_state state = { 0 };

	for (unsigned led = 0; led < LOCKS; led++) {
		const struct source *source = host_keyboard(daemon, led);

		if (!source)
			continue;
		state.known |= (uint16_t)(1U << led);
		state.leds |= (uint16_t)(source->clone.leds.mask & 1U << led);
	}
	return state;
}

static struct locks_state state_of(struct daemon *daemon, unsigned target)
{
	const struct guest *guest;

	if (target == ROUTER_HOST)
		return host_state(daemon);
	guest = guest_of(daemon, target);
	return (struct locks_state){ guest_leds_known(guest) ? LOCKS_ALL : 0, guest_leds(guest) };
}

/* The locks whose key is down on any device, after the remap. */
static uint16_t held(const struct router *router)
{
	uint16_t locks = 0;

	for (unsigned d = 0; d < router->n_devices; d++)
		for (unsigned led = 0; led < LOCKS; led++)
			if (remap_any(router->device[d].remap, &router->device[d].raw,
				      locks_key(led)))
				locks |= (uint16_t)(1U << led);
	return locks;
}

static bool follows(const struct daemon *daemon, unsigned target)
{
	return target == ROUTER_HOST || daemon->conf->guests[target - 1].locks_follow;
}

void locks_after_switch(struct daemon *daemon, unsigned from, unsigned to)
{
	struct locks_state left, entered;
	uint16_t taps;

	/* Not when a guest gave the focus back. */
	if (from == to || daemon->router.deaf || !router_takes(&daemon->router, to) ||
	    !follows(daemon, from) || !follows(daemon, to))
		return;
	left = state_of(daemon, from);
	entered = state_of(daemon, to);
	taps = locks_follow(&daemon->locks, from, &left, to, &entered, held(&daemon->router));
	for (unsigned led = 0; led < LOCKS; led++) {
		struct source *source = host_keyboard(daemon, led);

		if (!(taps >> led & 1))
			continue;
		if (to != ROUTER_HOST)
			forward_tap_guest(daemon, to, locks_key(led));
		else if (source)
			forward_tap_host(daemon, &source->clone, locks_key(led));
	}
}
