/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of frames for a target that is not ready to receive them. Key transitions keep
 * their order; motion between them is summed. On overflow the queued events are dropped, and every
 * key that is down at the target is released instead. Pure; embedded in the sink that owns it.
 *
 * Every frame for the target goes through its backlog, even while the target has room, so that the
 * backlog knows which keys are down there. The owner pushes, then pops while there is room.
 */
#pragma once

#include <stdbool.h>

#include "core/frame.h"
#include "core/keyset.h"

#define BACKLOG_MAX 256 /* queued events */

struct backlog {
	int step_max;       /* the largest EV_REL value that the target's reports hold; 0: any */
	bool no_repeats;    /* the target generates key repeat: drop EV_KEY events of value 2 */
	unsigned first, n;  /* a ring of events; each frame ends with its SYN_REPORT */
	bool letting_go;    /* release all of 'seen' before the queued events */
	unsigned overflows; /* how often the queue overflowed */
	struct keyset down; /* down at the target once the whole queue is delivered */
	struct keyset seen; /* down at the target now: popped presses without a popped release */
	struct input_event ev[BACKLOG_MAX];
};

/* step_max as in struct shape_rules: summed motion is split again so that no event exceeds it. */
void backlog_init(struct backlog *backlog, int step_max);

static inline bool backlog_empty(const struct backlog *backlog)
{
	return backlog->n == 0 && !backlog->letting_go;
}

/*
 * Hot. Appends a whole frame. If it and the last queued frame contain nothing but EV_REL, the two
 * are merged. Keys that an overflow released stay up until their next press: their repeats and
 * releases are dropped.
 */
void backlog_push(struct backlog *backlog, const struct frame *frame);

/*
 * Hot. For a frame that is sent directly because the backlog is empty: updates the key state by one
 * event, as pushing and popping it would. False if the caller must drop the event.
 */
static inline bool backlog_pass(struct backlog *backlog, const struct input_event *ev)
{
	if (ev->type != EV_KEY)
		return true;
	if ((ev->value == 1) == keyset_has(&backlog->down, ev->code))
		return false;
	if (ev->value == 1) {
		keyset_add(&backlog->down, ev->code);
		keyset_add(&backlog->seen, ev->code);
	} else if (ev->value == 0) {
		keyset_remove(&backlog->down, ev->code);
		keyset_remove(&backlog->seen, ev->code);
	} else {
		return !backlog->no_repeats;
	}
	return true;
}

/*
 * The smallest 'room', in events, that backlog_pop needs for the whole of the next frame; 2 if that
 * frame consists of releases, which may be popped in parts; 0 if nothing is queued.
 */
unsigned backlog_next(const struct backlog *backlog);

/*
 * Hot. Removes the oldest frame. A frame longer than 'room' events, including its SYN_REPORT, is
 * split: the rest becomes the next frame. False if nothing is queued or 'room' is below 2.
 */
bool backlog_pop(struct backlog *backlog, unsigned room, struct frame *out);

/* Drops the queued events. The next frames release every key that is down at the target. */
void backlog_let_go(struct backlog *backlog);

/* Clears all state except 'overflows': the target is gone, or was reset and has no keys down. */
void backlog_reset(struct backlog *backlog);
