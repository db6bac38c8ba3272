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
	/* What the rules come to: the node of each key, SHAPE_NODES for none; of EV_REL, bit n for code n. */
	uint8_t key_node[KEY_CNT];
	uint16_t rel_carried;
	uint16_t rel_in_steps;
	struct shape_pair pair[SHAPE_PAIRS];
	const struct frame *in;       /* the frame in hand */
	const struct input_event *ev; /* the next one in it */
	int dx, dy, clicks;           /* its motion that goes out in steps */
	unsigned steps;               /* that went out */
	unsigned handed;              /* nodes whose frame of ours the last call handed out */
	const struct frame *ready[SHAPE_NODES];
	struct frame out[SHAPE_NODES], step;
};

void shape_init(struct shape *shape, const struct shape_rules *rules);

/* Forgets which keys of pairs are down: the guest's state is gone. */
void shape_reset(struct shape *shape);

#define SHAPE_MORE (1U << SHAPE_NODES)

/*
 * Hot. Takes a whole frame and makes those for the nodes: bit n of the result says that node n has one,
 * shape->ready[n]. With SHAPE_MORE it needs more than one frame for a node: these are to be sent first, and
 * shape_more makes the next. What no node carries is left out; see shape_carries. 'in' is kept until then.
 */
unsigned shape_frame(struct shape *shape, const struct frame *in);
unsigned shape_more(struct shape *shape);

/* Whether the node declares and may be sent this EV_KEY or EV_REL code. False for any other type. */
bool shape_carries(const struct shape_rules *rules, enum shape_node node, unsigned type,
		   unsigned code);
