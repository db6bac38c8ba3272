/*
 * What a target that cannot take a frame now is still owed: transitions of keys in order, motion
 * summed up between them. Pure and bounded. On overflow the queue gives way to one thing:
 * everything that is down at the target goes up. Every frame for the target passes through, also
 * while it has room: only so is it known what is down there. The owner pushes, then pops while
 * there is room.
 */
#pragma once

#include <stdbool.h>

#include "core/frame.h"
#include "core/keyset.h"

#define BACKLOG_MAX 256 /* events that wait */

struct backlog {
	int step_max;       /* the largest EV_REL value that the target's reports hold; 0: any */
	bool no_repeats;    /* the target repeats keys by itself: value 2 is left out */
	unsigned first, n;  /* a ring of events; each frame ends with its SYN_REPORT */
	bool letting_go;    /* before what waits: all of 'seen' goes up */
	unsigned overflows; /* how often everything was let go */
	struct keyset down; /* what is down at the target once all that waits was delivered */
	struct keyset seen; /* what is down there now, by what backlog_pop handed out */
	struct input_event ev[BACKLOG_MAX];
};

/* step_max as in struct shape_rules: what shape split must not grow beyond it by being summed. */
void backlog_init(struct backlog *backlog, int step_max);

static inline bool backlog_empty(const struct backlog *backlog)
{
	return backlog->n == 0 && !backlog->letting_go;
}

/*
 * Hot. Appends a whole frame. One of EV_REL alone is added to the last that waits where that is of
 * EV_REL alone. After an overflow the keys that were let go stay up until they are pressed anew:
 * their repetitions and releases are left out.
 */
void backlog_push(struct backlog *backlog, const struct frame *frame);

/*
 * Hot. For a frame that goes to the target directly, while nothing waits: notes one event of it, as
 * pushing and popping it would. False where it is to be left out.
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

/* How many events the next frame to be popped has whole; 2 where it can be had in parts; or 0. */
unsigned backlog_next(const struct backlog *backlog);

/*
 * Hot. Takes the oldest frame, or as much of it as 'room' events hold, the SYN_REPORT among them:
 * the rest of a longer one is the next frame. False where nothing waits or 'room' is below 2.
 */
bool backlog_pop(struct backlog *backlog, unsigned room, struct frame *out);

/* Drops what waits: the next thing that the target is owed is that all that is down there goes up. */
void backlog_let_go(struct backlog *backlog);

/* Forgets everything but the count: the target is gone, or was reset and has nothing down. */
void backlog_reset(struct backlog *backlog);
