/* SPDX-License-Identifier: MIT */
/*
 * The host's copy of a source: a uinput device with the source's name, ids, properties, axes,
 * repeat and LEDs, so that the desktop treats it like the source. It stays while the source is
 * unplugged, and is recognised by its phys, "evswitch/host/...". Force feedback is left out: a
 * program that uploads an effect would hang for half a minute. Drivers may declare what uinput
 * rejects (an axis whose minimum exceeds its maximum, an empty name); the copy corrects it.
 * Embedded in the source; owns the uinput device.
 */
#pragma once

#include <libevdev/libevdev.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"
#include "base/loop.h"
#include "evdev/uinput.h"

struct clone;

/*
 * Programs on the host changed the LEDs in 'changed' (bit n: LED code n); clone->leds.mask has the
 * state. Called at most every UINPUT_LEDS_MS.
 */
typedef void (*clone_leds_fn)(struct clone *clone, uint16_t changed);

/* Everything that a clone copies from its source. Compared as bytes. */
struct clone_identity {
	char name[256];
	int id[4]; /* bustype, vendor, product, version */
	int repeat[2];
	unsigned char properties[(INPUT_PROP_CNT + 7) / 8];
	unsigned char codes[EV_CNT][(KEY_CNT + 7) / 8];
	struct input_absinfo abs[ABS_CNT]; /* without the current values */
};

struct clone {
	struct uinput uinput;
	struct uinput_leds leds; /* as set by programs on the host */
	clone_leds_fn leds_changed;
	struct clone_identity identity;
};

/* An empty clone: clone_is_open is false, clone_close harmless. */
#define CLONE_INIT                                                                                 \
	{                                                                                          \
		.uinput.fd = -1                                                                    \
	}

/*
 * Creates the clone of 'source'. Corrects the description in 'source' where uinput would reject it;
 * the real device is not touched. 'leds' is the initial LED state. 0 or -errno, as uinput_open.
 */
int clone_open(struct clone *clone, struct loop *loop, struct libevdev *source, const char *phys,
	       uint16_t leds, clone_leds_fn leds_changed);

static inline bool clone_is_open(const struct clone *clone)
{
	return clone->uinput.fd >= 0;
}

/* True if clone_open would make the same device from 'source'. The clone must be open. */
bool clone_fits(const struct clone *clone, struct libevdev *source);

/*
 * Destroys 'clone' and moves 'heir' into its place, which is empty then. 0, or -errno of
 * uinput_watch_leds: LEDs are not followed any more.
 */
int clone_replace(struct clone *clone, struct clone *heir);

/* Hot. Writes a whole frame. 0, or -errno if the device is broken. */
int clone_send(struct clone *clone, const struct frame *frame);

/* Destroys the device; the kernel releases the keys that are down on it. */
void clone_close(struct clone *clone);
/* The same in a thread: it takes the kernel some milliseconds. */
void clone_close_later(struct clone *clone);
