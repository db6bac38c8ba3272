/*
 * A guest-facing uinput node and its guard. QEMU opens the node and grabs it. While nobody holds
 * that grab, what is written to the node reaches the host's console, SysRq and every other reader:
 * so a frame is written only while the node is known to be held.
 *
 * The guard is an open, never grabbing client of ours on the same node: it receives events exactly
 * while nobody holds the grab. A harmless sentinel (SYN_MT_REPORT) written to the node and the guard
 * read back tell at once. Between node_enter and node_leave the guard is in the loop instead, and
 * anything readable there says that the grab was lost: nothing else reads it then. The node owns both
 * descriptors and the device.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"
#include "base/loop.h"
#include "core/shape.h"
#include "evdev/uinput.h"

struct node;

struct node_ops {
	/*
	 * The guard heard something: the grab is lost. The node has released what was down on it.
	 */
	void (*lost)(struct node *node);
	/* The holder set LEDs: node->leds.mask. At most every UINPUT_LEDS_MS. */
	void (*leds)(struct node *node);
};

struct node {
	const struct node_ops *ops;
	struct loop *loop;
	enum shape_node which;
	struct uinput uinput;
	int guard_fd;       /* -1: not yet permitted to open it */
	struct watch guard; /* in the loop while the node is known to be held and has the focus */
	struct uinput_leds leds; /* the holder's: leds.mask */
};

#define NODE_INIT                                                                                  \
	{                                                                                          \
		.uinput.fd = -1, .guard_fd = -1                                                    \
	}

/*
 * Makes node 'which' of the guest: name "evswitch-GUEST-keyboard", phys "evswitch/GUEST/keyboard",
 * the codes that shape_carries allows. 0, or -errno as uinput_open.
 */
int node_open(struct node *node, struct loop *loop, const char *guest, enum shape_node which,
	      const struct shape_rules *rules, const struct node_ops *ops);

/*
 * Takes over a node that an earlier process made, with its guard if there is one (-1: none), and
 * releases what that one left down. The LEDs are what their holder has set meanwhile. It owns both
 * descriptors from now on, in any case. 0 or -errno.
 */
int node_adopt(struct node *node, struct loop *loop, enum shape_node which, int uinput_fd,
	       int guard_fd, const char *devnode, const struct node_ops *ops);

/*
 * Opens the guard, if it is not open: to be called again when udev has set the node's permissions.
 */
int node_open_guard(struct node *node);

/*
 * Whether somebody holds the node now; false while there is no guard. A question: it changes nothing
 * about the node, and what the guard heard since node_enter is still there for ops->lost.
 */
bool node_check(const struct node *node);

/*
 * The guest has the focus: if somebody holds the node, frames are written to it from now on, until
 * ops->lost or node_leave. Legal at any time, also to look whether it is held by now. 0, held or not,
 * or -errno of watch_start.
 */
int node_enter(struct node *node);
void node_leave(struct node *node);

/* Whether frames are written to it: held at node_enter, and neither lost nor left since. */
static inline bool node_held(const struct node *node)
{
	return node->guard.loop != NULL;
}

/* Hot. A whole frame; swallowed while the node is not held. 0 or -errno: the node is broken. */
int node_send(struct node *node, const struct frame *frame);

/* Releases all that the kernel says is down on the node. */
void node_release_all(const struct node *node);

void node_close(struct node *node);
