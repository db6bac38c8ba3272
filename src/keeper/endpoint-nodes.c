/* SPDX-License-Identifier: MIT */
/* Duplicates of uinput nodes. */
#include "keeper/endpoint-nodes.h"

#include <fcntl.h>
#include <string.h>

#include "base/util.h"

static struct endpoint_nodes *to_nodes(struct endpoint *endpoint)
{
	return container_of(endpoint, struct endpoint_nodes, endpoint);
}

static void nodes_close(struct endpoint *endpoint)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		node_close(&to_nodes(endpoint)->node[i]);
}

static bool nodes_in_use(struct endpoint *endpoint)
{
	bool in_use = false;

	for (unsigned i = 0; i < SHAPE_NODES; i++)
		in_use |= node_check(&to_nodes(endpoint)->node[i]);
	return in_use;
}

static void nodes_release(struct endpoint *endpoint)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		node_release_all(&to_nodes(endpoint)->node[i]);
}

static const struct endpoint_ops endpoint_nodes_ops = { .close = nodes_close,
							.in_use = nodes_in_use,
							.release = nodes_release };

void endpoint_nodes_init(struct endpoint_nodes *nodes)
{
	nodes->endpoint.ops = &endpoint_nodes_ops;
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		nodes->node[i] = (struct node)NODE_INIT;
}

static bool make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool endpoint_nodes_take(struct endpoint_nodes *nodes, const struct keeper_node *message,
			 int uinput_fd, int guard_fd)
{
	struct node *node = &nodes->node[message->which];

	if (!make_nonblocking(uinput_fd) || (guard_fd >= 0 && !make_nonblocking(guard_fd))) {
		close_fd(&uinput_fd);
		close_fd(&guard_fd);
		return false;
	}
	nodes->endpoint.identity = message->identity;
	node_close(node);
	*node = (struct node)NODE_INIT;
	node->which = message->which;
	node->uinput.fd = uinput_fd;
	node->guard_fd = guard_fd;
	memcpy(node->uinput.devnode, message->devnode, sizeof(node->uinput.devnode));
	return true;
}

unsigned endpoint_nodes_describe(const struct endpoint_nodes *nodes, struct keeper_hello *hello,
				 int fds[static USOCK_FDS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		const struct node *node = &nodes->node[i];

		if (node->uinput.fd < 0)
			continue;
		hello->nodes |= (uint8_t)(1U << i);
		fds[n++] = node->uinput.fd;
		memcpy(hello->devnode[i], node->uinput.devnode, sizeof(hello->devnode[i]));
	}
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		if (nodes->node[i].uinput.fd < 0 || nodes->node[i].guard_fd < 0)
			continue;
		hello->guards |= (uint8_t)(1U << i);
		fds[n++] = nodes->node[i].guard_fd;
	}
	return n;
}
