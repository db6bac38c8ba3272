/* SPDX-License-Identifier: MIT */
/*
 * The frame: input events up to and including one SYN_REPORT. It is the unit of all processing. No
 * stage sees part of a frame, and one write() emits it. Frames are never allocated: each is
 * embedded in its owner.
 */
#pragma once

#include <linux/input.h>
#include <stdbool.h>

#include "core/keyset.h"

/* Longer than any frame of a keyboard or mouse. The kernel splits frames at about this length. */
#define FRAME_MAX 64

struct frame {
	unsigned n;  /* events in use, including the SYN_REPORT once it is added */
	bool resync; /* derived from the kernel's key state after SYN_DROPPED, not from new input */
	struct input_event ev[FRAME_MAX];
};

/* True while one more event and the closing SYN_REPORT both fit. */
static inline bool frame_has_room(const struct frame *frame)
{
	return frame->n < FRAME_MAX - 1;
}

/* Appends a copy of 'ev'. The caller has checked frame_has_room. */
static inline void frame_add(struct frame *frame, const struct input_event *ev)
{
	frame->ev[frame->n++] = *ev;
}

/* The same, from its parts; the timestamp is copied from 'at'. */
static inline void frame_put(struct frame *frame, const struct input_event *at, unsigned type,
			     unsigned code, int value)
{
	struct input_event *ev = &frame->ev[frame->n++];

	*ev = *at;
	ev->type = (unsigned short)type;
	ev->code = (unsigned short)code;
	ev->value = value;
}

/* Appends the SYN_REPORT that completes the frame. frame_has_room reserves its slot. */
static inline void frame_close(struct frame *frame, const struct input_event *at)
{
	frame_put(frame, at, EV_SYN, SYN_REPORT, 0);
}

/*
 * Builds a whole frame that releases as many keys of 'down' as fit, and removes these from 'down'.
 * False if 'down' is empty.
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
