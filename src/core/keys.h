/* SPDX-License-Identifier: MIT */
/*
 * Converts names of keys and buttons to EV_KEY codes and back, by libevdev's tables, and parses
 * chords and lists of such names. Names are case-insensitive; the prefix KEY_ is optional, BTN_ is
 * not. Everything here is a value; nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct keyset;

#define CHORD_MAX 8

/* Keys to be held together. Codes are distinct; n is 0 (no chord) to CHORD_MAX. */
struct chord {
	unsigned n;
	uint16_t code[CHORD_MAX];
};

/*
 * The code of a name such as "leftctrl", "KEY_A" or "btn_side"; -EINVAL if there is no such key, or
 * for KEY_RESERVED and KEY_MAX, which no key has.
 */
int keys_code(const char *name);

/* The name of a code in the configuration ("leftctrl", "btn_side"), or "?" if it has none. */
#define KEYS_NAME_MAX 40
struct keys_name {
	char text[KEYS_NAME_MAX];
};
struct keys_name keys_name(unsigned code);

enum keys_error {
	KEYS_OK = 0,
	KEYS_EMPTY,    /* no text, or nothing between two separators */
	KEYS_UNKNOWN,  /* no key has the name in *bad */
	KEYS_TWICE,    /* the key in *bad appears twice in one chord or list */
	KEYS_TOO_MANY, /* more than CHORD_MAX keys in a chord */
};

/*
 * Parses a chord such as "leftctrl+rightctrl". Blanks around names are ignored. On an error, *chord
 * is unchanged and *bad holds the offending name.
 */
enum keys_error keys_parse_chord(const char *text, struct chord *chord, struct keys_name *bad);

/* Parses a list such as "mute, volumeup" in the same way; never returns KEYS_TOO_MANY. */
enum keys_error keys_parse_list(const char *text, struct keyset *set, struct keys_name *bad);

static inline bool chord_has(const struct chord *chord, unsigned code)
{
	for (unsigned i = 0; i < chord->n; i++)
		if (chord->code[i] == code)
			return true;
	return false;
}
