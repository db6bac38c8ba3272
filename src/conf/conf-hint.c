/* SPDX-License-Identifier: MIT */
/* Edit distance, and aliases of keys. */
#include "conf/conf-hint.h"

#include <linux/input.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

/* Bytes in a word; no known name is longer. */
#define WORD_MAX (KEYS_NAME_MAX - 1)

/* Common names of keys that are too different from the kernel's to be found as typos. */
static const struct {
	const char *said, *meant;
} other_names[] = {
	{ "ctrl", "leftctrl" },      { "control", "leftctrl" },
	{ "lctrl", "leftctrl" },     { "rctrl", "rightctrl" },
	{ "shift", "leftshift" },    { "lshift", "leftshift" },
	{ "rshift", "rightshift" },  { "alt", "leftalt" },
	{ "lalt", "leftalt" },       { "ralt", "rightalt" },
	{ "altgr", "rightalt" },     { "meta", "leftmeta" },
	{ "super", "leftmeta" },     { "win", "leftmeta" },
	{ "windows", "leftmeta" },   { "cmd", "leftmeta" },
	{ "escape", "esc" },         { "return", "enter" },
	{ "del", "delete" },         { "ins", "insert" },
	{ "pgup", "pageup" },        { "pgdn", "pagedown" },
	{ "printscreen", "sysrq" },  { "prtsc", "sysrq" },
	{ "caps", "capslock" },      { "scroll_lock", "scrolllock" },
	{ "spacebar", "space" },     { "volup", "volumeup" },
	{ "voldown", "volumedown" }, { "bksp", "backspace" },
	{ "lmb", "btn_left" },       { "rmb", "btn_right" },
	{ "mouse4", "btn_side" },    { "mouse5", "btn_extra" },
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * Optimal string alignment distance in bytes, ignoring case: insertions, deletions, substitutions
 * and swaps of neighbours. Both words have at most WORD_MAX bytes.
 */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned size = (unsigned)strlen(b), i, j;

	for (j = 0; j <= size; j++)
		rows[0][j] = j;
	for (i = 1; a[i - 1]; i++) {
		unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];

		now[0] = i;
		for (j = 1; j <= size; j++) {
			char ca = lower(a[i - 1]), cb = lower(b[j - 1]);

			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == lower(b[j - 2]) && lower(a[i - 2]) == cb)
				now[j] = least(now[j], older[j - 2] + 1);
		}
	}
	return rows[(i - 1) % 3][size];
}

/* The largest distance accepted for a word of this length. */
static unsigned tolerance(size_t size)
{
	return size < 3 ? 0 : size < 6 ? 1 : size < 9 ? 2 : 3;
}

/* True if 'word' is closer to 'typed' than *best; then updates *best. */
static bool is_nearer(const char *typed, const char *word, unsigned *best)
{
	size_t typed_size = strlen(typed), word_size = strlen(word);
	size_t gap = typed_size > word_size ? typed_size - word_size : word_size - typed_size;
	unsigned found;

	if (typed_size > WORD_MAX || word_size > WORD_MAX || gap >= *best)
		return false;
	found = distance(typed, word);
	if (found >= *best)
		return false;
	*best = found;
	return true;
}

const char *conf_hint_word(const char *typed, const char *const *words, size_t n)
{
	unsigned best = tolerance(strlen(typed)) + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < n; i++)
		if (is_nearer(typed, words[i], &best))
			nearest = words[i];
	return nearest;
}

static const char *bare(const char *typed)
{
	return strncasecmp(typed, "KEY_", 4) == 0 ? typed + 4 : typed;
}

struct keys_name conf_hint_key(const char *typed)
{
	unsigned best = tolerance(strlen(bare(typed))) + 1;
	struct keys_name nearest = { "" };

	for (size_t i = 0; i < ARRAY_SIZE(other_names); i++) {
		if (strcasecmp(bare(typed), other_names[i].said) == 0) {
			snprintf(nearest.text, sizeof(nearest.text), "%s", other_names[i].meant);
			return nearest;
		}
	}
	for (unsigned code = KEY_RESERVED + 1; code < KEY_MAX; code++) {
		struct keys_name name = keys_name(code);

		if (name.text[0] != '?' && is_nearer(bare(typed), name.text, &best))
			nearest = name;
	}
	return nearest;
}
