/* SPDX-License-Identifier: MIT */
/* Waiting for the grab, reading frames, resyncing and LEDs of a real evdev node. */
#include "evdev/device.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/closer.h"
#include "base/hot.h"
#include "base/log.h"
#include "base/util.h"

static bool has(const struct libevdev *evdev, unsigned type, unsigned code)
{
	return libevdev_has_event_code(evdev, type, code);
}

/* Absolute axes alone are not enough: some keyboards have one for the volume. */
bool device_points_absolutely(const struct device *device)
{
	const struct libevdev *evdev = device->evdev;

	return has(evdev, EV_ABS, ABS_X) && has(evdev, EV_ABS, ABS_Y) &&
	       !(has(evdev, EV_REL, REL_X) && has(evdev, EV_REL, REL_Y)) &&
	       (has(evdev, EV_KEY, BTN_LEFT) || has(evdev, EV_KEY, BTN_TOUCH) ||
		has(evdev, EV_KEY, BTN_TOOL_PEN));
}

bool device_is_pointer(const struct device *device)
{
	const struct libevdev *evdev = device->evdev;

	return (has(evdev, EV_REL, REL_X) || has(evdev, EV_KEY, BTN_LEFT)) &&
	       !has(evdev, EV_KEY, KEY_ENTER);
}

static uint16_t declared_rel(const struct libevdev *evdev)
{
	unsigned declared = 0;

	for (unsigned code = 0; code < REL_CNT; code++)
		declared |= (unsigned)has(evdev, EV_REL, code) << code;
	return (uint16_t)declared;
}

static int describe(struct device *device, int fd, timer_fn due)
{
	int clock = CLOCK_MONOTONIC;
	int rc = libevdev_new_from_fd(fd, &device->evdev);

	if (rc < 0)
		return rc;
	/* EVIOCSCLOCKID flushes the queue, so do it before reading. */
	if (ioctl(fd, EVIOCSCLOCKID, &clock) < 0)
		return -errno;
	return timer_init(&device->timer, device->loop, due);
}

int device_open(struct device *device, struct loop *loop, const char *devnode, watch_fn readable,
		timer_fn due)
{
	autoclose int fd = open(devnode, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	*device = (struct device){ .loop = loop,
				   .fd = -1,
				   .witness = -1,
				   .readable = readable,
				   .losses = device->losses };
	snprintf(device->devnode, sizeof(device->devnode), "%s", devnode);
	rc = describe(device, fd, due);
	if (rc < 0) {
		libevdev_free(steal_ptr(&device->evdev));
		timer_fini(&device->timer);
		return rc;
	}
	device->fd = steal_fd(&fd);
	device->leds = device_leds(device);
	wheel_init(&device->wheel, declared_rel(device->evdev));
	return 0;
}

int device_close_keep_fd(struct device *device)
{
	watch_stop(&device->watch);
	timer_fini(&device->timer);
	libevdev_free(steal_ptr(&device->evdev));
	close_later(steal_fd(&device->witness));
	device->grabbed = false;
	return steal_fd(&device->fd);
}

static void drop_frames(struct device *device)
{
	device->next = device->end = NULL;
	device->sync = SYNC_DONE;
	device->handed = device->has_keys = device->frame.resync = false;
	device->frame.n = 0;
}

int device_suspend(struct device *device)
{
	watch_stop(&device->watch);
	timer_arm(&device->timer, 0, 0);
	close_later(steal_fd(&device->witness));
	device->grabbed = device->dropped = device->leds_differ = false;
	device->down = (struct keyset){ 0 };
	drop_frames(device);
	return device->fd;
}

void device_close(struct device *device)
{
	if (device_is_open(device))
		ungrab_close_later(device_close_keep_fd(device));
}

OFF_PATH static enum device_news gone(struct device *device)
{
	watch_stop(&device->watch);
	timer_arm(&device->timer, 0, 0);
	return DEVICE_GONE;
}

bool device_is_alive(const struct device *device)
{
	int version;

	return ioctl(device->fd, EVIOCGVERSION, &version) == 0;
}

/* 0, or -errno (-ENODEV: unplugged). */
static int read_down(struct device *device, struct keyset *down)
{
	*down = (struct keyset){ 0 };
	return ioctl(device->fd, EVIOCGKEY(sizeof(down->word)), down->word) < 0 ? -errno : 0;
}

static struct input_event event(unsigned type, unsigned code, int value)
{
	return (struct input_event){ .type = (uint16_t)type,
				     .code = (uint16_t)code,
				     .value = value };
}

/*
 * Events written to the ungrabbed node reach every program on the host. The press before each
 * release has no effect on a key that is down. If the key came up while only we received its
 * events, the press is needed: the kernel drops a release of a key that it has as up.
 */
static void release_for_host(struct device *device, const struct keyset *down)
{
	keyset_for_each (code, down) {
		struct input_event ev[] = { event(EV_KEY, code, 1), event(EV_SYN, SYN_REPORT, 0),
					    event(EV_KEY, code, 0), event(EV_SYN, SYN_REPORT, 0) };

		if (write(device->fd, ev, sizeof(ev)) < 0)
			log_warn("%s: cannot release a held key: %s", device->devnode,
				 strerror(errno));
	}
}

static void drain(int fd)
{
	struct input_event batch[DEVICE_BATCH];

	for (unsigned i = 0; i < 16; i++)
		if (read(fd, batch, sizeof(batch)) < (ssize_t)sizeof(batch))
			return;
}

/*
 * Collects the keys that went down for the host's programs since the witness was last drained, and
 * are still down. False if the witness lost events.
 */
static bool read_witness(const struct device *device, struct keyset *heard)
{
	struct input_event ev;

	while (read(device->witness, &ev, sizeof(ev)) == sizeof(ev)) {
		if (ev.type == EV_SYN && ev.code == SYN_DROPPED)
			return false;
		if (ev.type == EV_KEY && ev.value == 1)
			keyset_add(heard, ev.code);
		if (ev.type == EV_KEY && ev.value == 0)
			keyset_remove(heard, ev.code);
	}
	return true;
}

/* Another program has the grab: logs it once, and retries until the device is free. */
static void try_again_later(struct device *device, int error)
{
	if (!device->busy_told)
		log_warn("%s: cannot grab it: %s; another program holds it (another evswitch, "
			 "keyd, a QEMU that opens it itself): trying again every %d s",
			 device->devnode, strerror(error), DEVICE_BUSY_MS / 1000);
	device->busy_told = true;
	timer_arm(&device->timer, DEVICE_BUSY_MS, 0);
}

OFF_PATH static void take_state(struct device *device, const struct input_event *at);

/* The device is grabbed, and the host's programs see no key down. */
static enum device_news grab_done(struct device *device)
{
	static const struct input_event now = { 0 };

	/* Before reading: this also discards events that were queued before the grab. */
	take_state(device, &now);
	timer_arm(&device->timer, 0, 0);
	close_later(steal_fd(&device->witness));
	device->grabbed = true;
	return DEVICE_GRABBED;
}

/*
 * Grabs, given that the host's programs see 'down' as down. If another key went down just before
 * the grab took effect, they would never see its release, so the grab is undone. That blocks for
 * tens of milliseconds, but is very rare.
 */
static enum device_news grab_now(struct device *device, const struct keyset *down)
{
	struct keyset heard = { 0 };

	if (ioctl(device->fd, EVIOCGRAB, 1) < 0) {
		if (errno == ENODEV)
			return gone(device);
		try_again_later(device, errno);
		return DEVICE_NOTHING;
	}
	if (device->busy_told)
		heard = *down;
	device->busy_told = false;
	if (read_witness(device, &heard) && keyset_empty(&heard))
		return grab_done(device);
	ioctl(device->fd, EVIOCGRAB, 0);
	release_for_host(device, &heard);
	timer_arm(&device->timer, 1, 0);
	return DEVICE_NOTHING;
}

/*
 * Grabs if no key is down. With 'why' (logged), releases the keys that are down and grabs in any
 * case.
 */
OFF_PATH static enum device_news try_to_grab(struct device *device, const char *why)
{
	struct keyset down;

	drain(device->witness);
	if (read_down(device, &down) < 0)
		return gone(device);
	if (!keyset_empty(&down) && !why)
		return DEVICE_NOTHING;
	/* While another program has the grab, keys that are down belong to it. */
	if (!keyset_empty(&down) && !device->busy_told) {
		log_info("%s: a key or button %s: releasing it for the host", device->devnode, why);
		release_for_host(device, &down);
	}
	return grab_now(device, &down);
}

enum device_news device_due(struct device *device)
{
	enum device_news news;

	if (device->watch.loop)
		return try_to_grab(device, "has been down for 3 s");
	device_grab(device, &news);
	return news;
}

/* Writes the LEDs that the device has. The kernel drops events that change nothing. */
OFF_PATH static void write_leds(struct device *device, unsigned which, uint16_t leds)
{
	struct input_event ev[LED_CNT + 1];
	unsigned n = 0;

	for (unsigned code = 0; code <= LED_MAX; code++)
		if (which >> code & 1 && libevdev_has_event_code(device->evdev, EV_LED, code))
			ev[n++] = event(EV_LED, code, leds >> code & 1);
	if (n == 0)
		return;
	ev[n++] = event(EV_SYN, SYN_REPORT, 0);
	if (write(device->fd, ev, n * sizeof(*ev)) < 0 && errno != ENODEV)
		log_limited(&device->limit, LOG_LEVEL_WARN, "%s: cannot set its LEDs: %s",
			    device->devnode, strerror(errno));
}

uint16_t device_leds(const struct device *device)
{
	unsigned leds = 0;

	for (unsigned code = 0; code <= LED_MAX; code++)
		if (libevdev_get_event_value(device->evdev, EV_LED, code) > 0)
			leds |= 1U << code;
	return (uint16_t)leds;
}

void device_set_leds(struct device *device, unsigned which, uint16_t leds)
{
	unsigned locks = which & DEVICE_LOCK_LEDS;

	device->leds = (uint16_t)((device->leds & ~locks) | (leds & locks));
	if (device->grabbed)
		write_leds(device, which, leds);
}

/*
 * Only once a frame is whole: SYN_DROPPED discards a partial one, which then was never delivered.
 */
static void note_down(struct device *device)
{
	for (unsigned i = 0; i < device->frame.n; i++) {
		const struct input_event *ev = &device->frame.ev[i];

		if (ev->type == EV_KEY && ev->value == 1)
			keyset_add(&device->down, ev->code);
		if (ev->type == EV_KEY && ev->value == 0)
			keyset_remove(&device->down, ev->code);
	}
}

/* True if an event, a generated wheel event and the SYN_REPORT fit. */
static bool has_room(const struct device *device)
{
	return device->frame.n < FRAME_MAX - 1 - (device->wheel.made != 0);
}

static const struct frame *hand_out(struct device *device, const struct input_event *at)
{
	if (device->has_keys)
		note_down(device);
	device->has_keys = false;
	frame_close(&device->frame, at);
	device->handed = true;
	return &device->frame;
}

/* All LED writes to the node are echoed to us, ours and other programs'. Only the latter differ. */
OFF_PATH static void check_led(struct device *device, const struct input_event *ev)
{
	if (ev->code <= LED_MAX && DEVICE_LOCK_LEDS >> ev->code & 1 &&
	    (device->leds >> ev->code & 1) != (ev->value != 0))
		device->leds_differ = true;
}

static bool next_difference(struct device *device, struct input_event *ev)
{
	return libevdev_next_event(device->evdev, LIBEVDEV_READ_FLAG_SYNC, ev) ==
	       LIBEVDEV_READ_STATUS_SYNC;
}

/*
 * Starts a resync. libevdev reads the kernel's state when it is asked for the first difference.
 * Queued and unprocessed events are discarded: that state already includes them.
 */
static void take_state(struct device *device, const struct input_event *at)
{
	struct input_event dropped;

	drop_frames(device);
	for (unsigned code = 0; code < KEY_CNT; code++)
		if (libevdev_has_event_code(device->evdev, EV_KEY, code))
			libevdev_set_event_value(device->evdev, EV_KEY, code,
						 keyset_has(&device->down, code));
	libevdev_next_event(device->evdev, LIBEVDEV_READ_FLAG_FORCE_SYNC, &dropped);
	device->differs = next_difference(device, &device->difference);
	device->at = *at;
	device->frame.resync = true;
	device->sync = SYNC_DIFFERENCES;
}

/* State that take_plain_state delivers: switches, and axes without slots. libevdev tracks slots. */
static bool is_plain_state(unsigned type, unsigned code)
{
	return type == EV_SW || (type == EV_ABS && code < ABS_MT_SLOT);
}

static void begin_sync(struct device *device, enum device_sync sync)
{
	device->sync = sync;
	device->sync_code = 0;
}

/* Appends the next difference. False if none is left. */
static bool take_difference(struct device *device)
{
	struct input_event ev = device->difference;

	if (!device->differs)
		return false;
	device->differs = next_difference(device, &device->difference);
	ev.time = device->at.time;
	if (ev.type == EV_LED)
		check_led(device, &ev);
	else if (ev.type != EV_SYN && !is_plain_state(ev.type, ev.code))
		frame_add(&device->frame, &ev);
	device->has_keys |= ev.type == EV_KEY;
	return true;
}

/*
 * Appends all switches or all axes, changed or not: the clone's input core drops values that change
 * nothing. False if none is left.
 */
static bool take_plain_state(struct device *device, unsigned type)
{
	unsigned code = device->sync_code++;
	int value;

	if (code > (type == EV_SW ? SW_MAX : ABS_MAX))
		return false;
	if (is_plain_state(type, code) &&
	    libevdev_fetch_event_value(device->evdev, type, code, &value))
		frame_put(&device->frame, &device->at, type, code, value);
	return true;
}

static void take_sync(struct device *device)
{
	if (device->sync == SYNC_DIFFERENCES && !take_difference(device))
		begin_sync(device, SYNC_SWITCHES);
	else if (device->sync == SYNC_SWITCHES && !take_plain_state(device, EV_SW))
		begin_sync(device, SYNC_AXES);
	else if (device->sync == SYNC_AXES && !take_plain_state(device, EV_ABS))
		begin_sync(device, SYNC_DONE);
}

OFF_PATH static const struct frame *next_sync_frame(struct device *device)
{
	while (device->sync != SYNC_DONE && has_room(device))
		take_sync(device);
	return device->frame.n > 0 ? hand_out(device, &device->at) : NULL;
}

/* True if the event completes a frame. */
static bool take_syn(struct device *device, const struct input_event *ev)
{
	if (ev->code == SYN_DROPPED) {
		device->dropped = true;
		device->losses++;
	}
	if (ev->code != SYN_REPORT)
		return false;
	if (!device->dropped)
		return device->frame.n > 0;
	log_debug("%s: events were lost, comparing with the kernel's state", device->devnode);
	device->dropped = false;
	take_state(device, ev);
	return false;
}

static void take(struct device *device, const struct input_event *ev)
{
	struct input_event made;

	if (ev->type == EV_LED) {
		check_led(device, ev);
	} else if (ev->type <= EV_SW) {
		frame_add(&device->frame, ev);
		device->has_keys |= ev->type == EV_KEY;
		if (device->wheel.made && ev->type == EV_REL &&
		    wheel_make(&device->wheel, ev, &made))
			frame_add(&device->frame, &made);
	}
}

/* Processes the batch up to the end of a frame; NULL if the batch ends first. */
static const struct frame *next_read_frame(struct device *device)
{
	while (device->next < device->end) {
		const struct input_event *ev = device->next;

		if (ev->type != EV_SYN && !device->dropped && !has_room(device))
			return hand_out(device, ev);
		device->next++;
		if (ev->type != EV_SYN && !device->dropped)
			take(device, ev);
		else if (ev->type == EV_SYN && take_syn(device, ev))
			return hand_out(device, ev);
	}
	return NULL;
}

static void begin_frame(struct device *device)
{
	device->handed = false;
	device->frame.n = 0;
	device->frame.resync = device->sync != SYNC_DONE;
}

const struct frame *device_take_frame(struct device *device)
{
	const struct frame *frame = NULL;

	if (device->handed)
		begin_frame(device);
	if (device->sync == SYNC_DONE)
		frame = next_read_frame(device);
	if (device->sync != SYNC_DONE)
		frame = next_sync_frame(device);
	if (frame)
		return frame;
	device->frame.resync = false;
	if (device->leds_differ)
		write_leds(device, DEVICE_LOCK_LEDS, device->leds);
	device->leds_differ = false;
	return NULL;
}

enum device_news device_read(struct device *device)
{
	ssize_t size = hot_read(device->fd, device->batch, sizeof(device->batch));

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? DEVICE_NOTHING : gone(device);
	if (!device->grabbed)
		return try_to_grab(device, NULL);
	device->next = device->batch;
	device->end = device->batch + size / (ssize_t)sizeof(*device->batch);
	return DEVICE_NOTHING;
}

/* After an error neither is there. */
static int open_witness(struct device *device)
{
	autoclose int witness = open(device->devnode, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int rc = witness < 0 ? -errno
			     : watch_start(&device->watch, device->loop, device->fd, EPOLLIN,
					   device->readable);

	if (rc == 0)
		device->witness = steal_fd(&witness);
	return rc;
}

int device_grab(struct device *device, enum device_news *news)
{
	int rc = open_witness(device);

	*news = DEVICE_NOTHING;
	if (rc < 0 && !device_is_alive(device)) {
		*news = gone(device);
		return 0;
	}
	timer_arm(&device->timer, rc < 0 ? DEVICE_BUSY_MS : DEVICE_NEUTRAL_MS, 0);
	if (rc < 0)
		return rc;
	*news = try_to_grab(device, NULL);
	return 0;
}

enum device_news device_hurry(struct device *device)
{
	if (!device->watch.loop || device->grabbed)
		return DEVICE_NOTHING;
	return try_to_grab(device, "is down while a guest has the focus");
}
