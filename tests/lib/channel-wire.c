/* All of the channel: its end, which the keeper drives, and its descriptor. */
#include "channel-wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/channel.h"
#include "guest/sink-kept.h"

struct end_wire {
	struct end end;
	int fd;
};

static struct end_wire *to_wire(struct end *end)
{
	return container_of(end, struct end_wire, end);
}

static int wire_open(struct end *end, const char **why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*why = end->identity.place;
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s.wire", end->identity.place,
		     end->guest) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	to_wire(end)->fd = fd;
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

static void wire_close(struct end *end)
{
	close_fd(&to_wire(end)->fd);
}

static bool wire_in_use(struct end *end)
{
	(void)end;
	return false;
}

static void put(struct end *end, unsigned node, const struct frame *frame)
{
	struct wire_frame out = { .node = node, .n = frame->n };

	memcpy(out.ev, frame->ev, frame->n * sizeof(out.ev[0]));
	send(to_wire(end)->fd, &out, sizeof(out), MSG_NOSIGNAL);
}

static void wire_release(struct end *end)
{
	static const struct frame nothing;

	put(end, SHAPE_NODES, &nothing);
}

static void wire_state(struct end *end, struct keeper_state *state)
{
	(void)end;
	state->up = true;
}

static const struct end_ops end_wire_ops = { .open = wire_open,
					     .close = wire_close,
					     .in_use = wire_in_use,
					     .release = wire_release,
					     .state = wire_state,
					     .send = put };

static struct end *end_wire_new(void)
{
	struct end_wire *wire = calloc(1, sizeof(*wire));

	if (!wire)
		return NULL;
	wire->end.ops = &end_wire_ops;
	wire->fd = -1;
	return &wire->end;
}

const struct channel channel_wire = {
	.conf = { .name = "wire" },
	.rules = { .no_hires_wheel = true },
	.sink = &sink_kept,
	.end_new = end_wire_new,
	.qemu = {
		.place = QEMU_SOCKETS,
		.limits = "Passes on everything -- but to no QEMU that there is.",
		.parts = { QEMU_CHARDEV, QEMU_OBJECT },
		.type = "input-wire",
		.properties = { { "wire", QEMU_ID, QEMU_EACH_NODE },
				{ "repeat", QEMU_ON, 1u << SHAPE_KEYBOARD } },
		.note = "wire needs a cable",
		.not_by_virsh = "libvirt has no wire",
	},
};
