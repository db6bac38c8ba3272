/* SPDX-License-Identifier: MIT */
/* What a test leaves to chance: how often it tries, and how to try the same again. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* How often something is killed: the environment's KILLS, or 'otherwise'. */
static inline unsigned kills_wanted(unsigned otherwise)
{
	const char *kills = getenv("KILLS");

	return kills ? (unsigned)strtoul(kills, NULL, 10) : otherwise;
}

/* Seeds rand() with the environment's SEED, or with the time, and says which. */
static inline void chance_seed(void)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

	srand(seed);
	printf("the same again: SEED=%u\n", seed);
}
