/*
 * A split virtqueue as a device sees it (virtio 1.2, section 2.7), with VIRTIO_RING_F_INDIRECT_DESC
 * and VIRTIO_RING_F_EVENT_IDX. Buffers are used in the order in which they came, each at once. The
 * driver is trusted with nothing: each shared field is read once, every walk is bounded, and at the
 * first violation the queue is broken and touches the memory no more until it is started again.
 * Owns nothing; the memory is the connection's.
 */
#pragma once

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "vhost/vmem.h"

#define VIRTQ_NUM_MAX 32768

struct virtq {
	/* Set by the owner while the queue is stopped. */
	unsigned num;                              /* descriptors: a power of two */
	uint64_t desc_user, avail_user, used_user; /* the rings, where the front end has them */
	bool event_idx;                            /* was negotiated */
	uint16_t last_avail;                       /* the next entry of the available ring */

	/* The rest is virtq's. */
	const struct vmem *mem;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t avail_idx; /* as it was last read */
	uint16_t used_idx;  /* the next entry of the used ring */
	uint16_t published; /* what the driver was told of it */
	bool broken;
};

/* Whether num, where it is not 0, is a legal size of a ring. */
bool virtq_num_ok(unsigned num);

/*
 * Finds the rings in the memory: at the start, and anew after each change of the memory. -EFAULT: not
 * wholly within one region, or not aligned as section 2.7 wants.
 */
int virtq_map(struct virtq *virtq, const struct vmem *mem);

/*
 * Maps, and takes up where the used ring stands. Clears 'broken'. A last_avail that cannot be, because
 * the front end lost count while no device was there, is replaced by the used ring's: no buffer is
 * ever kept between the two. Errors as virtq_map's.
 */
int virtq_start(struct virtq *virtq, const struct vmem *mem);

/* Hot. How many buffers wait, as far as the last look at the ring says; looks again below 'want'. */
unsigned virtq_room(struct virtq *virtq, unsigned want);

/*
 * Hot. Puts n bytes into the next buffer, which is to be written by the device, or gets the first n at
 * most from one that is to be read. Returns the bytes copied; -EAGAIN where no buffer waits; -EPROTO
 * where the queue broke, the buffer cannot hold n, or is a chain of more than n descriptors.
 */
int virtq_put(struct virtq *virtq, const void *data, uint32_t n);
int virtq_get(struct virtq *virtq, void *data, uint32_t n);

/* Hot. Gives the used buffers to the driver. True where it wants to be interrupted for them. */
bool virtq_publish(struct virtq *virtq);

/*
 * Asks for a kick once 'want' buffers wait. True where they do so already: no kick may come then. A
 * driver may fail to kick, so the owner asks again from time to time.
 */
bool virtq_wait(struct virtq *virtq, unsigned want);
/* No kick is wanted. */
void virtq_quiet(struct virtq *virtq);
