/* SPDX-License-Identifier: MIT */
/* A desktop's eyes: a libinput context on seat0 that was there before what a test does. */
#pragma once

#include <libinput.h>
#include <libudev.h>
#include <stdbool.h>

struct desktop {
	struct udev *udev;
	struct libinput *libinput;
};

void desktop_open(struct desktop *desktop);
void desktop_close(struct desktop *desktop);

/* The next event, or NULL when none came in time; the caller destroys it. */
struct libinput_event *desktop_next(struct desktop *desktop, int timeout_ms);
