/*
 * A configured device at work: the real node while it is plugged in, and its clone on the host, which
 * stays. The clone also declares what a remap and the wheel (wheel.h) make of the device's events. The
 * node is grabbed once the clone is ready for the desktop. Owned by the daemon; owns both.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "evdev/clone.h"
#include "conf/conf.h"
#include "evdev/device.h"
#include "evdev/match.h"

/* How often udev is asked about a clone that it has not announced. */
#define SOURCE_SETTLE_MS 1000

struct source;

struct source_ops {
	void (*frame)(struct source *source, const struct frame *frame); /* hot */
	/* From now on the device is grabbed and frames come; nothing is down on it. */
	void (*ready)(struct source *source);
	/* Unplugged, after ready. */
	void (*gone)(struct source *source);
	/* The host's programs changed these of its LEDs: source->clone.leds.mask. */
	void (*leds)(struct source *source, uint16_t changed);
	/* udev has not announced the clone yet: source_settled is due if it is done with it. */
	void (*unsettled)(struct source *source);
};

struct source {
	const struct source_ops *ops;
	const struct conf_device *conf; /* NULL: this one is unused */
	unsigned nth;                   /* 1, or more where the section matched several nodes */
	bool ready;
	struct match_traits traits; /* of the last node */
	struct device device;
	struct clone clone;
	uint64_t made_us;    /* when the clone was made, CLOCK_MONOTONIC */
	bool settled;        /* udev has announced the clone: the desktop can open it */
	bool settle_told;    /* that the announcement is late */
	struct timer settle; /* runs while the clone waits for udev */
};

/* Takes a section; no node yet. */
void source_init(struct source *source, const struct conf_device *conf, unsigned nth,
		 const struct source_ops *ops);

static inline bool source_is_plugged(const struct source *source)
{
	return device_is_open(&source->device);
}

/* How much speaks for it that the source, unplugged now, was last this node: 0 for nothing. */
unsigned source_likeness(const struct source *source, const struct node_info *node);

/*
 * Opens the node and makes the clone, unless the one that is there fits. 0, or -errno: of device_open
 * with clone_is_open unchanged, or of clone_open.
 */
int source_plug(struct source *source, struct loop *loop, const struct node_info *node);

/* Gives the node up, which is still there; the clone stays. */
void source_unplug(struct source *source);

/* udev was done with this node at that time (CLOCK_MONOTONIC): it may be the clone. */
void source_settled(struct source *source, const char *devnode, uint64_t done_us);

/*
 * Before the process stands still: gives up a device that is grabbed, without telling ops. Returns its
 * descriptor for the caller to ungrab, which stays the source's, or -1 where nothing is grabbed.
 */
int source_suspend(struct source *source);
/* Takes it again; ops->ready tells. */
void source_resume(struct source *source);

/*
 * A guest has the focus, and what is typed on a device that is not grabbed reaches the host: grabs it
 * at once if it waits, for udev or for a key to come up.
 */
void source_hurry(struct source *source);

/* Ends everything. Returns the device's descriptor for the caller to close, or -1. */
int source_close(struct source *source);
