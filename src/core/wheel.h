/*
 * The two forms of a scroll wheel: clicks (REL_WHEEL, REL_HWHEEL), and 120ths of a click
 * (REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES). The kernel's HID driver reports both; other drivers, and
 * programs that use uinput, report one, and some receivers read only the other. For each wheel of a
 * device that declares one form, this makes the other. Pure; embedded in the device.
 */
#pragma once

#include <linux/input.h>
#include <stdbool.h>
#include <stdint.h>

#define WHEEL_CLICK 120 /* high-resolution units in a click */

struct wheel_axis {
	uint16_t made; /* the code that is made from the other; 0: none */
	int rest;      /* units short of a click so far, of the direction that they came in */
};

struct wheel {
	struct wheel_axis vertical, horizontal;
	uint16_t made; /* bit n: the REL code n is made, and the device's clone must declare it */
};

/* 'declared': bit n for each REL code n that the device declares. */
void wheel_init(struct wheel *wheel, uint16_t declared);

/*
 * Hot; only where wheel->made is not 0. True where the EV_REL event 'ev' makes another, *made, for
 * the same frame. As in the kernel's hid-logitech-hidpp, a change of direction drops what is short of a
 * click.
 */
bool wheel_make(struct wheel *wheel, const struct input_event *ev, struct input_event *made);
