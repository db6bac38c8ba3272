/* One source node: neutral, grab, frames, resync, LEDs. */
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

#define BATCH 64

static bool has(const struct libevdev *evdev, unsigned type, unsigned code)
{
	return libevdev_has_event_code(evdev, type, code);
}

/* Axes alone do not tell: keyboards have some for their volume. */
bool device_points_absolutely(const struct device *device)
{
	const struct libevdev *evdev = device->evdev;

	return has(evdev, EV_ABS, ABS_X) && has(evdev, EV_ABS, ABS_Y) &&
	       !(has(evdev, EV_REL, REL_X) && has(evdev, EV_REL, REL_Y)) &&
	       (has(evdev, EV_KEY, BTN_LEFT) || has(evdev, EV_KEY, BTN_TOUCH) ||
		has(evdev, EV_KEY, BTN_TOOL_PEN));
}

static uint16_t declared_rel(const struct libevdev *evdev)
{
	unsigned declared = 0;

	for (unsigned code = 0; code < REL_CNT; code++)
		declared |= (unsigned)has(evdev, EV_REL, code) << code;
	return (uint16_t)declared;
}

static void timer_expired(struct timer *timer);

static int describe(struct device *device, int fd)
{
	int clock = CLOCK_MONOTONIC;
	int rc = libevdev_new_from_fd(fd, &device->evdev);

	if (rc < 0)
		return rc;
	/* Switching the clock empties the queue: before anything is read. */
	if (ioctl(fd, EVIOCSCLOCKID, &clock) < 0)
		return -errno;
	return timer_init(&device->timer, device->loop, timer_expired);
}

int device_open(struct device *device, struct loop *loop, const char *devnode,
		const struct device_ops *ops)
{
	autoclose int fd = open(devnode, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	*device = (struct device){ .ops = ops, .loop = loop, .fd = -1, .witness = -1 };
	snprintf(device->devnode, sizeof(device->devnode), "%s", devnode);
	rc = describe(device, fd);
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

int device_suspend(struct device *device)
{
	watch_stop(&device->watch);
	device->grabbed = device->dropped = device->leds_differ = false;
	device->down = (struct keyset){ 0 };
	device->frame = (struct frame){ 0 };
	return device->fd;
}

void device_close(struct device *device)
{
	if (device_is_open(device))
		ungrab_close_later(device_close_keep_fd(device));
}

static void gone(struct device *device)
{
	watch_stop(&device->watch);
	timer_arm(&device->timer, 0, 0);
	device->ops->gone(device);
}

bool device_is_alive(struct device *device)
{
	int version;

	if (ioctl(device->fd, EVIOCGVERSION, &version) == 0)
		return true;
	gone(device);
	return false;
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
 * Writing to the real node, not grabbed, reaches every program of the host at once. The press
 * before the release is a no-op for a key that is down, and makes the release pass for one that
 * came up while only we could hear it.
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
	struct input_event batch[BATCH];

	for (unsigned i = 0; i < 16; i++)
		if (read(fd, batch, sizeof(batch)) < (ssize_t)sizeof(batch))
			return;
}

/*
 * What has gone down for the host's programs since the witness was drained, and not come up. False
 * where the witness lost events.
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

/* Another program's grab: the user is told once, and the device is tried until it is free. */
static void try_again_later(struct device *device, int error)
{
	if (!device->busy_told)
		log_warn("%s: cannot grab it: %s; another program holds it (another evswitch, "
			 "keyd, a QEMU that opens it itself): trying again every %d s",
			 device->devnode, strerror(error), DEVICE_BUSY_MS / 1000);
	device->busy_told = true;
	timer_arm(&device->timer, DEVICE_BUSY_MS, 0);
}

static bool take_state(struct device *device, struct input_event *first);
static void deliver_state(struct device *device, const struct input_event *at, bool any,
			  struct input_event ev);

/* The grab is taken, and the host's programs have nothing down on the device. */
static void grab_done(struct device *device)
{
	static const struct input_event now = { 0 };
	struct input_event first = { 0 };
	/* First of all: what was queued before the grab goes with it. */
	bool any = take_state(device, &first);

	timer_arm(&device->timer, 0, 0);
	close_later(steal_fd(&device->witness));
	device->grabbed = true;
	device->ops->grabbed(device);
	deliver_state(device, &now, any, first);
}

/*
 * 'down' was down before, and the host's programs know. Where more went down for them before the grab
 * took effect, its release would never reach them: the grab is given back, which waits for the kernel,
 * once in a very long time.
 */
static void grab_now(struct device *device, const struct keyset *down)
{
	struct keyset heard = { 0 };

	if (ioctl(device->fd, EVIOCGRAB, 1) < 0) {
		if (errno == ENODEV)
			gone(device);
		else
			try_again_later(device, errno);
		return;
	}
	if (device->busy_told)
		heard = *down;
	device->busy_told = false;
	if (read_witness(device, &heard) && keyset_empty(&heard)) {
		grab_done(device);
		return;
	}
	ioctl(device->fd, EVIOCGRAB, 0);
	release_for_host(device, &heard);
	timer_arm(&device->timer, 1, 0);
}

/* Only where nothing is down; with 'why' all the same, and what is down is released by hand. */
static void try_to_grab(struct device *device, const char *why)
{
	struct keyset down;

	drain(device->witness);
	if (read_down(device, &down) < 0) {
		gone(device);
		return;
	}
	if (!keyset_empty(&down) && !why)
		return;
	/* What is held while another program has the grab is that program's. */
	if (!keyset_empty(&down) && !device->busy_told) {
		log_info("%s: a key or button %s: releasing it for the host", device->devnode, why);
		release_for_host(device, &down);
	}
	grab_now(device, &down);
}

static void timer_expired(struct timer *timer)
{
	try_to_grab(container_of(timer, struct device, timer), "has been down for 3 s");
}

/* Those of the LEDs that the device has. The kernel drops what changes nothing. */
static void write_leds(struct device *device, unsigned which, uint16_t leds)
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

/* Of a frame that is read in part, a loss takes the whole: only what is delivered counts as known. */
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

static void deliver(struct device *device, const struct input_event *at)
{
	if (device->frame.n == 0)
		return;
	note_down(device);
	frame_close(&device->frame, at);
	device->ops->frame(device, &device->frame);
	device->frame.n = 0;
}

static void take(struct device *device, const struct input_event *ev)
{
	if (!frame_has_room(&device->frame))
		deliver(device, ev);
	frame_add(&device->frame, ev);
}

static void take_other_wheel(struct device *device, const struct input_event *ev)
{
	struct input_event made;

	if (wheel_make(&device->wheel, ev, &made))
		take(device, &made);
}

/* A LED that a desktop wrote into the real keyboard comes back to us; ours do too, and agree. */
static void check_led(struct device *device, const struct input_event *ev)
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
 * libevdev compares what was delivered with what the kernel says now, which it does when it is asked for
 * the first difference: false where there is none. What is queued goes: the kernel's state has it in
 * already.
 */
static bool take_state(struct device *device, struct input_event *first)
{
	device->frame.n = 0;
	for (unsigned code = 0; code < KEY_CNT; code++)
		if (libevdev_has_event_code(device->evdev, EV_KEY, code))
			libevdev_set_event_value(device->evdev, EV_KEY, code,
						 keyset_has(&device->down, code));
	libevdev_next_event(device->evdev, LIBEVDEV_READ_FLAG_FORCE_SYNC, first);
	return next_difference(device, first);
}

/* Switches, and all axes but those of contacts, which libevdev follows slot by slot. */
static bool is_plain_state(unsigned type, unsigned code)
{
	return type == EV_SW || (type == EV_ABS && code < ABS_MT_SLOT);
}

/* All of it, whatever was delivered before: the host's device drops what changes nothing. */
static void take_plain_state(struct device *device, unsigned type, const struct input_event *at)
{
	for (unsigned code = 0; code <= (type == EV_SW ? SW_MAX : ABS_MAX); code++) {
		struct input_event ev = event(type, code, 0);

		if (!is_plain_state(type, code) ||
		    !libevdev_fetch_event_value(device->evdev, type, code, &ev.value))
			continue;
		ev.time = at->time;
		take(device, &ev);
	}
}

/* The differences that take_state found: 'ev', if there are 'any', and those after it. */
static void deliver_state(struct device *device, const struct input_event *at, bool any,
			  struct input_event ev)
{
	device->frame.resync = true;
	for (; any; any = next_difference(device, &ev)) {
		ev.time = at->time;
		if (ev.type == EV_LED)
			check_led(device, &ev);
		else if (ev.type != EV_SYN && !is_plain_state(ev.type, ev.code))
			take(device, &ev);
	}
	take_plain_state(device, EV_SW, at);
	take_plain_state(device, EV_ABS, at);
	deliver(device, at);
	device->frame.resync = false;
}

/* False where the rest of the batch is older than the state that a resync just took. */
static bool take_syn(struct device *device, const struct input_event *ev)
{
	if (ev->code == SYN_DROPPED)
		device->dropped = true;
	if (ev->code != SYN_REPORT)
		return true;
	if (device->dropped) {
		struct input_event first = { 0 };
		bool any;

		log_debug("%s: events were lost, comparing with the kernel's state",
			  device->devnode);
		device->dropped = false;
		any = take_state(device, &first);
		deliver_state(device, ev, any, first);
		return false;
	}
	deliver(device, ev);
	return true;
}

static void take_batch(struct device *device, const struct input_event *ev,
		       const struct input_event *end)
{
	for (; ev < end; ev++) {
		if (ev->type == EV_SYN) {
			if (!take_syn(device, ev))
				return;
		} else if (device->dropped) {
			continue;
		} else if (ev->type == EV_LED) {
			check_led(device, ev);
		} else if (ev->type <= EV_SW) {
			take(device, ev);
			if (device->wheel.made && ev->type == EV_REL)
				take_other_wheel(device, ev);
		}
	}
}

static void device_ready(struct watch *watch, uint32_t events)
{
	struct device *device = container_of(watch, struct device, watch);
	struct input_event batch[BATCH];
	ssize_t size = hot_read(device->fd, batch, sizeof(batch));

	(void)events;
	if (size < 0) {
		if (errno != EAGAIN && errno != EINTR)
			gone(device);
		return;
	}
	if (!device->grabbed) {
		try_to_grab(device, NULL);
		return;
	}
	take_batch(device, batch, batch + size / (ssize_t)sizeof(*batch));
	if (device->leds_differ) {
		device->leds_differ = false;
		write_leds(device, DEVICE_LOCK_LEDS, device->leds);
	}
}

int device_grab(struct device *device)
{
	int rc;

	device->witness = open(device->devnode, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (device->witness < 0) {
		rc = -errno;
		return device_is_alive(device) ? rc : 0;
	}
	rc = watch_start(&device->watch, device->loop, device->fd, EPOLLIN, device_ready);
	if (rc < 0)
		return rc;
	timer_arm(&device->timer, DEVICE_NEUTRAL_MS, 0);
	try_to_grab(device, NULL);
	return 0;
}

void device_hurry(struct device *device)
{
	if (device->watch.loop && !device->grabbed)
		try_to_grab(device, "is down while a guest has the focus");
}
