/* SPDX-License-Identifier: MIT */
/* The one clock of the tests' deadlines. */
#pragma once

#include <time.h>

/* Milliseconds of CLOCK_MONOTONIC. */
static inline long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
