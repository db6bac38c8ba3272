/* SPDX-License-Identifier: MIT */
/*
 * What a guest's own drivers must see of the three devices, whichever guest it is and whoever makes the
 * events. Each check is a test of its own, and leaves nothing down; what fails ends it through cmocka.
 */
#pragma once

#include <stdbool.h>

#include "machine.h"
#include "core/shape.h"
#include "vhost/vinput.h"

/* Who makes the events, and sees what comes back: everything with a deadline. */
struct source_ops {
	/* A finger on the device that this node is for. */
	void (*send)(void *source, enum shape_node node, const struct frame *frame);
	/* The guest's lock LEDs are these, bit n for LED n, or will soon be. */
	void (*expect_leds)(void *source, unsigned leds);
	/* The guest's driver of this node takes events, or does not, or soon. */
	void (*expect_up)(void *source, enum shape_node node, bool up);
};

struct rig {
	const char *kind, *boot_script; /* of the guest */
	struct loop loop;
	struct machine machine;
	const struct vinput_model *model; /* of each node: what the guest must see */
	const struct source_ops *ops;
	void *source;
	/* Starts the machine, which is not there; all its nodes are up on return. */
	void (*boot)(struct rig *rig);
	/* Ends the machine, and whatever else a failed check left half done. */
	void (*reset)(struct rig *rig);
	bool unfinished; /* a check runs, or has failed */
};

/* What a node declares for a Linux guest: all that shape lets through. The rest is the caller's. */
void rig_describe(struct vinput_model *model, enum shape_node node);

struct rig_check {
	const char *name;
	void (*run)(struct rig *rig);
	const char *only; /* the kind of guest that it is for; NULL: any */
};

/*
 * The main function of a program of checks, each a test of cmocka's; they share a boot as long as all
 * goes well. 'open' and 'close' are around them all.
 *   PROGRAM KIND BOOT [NAME]     KIND: uml, qemu; BOOT: tests/guest/boot; NAME: only this check
 *   PROGRAM KIND --skip WHY      counts all as skipped
 */
int rig_main(struct rig *rig, const struct rig_check *checks, unsigned n, int (*open)(void **state),
	     int (*close)(void **state), int argc, char **argv);

/* Makes these events: "leftctrl:1 a:1". */
void rig_play(struct rig *rig, enum shape_node node, const char *events);
/* The same, and the guest reads just this on that node. */
void rig_expect_same(struct rig *rig, enum shape_node node, const char *events);
/* This key or button goes down and up, and the guest reads it. */
void rig_expect_typed(struct rig *rig, enum shape_node node, const char *key);
/* The guest's answer is this one, or soon. */
void rig_expect_soon(struct rig *rig, const char *question, const char *answer);
void rig_expect_up(struct rig *rig, bool up);
void rig_expect_nothing_down(struct rig *rig);

void check_names(struct rig *rig);
void check_capabilities(struct rig *rig);
void check_every_key(struct rig *rig);
void check_long_frames(struct rig *rig);
void check_motion(struct rig *rig);
void check_wheels(struct rig *rig);
void check_repeat(struct rig *rig);
void check_leds(struct rig *rig);
/* Nobody in the guest reads its nodes: its kernel knows what is down all the same. */
void check_unread(struct rig *rig);
/* The guest stands still, and what it has not taken waits: all of it, or if it is too much, releases. */
void check_frozen(struct rig *rig);
void check_frozen_long(struct rig *rig);
void check_driver_reloaded(struct rig *rig);
void check_rebooted(struct rig *rig);
void check_killed(struct rig *rig);
