/* What clones and guest nodes share: a uinput device with a phys, which libevdev alone cannot give. */
#pragma once

#include <libevdev/libevdev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/*
 * Makes a uinput device like 'model', with 'phys'. Returns its descriptor, non-blocking, and the path
 * of its evdev node; or -errno of opening /dev/uinput (-EACCES, -ENOENT) or of making the device.
 */
int uinput_create(const struct libevdev *model, const char *phys, char *devnode, size_t size);

/* Hot. Writes a whole frame. 0 or -errno. uinput never blocks: a frame nobody reads is gone. */
int uinput_send(int fd, const struct frame *frame);

/*
 * Reads what came back through uinput and returns *leds with the EV_LED events among it applied. True
 * where it changed.
 */
bool uinput_read_leds(int fd, uint16_t *leds);
