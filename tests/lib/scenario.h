/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: text that shows what evswitch does, played against any world that can make a device's
 * frames and see what comes out: the bare core, or the real program. The format stands in
 * tests/scenarios/README.md. Also the one spelling of events that all tests use.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/frame.h"
#include "core/keyset.h"

#define SCENARIO_NAME_MAX    33
#define SCENARIO_PORT_MAX    80
#define SCENARIO_DEVICES_MAX 8
#define SCENARIO_STEPS_MAX   400
#define SCENARIO_OUT_MAX     1024 /* frames that may come out of one line */

/*
 * "leftctrl:1 rel_x:-3" -> a closed frame of these events, time zero. Names are libevdev's, in any
 * case; KEY_ may be left out. False where a word is not NAME:VALUE; *bad points to it then.
 */
bool events_parse(const char *text, struct frame *frame, const char **bad);

/* The same way back, without the SYN_REPORT; cut to what 'text' holds. */
void events_print(const struct frame *frame, char *text, size_t size);

/* A frame that came out, or has to. */
struct scenario_out {
	char port[SCENARIO_PORT_MAX]; /* TARGET/PORT: "host/mouse", "one/media" */
	struct frame frame;
};

/* A source device, from its [device] section, and what it needs to be able to make. */
struct scenario_device {
	char name[SCENARIO_NAME_MAX]; /* the evdev name is "evswitch-test NAME" */
	struct keyset keys;
	uint32_t rel, msc, sw; /* bit n: code n */
};

enum scenario_verb {
	SCENARIO_FRAME,   /* < DEVICE EVENTS */
	SCENARIO_OUTPUT,  /* > PORT EVENTS */
	SCENARIO_UP,      /* ! up GUEST */
	SCENARIO_DOWN,    /* ! down GUEST */
	SCENARIO_PLUG,    /* ! plug DEVICE */
	SCENARIO_UNPLUG,  /* ! unplug DEVICE */
	SCENARIO_DROPPED, /* ! dropped DEVICE KEYS */
	SCENARIO_SWITCH,  /* ! switch TARGET|next */
	SCENARIO_WAIT,    /* ! wait MILLISECONDS */
	SCENARIO_FOCUS,   /* ? focus TARGET */
	SCENARIO_QUIT,    /* ? quit */
};

struct scenario_step {
	enum scenario_verb verb;
	unsigned line;
	char name[SCENARIO_PORT_MAX]; /* of the device, port, guest or target */
	struct keyset down;           /* SCENARIO_DROPPED */
	unsigned ms;                  /* SCENARIO_WAIT */
	struct frame frame;           /* SCENARIO_FRAME, SCENARIO_OUTPUT */
};

struct scenario {
	const char *file;
	char *text;       /* of the file */
	const char *conf; /* within it */
	size_t conf_size;
	unsigned n_devices, n_steps;
	struct scenario_device device[SCENARIO_DEVICES_MAX];
	struct scenario_step step[SCENARIO_STEPS_MAX];
};

/*
 * What a world does. Every call returns 0, or -errno where the world itself failed: the scenario
 * fails then. What comes out in answer to a call is asked for by collect.
 */
struct scenario_world_ops {
	/*
	 * Before start: all devices are plugged, no guest is up. 'guest_up' may come before start.
	 */
	int (*start)(void *world, const struct scenario *scenario);
	/* The device makes the frame; it fits what its struct scenario_device says. */
	int (*frame)(void *world, const char *device, const struct frame *frame);
	/* Somebody grabs the guest's nodes; nobody holds them any more. */
	int (*guest_up)(void *world, const char *guest);
	int (*guest_down)(void *world, const char *guest);
	int (*plug)(void *world, const char *device);
	int (*unplug)(void *world, const char *device);
	/*
	 * SYN_DROPPED on the device; 'down' are the keys that are really down after what was lost.
	 */
	int (*dropped)(void *world, const char *device, const struct keyset *down);
	/* evswitch --switch TARGET; a refusal is no failure. */
	int (*switch_to)(void *world, const char *target);
	int (*wait)(void *world, unsigned ms);
	/*
	 * All frames that came out since the last call, and their number, at most SCENARIO_OUT_MAX;
	 * 'expected' of them are to be waited for, and a moment for more.
	 */
	int (*collect)(void *world, unsigned expected, struct scenario_out *out);
	/*
	 * "host", a guest's name, or "quit" if evswitch has released everything and exited. Where
	 * it takes a while, waits for 'want'.
	 */
	const char *(*focus)(void *world, const char *want);
	/* Ends everything; 'start' may follow. Called after a failed start too. */
	void (*stop)(void *world);
};

/*
 * Reads a scenario, and checks that a real kernel would let it happen: presses and releases of a
 * key alternate on every device and port. Errors go to stderr as FILE:LINE: WHAT, and NULL is
 * returned.
 */
struct scenario *scenario_load(const char *file);
void scenario_free(struct scenario *scenario);

/*
 * True where all came out as written. The first thing that did not goes to stderr, with its line.
 */
bool scenario_play(const struct scenario *scenario, const struct scenario_world_ops *ops,
		   void *world);
