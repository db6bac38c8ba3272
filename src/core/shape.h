/*
 * What a guest's channel and drivers can take: splits the router's frames over the guest's three
 * nodes and into the steps that get through. Pure. The tables here also say what each node declares,
 * so that a node can emit exactly what shape may send to it.
 *
 * Three nodes, because QEMU's input-linux takes a node with both keys and buttons for two devices at
 * once, and Windows' driver types garbage where media keys share a device with the others.
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
	 * QEMU's input-linux acts on its own toggle (ctrl-ctrl, alt-alt, shift-shift or meta-meta)
	 * when it sees both keys of a pair down: the second waits until the first is up. Its other
	 * toggles need KEY_SCROLLLOCK, which is then not declared.
	 */
	bool one_of_pair;
	/* One wheel click in each frame: input-linux makes one of whatever value it reads. */
	bool wheel_clicks;
	/* Windows' virtio-input driver takes high-resolution wheels for a slider. */
	bool no_hires_wheel;
	/* The largest REL_X and REL_Y that the driver's reports hold; 0: any. */
	int step_max;
};

/*
 * A frame that would need more steps than this is cut: enough for any 16-bit motion (32767 / 127), and
 * a bound on the work that one frame can make.
 */
#define SHAPE_STEPS_MAX 260

struct shape_pair {
	uint16_t down; /* the key of the pair that the guest sees down; 0: none */
	uint16_t
		waiting; /* the other one: a finger is on it, the guest does not know yet; 0: none */
};

#define SHAPE_PAIRS 4

struct shape {
	struct shape_rules rules;
	struct shape_pair pair[SHAPE_PAIRS];
	int dx, dy, clicks; /* of the frame in hand: motion that goes out in steps */
	struct frame out[SHAPE_NODES];
};

/* Receives a whole frame for one node. */
typedef void (*shape_emit_fn)(void *ctx, enum shape_node node, const struct frame *frame);

void shape_init(struct shape *shape, const struct shape_rules *rules);

/* Forgets which keys of pairs are down: the guest's state is gone. */
void shape_reset(struct shape *shape);

/* Hot. What no node carries is left out; see shape_carries. */
void shape_frame(struct shape *shape, const struct frame *in, shape_emit_fn emit, void *ctx);

/* Whether the node declares and may be sent this EV_KEY or EV_REL code. False for any other type. */
bool shape_carries(const struct shape_rules *rules, enum shape_node node, unsigned type,
		   unsigned code);
