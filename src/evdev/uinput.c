/* SPDX-License-Identifier: MIT */
/* Creates devices with a phys, writes frames, and reads back LEDs. */
#include "evdev/uinput.h"

#include <fcntl.h>
#include <libevdev/libevdev-uinput.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/hot.h"
#include "base/util.h"

/*
 * Frees libevdev's handle but keeps the device. libevdev destroys the device through the descriptor
 * that it was given, so replace that one first; duplicates keep the device alive.
 */
static int free_handle(struct libevdev_uinput *device, int fd)
{
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int rc = null < 0 || dup3(null, fd, O_CLOEXEC) < 0 ? -errno : 0;

	libevdev_uinput_destroy(device);
	return rc;
}

int uinput_open(struct uinput *uinput, const struct libevdev *model, const char *phys)
{
	autoclose int given = open("/dev/uinput", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	autoclose int fd = -1;
	struct libevdev_uinput *device;
	int rc, freed;

	*uinput = (struct uinput){ .fd = -1 };
	if (given < 0 || ioctl(given, UI_SET_PHYS, phys) < 0)
		return -errno;
	rc = libevdev_uinput_create_from_device(model, given, &device);
	if (rc < 0)
		return rc;
	snprintf(uinput->devnode, sizeof(uinput->devnode), "%s",
		 libevdev_uinput_get_devnode(device) ?: "");
	fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
	rc = fd < 0 ? -errno : 0;
	freed = free_handle(device, given);
	if (rc < 0 || freed < 0)
		return rc < 0 ? rc : freed;
	uinput->fd = steal_fd(&fd);
	return 0;
}

void uinput_close(struct uinput *uinput)
{
	close_fd(&uinput->fd);
}

int uinput_send(int fd, const struct frame *frame)
{
	size_t size = frame->n * sizeof(*frame->ev);
	ssize_t written = hot_write(fd, frame->ev, size);

	if (written == (ssize_t)size)
		return 0;
	return written < 0 ? -errno : -EIO;
}

uint16_t uinput_apply_led(const struct input_event *ev, uint16_t *leds)
{
	uint16_t led;

	if (ev->type != EV_LED || ev->code > LED_MAX)
		return 0;
	led = (uint16_t)(1U << ev->code);
	*leds = (uint16_t)(ev->value ? *leds | led : *leds & ~led);
	return led;
}

/* uinput queues 16 events and overruns silently, so LED events alone are not reliable. */
static bool apply_events(struct uinput_leds *leds)
{
	struct input_event ev[16];
	ssize_t size = read(leds->watch.fd, ev, sizeof(ev));

	for (ssize_t i = 0; leds->evdev_fd < 0 && i < size / (ssize_t)sizeof(*ev); i++)
		uinput_apply_led(&ev[i], &leds->mask);
	return size > 0;
}

static bool open_files(struct uinput_leds *leds)
{
	static const char *const names[UINPUT_LEDS] = { "numlock", "capslock", "scrolllock" };
	char device[32] = "", path[128];
	bool all = ioctl(leds->watch.fd, UI_GET_SYSNAME(sizeof(device) - 1), device) >= 0;

	for (unsigned i = 0; i < UINPUT_LEDS; i++) {
		snprintf(path, sizeof(path), "/sys/devices/virtual/input/%s/%s::%s/brightness",
			 device, device, names[i]);
		leds->file_fd[i] = all ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		all = all && leds->file_fd[i] >= 0;
	}
	return all;
}

static void close_files(struct uinput_leds *leds)
{
	for (unsigned i = 0; i < UINPUT_LEDS && leds->has_files; i++)
		close_fd(&leds->file_fd[i]);
	leds->has_files = false;
}

static bool read_files(const struct uinput_leds *leds, uint16_t *now)
{
	*now = 0;
	for (unsigned i = 0; i < UINPUT_LEDS; i++) {
		char digit;

		if (pread(leds->file_fd[i], &digit, 1, 0) != 1)
			return false;
		if (digit != '0')
			*now |= (uint16_t)(1U << (LED_NUML + i));
	}
	return true;
}

/* EVIOCGLED waits for a concurrent write() to the node, but only for the length of that one. */
static bool ask_state(const struct uinput_leds *leds, uint16_t *now)
{
	if (leds->has_files)
		return read_files(leds, now);
	return leds->evdev_fd >= 0 && ioctl(leds->evdev_fd, EVIOCGLED(sizeof(*now)), now) >= 0;
}

/* Applies only changes: LEDs that were lit before may have been set by another program. */
static void apply_state(struct uinput_leds *leds)
{
	uint16_t now = leds->kernel, changed;

	if (!ask_state(leds, &now))
		return;
	changed = now ^ leds->kernel;
	leds->mask = (uint16_t)((leds->mask & ~changed) | (now & changed));
	leds->kernel = now;
}

static int start_watch(struct uinput_leds *leds);

/* True if another program has set LEDs since the last check. */
static bool look_at_leds(struct uinput_leds *leds)
{
	uint16_t mask = leds->mask;
	bool any = apply_events(leds);

	apply_state(leds);
	return any || mask != leds->mask;
}

static void tell(struct uinput_leds *leds)
{
	uint16_t changed = leds->told ^ leds->mask;

	leds->told = leds->mask;
	leds->changed(leds, changed);
}

static void leds_ready(struct watch *watch, uint32_t events)
{
	struct uinput_leds *leds = container_of(watch, struct uinput_leds, watch);

	(void)events;
	/* Without a state to query, every event must be read. */
	if (leds->evdev_fd >= 0)
		watch_stop(watch);
	look_at_leds(leds);
	if (leds->resting)
		return;
	leds->resting = true;
	timer_arm(&leds->rest, UINPUT_LEDS_MS, UINPUT_LEDS_MS);
	tell(leds);
}

static void leds_rested(struct timer *timer)
{
	struct uinput_leds *leds = container_of(timer, struct uinput_leds, rest);
	bool any = look_at_leds(leds) || leds->told != leds->mask;

	if (!any && (leds->watch.loop || start_watch(leds) == 0)) {
		timer_arm(timer, 0, 0);
		leds->resting = false;
	}
	if (leds->told != leds->mask)
		tell(leds);
}

static int start_watch(struct uinput_leds *leds)
{
	return watch_start_peer(&leds->watch, leds->loop, leds->watch.fd, EPOLLIN, leds_ready);
}

int uinput_watch_leds(struct uinput_leds *leds, struct loop *loop, int fd, uint16_t mask,
		      uinput_leds_fn changed)
{
	int rc;

	*leds = (struct uinput_leds){ .loop = loop,
				      .changed = changed,
				      .evdev_fd = -1,
				      .mask = mask,
				      .told = mask,
				      .watch.fd = fd };
	rc = timer_init(&leds->rest, loop, leds_rested);
	return rc < 0 ? rc : start_watch(leds);
}

void uinput_leds_by(struct uinput_leds *leds, int evdev_fd)
{
	close_files(leds);
	leds->evdev_fd = evdev_fd;
	leds->has_files = true;
	if (!open_files(leds))
		close_files(leds);
	if (!ask_state(leds, &leds->kernel))
		leds->evdev_fd = -1;
}

void uinput_unwatch_leds(struct uinput_leds *leds)
{
	watch_stop(&leds->watch);
	timer_fini(&leds->rest);
	close_files(leds);
}
