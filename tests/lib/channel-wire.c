/* SPDX-License-Identifier: MIT */
/* All of the channel: its endpoint, which the keeper drives, and its descriptor. */
#include "channel-wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/channel.h"
#include "guest/sink-keeper.h"

struct endpoint_wire {
	struct endpoint endpoint;
	int fd;
};

static struct endpoint_wire *to_wire(struct endpoint *endpoint)
{
	return container_of(endpoint, struct endpoint_wire, endpoint);
}

static int wire_open(struct endpoint *endpoint, const char **why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*why = endpoint->identity.socket_path;
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s.wire",
		     endpoint->identity.socket_path,
		     endpoint->guest) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	to_wire(endpoint)->fd = fd;
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

static void wire_close(struct endpoint *endpoint)
{
	close_fd(&to_wire(endpoint)->fd);
}

static bool wire_in_use(struct endpoint *endpoint)
{
	(void)endpoint;
	return false;
}

static void put(struct endpoint *endpoint, unsigned node, const struct frame *frame)
{
	struct wire_frame out = { .node = node, .n = frame->n };

	memcpy(out.ev, frame->ev, frame->n * sizeof(out.ev[0]));
	send(to_wire(endpoint)->fd, &out, sizeof(out), MSG_NOSIGNAL);
}

static void wire_release(struct endpoint *endpoint)
{
	static const struct frame nothing;

	put(endpoint, SHAPE_NODES, &nothing);
}

static void wire_state(struct endpoint *endpoint, struct keeper_state *state)
{
	(void)endpoint;
	state->up = true;
}

static const struct endpoint_ops endpoint_wire_ops = { .open = wire_open,
						       .close = wire_close,
						       .in_use = wire_in_use,
						       .release = wire_release,
						       .state = wire_state,
						       .send = put };

static struct endpoint *endpoint_wire_new(void)
{
	struct endpoint_wire *wire = calloc(1, sizeof(*wire));

	if (!wire)
		return NULL;
	wire->endpoint.ops = &endpoint_wire_ops;
	wire->fd = -1;
	return &wire->endpoint;
}

const struct channel channel_wire = {
	.conf = { .name = "wire" },
	.rules = { .no_hires_wheel = true },
	.sink = &sink_keeper,
	.endpoint_new = endpoint_wire_new,
	.qemu = {
		.transport = QEMU_SOCKETS,
		.limits = "Passes on everything -- but to no QEMU that there is.",
		.parts = { QEMU_CHARDEV, QEMU_OBJECT },
		.type = "input-wire",
		.properties = { { "wire", QEMU_ID, QEMU_EACH_NODE },
				{ "repeat", QEMU_ON, 1u << SHAPE_KEYBOARD } },
		.note = "wire needs a cable",
		.not_by_virsh = "libvirt has no wire",
	},
};
