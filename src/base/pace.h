/*
 * How often something happens that another process causes: PACE_BURST times at once, and then once in
 * PACE_MS. Owns nothing; a zeroed one has its burst.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define PACE_BURST 10
#define PACE_MS    1000

struct pace {
	unsigned used;    /* of the burst */
	int64_t since_ms; /* what has come back of it is counted up to there */
};

/* For pace_take: CLOCK_MONOTONIC, cheaply. */
static inline int64_t pace_now_ms(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* False where it is not to happen now. 'now_ms' never goes back. */
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
