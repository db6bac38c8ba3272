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

/* The owner's callbacks of the loop; each says when one of the functions below is to be called. */
struct source_wakes {
	watch_fn readable;  /* of device.watch: source_read */
	timer_fn due;       /* of device.timer: source_due */
	timer_fn unsettled; /* of settle: source_unsettled */
	clone_leds_fn leds; /* of clone: the host's programs changed its LEDs */
};

struct source {
	const struct source_wakes *wakes;
	const struct conf_device *conf; /* NULL: this one is unused */
	unsigned nth;                   /* 1, or more where the section matched several nodes */
	bool ready;                 /* grabbed: frames come; nothing was down on it when it was */
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
		 const struct source_wakes *wakes);

static inline bool source_is_plugged(const struct source *source)
{
	return device_is_open(&source->device);
}

/* How much speaks for it that the source, unplugged now, was last this node: 0 for nothing. */
unsigned source_likeness(const struct source *source, const struct node_info *node);

/*
 * Opens the node and makes the clone, unless the one that is there fits. *news says whether it is grabbed
 * already. 0, or -errno: of device_open with clone_is_open unchanged, or of clone_open.
 */
int source_plug(struct source *source, struct loop *loop, const struct node_info *node,
		enum device_news *news);

/* Gives the node up, which is still there; the clone stays. */
void source_unplug(struct source *source);

/*
 * Each of these says what became of the source: DEVICE_GRABBED, it is ready, and frames are to be had;
 * DEVICE_GONE, it is unplugged, and what it held is to be released.
 */

/* Hot. Reads once; then source_next_frame. */
enum device_news source_read(struct source *source);
enum device_news source_due(struct source *source);
/* The clone has waited for udev. Where the source is not gone, udev is to be asked. */
enum device_news source_unsettled(struct source *source);
/* udev was done with this node at that time (CLOCK_MONOTONIC): it may be the clone. */
enum device_news source_settled(struct source *source, const char *devnode, uint64_t done_us);
/*
 * A guest has the focus, and what is typed on a device that is not grabbed reaches the host: grabs it
 * at once if it waits, for udev or for a key to come up.
 */
enum device_news source_hurry(struct source *source);
/* Whether the node is still there that it was plugged with. */
enum device_news source_check(struct source *source);

/* Hot. As device_next_frame. */
static inline const struct frame *source_next_frame(struct source *source)
{
	return source->ready ? device_next_frame(&source->device) : NULL;
}

/*
 * Before the process stands still: gives up a device that is grabbed. Returns its descriptor for the
 * caller to ungrab, which stays the source's, or -1 where nothing is grabbed.
 */
int source_suspend(struct source *source);
/* Takes it again. */
enum device_news source_resume(struct source *source);

/* Ends everything. Returns the device's descriptor for the caller to close, or -1. */
int source_close(struct source *source);
