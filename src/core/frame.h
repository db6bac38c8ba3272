/*
 * The unit of all processing: the input events up to one SYN_REPORT. No stage sees half of one, one
 * write() emits it, and none is ever allocated: a frame lives in its owner.
 */
#pragma once

#include <linux/input.h>
#include <stdbool.h>

#include "core/keyset.h"

/* Longer than any keyboard's or mouse's frame; the kernel itself cuts at about this length too. */
#define FRAME_MAX 64

struct frame {
	unsigned
		n; /* events in use, the closing SYN_REPORT among them once frame_close was called */
	bool resync; /* made from the kernel's state after a SYN_DROPPED, not from a finger just now */
	struct input_event ev[FRAME_MAX];
};

/* True while a further event and the closing SYN_REPORT both fit. */
static inline bool frame_has_room(const struct frame *frame)
{
	return frame->n < FRAME_MAX - 1;
}

/* Appends a copy of 'ev'; the caller has asked frame_has_room. */
static inline void frame_add(struct frame *frame, const struct input_event *ev)
{
	frame->ev[frame->n++] = *ev;
}

/* The same from parts; the time is taken from 'at'. */
static inline void frame_put(struct frame *frame, const struct input_event *at, unsigned type,
			     unsigned code, int value)
{
	struct input_event *ev = &frame->ev[frame->n++];

	*ev = *at;
	ev->type = (unsigned short)type;
	ev->code = (unsigned short)code;
	ev->value = value;
}

/* Appends the SYN_REPORT that makes the frame whole. Room for it is always left. */
static inline void frame_close(struct frame *frame, const struct input_event *at)
{
	frame_put(frame, at, EV_SYN, SYN_REPORT, 0);
}

/*
 * Makes a whole frame that releases as many of the keys in 'down' as fit, and takes them out of it;
 * false where none is left.
 */
static inline bool frame_release(struct frame *frame, struct keyset *down)
{
	static const struct input_event now = { 0 };

	frame->n = 0;
	frame->resync = false;
	keyset_for_each (code, down) {
		if (!frame_has_room(frame))
			break;
		keyset_remove(down, code);
		frame_put(frame, &now, EV_KEY, code, 0);
	}
	if (frame->n == 0)
		return false;
	frame_close(frame, &now);
	return true;
}
