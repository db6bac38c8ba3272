/* SPDX-License-Identifier: MIT */
/*
 * A channel that evswitch does not have: each frame is a datagram to the socket DIR/GUEST.wire, where DIR
 * is the directory of sockets and a test listens. Its file is what a new channel's file would be.
 */
#pragma once

#include <linux/input.h>

#include "core/frame.h"

/* What one datagram holds. */
struct wire_frame {
	unsigned node; /* SHAPE_NODES: all that was down is released */
	unsigned n;
	struct input_event ev[FRAME_MAX];
};
