/* SPDX-License-Identifier: MIT */
/*
 * Describes a channel to QEMU and libvirt, as plain data. Command-line arguments and monitor
 * commands are built from the same parts, so a QEMU has the same devices whether it was started
 * with them or they were attached later.
 */
#pragma once

#include <stdbool.h>

#include "core/shape.h"

/* How input reaches QEMU. */
enum qemu_transport {
	QEMU_LINKS,   /* through uinput nodes, with links in /dev/input/by-id */
	QEMU_SOCKETS, /* through one socket per node, in the directory of sockets */
	QEMU_MONITOR, /* as commands on its monitor; QEMU needs no devices */
};

/* What QEMU needs for a node; the id is guest_id's. */
enum qemu_part {
	QEMU_NO_PART,
	QEMU_CHARDEV, /* connects to the node's socket */
	QEMU_OBJECT,  /* disappears as soon as it is removed */
	QEMU_DEVICE,  /* on PCI: disappears once the guest has released it */
};

#define QEMU_PARTS_MAX      2
#define QEMU_PROPERTIES_MAX 3
#define QEMU_EACH_NODE      ((1u << SHAPE_NODES) - 1)

enum qemu_value {
	QEMU_ON,
	QEMU_ID,   /* of the node's other part */
	QEMU_PATH, /* of its link or socket */
};

/* A property of the object or device, in addition to its id. */
struct qemu_property {
	const char *name; /* NULL: none */
	enum qemu_value value;
	unsigned nodes; /* bit n: node n has it */
};

/* Additional attributes of libvirt's <source>, as text. */
struct qemu_attribute {
	const char *text; /* NULL: none */
	unsigned nodes;   /* bit n: node n has it */
};

struct qemu_channel {
	enum qemu_transport transport;
	bool is_virtio; /* the guest sees virtio devices, and needs a driver for them */
	/* The channel's limits and requirements, as lines for the user; NULL: none. */
	const char *limits;

	/* In the order of creation; they are removed in reverse order. */
	enum qemu_part parts[QEMU_PARTS_MAX];
	const char *type; /* the object's, or the device's driver */
	struct qemu_property properties[QEMU_PROPERTIES_MAX];
	/* What else QEMU's command line needs, without a final newline; NULL: nothing. */
	const char *note;

	/*
	 * libvirt's <input ELEMENT>, with a <source> whose attribute 'source' is the node's path.
	 * NULL if libvirt has no such element, so that the domain needs QEMU's arguments.
	 */
	const char *element, *source;
	struct qemu_attribute attributes[QEMU_PROPERTIES_MAX];
	bool shares_memory; /* the domain's memory must be shared with evswitch */

	/* Why the parts cannot be attached to a running VM, with a remedy; NULL: they can. */
	const char *not_by_virsh, *not_by_monitor;
	/* The same, if libvirt reports that the element cannot be hot plugged. */
	const char *no_hot_plug;
};

static inline bool qemu_has(const struct qemu_channel *channel, enum qemu_part part)
{
	for (unsigned i = 0; i < QEMU_PARTS_MAX; i++)
		if (channel->parts[i] == part)
			return true;
	return false;
}
