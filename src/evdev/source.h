/* SPDX-License-Identifier: MIT */
/*
 * A configured device in use: the real node while it is plugged in, and its clone on the host,
 * which stays when the node is unplugged. The clone also declares the codes that remap and wheel
 * (wheel.h) can generate. The node is grabbed once the desktop can open the clone. Owned by the
 * daemon; owns device and clone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/seat.h"
#include "evdev/clone.h"
#include "conf/conf.h"
#include "evdev/device.h"
#include "evdev/match.h"

/* How long the desktop gets to open a clone that udev has announced, while it has another one. */
#define SOURCE_OPEN_MS 1000
/* How often to ask udev about a clone that it has not announced. */
#define SOURCE_SETTLE_MS 1000

/* Loop callbacks of the owner. Each has to call the function below that is named here. */
struct source_wakes {
	watch_fn readable;  /* of device.watch: source_read */
	timer_fn due;       /* of device.timer: source_due */
	timer_fn unsettled; /* of settle: source_unsettled */
	clone_leds_fn leds; /* of clone: see clone_leds_fn */
};

struct source {
	const struct source_wakes *wakes;
	const struct conf_device *conf; /* NULL: unused */
	unsigned nth;                   /* counts the nodes that the section matched, from 1 */
	bool ready; /* grabbed, with no key down at that moment: delivers frames */
	/* Words for source_why_waiting: it is let go, and not grabbed before source_resume; or NULL. */
	const char *suspended;
	struct match_traits traits; /* of the node that was last plugged in */
	char seat[SEAT_NAME_MAX];   /* of that node; set by the owner */
	struct device device;
	struct clone clone;
	uint64_t made_us;         /* when the clone was created, CLOCK_MONOTONIC */
	bool settled;             /* udev has announced the clone: the desktop can open it */
	struct clone heir;        /* takes the clone's place at source_adopt */
	uint64_t heir_us;         /* made_us of the heir */
	uint64_t heir_settled_us; /* when udev had announced it; 0: not yet */
	bool settle_told;         /* logged: the announcement is late */
	struct timer settle;      /* runs while waiting for the announcement */
};

/* Assigns a section. 'conf' and 'wakes' must outlive the source. */
void source_init(struct source *source, const struct conf_device *conf, unsigned nth,
		 const struct source_wakes *wakes);

/* Why a plugged source is not ready, for the user, with a remedy where there is one. */
const char *source_why_waiting(const struct source *source);

static inline bool source_is_plugged(const struct source *source)
{
	return device_is_open(&source->device);
}

/* How likely an unplugged source had this node before, as match_likeness: 0 if it did not. */
unsigned source_likeness(const struct source *source, const struct node_info *node);

/*
 * Opens the node, and creates the clone unless the existing one fits. *news: whether the node is
 * grabbed already. 0, or -errno of device_open (the clone is then unchanged) or of clone_open.
 */
int source_plug(struct source *source, struct loop *loop, const struct node_info *node,
		enum device_news *news);

/* Closes the node although it still exists. The clone stays. */
void source_unplug(struct source *source);

/*
 * These return the change that they caused: with DEVICE_GRABBED the source is ready, pull its
 * frames; with DEVICE_GONE it is unplugged, release its keys.
 */

/* Hot. Reads one batch; then pull its frames with source_next_frame. */
enum device_news source_read(struct source *source);
enum device_news source_due(struct source *source);
/* The settle timer expired. Unless the source is gone, ask udev about the clone (hotplug_ask). */
enum device_news source_unsettled(struct source *source);
/* udev finished processing 'devnode', maybe the clone, at 'done_us' (CLOCK_MONOTONIC). */
enum device_news source_settled(struct source *source, const char *devnode, uint64_t done_us);
/*
 * Grabs the device at once if it is waiting for udev or for keys to come up. For when a guest has
 * the focus: input from an ungrabbed device reaches the host.
 */
enum device_news source_hurry(struct source *source);
/* DEVICE_GONE if the plugged node no longer exists. */
enum device_news source_check(struct source *source);

/* Hot. As device_next_frame. */
static inline const struct frame *source_next_frame(struct source *source)
{
	return source->ready ? device_next_frame(&source->device) : NULL;
}

/*
 * Stops using the device, and what is plugged in until source_resume. 'why' must stay valid until then.
 * Returns the descriptor for the caller to ungrab (the source still owns it), or -1 if the device is not
 * grabbed. If it is, remove it from the router.
 */
int source_suspend(struct source *source, const char *why);
/* Grabs the device again after source_suspend, as soon as no key is down. */
enum device_news source_resume(struct source *source);

/*
 * For a reload: prepares a plugged source for another section that matches its node. If the clone does
 * not declare all that the section's remap can generate, or has another section's name, its successor
 * is created. 0, or -errno of clone_open. Then either source_adopt, once source_is_prepared, while no
 * key is down, or source_give_up.
 */
int source_prepare(struct source *source, const struct conf_device *section);
/* False while udev has not announced the clone's successor, and for SOURCE_OPEN_MS after that. */
bool source_is_prepared(const struct source *source);
/*
 * The source is of this section now. It stays grabbed, or goes on waiting for what it waits for;
 * DEVICE_GRABBED if it has waited for its earlier clone. If it is unplugged, 'section' must match the
 * same nodes as its own.
 */
enum device_news source_adopt(struct source *source, const struct conf_device *section);
void source_give_up(struct source *source);

/*
 * Gives up the section: returns the node to the host and destroys the clone, both in threads. The source
 * is unused then. Remove it from the router before.
 */
void source_retire(struct source *source);

/*
 * Stops using the device. Returns its descriptor for the caller to close, or -1. Closing it, and the clone
 * by source_close, both take the kernel tens of milliseconds.
 */
int source_let_go(struct source *source);
/* Closes the clone, after source_let_go. */
void source_close(struct source *source);
