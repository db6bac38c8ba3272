/*
 * The end of input-linux and virtio-input: uinput nodes and their guards, which the daemon made and
 * writes to. The keeper only has duplicates, so that the nodes outlive the daemon, and lets go on them
 * what the daemon held down.
 */
#pragma once

#include "keeper/end.h"
#include "evdev/node.h"

struct end_nodes {
	struct end end;
	struct node node[SHAPE_NODES];
};

/*
 * Takes over what a NODE message brought: the descriptors are its own from now on, in any case. False
 * where they cannot be made non-blocking.
 */
bool end_nodes_take(struct end_nodes *nodes, const struct keeper_node *message, int uinput_fd,
		    int guard_fd);

/* Fills in what HELLO says of the nodes; the descriptors, which stay the end's, go to fds. Their number. */
unsigned end_nodes_describe(const struct end_nodes *nodes, struct keeper_hello *hello,
			    int fds[static USOCK_FDS_MAX]);

void end_nodes_init(struct end_nodes *nodes);
