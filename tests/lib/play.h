/* SPDX-License-Identifier: MIT */
/*
 * A user who goes on typing and moving the mouse, and who sees what comes of it: two processes beside
 * the test, which does something to evswitch meanwhile. Every press and release has to arrive, and all
 * of the motion.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "stage.h"

/* What was played and what was seen; shared by the processes. */
struct play {
	atomic_bool stop;
	atomic_bool was_late; /* the reader: this machine was too busy for it */
	atomic_uint made_presses, made_releases, presses, releases;
	atomic_int made_x, x;
};

/* Before anything else; play_end ends it. */
struct play *play_start(void);
/* A process of its own, which ends with this one. As fork(). */
pid_t play_fork(void);
/* From now on the hands move: on the stage's keyboard, and on its mouse. */
void play_hands(struct play *play, struct stage *stage);
/* Reads these two nodes, as QEMU or a desktop would. */
void play_read(struct play *play, const struct observer *keyboard, const struct observer *pointer);
/* The same by a process that the caller has forked. */
void play_read_by(pid_t eyes);
/* Lets so many keys pass, so that what comes next meets the hands in the middle. */
void play_let(struct play *play, unsigned keys);
/*
 * Ends it: all has come. Where motion counts, false if the eyes could not keep up, so that nothing is proven.
 */
bool play_end(struct play *play, bool counts_motion);
/* The teardown in place of world_reset: ends what a failed test left of them, too. */
int play_reset(void **state);
