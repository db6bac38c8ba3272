/* SPDX-License-Identifier: MIT */
/* Compares lock LEDs. */
#include "core/locks.h"

#include <linux/input.h>

unsigned locks_key(unsigned led)
{
	static const uint16_t keys[LOCKS] = {
		[LED_NUML] = KEY_NUMLOCK,
		[LED_CAPSL] = KEY_CAPSLOCK,
		[LED_SCROLLL] = KEY_SCROLLLOCK,
	};

	return keys[led];
}

void locks_shown(struct locks *locks, unsigned target, uint16_t leds)
{
	locks->tapped[target] &= leds ^ locks->expected[target];
}

void locks_forget(struct locks *locks, unsigned target)
{
	locks->tapped[target] = 0;
}

uint16_t locks_follow(struct locks *locks, unsigned from, const struct locks_state *left,
		      unsigned to, const struct locks_state *entered, uint16_t held)
{
	uint16_t known = left->known & entered->known & LOCKS_ALL, taps;

	if (from == to)
		return 0;
	locks_shown(locks, from, left->leds);
	locks_shown(locks, to, entered->leds);
	known &= (uint16_t) ~(locks->tapped[from] | locks->tapped[to]);
	taps = (left->leds ^ entered->leds) & known & (uint16_t)~held;
	locks->tapped[to] |= taps;
	locks->expected[to] = (uint16_t)((locks->expected[to] & ~taps) | (left->leds & taps));
	return taps;
}
