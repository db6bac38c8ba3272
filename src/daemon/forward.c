/* SPDX-License-Identifier: MIT */
/*
 * Forwards frames from a device through the router to the host's clone or to a guest. Frames are
 * pulled one at a time, and a whole batch is forwarded before anything is reported.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/hot.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "daemon/internal.h"
#include "daemon/stats.h"

/* How often to try a guest that a device is pinned to and that is down. */
#define PIN_TRY_MS 250

const char *forward_target_name(const struct daemon *daemon, unsigned target)
{
	return target == ROUTER_HOST ? "host" : daemon->conf->guests[target - 1].name;
}

const char *forward_target_of(const struct daemon *daemon, const struct input *input)
{
	return forward_target_name(daemon, daemon->router.device[input->index].target);
}

const char *forward_part_name(enum router_part part)
{
	return part == ROUTER_KEYBOARDS ? "keyboards" : "pointers";
}

/* The guest that gets the events of the device, or NULL. */
static struct guest *guest_of_input(const struct input *input)
{
	unsigned target = input->daemon->router.device[input->index].target;

	return target == ROUTER_HOST ? NULL : guest_of(input->daemon, target);
}

/* --- LEDs: every keyboard shows those of the target where it is --------------------------- */

static void show_leds(struct input *input)
{
	struct source *source = &input->source;
	const struct guest *guest = guest_of_input(input);

	if (source->ready)
		device_set_leds(&source->device, DEVICE_LOCK_LEDS,
				guest ? guest_leds(guest) : source->clone.leds.mask);
}

static void show_all_leds(struct daemon *daemon)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		show_leds(&daemon->input[i]);
}

/* --- reports, once the frames are forwarded -------------------------------------------- */

/* Keeps trying while a device is not at the guest that it is pinned to. */
static void watch_pins(struct daemon *daemon)
{
	bool waits = daemon->router.recalled; /* the user's next hotkey ends that, with no news */

	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		waits |= router_pin_waits(&daemon->router, i);
	timer_arm(&daemon->pins, waits ? PIN_TRY_MS : 0, waits ? PIN_TRY_MS : 0);
}

/* 'panicked': the panic chord moved it. */
static void tell_focus(struct daemon *daemon, unsigned focus, bool panicked)
{
	unsigned from = daemon->told_part[ROUTER_KEYBOARDS];

	launch_hooks(&daemon->launcher, focus);
	daemon->hurry_due |= focus != ROUTER_HOST;
	show_all_leds(daemon);
	log_info("focus: %s", forward_target_name(daemon, focus));
	daemon->refused[0] = '\0';
	daemon->changed = true;
	for (unsigned part = ROUTER_KEYBOARDS; part < ROUTER_PARTS; part++)
		daemon->told_part[part] = focus;
	watch_pins(daemon);
	if (!panicked)
		locks_after_switch(daemon, from, focus);
}

static void tell_moved(struct daemon *daemon)
{
	const unsigned *at = daemon->router.part_focus;
	unsigned from = daemon->told_part[ROUTER_KEYBOARDS];

	for (unsigned part = ROUTER_KEYBOARDS; part < ROUTER_PARTS; part++)
		if (daemon->told_part[part] != at[part])
			log_info("%s: %s", forward_part_name(part),
				 forward_target_name(daemon, at[part]));
	memcpy(daemon->told_part, at, sizeof(daemon->told_part));
	daemon->hurry_due = true;
	watch_pins(daemon);
	show_all_leds(daemon);
	daemon->changed = true;
	locks_after_switch(daemon, from, at[ROUTER_KEYBOARDS]);
}

/* For hooks; those of the system service are run by who follows its state. */
static void tell_hooks(struct daemon *daemon, enum hook_event event, unsigned target,
		       enum guest_cause cause, const char *reason)
{
	struct notice *notice = &daemon->notices[event];

	launch_hook_event(&daemon->launcher, event, target, guest_cause_name(cause), reason);
	notice->number++;
	text_print(notice->guest, sizeof(notice->guest), "%s", forward_target_name(daemon, target));
	text_print(notice->focus, sizeof(notice->focus), "%s",
		   forward_target_name(daemon, daemon->router.focus));
	text_print(notice->cause, sizeof(notice->cause), "%s", guest_cause_name(cause));
	text_print(notice->reason, sizeof(notice->reason), "%s", reason);
	daemon->changed = true;
}

/* Only now, since the search for the cause takes a while. */
static void tell_refused(struct daemon *daemon, unsigned target, bool is_failure)
{
	struct guest_why why;
	const char *more;

	guest_why_down(guest_of(daemon, target), &why);
	if (why.cause == GUEST_UP)
		guest_why_set(&why, GUEST_UP, "it was not ready, but is now: switch again");
	more = guest_cause_is_checked(why.cause) ? "; more from: evswitch --check" : "";
	log_warn("cannot switch to guest %s: %s%s", forward_target_name(daemon, target), why.text,
		 more);
	text_print(daemon->refused, sizeof(daemon->refused), "guest %s: %s%s",
		   forward_target_name(daemon, target), why.text, more);
	daemon->changed = true;
	if (is_failure)
		tell_hooks(daemon, HOOK_REFUSED, target, why.cause, why.text);
}

static void tell_lost(struct daemon *daemon, unsigned target, const char *reason)
{
	struct guest_why why;

	if (!daemon->options->is_system && !daemon->conf->guests[target - 1].on_lost)
		return;
	guest_why_down(guest_of(daemon, target), &why);
	tell_hooks(daemon, HOOK_LOST, target, why.cause, reason);
}

/* What it calls may bring further news. */
OFF_PATH static void tell_news(struct daemon *daemon)
{
	const struct news news = daemon->news;

	daemon->news = (struct news){ 0 };
	/* A guest that "next" has passed by is no failure; of several, the last counts. */
	for (unsigned target = 1; target < daemon->router.n_targets; target++)
		if (news.refused >> target & 1)
			tell_refused(daemon, target, !news.focused && news.refused >> target == 1);
	if (news.focused)
		tell_focus(daemon, news.focus, news.panicked);
	else if (news.moved)
		tell_moved(daemon);
	if (news.panicked)
		log_warn(news.again ? "panic chord again: releasing all devices and exiting"
				    : "panic chord: the host has the focus");
}

static void tell(struct daemon *daemon)
{
	if (daemon->news.any)
		tell_news(daemon);
}

/* --- the router's steps ---------------------------------------------------------------- */

OFF_PATH static int enter(struct daemon *daemon, unsigned target)
{
	struct news *news = &daemon->news;
	int rc = guest_enter(guest_of(daemon, target));

	/* Attempts for "start =" are silent until the user first switches. */
	if (rc == 0 || daemon->tries_pins || (daemon->start.watch.loop && !daemon->router.decided))
		return rc;
	if (news->focused)
		tell(daemon);
	news->any = true;
	news->refused |= 1U << target;
	tally_of(daemon, target)->refused++;
	return rc;
}

OFF_PATH static void focused(struct daemon *daemon, unsigned to)
{
	if (daemon->news.focused)
		tell(daemon);
	daemon->news.any = daemon->news.focused = true;
	daemon->news.focus = to;
}

/* Devices have moved, but the focus has not. */
OFF_PATH static void moved(struct daemon *daemon)
{
	daemon->news.any = daemon->news.moved = true;
}

OFF_PATH static void panicked(struct daemon *daemon, bool again)
{
	if (daemon->news.panicked)
		tell(daemon);
	daemon->news.any = daemon->news.panicked = true;
	daemon->news.again = again;
	if (again)
		daemon_quit(daemon, EX_OK);
}

static void target_down(struct daemon *daemon, unsigned target);

OFF_PATH static void host_failed(struct daemon *daemon, int rc)
{
	if (!daemon->quit)
		log_error("cannot write to the host's devices: %s: releasing all devices",
			  strerror(-rc));
	daemon_quit(daemon, EX_IOERR);
}

/* The frame is lost, perhaps with a release in it, so release every key there. */
OFF_PATH static void guest_failed(struct daemon *daemon, unsigned target, int rc)
{
	if (!daemon->router.target[target].entered)
		return;
	log_error("guest %s: cannot write to its devices: %s: back to the host",
		  forward_target_name(daemon, target), strerror(-rc));
	guest_release(guest_of(daemon, target));
	target_down(daemon, target);
	tell(daemon);
	tell_lost(daemon, target, strerror(-rc));
}

/* The n-th of the two frames of a tap. */
static struct frame tap_frame(unsigned code, int value)
{
	static const struct input_event undated;
	struct frame frame = { 0 };

	frame_put(&frame, &undated, EV_KEY, code, value);
	frame_close(&frame, &undated);
	return frame;
}

void forward_tap_guest(struct daemon *daemon, unsigned target, unsigned code)
{
	for (int value = 1; value >= 0; value--) {
		const struct frame frame = tap_frame(code, value);
		int rc = guest_send(guest_of(daemon, target), &frame);

		if (rc < 0) {
			guest_failed(daemon, target, rc);
			return;
		}
	}
}

void forward_tap_host(struct daemon *daemon, struct clone *clone, unsigned code)
{
	for (int value = 1; value >= 0; value--) {
		const struct frame frame = tap_frame(code, value);
		int rc = clone_send(clone, &frame);

		if (rc < 0)
			host_failed(daemon, rc);
	}
}

static void count_sent(struct daemon *daemon, unsigned target, const struct frame *frame)
{
	struct tally_target *tally = tally_of(daemon, target);

	tally_sent(tally, frame);
	if (daemon->until_timed > 0) {
		daemon->until_timed--;
		return;
	}
	daemon->until_timed = STATS_TIMED_EVERY - 1;
	tally_delivered(&tally->latency, frame, now_us());
}

/* Sends the frames of a step. 0, or -errno if writing to the guest failed. */
static int send_frames(struct daemon *daemon, const struct route *route)
{
	int rc = 0;

	if (route->host) {
		rc = clone_send(&daemon->input[route->device].source.clone, route->host);
		if (rc == 0)
			count_sent(daemon, ROUTER_HOST, route->host);
		else
			host_failed(daemon, rc);
	}
	if (!route->guest)
		return 0;
	rc = guest_send(guest_of(daemon, route->target), route->guest);
	if (rc == 0)
		count_sent(daemon, route->target, route->guest);
	return rc;
}

/*
 * Carries out all steps of the router, beginning with 'step'. The result of router_switch: 0 or
 * -errno.
 */
static int forward(struct daemon *daemon, enum router_step step, struct route *route)
{
	struct router *router = &daemon->router;
	unsigned failed = ROUTER_HOST;
	int failed_rc = 0;

	for (;; step = router_next(router, route)) {
		int rc = send_frames(daemon, route);

		if (rc < 0) {
			failed = route->target;
			failed_rc = rc;
		}
		switch (step) {
		case ROUTER_SEND:
			break;
		case ROUTER_ENTER:
			router_entered(router, enter(daemon, route->target));
			break;
		case ROUTER_FOCUSED:
			focused(daemon, route->target);
			break;
		case ROUTER_MOVED:
			moved(daemon);
			break;
		case ROUTER_LEFT:
			guest_leave(guest_of(daemon, route->target));
			break;
		case ROUTER_PANICKED:
			panicked(daemon, route->again);
			break;
		case ROUTER_DONE:
			if (failed != ROUTER_HOST)
				guest_failed(daemon, failed, failed_rc);
			return route->rc;
		}
	}
}

/* Targets where the last call has left nothing. */
static void leave_unused(struct daemon *daemon)
{
	struct route route;

	forward(daemon, router_leave(&daemon->router, &route), &route);
}

static void target_down(struct daemon *daemon, unsigned target)
{
	unsigned focus = daemon->router.focus;

	if (!router_target_down(&daemon->router, target, (int64_t)now_us()))
		return;
	guest_leave(guest_of(daemon, target));
	if (daemon->router.focus != focus)
		focused(daemon, daemon->router.focus);
	else
		moved(daemon);
	leave_unused(daemon);
}

int forward_switch(struct daemon *daemon, unsigned target)
{
	return forward_switch_part(daemon, ROUTER_ALL, target);
}

/* Reports nothing yet. */
static int switch_part(struct daemon *daemon, unsigned part, unsigned target)
{
	struct route route;

	return forward(daemon, router_switch_part(&daemon->router, part, target, &route), &route);
}

int forward_switch_part(struct daemon *daemon, unsigned part, unsigned target)
{
	int rc = switch_part(daemon, part, target);

	tell(daemon);
	return rc;
}

static void try_pin(struct input *input)
{
	struct daemon *daemon = input->daemon;
	unsigned target = input->source.conf->target;
	int rc;

	daemon->tries_pins = true;
	rc = switch_part(daemon, ROUTER_DEVICE(input->index), target);
	daemon->tries_pins = false;
	if (rc == 0)
		log_info("device %s: at guest %s, to which it is pinned", input->source.conf->name,
			 forward_target_name(daemon, target));
}

void forward_pins(struct timer *pins)
{
	struct daemon *daemon = container_of(pins, struct daemon, pins);

	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (router_pin_waits(&daemon->router, i))
			try_pin(&daemon->input[i]);
	watch_pins(daemon);
	tell(daemon);
}

void forward_remove(struct input *input)
{
	struct daemon *daemon = input->daemon;
	struct route route;

	forward(daemon, router_remove_device(&daemon->router, input->index, &route), &route);
	tell(daemon);
}

/* --- devices ---------------------------------------------------------------------------- */

static void forward_frames(struct input *input)
{
	struct daemon *daemon = input->daemon;
	const struct frame *frame;
	struct route route;

	while ((frame = source_next_frame(&input->source))) {
		tally_frame(&input->tally, frame);
		forward(daemon, router_frame(&daemon->router, input->index, frame, &route), &route);
	}
	tell(daemon);
}

/* The target to which the device is pinned, or ROUTER_FREE. */
static unsigned pin_of(const struct source *source)
{
	if (device_points_absolutely(&source->device))
		return ROUTER_HOST;
	return source->conf->target == CONF_FREE ? ROUTER_FREE : source->conf->target;
}

static void add_device(struct input *input)
{
	struct source *source = &input->source;
	struct router *router = &input->daemon->router;

	router_add_device(router, input->index, &source->conf->remap);
	if (device_is_pointer(&source->device))
		router_set_pointer(router, input->index);
	if (device_points_absolutely(&source->device))
		log_info("device %s: it reports absolute positions, so it stays with the host, "
			 "including its buttons and wheel",
			 source->conf->name);
	if (pin_of(source) != ROUTER_FREE)
		router_pin_device(router, input->index, pin_of(source));
	watch_pins(input->daemon);
	device_set_leds(&source->device, ~DEVICE_LOCK_LEDS, source->clone.leds.mask);
	show_leds(input);
}

OFF_PATH void forward_news(struct input *input, enum device_news news)
{
	input->daemon->changed |= news != DEVICE_NOTHING;
	if (news == DEVICE_GRABBED)
		add_device(input);
	if (news == DEVICE_GONE)
		forward_remove(input);
	else
		forward_frames(input);
}

HOT_PATH static void device_readable(struct watch *watch, uint32_t events)
{
	struct input *input = container_of(watch, struct input, source.device.watch);
	enum device_news news = source_read(&input->source);

	(void)events;
	if (news == DEVICE_NOTHING)
		forward_frames(input);
	else
		forward_news(input, news);
}

static void device_is_due(struct timer *timer)
{
	struct input *input = container_of(timer, struct input, source.device.timer);

	forward_news(input, source_due(&input->source));
}

static void clone_has_leds(struct clone *clone, uint16_t changed)
{
	struct input *input = container_of(clone, struct input, source.clone);
	struct source *source = &input->source;

	if (source->ready)
		device_set_leds(&source->device, changed & ~DEVICE_LOCK_LEDS,
				source->clone.leds.mask);
	input->daemon->host_tally.led_changes++;
	locks_shown(&input->daemon->locks, ROUTER_HOST, source->clone.leds.mask);
	if (!guest_of_input(input))
		show_leds(input);
}

const struct source_wakes forward_wakes = { .readable = device_readable,
					    .due = device_is_due,
					    .unsettled = plug_unsettled,
					    .leds = clone_has_leds };

void forward_hurry(struct daemon *daemon)
{
	daemon->hurry_due = false;
	if (daemon->router.focus == ROUTER_HOST)
		return;
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		forward_news(&daemon->input[i], source_hurry(&daemon->input[i].source));
}

/* --- guests ----------------------------------------------------------------------------- */

static struct output *of_guest(struct guest *guest)
{
	return container_of(guest, struct output, guest);
}

static void guest_down(struct guest *guest, const char *why)
{
	struct output *output = of_guest(guest);
	struct daemon *daemon = output->daemon;

	if (daemon->router.target[output->target].entered) {
		log_warn("guest %s: %s: back to the host", guest->conf->name, why);
		target_down(daemon, output->target);
		tell(daemon);
	}
	locks_forget(&daemon->locks, output->target);
	if (guest->here)
		tell_lost(daemon, output->target, why);
}

static void guest_reset(struct guest *guest, const char *why)
{
	struct output *output = of_guest(guest);
	struct daemon *daemon = output->daemon;

	if (!daemon->router.target[output->target].entered)
		return;
	log_limited(&guest->limit, LOG_LEVEL_INFO, "guest %s: %s: it keeps the focus%s",
		    guest->conf->name, why, guest->ready ? "" : ", but does not accept input yet");
	router_target_reset(&daemon->router, output->target, guest->ready);
	locks_forget(&daemon->locks, output->target);
	show_all_leds(daemon);
	daemon->changed = true;
}

static void guest_set_leds(struct guest *guest)
{
	struct output *output = of_guest(guest);

	output->tally.led_changes++;
	locks_shown(&output->daemon->locks, output->target, guest_leds(guest));
	if (output->daemon->router.target[output->target].entered)
		show_all_leds(output->daemon);
}

static void guest_changed(struct guest *guest)
{
	of_guest(guest)->daemon->changed = true;
}

const struct guest_ops forward_guest_ops = {
	.down = guest_down, .changed = guest_changed, .reset = guest_reset, .leds = guest_set_leds
};

/* --- the configuration ------------------------------------------------------------------ */

static void add_hotkey(struct hotkeys *hotkeys, const struct chord *chord, int action)
{
	if (chord->n)
		hotkeys->entry[hotkeys->n++] = (struct hotkey){ .chord = *chord, .action = action };
}

static void add_part_hotkeys(struct hotkeys *hotkeys, const struct chord *chords, unsigned target)
{
	add_hotkey(hotkeys, &chords[CONF_KEYBOARDS], ROUTER_ACTION(ROUTER_KEYBOARDS, target));
	add_hotkey(hotkeys, &chords[CONF_POINTERS], ROUTER_ACTION(ROUTER_POINTERS, target));
}

static void set_hotkeys(struct daemon *daemon)
{
	const struct conf *conf = daemon->conf;

	daemon->hotkeys = (struct hotkeys){ 0 };
	add_hotkey(&daemon->hotkeys, &conf->toggle, ROUTER_NEXT);
	add_hotkey(&daemon->hotkeys, &conf->host_hotkey, ROUTER_HOST);
	add_part_hotkeys(&daemon->hotkeys, conf->host_hotkey_part, ROUTER_HOST);
	for (unsigned i = 0; i < conf->n_guests; i++) {
		add_hotkey(&daemon->hotkeys, &conf->guests[i].hotkey, (int)i + 1);
		add_part_hotkeys(&daemon->hotkeys, conf->guests[i].hotkey_part, i + 1);
	}
}

void forward_lose(struct daemon *daemon, unsigned target, const char *why)
{
	if (!daemon->router.target[target].entered)
		return;
	log_warn("guest %s: %s: back to the host", forward_target_name(daemon, target), why);
	target_down(daemon, target);
	tell(daemon);
}

void forward_replace(struct daemon *daemon, const unsigned map[static ROUTER_TARGETS])
{
	const struct conf *conf = daemon->conf;

	set_hotkeys(daemon);
	router_replace(&daemon->router, &daemon->hotkeys, &conf->panic, &conf->always,
		       conf->n_guests + 1, map);
	for (unsigned i = 0; i < conf->n_guests; i++)
		daemon->output[i]->target = i + 1;
	for (unsigned part = ROUTER_KEYBOARDS; part < ROUTER_PARTS; part++)
		daemon->told_part[part] = map[daemon->told_part[part]];
	daemon->locks = (struct locks){ 0 };
	daemon->refused[0] = '\0';
}

void forward_adopt(struct input *input, enum device_news news)
{
	struct source *source = &input->source;
	struct router *router = &input->daemon->router;
	const struct router_device *device = &router->device[input->index];

	forward_news(input, news);
	if (!device->present)
		return;
	router_set_remap(router, input->index, &source->conf->remap);
	if (device->pin == pin_of(source))
		return;
	router_pin_device(router, input->index, pin_of(source));
	leave_unused(input->daemon);
}

void forward_tell_moved(struct daemon *daemon)
{
	moved(daemon);
	tell(daemon);
}

void forward_init(struct daemon *daemon)
{
	const struct conf *conf = daemon->conf;

	set_hotkeys(daemon);
	daemon->started_us = now_us();
	router_init(&daemon->router, &daemon->hotkeys, &conf->panic, &conf->always,
		    conf->n_guests + 1);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		daemon->input[i] = (struct input){ .daemon = daemon, .index = i };
}
