/*
 * Forwards frames from a device through the router to the host's clone or to a guest. Frames are
 * pulled one at a time, and a whole batch is forwarded before anything is reported.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/hot.h"
#include "base/log.h"
#include "base/util.h"
#include "daemon/internal.h"

static const char *target_name(const struct daemon *daemon, unsigned target)
{
	return target == ROUTER_HOST ? "host" : daemon->conf->guests[target - 1].name;
}

static struct guest *guest_of(struct daemon *daemon, unsigned target)
{
	return &daemon->output[target - 1].guest;
}

static struct guest *focused_guest(struct daemon *daemon)
{
	unsigned focus = daemon->router.focus;

	return focus == ROUTER_HOST ? NULL : guest_of(daemon, focus);
}

/* --- LEDs: every keyboard shows those of the focused target --------------------------- */

static void show_leds(struct input *input)
{
	struct daemon *daemon = input->daemon;
	struct source *source = &input->source;
	const struct guest *guest = focused_guest(daemon);

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

static void tell_status(struct daemon *daemon)
{
	const struct router *router = &daemon->router;
	char status[sizeof(daemon->status)];

	snprintf(status, sizeof(status), "STATUS=focus: %s%s", target_name(daemon, router->focus),
		 router->awaited ? ", which takes nothing yet" : "");
	/* A guest can cause this any number of times: send changes only. */
	if (strcmp(status, daemon->status) == 0)
		return;
	memcpy(daemon->status, status, sizeof(status));
	notify_send(&daemon->notify, status);
}

static void tell_focus(struct daemon *daemon, unsigned focus)
{
	launch_hooks(&daemon->launcher, focus);
	daemon->hurry_due |= focus != ROUTER_HOST;
	show_all_leds(daemon);
	log_info("focus: %s", target_name(daemon, focus));
	tell_status(daemon);
}

OFF_PATH static void tell_news(struct daemon *daemon)
{
	struct news *news = &daemon->news;

	if (news->refused)
		log_warn("%s", news->text);
	if (news->focused)
		tell_focus(daemon, news->focus);
	if (news->panicked)
		log_warn(news->again ? "panic chord again: letting go of everything"
				     : "panic chord: the host has the focus");
	news->any = news->refused = news->focused = news->panicked = news->again = false;
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
	const char *why = "unknown";
	int rc = guest_enter(guest_of(daemon, target), &why);

	/* Attempts for "start =" are silent until the user first switches. */
	if (rc == 0 || (daemon->start.watch.loop && !daemon->router.decided))
		return rc;
	tell(daemon);
	news->any = news->refused = true;
	snprintf(news->text, sizeof(news->text), "cannot switch to guest %s: %s",
		 target_name(daemon, target), why);
	return rc;
}

OFF_PATH static void focused(struct daemon *daemon, unsigned from, unsigned to)
{
	if (from != ROUTER_HOST)
		guest_leave(guest_of(daemon, from));
	if (daemon->news.focused)
		tell(daemon);
	daemon->news.any = daemon->news.focused = true;
	daemon->news.focus = to;
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

static void target_down(struct daemon *daemon, unsigned target)
{
	if (router_target_down(&daemon->router, target, (int64_t)now_us()))
		focused(daemon, target, ROUTER_HOST);
}

OFF_PATH static void host_failed(struct daemon *daemon, int rc)
{
	if (!daemon->quit)
		log_error("cannot write to the host's devices: %s: letting go of everything",
			  strerror(-rc));
	daemon_quit(daemon, EX_IOERR);
}

/* The frame is lost, perhaps with a release in it, so release every key there. */
OFF_PATH static void guest_failed(struct daemon *daemon, unsigned target, int rc)
{
	if (daemon->router.focus != target)
		return;
	log_error("guest %s: cannot write to it: %s: back to the host", target_name(daemon, target),
		  strerror(-rc));
	guest_release(guest_of(daemon, target));
	target_down(daemon, target);
}

/* Sends the frames of a step. 0, or -errno if writing to the guest failed. */
static int send_frames(struct daemon *daemon, const struct route *route)
{
	int rc = 0;

	if (route->host)
		rc = clone_send(&daemon->input[route->device].source.clone, route->host);
	if (rc < 0)
		host_failed(daemon, rc);
	return route->guest ? guest_send(guest_of(daemon, route->target), route->guest) : 0;
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
			focused(daemon, route->from, route->target);
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

int forward_switch(struct daemon *daemon, unsigned target)
{
	struct route route;
	int rc = forward(daemon, router_switch(&daemon->router, target, &route), &route);

	tell(daemon);
	return rc;
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

	while ((frame = source_next_frame(&input->source)))
		forward(daemon, router_frame(&daemon->router, input->index, frame, &route), &route);
	tell(daemon);
}

static void add_device(struct input *input)
{
	struct source *source = &input->source;
	struct router *router = &input->daemon->router;

	router_add_device(router, input->index, &source->conf->remap);
	if (device_points_absolutely(&source->device)) {
		router_pin_device(router, input->index);
		log_info("device %s: it points absolutely: it stays with the host, buttons and "
			 "wheel too",
			 source->conf->name);
	}
	device_set_leds(&source->device, ~DEVICE_LOCK_LEDS, source->clone.leds.mask);
	show_leds(input);
}

OFF_PATH void forward_news(struct input *input, enum device_news news)
{
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
	if (input->daemon->router.focus == ROUTER_HOST)
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

	if (daemon->router.focus != output->target)
		return;
	log_warn("guest %s: %s: back to the host", guest->conf->name, why);
	target_down(daemon, output->target);
	tell(daemon);
}

static void guest_reset(struct guest *guest, const char *why)
{
	struct output *output = of_guest(guest);
	struct daemon *daemon = output->daemon;

	if (daemon->router.focus != output->target)
		return;
	log_limited(&guest->limit, LOG_LEVEL_INFO, "guest %s: %s: the focus stays%s",
		    guest->conf->name, why, guest->ready ? "" : "; it takes nothing yet");
	router_target_reset(&daemon->router, output->target, guest->ready);
	show_all_leds(daemon);
	tell_status(daemon);
}

static void guest_set_leds(struct guest *guest)
{
	struct output *output = of_guest(guest);

	if (output->daemon->router.focus == output->target)
		show_all_leds(output->daemon);
}

const struct guest_ops forward_guest_ops = { .down = guest_down,
					     .reset = guest_reset,
					     .leds = guest_set_leds };

/* --- start ------------------------------------------------------------------------------ */

static void add_hotkey(struct hotkeys *hotkeys, const struct chord *chord, int action)
{
	if (chord->n)
		hotkeys->entry[hotkeys->n++] = (struct hotkey){ .chord = *chord, .action = action };
}

void forward_init(struct daemon *daemon)
{
	const struct conf *conf = daemon->conf;

	add_hotkey(&daemon->hotkeys, &conf->toggle, ROUTER_NEXT);
	add_hotkey(&daemon->hotkeys, &conf->host_hotkey, ROUTER_HOST);
	for (unsigned i = 0; i < conf->n_guests; i++)
		add_hotkey(&daemon->hotkeys, &conf->guests[i].hotkey, (int)i + 1);
	router_init(&daemon->router, &daemon->hotkeys, &conf->panic, &conf->always,
		    conf->n_guests + 1);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		daemon->input[i] = (struct input){ .daemon = daemon, .index = i };
	for (unsigned i = 0; i < CONF_GUESTS_MAX; i++) {
		daemon->output[i].daemon = daemon;
		daemon->output[i].target = i + 1;
	}
}
