/* SPDX-License-Identifier: MIT */
/* Matches key presses against the configured hotkeys. Pure; the daemon owns the table. */
#pragma once

#include <stdbool.h>

#include "core/keys.h"
#include "core/keyset.h"

/* One for the next target; for the host and each guest, one for all devices and one for a part. */
#define HOTKEYS_MAX 49

struct hotkeys {
	unsigned n;
	struct hotkey {
		struct chord chord; /* n == 0 never matches */
		int action;         /* defined by the caller, >= 0 */
	} entry[HOTKEYS_MAX];
};

/*
 * The action of the chord that the press of 'code' completes, or -1. 'down' is the set of keys down
 * on any device, after the remap, including 'code'. A chord matches if all its keys are down and no
 * other modifier is. If several match, the longest wins, and of equals the first.
 */
int hotkey_match(const struct hotkeys *hotkeys, const struct keyset *down, unsigned code);

/* True if all keys of the chord are in 'down'; false for an empty chord. */
bool chord_down(const struct chord *chord, const struct keyset *down);
