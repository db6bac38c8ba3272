/* SPDX-License-Identifier: MIT */
/*
 * Completes the events of a scroll wheel. A wheel reports clicks (REL_WHEEL, REL_HWHEEL) and 120ths
 * of a click (REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES); see the kernel's
 * Documentation/input/event-codes.rst. The HID driver reports both forms. Other drivers, and
 * programs that use uinput, may report only one, and some receivers read only the other. For each
 * wheel that declares one form, the other is generated here. Pure; embedded in the device.
 */
#pragma once

#include <linux/input.h>
#include <stdbool.h>
#include <stdint.h>

#define WHEEL_CLICK 120 /* high-resolution units in a click */

struct wheel_axis {
	uint16_t made; /* the generated code; 0: none */
	int rest;      /* 120ths that do not make a whole click yet; the sign is their direction */
};

struct wheel {
	struct wheel_axis vertical, horizontal;
	uint16_t made; /* bit n: REL code n is generated, and the device's clone must declare it */
};

/* 'declared': bit n is set if the device declares REL code n. */
void wheel_init(struct wheel *wheel, uint16_t declared);

/*
 * Hot; call only if wheel->made is not 0. True if the EV_REL event 'ev' yields another event,
 * *made, for the same frame. As in the kernel's hid-logitech-hidpp, a change of direction discards
 * an incomplete click.
 */
bool wheel_make(struct wheel *wheel, const struct input_event *ev, struct input_event *made);
