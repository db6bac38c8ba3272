/* SPDX-License-Identifier: MIT */
/*
 * A uinput device as clones and guest nodes use it: with a phys, which libevdev cannot set, and
 * with LEDs. Owns its descriptor.
 */
#pragma once

#include <libevdev/libevdev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frame.h"
#include "base/loop.h"

#define UINPUT_DEVNODE_MAX 64

/* The highest maximum of ABS_MT_SLOT that the kernel accepts from uinput. */
#define UINPUT_SLOT_MAX 99

/* A device of ours. It exists as long as any process has its descriptor open. */
struct uinput {
	int fd; /* -1: none. Frames are written to it; the keeper may have a duplicate */
	char devnode[UINPUT_DEVNODE_MAX]; /* of its evdev node */
};

/*
 * Creates a uinput device like 'model', with this 'phys'; its descriptor is non-blocking. 0, or
 * -errno of opening /dev/uinput (-EACCES, -ENOENT) or of creating the device: then *uinput is
 * closed.
 */
int uinput_open(struct uinput *uinput, const struct libevdev *model, const char *phys);

/*
 * Closes the descriptor. If it is the last one, the device vanishes, and the kernel releases the
 * keys that are down on it. No effect if it is closed already.
 */
void uinput_close(struct uinput *uinput);

/*
 * Hot. Writes a whole frame. 0 or -errno. uinput never blocks: a frame without a reader is dropped.
 */
int uinput_send(int fd, const struct frame *frame);

/* The shortest interval between two reports of changed LEDs. */
#define UINPUT_LEDS_MS 50

#define UINPUT_LEDS 3 /* LEDs with a state in /sys: Num, Caps and Scroll Lock */

struct uinput_leds;
typedef void (*uinput_leds_fn)(struct uinput_leds *leds, uint16_t changed);

/*
 * Applies a written LED to the mask *leds (bit n is LED code n). Its bit, or 0 if the event is of
 * another type or code.
 */
uint16_t uinput_apply_led(const struct input_event *ev, uint16_t *leds);

/*
 * Tracks the LEDs that other programs set on a device of ours. Changes are reported at most every
 * UINPUT_LEDS_MS, however frequent they are. With an evdev client to query the state
 * (uinput_leds_by), changes in between do not even wake this process. Embedded in the owner, who
 * owns both descriptors.
 */
struct uinput_leds {
	struct loop *loop;
	uinput_leds_fn changed;
	uint16_t mask;   /* bit n is LED code n; the owner may set it */
	uint16_t told;   /* the mask at the last call of 'changed' */
	uint16_t kernel; /* the kernel's state at the last query */
	int evdev_fd;    /* -1: none */
	bool has_files;  /* file_fd are open: the state in /sys */
	int file_fd[UINPUT_LEDS];
	bool resting; /* the timer runs: no reports until it expires */
	struct watch watch;
	struct timer rest;
};

/*
 * Watches the uinput descriptor 'fd'; 'mask' is the initial state. 0, or -errno of timer_init or
 * watch_start. uinput_unwatch_leds may be called in any case, also on a zeroed struct.
 */
int uinput_watch_leds(struct uinput_leds *leds, struct loop *loop, int fd, uint16_t mask,
		      uinput_leds_fn changed);
/*
 * From now on, queries the state instead of reading every event: from /sys, or if the kernel has no
 * LED files, with EVIOCGLED on 'evdev_fd', a client of the same device. That waits while another
 * client writes to it.
 */
void uinput_leds_by(struct uinput_leds *leds, int evdev_fd);
void uinput_unwatch_leds(struct uinput_leds *leds);
