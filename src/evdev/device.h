/*
 * A source: one real evdev node, from opening to unplugging. It waits until nothing is down on it,
 * grabs it, assembles its events into frames, and keeps the lock LEDs as they are wanted. What it has
 * delivered and what the kernel says are compared at the grab and after a SYN_DROPPED, and the
 * difference is delivered. Frames are had from it one by one; it calls nobody but the owner's two
 * callbacks of the loop, which say when. A wheel that sends clicks or 120ths of them alone is given the other form too.
 * The path itself reads struct input_event; libevdev describes and compares.
 * The owner embeds struct device; the device owns its descriptors and its libevdev.
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

/* Keys still held after this time are released by hand for the host's programs, and the grab is taken. */
#define DEVICE_NEUTRAL_MS 3000
/* How often a device that another program has grabbed is tried again. */
#define DEVICE_BUSY_MS 2000

/* What became of a device. */
enum device_news {
	DEVICE_NOTHING,
	DEVICE_GRABBED, /* it is ours alone, and the host's programs have nothing down on it */
	DEVICE_GONE,    /* it was unplugged, or failed for good; the owner calls device_close */
};

#define DEVICE_BATCH 64 /* events that are read at once */

/* Internal: how far the comparison with the kernel's state is handed out. */
enum device_sync { SYNC_DONE, SYNC_DIFFERENCES, SYNC_SWITCHES, SYNC_AXES };

struct device {
	struct loop *loop;
	int fd;      /* -1: closed */
	int witness; /* until grabbed: a client that hears what the host's programs hear; or -1 */
	struct libevdev *evdev;
	char devnode[64];
	watch_fn readable;
	struct watch watch;
	struct timer timer; /* until grabbed: the deadline for neutral, or the next try */
	bool grabbed;
	bool busy_told;
	bool dropped;           /* between a SYN_DROPPED and the SYN_REPORT that ends it */
	bool leds_differ;       /* somebody else wrote a LED in the batch in hand */
	struct log_limit limit; /* of what those cause who set LEDs */
	uint16_t leds;          /* wanted, of the lock LEDs: bit n for LED code n */
	struct keyset down;     /* by what was delivered */
	struct wheel wheel;
	enum device_sync sync;
	unsigned sync_code;                   /* the next switch or axis */
	bool differs;                         /* there is one more, not handed out yet: */
	struct input_event difference;        /* of those that libevdev found */
	struct input_event at;                /* when they were looked for */
	const struct input_event *next, *end; /* of the batch that was read */
	bool handed;                          /* the frame; the next one begins */
	bool has_keys;                        /* the frame */
	struct frame frame;                   /* being assembled */
	struct input_event batch[DEVICE_BATCH];
};

/*
 * Opens the node and reads what it is; grabs nothing. *device must be zeroed or closed. The callbacks
 * get device->watch and device->timer: 'readable' calls device_read, 'due' device_due. 0; -errno of open
 * (-EACCES: no permission) or of libevdev.
 */
int device_open(struct device *device, struct loop *loop, const char *devnode, watch_fn readable,
		timer_fn due);

/* Whether the node that was opened is still there: a new device can have its name before the loss was read. */
bool device_is_alive(const struct device *device);

/*
 * Starts to wait for a neutral device, and then grabs it. *news says what has become of it already. 0 or
 * -errno.
 */
int device_grab(struct device *device, enum device_news *news);

/*
 * A guest has the focus: grabs the device now where device_grab still waits. What is down on it is
 * released for the host's programs.
 */
enum device_news device_hurry(struct device *device);

/* The timer: it has waited for long enough. */
enum device_news device_due(struct device *device);

/* Hot. Reads once what the kernel has queued. The frames of it, or of a grab, are to be had then. */
enum device_news device_read(struct device *device);

/* Internal. */
const struct frame *device_take_frame(struct device *device);

/*
 * Hot. The next frame, the device's until the next call; NULL where no more is whole. Nothing else may
 * be called before that.
 */
static inline const struct frame *device_next_frame(struct device *device)
{
	if (device->next == device->end && device->sync == SYNC_DONE && !device->leds_differ)
		return NULL;
	return device_take_frame(device);
}

/* Whether its clicks mean the place that it points to: a graphics tablet, or the tablet of a VM. */
bool device_points_absolutely(const struct device *device);

/*
 * Stops everything, for as long as the process stands still; device_grab begins again. Returns the
 * descriptor, which stays the device's: the caller ungrabs it.
 */
int device_suspend(struct device *device);

/* The LEDs that follow the focus. The others are the host's alone, whoever of its programs sets them. */
#define DEVICE_LOCK_LEDS (1U << LED_NUML | 1U << LED_CAPSL | 1U << LED_SCROLLL)

/* The LEDs that the keyboard shows now, as a mask; 0 where it has none. */
uint16_t device_leds(const struct device *device);
/*
 * Sets those of the LEDs that are in 'which' once; the lock LEDs among them stay so, whatever others
 * write.
 */
void device_set_leds(struct device *device, unsigned which, uint16_t leds);

static inline bool device_is_open(const struct device *device)
{
	return device->evdev != NULL;
}

/* Stops everything and lets go; the descriptor itself is closed without waiting. */
void device_close(struct device *device);
/* The same, but the descriptor is handed to the caller, who closes it: -1 where there was none. */
int device_close_keep_fd(struct device *device);
