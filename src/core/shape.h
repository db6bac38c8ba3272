/* SPDX-License-Identifier: MIT */
/*
 * Adapts the router's frames to a guest: distributes their events over the guest's three nodes, and
 * splits motion and keys into frames that its channel and drivers handle correctly. Pure; embedded
 * in the guest. The tables also define the codes that each node declares, so a node can emit
 * exactly the events that shape may send to it.
 *
 * There are three nodes because QEMU's input-linux treats a node with both keys and buttons as two
 * devices, and because Windows' driver types garbage if media keys share a device with other keys.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"

enum shape_node { SHAPE_KEYBOARD, SHAPE_MEDIA, SHAPE_POINTER, SHAPE_NODES };

/* "keyboard", "media", "pointer": the last part of a node's name and phys. */
const char *shape_node_name(enum shape_node node);

struct shape_rules {
	/*
	 * QEMU's input-linux toggles its grab when both keys of a pair are down (its grab-toggle
	 * values ctrl-ctrl, alt-alt, shift-shift and meta-meta). So the press of the second is held
	 * back until the first is released. Its other toggles use KEY_SCROLLLOCK, which is then not
	 * declared.
	 */
	bool one_of_pair;
	/* One wheel click in each frame: input-linux turns any REL_WHEEL value into one click. */
	bool wheel_clicks;
	/* Windows' virtio-input driver mistakes a high-resolution wheel for a slider. */
	bool no_hires_wheel;
	/* The largest REL_X and REL_Y values that the driver's reports hold; 0: any. */
	int step_max;
};

/*
 * Bounds the work that one frame can cause; motion beyond this many steps is dropped. Enough for
 * any 16-bit motion in steps of 127.
 */
#define SHAPE_STEPS_MAX 260

struct shape_pair {
	uint16_t down;    /* the key of the pair that is down in the guest; 0: none */
	uint16_t waiting; /* the other key, if it is held but its press is held back; 0: none */
};

#define SHAPE_PAIRS 4

struct shape {
	struct shape_rules rules;
	/* Derived from the rules: each key's node, or SHAPE_NODES; for EV_REL, bit n is code n. */
	uint8_t key_node[KEY_CNT];
	uint16_t rel_carried;
	uint16_t rel_in_steps;
	struct shape_pair pair[SHAPE_PAIRS];
	const struct frame *in;       /* the input frame */
	const struct input_event *ev; /* the next event in it */
	int dx, dy, clicks;           /* its motion that remains to be sent in steps */
	unsigned steps;               /* sent so far */
	unsigned handed;              /* bit n: the last call handed out out[n] */
	const struct frame *ready[SHAPE_NODES];
	struct frame out[SHAPE_NODES], step;
};

void shape_init(struct shape *shape, const struct shape_rules *rules);

/* Forgets which keys of pairs are down: the guest was reset. */
void shape_reset(struct shape *shape);

#define SHAPE_MORE (1U << SHAPE_NODES)

/*
 * Hot. Converts a whole frame into frames for the nodes: bit n of the result means that
 * shape->ready[n] is to be sent to node n. If SHAPE_MORE is set, send these, then call shape_more
 * for the next; 'in' must stay valid until then. Events that no node carries (shape_carries) are
 * dropped.
 */
unsigned shape_frame(struct shape *shape, const struct frame *in);
unsigned shape_more(struct shape *shape);

/* True if the node declares this EV_KEY or EV_REL code and may be sent it; else false. */
bool shape_carries(const struct shape_rules *rules, enum shape_node node, unsigned type,
		   unsigned code);
