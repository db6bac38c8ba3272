/*
 * What clones and guest nodes share: a uinput device with a phys, which libevdev alone cannot give.
 */
#pragma once

#include <libevdev/libevdev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define UINPUT_DEVNODE_MAX 64

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

/* Reads what came back through uinput and applies the EV_LED events in it. True where *leds
 * changed. */
bool uinput_read_leds(int fd, uint16_t *leds);
