/* SPDX-License-Identifier: MIT */
/*
 * One real evdev node, from open to unplug. Waits until no key is down, grabs the node, assembles
 * its events into frames and enforces the lock LEDs. At the grab and after SYN_DROPPED it compares
 * the delivered state with the kernel's and delivers the difference. A wheel that reports only
 * clicks or only 120ths of a click gets the other form as well (wheel.h).
 *
 * The owner pulls frames one at a time. The device calls nothing but the owner's two loop
 * callbacks. The hot path reads struct input_event directly; libevdev is used for descriptions and
 * comparisons only. Embedded in the source; owns its descriptors and its libevdev.
 */
#pragma once

#include <libevdev/libevdev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frame.h"
#include "core/keyset.h"
#include "base/log.h"
#include "base/loop.h"
#include "core/wheel.h"

/* Keys held longer than this are released for the host's programs, so that the grab can proceed. */
#define DEVICE_NEUTRAL_MS 3000
/* How often to retry while another program has the device grabbed. */
#define DEVICE_BUSY_MS 2000

/* Changes that the owner has to handle. */
enum device_news {
	DEVICE_NOTHING,
	DEVICE_GRABBED, /* grabbed, and the host's programs see no key down on it */
	DEVICE_GONE,    /* unplugged, or failed for good: call device_close */
};

#define DEVICE_BATCH 64 /* events for each read() */

/* Internal: the part of a resync that is being delivered. */
enum device_sync { SYNC_DONE, SYNC_DIFFERENCES, SYNC_SWITCHES, SYNC_AXES };

struct device {
	struct loop *loop;
	int fd;      /* -1: closed */
	int witness; /* until grabbed: a client that receives what the host's programs do; or -1 */
	struct libevdev *evdev;
	char devnode[64];
	watch_fn readable;
	struct watch watch;
	struct timer timer; /* until grabbed: the deadline for keys to come up, or the next retry */
	bool grabbed;
	bool busy_told;         /* logged: another program has the grab */
	bool dropped;           /* between SYN_DROPPED and the SYN_REPORT that ends the loss */
	uint64_t losses;        /* SYN_DROPPED so far; kept when the device is opened again */
	bool leds_differ;       /* another program wrote a lock LED during this batch */
	struct log_limit limit; /* for messages that programs cause by setting LEDs */
	uint16_t leds;          /* lock LEDs to enforce: bit n is LED code n */
	struct keyset down;     /* according to the delivered events */
	struct wheel wheel;
	enum device_sync sync;
	unsigned sync_code;                   /* the next switch or axis to deliver */
	bool differs;                         /* 'difference' is not delivered yet */
	struct input_event difference;        /* the next one that libevdev found */
	struct input_event at;                /* the time of the comparison */
	const struct input_event *next, *end; /* the unread part of the batch */
	bool handed;                          /* 'frame' was handed out: begin a new one */
	bool has_keys;                        /* 'frame' has EV_KEY events */
	struct frame frame;                   /* under construction */
	struct input_event batch[DEVICE_BATCH];
};

/*
 * Opens the node and reads its description, without grabbing. *device must be zeroed or closed. The
 * loop calls 'readable' with &device->watch, which has to call device_read, and 'due' with
 * &device->timer, which has to call device_due. 0, or -errno of open() (-EACCES: no permission) or
 * of libevdev.
 */
int device_open(struct device *device, struct loop *loop, const char *devnode, watch_fn readable,
		timer_fn due);

/* True if the opened node still exists. Its name may already belong to a new device. */
bool device_is_alive(const struct device *device);

/*
 * Starts waiting until no key is down, and then grabs the device. *news: whether that has happened
 * already. 0 or -errno.
 */
int device_grab(struct device *device, enum device_news *news);

/*
 * Grabs the device at once if device_grab is still waiting, and releases the keys that are down for
 * the host's programs. For when a guest has the focus.
 */
enum device_news device_hurry(struct device *device);

/* Handles expiry of device->timer. */
enum device_news device_due(struct device *device);

/* Hot. Reads one batch of queued events. Then pull its frames with device_next_frame. */
enum device_news device_read(struct device *device);

/* Internal. */
const struct frame *device_take_frame(struct device *device);

/*
 * Hot. The next whole frame, owned by the device and valid until the next call; NULL if there is
 * none. After device_read or DEVICE_GRABBED, call until NULL before calling anything else.
 */
static inline const struct frame *device_next_frame(struct device *device)
{
	if (device->next == device->end && device->sync == SYNC_DONE && !device->leds_differ)
		return NULL;
	return device_take_frame(device);
}

/*
 * True if clicks refer to an absolute position, as on a graphics tablet or on the tablet of a VM.
 */
bool device_points_absolutely(const struct device *device);

/*
 * True if it moves the pointer or has its left button, and is no keyboard, too: a keyboard with a
 * touchpad on the same node counts as a keyboard.
 */
bool device_is_pointer(const struct device *device);

/*
 * Stops using the device, or waiting for its keys; device_grab resumes. Returns the descriptor
 * for the caller to ungrab; the device still owns it.
 */
int device_suspend(struct device *device);

/* The LEDs that follow the focus. The others are left to the host's programs. */
#define DEVICE_LOCK_LEDS (1U << LED_NUML | 1U << LED_CAPSL | 1U << LED_SCROLLL)

/* The LEDs lit on the keyboard: bit n is LED code n; 0 if it has none. */
uint16_t device_leds(const struct device *device);
/*
 * Sets the LEDs in 'which' to their state in 'leds'. Lock LEDs are enforced from now on: if another
 * program changes one, it is set again.
 */
void device_set_leds(struct device *device, unsigned which, uint16_t leds);

static inline bool device_is_open(const struct device *device)
{
	return device->evdev != NULL;
}

/*
 * Closes the device. A separate thread closes the descriptor, since ungrabbing takes milliseconds.
 */
void device_close(struct device *device);
/* The same, but returns the descriptor for the caller to close, or -1 if there was none. */
int device_close_keep_fd(struct device *device);
