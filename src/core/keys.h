/*
 * Names of keys and buttons <-> EV_KEY codes, by libevdev's tables, and chords written with them.
 * A name is taken in any case, with or without its KEY_ prefix; buttons keep their BTN_.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct keyset;

#define CHORD_MAX 8

/* Keys that are down together. Codes are distinct; n is 0 (no chord) to CHORD_MAX. */
struct chord {
	unsigned n;
	uint16_t code[CHORD_MAX];
};

/*
 * The code of a name such as "leftctrl", "KEY_A", "btn_side"; -EINVAL where there is no such key.
 * KEY_RESERVED and KEY_MAX are none.
 */
int keys_code(const char *name);

/* The name of a code as the configuration writes it ("leftctrl", "btn_side"), or "?" if it has
 * none. */
#define KEYS_NAME_MAX 40
struct keys_name {
	char text[KEYS_NAME_MAX];
};
struct keys_name keys_name(unsigned code);

enum keys_error {
	KEYS_OK = 0,
	KEYS_EMPTY,    /* no text, or nothing between two separators */
	KEYS_UNKNOWN,  /* *bad says which name */
	KEYS_TWICE,    /* the same key twice in one chord or list; *bad says which */
	KEYS_TOO_MANY, /* more than CHORD_MAX keys in a chord */
};

/*
 * "leftctrl+rightctrl" -> *chord. Blanks around names are ignored. On an error *chord is unchanged
 * and 'bad' holds the name it is about.
 */
enum keys_error keys_parse_chord(const char *text, struct chord *chord, struct keys_name *bad);

/* "mute, volumeup" -> *set, in the same manner; never KEYS_TOO_MANY. */
enum keys_error keys_parse_list(const char *text, struct keyset *set, struct keys_name *bad);

static inline bool chord_has(const struct chord *chord, unsigned code)
{
	for (unsigned i = 0; i < chord->n; i++)
		if (chord->code[i] == code)
			return true;
	return false;
}
