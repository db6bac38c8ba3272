/* SPDX-License-Identifier: MIT */
/*
 * Counts what passes: of a device what it sends, of a target what it gets, and how long that took.
 * Plain integers, embedded in their owners and never reset. Times are microseconds of the clock
 * that dates the events, CLOCK_MONOTONIC, which nobody sets: the caller reads it.
 */
#pragma once

#include <linux/input.h>
#include <stdint.h>

#include "core/frame.h"

/* A device's rate is an average over so many whole seconds. */
#define TALLY_RATE_S 10
#define TALLY_SLOTS  16 /* seconds that are remembered: more than those, and a power of two */

struct tally_device {
	uint64_t frames, events; /* without frames of a resync; without SYN_REPORT */
	unsigned longest;        /* events in the longest frame */
	/* The events of some second, by that second modulo TALLY_SLOTS. */
	struct tally_second {
		uint32_t second, events;
	} slot[TALLY_SLOTS];
};

/*
 * A histogram with bins of 1 us up to 16 us, and from there of an eighth of the power of two below.
 * What is outside is counted apart and is in no percentile.
 */
#define TALLY_BINS     144
#define TALLY_LIMIT_US (1U << 20)

struct tally_latency {
	uint64_t bin[TALLY_BINS];
	uint64_t early;  /* dated later than now */
	uint64_t late;   /* TALLY_LIMIT_US or more: evswitch was stopped, or the machine hung */
	uint32_t max_us; /* of those in a bin */
};

struct tally_target {
	uint64_t frames; /* also those that evswitch makes, such as releases */
	uint64_t motion; /* in the mouse's units, without sign, both axes */
	uint64_t refused;
	uint64_t led_changes;
	struct tally_latency latency;
};

/* Hot. A whole frame came from the device. */
static inline void tally_frame(struct tally_device *tally, const struct frame *frame)
{
	unsigned events = frame->n - 1;
	uint32_t second = (uint32_t)frame->ev[events].input_event_sec;
	struct tally_second *slot = &tally->slot[second % TALLY_SLOTS];

	if (frame->resync)
		return;
	tally->frames++;
	tally->events += events;
	if (events > tally->longest)
		tally->longest = events;
	if (slot->second != second)
		*slot = (struct tally_second){ .second = second };
	slot->events += events;
}

/* Hot. A whole frame was written to the target. */
static inline void tally_sent(struct tally_target *tally, const struct frame *frame)
{
	tally->frames++;
	for (const struct input_event *ev = frame->ev; ev->type != EV_SYN; ev++) {
		int64_t value = ev->value;

		if (ev->type == EV_REL && ev->code <= REL_Y)
			tally->motion += (uint64_t)(value < 0 ? -value : value);
	}
}

/* The bin of a latency below TALLY_LIMIT_US. */
static inline unsigned tally_bin(uint32_t us)
{
	unsigned shift = us < 16 ? 0 : 28 - (unsigned)__builtin_clz(us);

	return shift * 8 + (us >> shift);
}

/*
 * Hot. The frame was delivered at 'now_us'. One that evswitch made has the date of the event that
 * caused it, or none: then it has no latency.
 */
static inline void tally_delivered(struct tally_latency *tally, const struct frame *frame,
				   uint64_t now_us)
{
	const struct input_event *at = &frame->ev[frame->n - 1];
	int64_t dated_us = (int64_t)at->input_event_sec * 1000000 + at->input_event_usec;
	int64_t us = (int64_t)now_us - dated_us;

	if (dated_us == 0)
		return;
	if (us < 0) {
		tally->early++;
	} else if (us >= TALLY_LIMIT_US) {
		tally->late++;
	} else {
		tally->bin[tally_bin((uint32_t)us)]++;
		if (us > tally->max_us)
			tally->max_us = (uint32_t)us;
	}
}

/* Events of the last TALLY_RATE_S whole seconds before 'now_us'. */
uint64_t tally_recent(const struct tally_device *tally, uint64_t now_us);

/* The lowest latency of a bin, 0 to TALLY_BINS: that of the next is above its highest. */
uint32_t tally_bin_from(unsigned bin);
/* How many are in bins. */
uint64_t tally_count(const struct tally_latency *tally);
/*
 * 'percent' of those in bins, 1 to 100, took so long or less: exact up to 16 us, then up to an
 * eighth too much. 0 if there are none.
 */
uint32_t tally_percentile(const struct tally_latency *tally, unsigned percent);
/*
 * How many are in a bucket of bins, of which two cover a doubling from 4 us on: that which begins
 * with 'bin', 0 or *next of the bucket below.
 */
uint64_t tally_bucket(const struct tally_latency *tally, unsigned bin, unsigned *next);
/* Adds 'more' to 'sum'. */
void tally_add(struct tally_latency *sum, const struct tally_latency *more);
