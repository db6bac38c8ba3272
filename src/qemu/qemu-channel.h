/*
 * A channel as QEMU and libvirt are told of it, in plain data. QEMU's arguments and what it is asked on
 * its monitor are made of the same parts, so a QEMU that was started with them, and one that was given
 * them while it ran, have the same.
 */
#pragma once

#include <stdbool.h>

#include "core/shape.h"

/* By what QEMU finds the guest's nodes. */
enum qemu_place {
	QEMU_LINKS,   /* links to uinput nodes, below /dev/input/by-id */
	QEMU_SOCKETS, /* a socket for each, in the directory of sockets */
	QEMU_MONITOR, /* input comes by its own monitor, and QEMU needs nothing more */
};

/* What QEMU is to have for a node, under the id of guest_id. */
enum qemu_part {
	QEMU_NO_PART,
	QEMU_CHARDEV, /* connects to the node's socket */
	QEMU_OBJECT,  /* gone as soon as it is removed */
	QEMU_DEVICE,  /* on PCI: gone when the guest has let go of it */
};

#define QEMU_PARTS_MAX      2
#define QEMU_PROPERTIES_MAX 3
#define QEMU_EACH_NODE      ((1u << SHAPE_NODES) - 1)

enum qemu_value {
	QEMU_ON,
	QEMU_ID,   /* of the node's other part */
	QEMU_PATH, /* of its link or socket */
};

/* Of the object or the device, beside its id. */
struct qemu_property {
	const char *name; /* NULL: none */
	enum qemu_value value;
	unsigned nodes; /* bit n: node n has it */
};

/* More attributes of libvirt's <source>, as text. */
struct qemu_attribute {
	const char *text; /* NULL: none */
	unsigned nodes;   /* bit n: node n has it */
};

struct qemu_channel {
	enum qemu_place place;
	bool is_virtio; /* to the guest, which needs a driver for it */
	/* What it cannot do and what it needs, in lines for the user; NULL: nothing. */
	const char *limits;

	/* In the order in which QEMU makes them; it is rid of them in the opposite one. */
	enum qemu_part parts[QEMU_PARTS_MAX];
	const char *type; /* the object's, or the device's driver */
	struct qemu_property properties[QEMU_PROPERTIES_MAX];
	/* What else QEMU's command line must have, without a newline at the end; NULL: nothing. */
	const char *note;

	/*
	 * libvirt's <input ELEMENT>, with a <source> whose attribute 'source' is the node's path. NULL:
	 * libvirt has none, and a domain takes QEMU's arguments.
	 */
	const char *element, *source;
	struct qemu_attribute attributes[QEMU_PROPERTIES_MAX];
	bool shares_memory; /* the domain's memory must be shared with us */

	/* Why a VM that runs cannot be given the parts, and what to do; NULL: it can. */
	const char *not_by_virsh, *not_by_monitor;
	/* The same, where libvirt says that the element cannot be hot plugged. */
	const char *no_hot_plug;
};

static inline bool qemu_has(const struct qemu_channel *channel, enum qemu_part part)
{
	for (unsigned i = 0; i < QEMU_PARTS_MAX; i++)
		if (channel->parts[i] == part)
			return true;
	return false;
}
