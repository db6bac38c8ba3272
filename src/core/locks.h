/* SPDX-License-Identifier: MIT */
/*
 * Decides which lock keys to tap at a switch, so that the target that is entered has Caps, Num and
 * Scroll Lock in the state that the target that was left has ("locks = follow"). Pure: owned by the
 * daemon, which sends the taps.
 *
 * A target's state is what its lock LEDs show. A key is tapped only if the state of both targets is
 * known and they differ. After a tap the state of that lock counts as unknown until the target's
 * LED shows the expected one: a target that ignores the key gets one tap, and no loop arises.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/router.h"

#define LOCKS 3 /* Num, Caps and Scroll Lock: LED codes 0, 1 and 2 */

#define LOCKS_ALL ((1U << LOCKS) - 1)

/* What a target's LEDs show, and whether that is known: bit n is LED code n. */
struct locks_state {
	uint16_t known, leds;
};

struct locks {
	uint16_t tapped[ROUTER_TARGETS];   /* locks whose tap has not shown yet */
	uint16_t expected[ROUTER_TARGETS]; /* the LEDs that it will lead to */
};

/* The code of the key for this LED, 0 to LOCKS - 1. */
unsigned locks_key(unsigned led);

/*
 * The focus has moved from target 'from', which shows *left, to target 'to', which shows *entered.
 * 'held': locks whose key is down somewhere, which are left alone. Returns the locks to tap at
 * 'to', and expects that it happens.
 */
uint16_t locks_follow(struct locks *locks, unsigned from, const struct locks_state *left,
		      unsigned to, const struct locks_state *entered, uint16_t held);

/* The target's LEDs show this now. */
void locks_shown(struct locks *locks, unsigned target, uint16_t leds);

/* The target was reset or is gone: nothing is expected of it any more. */
void locks_forget(struct locks *locks, unsigned target);
