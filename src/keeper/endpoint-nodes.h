/* SPDX-License-Identifier: MIT */
/*
 * The endpoint of input-linux and virtio-input: uinput nodes and their guards, which the daemon
 * created and writes to. The keeper only has duplicates of the descriptors, so that the nodes
 * outlive the daemon. It releases the keys that a dead daemon left down on them. Embedded in the
 * keeper; owns its descriptors.
 */
#pragma once

#include "keeper/endpoint.h"
#include "evdev/node.h"

struct endpoint_nodes {
	struct endpoint endpoint;
	struct node node[SHAPE_NODES];
};

/*
 * Adopts the node of a NODE message. Takes ownership of both descriptors (guard_fd: -1 for none),
 * even on failure. False if they cannot be made non-blocking.
 */
bool endpoint_nodes_take(struct endpoint_nodes *nodes, const struct keeper_node *message,
			 int uinput_fd, int guard_fd);

/*
 * Fills in the nodes in 'hello', and 'fds' with their descriptors, which the endpoint still owns.
 * Returns the number of descriptors.
 */
unsigned endpoint_nodes_describe(const struct endpoint_nodes *nodes, struct keeper_hello *hello,
				 int fds[static USOCK_FDS_MAX]);

void endpoint_nodes_init(struct endpoint_nodes *nodes);
