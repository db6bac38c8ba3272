/* SPDX-License-Identifier: MIT */
/*
 * A token bucket that limits actions caused by another process: a burst of PACE_BURST, then one
 * every PACE_MS milliseconds. A plain value; zero-initialised, it is full.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define PACE_BURST 10
#define PACE_MS    1000

struct pace {
	unsigned used;    /* tokens taken */
	int64_t since_ms; /* refilled up to this time */
};

/* The time for pace_take. The coarse clock is exact enough, and cheap to read. */
static inline int64_t pace_now_ms(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Takes a token; false if there is none. 'now_ms' must not decrease. */
static inline bool pace_take(struct pace *pace, int64_t now_ms)
{
	int64_t back = (now_ms - pace->since_ms) / PACE_MS;

	pace->since_ms += back * PACE_MS;
	pace->used = back < pace->used ? pace->used - (unsigned)back : 0;
	if (pace->used == PACE_BURST)
		return false;
	pace->used++;
	return true;
}
