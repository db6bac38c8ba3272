/* SPDX-License-Identifier: MIT */
/*
 * What every test of the vhost-user back end stands on: its process with two devices, a guest on the
 * first that the test plays with or against, and on the second an honest one, the neighbour, which
 * nothing that happens to the first may disturb.
 */
#pragma once

#include "backend.h"
#include "frontend.h"

enum { DEVICE, NEIGHBOUR };

struct stand {
	struct backend backend;
	struct frontend fe; /* on DEVICE, once the test has made it */
	struct frontend neighbour;
	const struct vinput_model *model;
	struct backend_holds before; /* with the neighbour, without anybody on DEVICE */
	const void *param;           /* the initial state of the test in cmocka's list */
};

/* cmocka's fixtures: *state becomes the stand. */
int stand_setup(void **state);
int stand_teardown(void **state);

/* Starts the process with this model instead; for the beginning of a test. */
void stand_remake(struct stand *stand, const struct vinput_model *model);

/* A session with this guest on DEVICE, and it is up. */
void stand_begin(struct stand *stand, const struct frontend_play *play);
/* One frame to DEVICE. */
void stand_send(struct stand *stand, const struct guest_event *events, unsigned n);
/* Waits until the guest's LEDs on DEVICE are these. */
void stand_await_leds(struct stand *stand, uint16_t leds);
/* Ends the session and waits until the device knows. */
void stand_end(struct stand *stand);

/* What is sent to this device now comes to this guest, byte for byte, each frame with one call. */
void stand_delivers(struct stand *stand, unsigned device, struct frontend *fe);
/*
 * After whatever happened: the neighbour still gets everything; DEVICE, left by its guest, takes an
 * honest one; nothing was leaked; the process sleeps. Ends the session if there is one.
 */
void stand_survived(struct stand *stand);
