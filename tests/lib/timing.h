/* SPDX-License-Identifier: MIT */
/*
 * How long a frame takes from the write on its source, a puppet of the stage, to a reader in another
 * thread: played one by one, each when everybody is asleep again. Figures count within one run only,
 * and only where the clock counts instructions: tests/vm/run --icount.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "stage.h"

#define TIMING_ROUNDS    3
#define TIMING_PER_ROUND 200
#define TIMING_SAMPLES   (TIMING_ROUNDS * TIMING_PER_ROUND)

/*
 * One kind of frame: how many events, and which; the SYN_REPORT is the zeroes behind them. Kinds are
 * played a series at a time, those in it in turn, over and over: the first of a series says how many
 * there are in it, the others 0.
 */
struct timing_kind {
	const char *name;
	bool mouse;
	unsigned series, n;
	struct input_event ev[3];
};

/* clang-format off */
#define TIMING_EVENT(type_, code_, value_) { .type = type_, .code = code_, .value = value_ }
#define TIMING_MOVE(dx, dy) \
	3, { TIMING_EVENT(EV_REL, REL_X, dx), TIMING_EVENT(EV_REL, REL_Y, dy) }
#define TIMING_KEY(code, down) 2, { TIMING_EVENT(EV_KEY, code, down) }
#define TIMING_SCAN_KEY(scan, code, down) \
	3, { TIMING_EVENT(EV_MSC, MSC_SCAN, scan), TIMING_EVENT(EV_KEY, code, down) }
/* clang-format on */

/* What was measured of one kind. */
struct timing_samples {
	unsigned n;
	int64_t ns[TIMING_SAMPLES];
};

struct timing {
	const struct stage *stage;
	struct puppet stirrer;
	unsigned seed;
	int arrived_fd;   /* where the reader says when the frame came */
	unsigned pace_us; /* between two frames: long enough for everybody to be asleep again */
};

/* The stage's devices are plugged already, and must outlive it. */
void timing_open(struct timing *timing, const struct stage *stage);
void timing_close(struct timing *timing);

int64_t timing_now_ns(void);
/* For the reader: the frame in flight came at that time. */
void timing_arrived(const struct timing *timing, int64_t at_ns);

/* Plays TIMING_PER_ROUND frames of each of the n kinds; what each took goes to samples[kind]. */
void timing_play(struct timing *timing, const struct timing_kind *kinds, unsigned n,
		 struct timing_samples *samples);

/* So many percent of the samples took at most this; sorts them. */
double timing_us(struct timing_samples *samples, unsigned percent);
