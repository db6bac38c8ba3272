/* SPDX-License-Identifier: MIT */
/* Chord matching: modifiers must match exactly, other keys may be down as well. */
#include "core/hotkey.h"

#include <linux/input.h>

#include "base/util.h"

static const unsigned modifiers[] = {
	KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_LEFTSHIFT, KEY_RIGHTSHIFT,
	KEY_LEFTALT,  KEY_RIGHTALT,  KEY_LEFTMETA,  KEY_RIGHTMETA,
};

bool chord_down(const struct chord *chord, const struct keyset *down)
{
	for (unsigned i = 0; i < chord->n; i++)
		if (!keyset_has(down, chord->code[i]))
			return false;
	return chord->n > 0;
}

static bool other_modifier_down(const struct chord *chord, const struct keyset *down)
{
	for (unsigned i = 0; i < ARRAY_SIZE(modifiers); i++)
		if (keyset_has(down, modifiers[i]) && !chord_has(chord, modifiers[i]))
			return true;
	return false;
}

int hotkey_match(const struct hotkeys *hotkeys, const struct keyset *down, unsigned code)
{
	const struct hotkey *best = NULL;

	for (unsigned i = 0; i < hotkeys->n; i++) {
		const struct hotkey *entry = &hotkeys->entry[i];

		if (!chord_has(&entry->chord, code) || !chord_down(&entry->chord, down))
			continue;
		if (other_modifier_down(&entry->chord, down))
			continue;
		if (!best || entry->chord.n > best->chord.n)
			best = entry;
	}
	return best ? best->action : -1;
}
