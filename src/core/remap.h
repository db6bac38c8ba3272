/* SPDX-License-Identifier: MIT */
/*
 * The "remap =" setting of a device: replaces EV_KEY codes. It applies before hotkeys are matched,
 * but not to the panic chord. Pure; the configuration owns the table.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct keyset;

#define REMAP_MAX 64

struct remap {
	unsigned n;
	struct remap_entry {
		uint16_t from, to;
	} entry[REMAP_MAX]; /* no two have the same 'from' */
};

/* The code that replaces 'code', or 'code' itself if no entry remaps it. */
unsigned remap_code(const struct remap *remap, unsigned code);

/* True if any code in 'raw' (before the remap) maps to 'code'. */
bool remap_any(const struct remap *remap, const struct keyset *raw, unsigned code);
