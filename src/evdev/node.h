/* SPDX-License-Identifier: MIT */
/*
 * A uinput node for a guest, and its guard. QEMU opens and grabs the node. While it is not grabbed,
 * events written to it reach the host's console, SysRq and every other client. So frames are
 * written only while the node is known to be grabbed ("held").
 *
 * The guard is an evdev client of ours on the same node that never grabs it. It receives events
 * exactly while nobody else has the grab. To check, write a sentinel (SYN_MT_REPORT, which has no
 * effect) and see whether it arrives at the guard. Between node_enter and node_leave the guard is
 * watched by the loop instead: if it becomes readable, the grab was lost. Nothing else may read it
 * meanwhile.
 *
 * Embedded in sink-uinput and in the keeper; owns both descriptors. The device exists while any
 * process has its uinput descriptor open.
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
	 * The guard received an event: the grab was lost. All keys on the node have been released.
	 */
	void (*lost)(struct node *node);
	/* The holder set LEDs, see node->leds.mask. Called at most every UINPUT_LEDS_MS. */
	void (*leds)(struct node *node);
};

struct node {
	const struct node_ops *ops;
	struct loop *loop;
	enum shape_node which;
	struct uinput uinput;
	int guard_fd;            /* -1: not open, usually for lack of permission so far */
	struct watch guard;      /* active while the node is held and has the focus */
	struct uinput_leds leds; /* as set by the holder */
	uint16_t by_host;        /* LEDs written while nobody held the node, not yet looked at */
	uint16_t host_leds;      /* what those were set to */
};

#define NODE_INIT                                                                                  \
	{                                                                                          \
		.uinput.fd = -1, .guard_fd = -1                                                    \
	}

/*
 * Creates node 'which' of the guest, for example with the name "evswitch-GUEST-keyboard" and the
 * phys "evswitch/GUEST/keyboard". It declares the codes that shape_carries allows. 0, or -errno as
 * uinput_open.
 */
int node_open(struct node *node, struct loop *loop, const char *guest, enum shape_node which,
	      const struct shape_rules *rules, const struct node_ops *ops);

/*
 * Adopts a node that an earlier process created, with its guard (-1: none), and releases all keys
 * that are down on it. node->leds is read from the kernel. Takes ownership of both descriptors,
 * even on failure. 0 or -errno.
 */
int node_adopt(struct node *node, struct loop *loop, enum shape_node which, int uinput_fd,
	       int guard_fd, const char *devnode, const struct node_ops *ops);

/*
 * Opens the guard unless it is open. 0, or -errno; on -EACCES, call again once udev has set the
 * node's permissions.
 */
int node_open_guard(struct node *node);

/*
 * True if the node is grabbed now; false without a guard. Whether it is held stays as it is: events
 * that the guard received since node_enter still lead to ops->lost.
 */
bool node_check(struct node *node);

/*
 * Call when the guest gets the focus, and again to check whether the node has been grabbed since.
 * If it is grabbed, frames are written to it until ops->lost or node_leave. 0, held or not, or
 * -errno of watch_start.
 */
int node_enter(struct node *node);
void node_leave(struct node *node);

/* True if frames are written to the node: held at node_enter, and neither lost nor left since. */
static inline bool node_held(const struct node *node)
{
	return node->guard.loop != NULL;
}

/*
 * Hot. Writes a whole frame; drops it while the node is not held. 0, or -errno if the node is
 * broken.
 */
int node_send(struct node *node, const struct frame *frame);

/* Releases all keys that the kernel reports down on the node. */
void node_release_all(const struct node *node);

void node_close(struct node *node);
