/*
 * The back end's side of the vhost-user protocol (QEMU's docs/interop/vhost-user.rst) on one
 * connection, for a device with two split rings and a config space. Knows nothing of input. Owns the
 * connection, the descriptors that came over it, the memory mapped from them, and the rings.
 *
 * The front end is trusted with nothing: exact sizes and numbers of descriptors, one second for a
 * message, bounded work for each wake-up. It may send in any order, or begin in the middle of a
 * session, as after a restart of this side. The process must ignore SIGPIPE: a call descriptor
 * can be a pipe.
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
	/* 'size' bytes at 'offset' were written: within the space. */
	void (*set_config)(struct vhost *vhost, unsigned offset, const uint8_t *bytes,
			   unsigned size);
	/*
	 * The ring runs. 'fresh': the driver has begun anew, and knows nothing of what was before; else it
	 * goes on where it was.
	 */
	void (*started)(struct vhost *vhost, unsigned index, bool fresh);
	/* It runs no more: it was stopped, or broke. */
	void (*stopped)(struct vhost *vhost, unsigned index);
	/* The driver says that buffers wait. Spurious at any time, and in a starting ring at least once. */
	void (*kicked)(struct vhost *vhost, unsigned index);
	/* The connection has ended, and everything of it is unmapped and closed; no ring runs. */
	void (*closed)(struct vhost *vhost);
};

struct vhost_ring {
	unsigned index;
	struct virtq vq;
	struct watch kick; /* its descriptor is owned where it stands in a loop */
	int kick_fd, call_fd, err_fd;
	bool kicked;  /* VHOST_USER_SET_VRING_KICK came, and no VHOST_USER_GET_VRING_BASE since */
	bool enabled; /* VHOST_USER_SET_VRING_ENABLE */
	bool running;
	bool broken;   /* not started again before the front end stops it */
	int last_stop; /* where it stopped, 0 to 65535; -1: not yet */
};

struct vhost_message {
	uint32_t unused; /* so that the payload is aligned, and follows the header */
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
	bool refused;     /* the features are not ours: no ring runs */
	const char *name; /* of the device, in messages */
	struct log_limit *limit;
	uint64_t features;
	struct vmem mem;
	struct vhost_ring ring[VHOST_RINGS];

	struct vhost_message msg; /* as far as it has come */
	size_t have;
	bool late; /* the deadline runs */
	unsigned n_fds;
	int fds[VMEM_REGIONS_MAX];
};

/*
 * Takes over a connected, non-blocking socket. The device's name and the limit of its messages outlive the
 * connection. 0; or -errno, and the socket is closed.
 */
int vhost_open(struct vhost *vhost, struct loop *loop, int fd, const struct vhost_ops *ops,
	       const char *name, struct log_limit *limit);
/* Ends the connection without telling the owner. Harmless where there is none. */
void vhost_close(struct vhost *vhost);

static inline bool vhost_running(const struct vhost *vhost, unsigned index)
{
	return vhost->ring[index].running;
}

/* Hot. Interrupts the driver; the caller has asked virtq_publish whether it wants that. */
void vhost_signal(struct vhost *vhost, unsigned index);

/*
 * Hot. Whether the ring and the memory have been found broken: the owner then stops using the ring at
 * once, and calls vhost_break when it can take 'stopped'.
 */
static inline bool vhost_ring_broken(const struct vhost *vhost, unsigned index)
{
	return vhost->ring[index].vq.broken || vmem_broken(&vhost->mem);
}

/* Stops the ring, tells the front end through its error descriptor, and calls 'stopped'. */
void vhost_break(struct vhost *vhost, unsigned index);
