/* SPDX-License-Identifier: MIT */
/*
 * Event streams into the core: the random walk of tests/unit/core/walk.c, whose chance is the input.
 * Its model and its invariants I1 to I13 are checked in each step. Reaches router, hotkey, remap, shape
 * and backlog with the walk's own chords and remaps; configurations are conf's.
 */
#include "fuzz.h"

int walk_main(int argc, char **argv);
#define main walk_main
#include "unit/core/walk.c"
#undef main

void fuzz_one(struct fuzz *fuzz)
{
	static struct walk walk;

	if (!remapped_key[KEYBOARD][1])
		init_tables();
	init_walk(&walk, fuzz_u8(fuzz));
	walk.input = fuzz->at;
	walk.left = fuzz->left;
	for (; walk.left > 0; walk.step++)
		step(&walk);
}
