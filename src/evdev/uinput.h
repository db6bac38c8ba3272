/*
 * What clones and guest nodes share: a uinput device with a phys, which libevdev alone cannot give.
 */
#pragma once

#include <libevdev/libevdev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frame.h"
#include "base/loop.h"

#define UINPUT_DEVNODE_MAX 64

/* The highest number of a contact's slot that the kernel lets uinput declare. */
#define UINPUT_SLOT_MAX 99

/* A device of ours: it lives as long as some process has its descriptor open. */
struct uinput {
	int fd; /* -1: none. Frames are written here, by whoever was given it */
	char devnode[UINPUT_DEVNODE_MAX]; /* of its evdev node */
};

/*
 * Makes a uinput device like 'model', with 'phys', non-blocking. 0; or -errno of opening /dev/uinput
 * (-EACCES, -ENOENT) or of making the device: then *uinput is closed.
 */
int uinput_open(struct uinput *uinput, const struct libevdev *model, const char *phys);

/*
 * Lets go of the device; where nobody else has the descriptor it is removed, and the kernel releases
 * what is down on it. Harmless where there is none.
 */
void uinput_close(struct uinput *uinput);

/* Hot. Writes a whole frame. 0 or -errno. uinput never blocks: a frame nobody reads is gone. */
int uinput_send(int fd, const struct frame *frame);

/* How soon after the owner was told of LEDs it is told again. */
#define UINPUT_LEDS_MS 50

#define UINPUT_LEDS 3 /* whose state can be asked for: Num, Caps and Scroll Lock */

struct uinput_leds;
typedef void (*uinput_leds_fn)(struct uinput_leds *leds, uint16_t changed);

/*
 * The LEDs that others set on a device of ours: their state, told at most every UINPUT_LEDS_MS however
 * often they change. With an evdev client of the device to ask for the state, nothing in between wakes
 * this process either. Embedded in the owner, who has both descriptors.
 */
struct uinput_leds {
	struct loop *loop;
	uinput_leds_fn changed;
	uint16_t mask;   /* bit n for LED code n; the owner may set it */
	uint16_t told;   /* when 'changed' was called last */
	uint16_t kernel; /* the device's LEDs at the last look */
	int evdev_fd;    /* -1: none */
	bool has_files;  /* the state is in: */
	int file_fd[UINPUT_LEDS];
	bool resting; /* the timer runs */
	struct watch watch;
	struct timer rest;
};

/*
 * Watches the uinput descriptor 'fd'; 'mask' is what counts as set until somebody sets another. 0 or
 * -errno of timer_init or watch_start: uinput_unwatch_leds is legal then, as on a zeroed struct.
 */
int uinput_watch_leds(struct uinput_leds *leds, struct loop *loop, int fd, uint16_t mask,
		      uinput_leds_fn changed);
/*
 * From now on the state is asked for: at its files in /sys, or where the kernel has none, through this client
 * of the same device, which waits while another writes to that.
 */
void uinput_leds_by(struct uinput_leds *leds, int evdev_fd);
void uinput_unwatch_leds(struct uinput_leds *leds);
