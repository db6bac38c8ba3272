/* SPDX-License-Identifier: MIT */
/*
 * A set of EV_KEY codes, 0 to KEY_MAX, as a bitmap in the layout of EVIOCGKEY. It is a plain value:
 * copy it freely.
 */
#pragma once

#include <linux/input.h>
#include <stdbool.h>

#define KEYSET_BITS  (8 * sizeof(unsigned long))
#define KEYSET_WORDS ((KEY_CNT + KEYSET_BITS - 1) / KEYSET_BITS)

struct keyset {
	unsigned long word[KEYSET_WORDS];
};

/* All functions accept any code: codes above KEY_MAX are in no set; adding one has no effect. */
static inline bool keyset_has(const struct keyset *set, unsigned code)
{
	return code < KEY_CNT && (set->word[code / KEYSET_BITS] >> (code % KEYSET_BITS) & 1);
}

static inline void keyset_add(struct keyset *set, unsigned code)
{
	if (code < KEY_CNT)
		set->word[code / KEYSET_BITS] |= 1UL << (code % KEYSET_BITS);
}

static inline void keyset_remove(struct keyset *set, unsigned code)
{
	if (code < KEY_CNT)
		set->word[code / KEYSET_BITS] &= ~(1UL << (code % KEYSET_BITS));
}

static inline bool keyset_empty(const struct keyset *set)
{
	for (unsigned i = 0; i < KEYSET_WORDS; i++)
		if (set->word[i])
			return false;
	return true;
}

static inline void keyset_add_all(struct keyset *set, const struct keyset *other)
{
	for (unsigned i = 0; i < KEYSET_WORDS; i++)
		set->word[i] |= other->word[i];
}

/* The lowest code >= 'from' in the set, or KEY_CNT if there is none. */
static inline unsigned keyset_next(const struct keyset *set, unsigned from)
{
	while (from < KEY_CNT) {
		unsigned long rest = set->word[from / KEYSET_BITS] >> (from % KEYSET_BITS);

		if (rest)
			return from + (unsigned)__builtin_ctzl(rest);
		from = (unsigned)((from / KEYSET_BITS + 1) * KEYSET_BITS);
	}
	return KEY_CNT;
}

/* Iterates over the set in ascending order. The loop may remove the current code from it. */
#define keyset_for_each(code, set)                                                                 \
	for (unsigned code = keyset_next((set), 0); code < KEY_CNT;                                \
	     code = keyset_next((set), code + 1))
