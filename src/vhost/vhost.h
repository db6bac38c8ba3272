/* SPDX-License-Identifier: MIT */
/*
 * The back end of the vhost-user protocol (QEMU's docs/interop/vhost-user.rst) on one connection,
 * for a device with two split rings and a config space. Independent of input. Owns the connection,
 * the descriptors received over it, the memory mapped from them, and the rings.
 *
 * The front end is not trusted: sizes and numbers of descriptors must be exact, a message must
 * arrive within one second, and the work per wake-up is bounded. Messages may come in any order,
 * and may resume a session, as after a restart of this side. The process must ignore SIGPIPE: a
 * call descriptor can be a pipe.
 */
#pragma once

#include <linux/vhost_types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/loop.h"
#include "vhost/virtq.h"
#include "vhost/vmem.h"

#define VHOST_RINGS       2
#define VHOST_CONFIG_MAX  136  /* bytes in the config space */
#define VHOST_PAYLOAD_MAX 4096 /* bytes in a message behind its header */

struct vhost;

struct vhost_ops {
	/* Fills the whole config space. */
	void (*get_config)(struct vhost *vhost, uint8_t config[VHOST_CONFIG_MAX]);
	/* The guest wrote 'size' bytes at 'offset'; they are within the config space. */
	void (*set_config)(struct vhost *vhost, unsigned offset, const uint8_t *bytes,
			   unsigned size);
	/*
	 * The ring runs. 'fresh': the driver was initialised again and has no earlier state; else
	 * it continues where it stopped.
	 */
	void (*started)(struct vhost *vhost, unsigned index, bool fresh);
	/* The ring no longer runs: it was stopped, or is broken. */
	void (*stopped)(struct vhost *vhost, unsigned index);
	/*
	 * The driver announces buffers. May be spurious; called at least once after a ring starts.
	 */
	void (*kicked)(struct vhost *vhost, unsigned index);
	/*
	 * The connection has ended; its memory is unmapped, its descriptors are closed, no ring
	 * runs.
	 */
	void (*closed)(struct vhost *vhost);
};

struct vhost_ring {
	unsigned index;
	struct virtq vq;
	struct watch kick; /* owns its descriptor while it is in a loop */
	int kick_fd, call_fd, err_fd;
	bool kicked;  /* between VHOST_USER_SET_VRING_KICK and VHOST_USER_GET_VRING_BASE */
	bool enabled; /* VHOST_USER_SET_VRING_ENABLE */
	bool running;
	bool broken;   /* not restarted before the front end has stopped it */
	int last_stop; /* index where it stopped, 0 to 65535; -1: never stopped */
};

struct vhost_message {
	uint32_t unused; /* aligns the payload, right behind the header */
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct {
			uint32_t n, padding;
			struct vmem_area area[VMEM_REGIONS_MAX];
		} mem;
		struct {
			uint32_t offset, size, flags;
			uint8_t bytes[VHOST_CONFIG_MAX];
		} config;
		uint8_t bytes[VHOST_PAYLOAD_MAX];
	};
};

/* Embedded in its owner. Zeroed: no connection. */
struct vhost {
	struct watch watch;
	struct timer deadline;
	const struct vhost_ops *ops;
	bool open;
	bool refused;     /* the guest's features were not offered: no ring runs */
	const char *name; /* of the device, for messages */
	struct log_limit *limit;
	uint64_t features;
	struct vmem mem;
	struct vhost_ring ring[VHOST_RINGS];

	struct vhost_message msg; /* the first 'have' bytes have arrived */
	size_t have;
	bool late; /* the deadline timer runs */
	unsigned n_fds;
	int fds[VMEM_REGIONS_MAX];
};

/*
 * Takes over a connected, non-blocking socket. 'ops', 'name' and 'limit' (for log messages) must
 * outlive the connection. 0, or -errno and the socket is closed.
 */
int vhost_open(struct vhost *vhost, struct loop *loop, int fd, const struct vhost_ops *ops,
	       const char *name, struct log_limit *limit);
/* Disconnects without a callback. No effect if there is no connection. */
void vhost_close(struct vhost *vhost);

static inline bool vhost_running(const struct vhost *vhost, unsigned index)
{
	return vhost->ring[index].running;
}

/* Hot. Interrupts the driver. Call it only if virtq_publish has returned true. */
void vhost_signal(struct vhost *vhost, unsigned index);

/*
 * Hot. True if the ring or the memory is broken. The owner must then stop using the ring, and call
 * vhost_break as soon as the 'stopped' callback may run.
 */
static inline bool vhost_ring_broken(const struct vhost *vhost, unsigned index)
{
	return vhost->ring[index].vq.broken || vmem_broken(&vhost->mem);
}

/* Stops the ring, notifies the front end through its error descriptor, and calls 'stopped'. */
void vhost_break(struct vhost *vhost, unsigned index);
