/*
 * A source: one real evdev node, from opening to unplugging. It waits until nothing is down on it,
 * grabs it, assembles its events into frames, and keeps the lock LEDs as they are wanted. What it has
 * delivered and what the kernel says are compared at the grab and after a SYN_DROPPED, and the
 * difference is delivered. A wheel that sends clicks or 120ths of them alone is given the other form too.
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

struct device;

struct device_ops {
	/* Hot. A whole frame; nothing comes before 'grabbed'. Must not close the device. */
	void (*frame)(struct device *device, const struct frame *frame);
	/* The device is ours alone, and the host's programs have nothing down on it. */
	void (*grabbed)(struct device *device);
	/* It was unplugged, or failed for good. The owner calls device_close, now or later. */
	void (*gone)(struct device *device);
};

struct device {
	const struct device_ops *ops;
	struct loop *loop;
	int fd;      /* -1: closed */
	int witness; /* until grabbed: a client that hears what the host's programs hear; or -1 */
	struct libevdev *evdev;
	char devnode[64];
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
	struct frame frame; /* being assembled */
};

/*
 * Opens the node and reads what it is; grabs nothing. *device must be zeroed or closed. 0;
 * -errno of open (-EACCES: no permission) or of libevdev.
 */
int device_open(struct device *device, struct loop *loop, const char *devnode,
		const struct device_ops *ops);

/*
 * Whether the node that was opened is still there; where it is not, ops->gone has been called. A new
 * device can have its name before the loss was read.
 */
bool device_is_alive(struct device *device);

/* Starts to wait for a neutral device and then grabs it; ops->grabbed tells. 0 or -errno. */
int device_grab(struct device *device);

/*
 * A guest has the focus: grabs the device now where device_grab still waits. What is down on it is
 * released for the host's programs.
 */
void device_hurry(struct device *device);

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
