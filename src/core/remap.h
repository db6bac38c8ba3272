/* A device's "remap =": one EV_KEY code for another, before hotkeys and after the panic chord.
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct keyset;

#define REMAP_MAX 64

struct remap {
	unsigned n;
	struct remap_entry {
		uint16_t from, to;
	} entry[REMAP_MAX]; /* every 'from' once */
};

/* What 'code' becomes; itself where no entry names it. */
unsigned remap_code(const struct remap *remap, unsigned code);

/* Whether any member of 'raw' (codes before the remap) becomes 'code'. */
bool remap_any(const struct remap *remap, const struct keyset *raw, unsigned code);
