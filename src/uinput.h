/* What clones and guest nodes share: a uinput device with a phys, which libevdev alone cannot give.
 */
#pragma once

#include <libevdev/libevdev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* A device of ours: the descriptor, libevdev's hold on it, and the path of its evdev node. */
struct uinput {
	int fd; /* -1: none. Frames are written here, by whoever was given it */
	struct libevdev_uinput *device;
	char devnode[64];
};

/*
 * Makes a uinput device like 'model', with 'phys', non-blocking. 0; or -errno of opening
 * /dev/uinput
 * (-EACCES, -ENOENT) or of making the device: then *uinput is closed.
 */
int uinput_open(struct uinput *uinput, const struct libevdev *model, const char *phys);

/* Removes the device; the kernel releases what is down on it. Harmless where there is none. */
void uinput_close(struct uinput *uinput);

/* Hot. Writes a whole frame. 0 or -errno. uinput never blocks: a frame nobody reads is gone. */
int uinput_send(int fd, const struct frame *frame);

/* Reads what came back through uinput and applies the EV_LED events in it. True where *leds
 * changed. */
bool uinput_read_leds(int fd, uint16_t *leds);
