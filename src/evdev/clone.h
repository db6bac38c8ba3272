/*
 * The host's side of a source: a uinput device with the source's name, ids, properties, axes,
 * repeat and LEDs, so that the desktop treats it as it treated the source. It stays while the
 * source is unplugged. Told from a source by its phys, "evswitch/host/...". No force feedback: a
 * program that uploaded an effect would hang for half a minute. What uinput refuses and a driver may
 * have, an axis from a higher to a lower number or no name, is mended in the copy. The clone owns it.
 */
#pragma once

#include <libevdev/libevdev.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"
#include "base/loop.h"
#include "evdev/uinput.h"

struct clone;

/* The host's programs changed these LEDs: clone->leds.mask. At most every UINPUT_LEDS_MS. */
typedef void (*clone_leds_fn)(struct clone *clone, uint16_t changed);

/* Everything about a source that its clone copies: equal bytes mean that the clone still fits. */
struct clone_identity {
	char name[256];
	int id[4]; /* bustype, vendor, product, version */
	int repeat[2];
	unsigned char properties[(INPUT_PROP_CNT + 7) / 8];
	unsigned char codes[EV_CNT][(KEY_CNT + 7) / 8];
	struct input_absinfo abs[ABS_CNT]; /* the value left out */
};

struct clone {
	struct uinput uinput;
	struct uinput_leds leds; /* the host's own: leds.mask */
	clone_leds_fn leds_changed;
	struct clone_identity identity;
};

/* An empty clone: clone_is_open is false, clone_close harmless. */
#define CLONE_INIT                                                                                 \
	{                                                                                          \
		.uinput.fd = -1                                                                    \
	}

/*
 * Makes the clone of 'source' (that libevdev is mended for uinput, the real device is not touched)
 * with the phys given, and 'leds' as the host's LEDs to begin with. 0, or -errno: -EACCES, -ENOENT
 * for /dev/uinput.
 */
int clone_open(struct clone *clone, struct loop *loop, struct libevdev *source, const char *phys,
	       uint16_t leds, clone_leds_fn leds_changed);

static inline bool clone_is_open(const struct clone *clone)
{
	return clone->uinput.fd >= 0;
}

/* Whether the clone, which must be open, is what clone_open would make of 'source'. */
bool clone_fits(const struct clone *clone, struct libevdev *source);

/* Hot. Writes a whole frame. 0, or -errno: the host cannot be reached through it any more. */
int clone_send(struct clone *clone, const struct frame *frame);

/* Removes the device; the kernel releases what is down on it. */
void clone_close(struct clone *clone);
