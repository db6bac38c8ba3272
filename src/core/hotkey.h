/* Which chord does a key press complete? Pure: keys that are down in, the number of an action out. */
#pragma once

#include <stdbool.h>

#include "core/keys.h"
#include "core/keyset.h"

#define HOTKEYS_MAX 18 /* the toggle, the host's, and one for each guest */

struct hotkeys {
	unsigned n;
	struct hotkey {
		struct chord chord; /* n == 0 never matches */
		int action;         /* the caller's, >= 0 */
	} entry[HOTKEYS_MAX];
};

/*
 * The action of the chord that the press of 'code' completes, else -1. 'down' is all that is down on
 * all devices after the remap, 'code' among it. A chord matches while its keys are down and no other
 * modifier is; of several that match, the longest.
 */
int hotkey_match(const struct hotkeys *hotkeys, const struct keyset *down, unsigned code);

/* Whether all keys of the chord are in 'down'; an empty chord never is. */
bool chord_down(const struct chord *chord, const struct keyset *down);
