/* SPDX-License-Identifier: MIT */
/*
 * The device side of a split virtqueue (virtio 1.2, section 2.7), with VIRTIO_RING_F_INDIRECT_DESC
 * and VIRTIO_RING_F_EVENT_IDX. Buffers are used immediately and in order. The driver is not
 * trusted: each shared field is read once, every walk is bounded, and after the first violation the
 * queue is broken and does not access the memory until it is started again. Owns nothing; the
 * memory belongs to the connection.
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
	uint64_t desc_user, avail_user, used_user; /* addresses of the rings in the front end */
	bool event_idx;                            /* VIRTIO_RING_F_EVENT_IDX was negotiated */
	uint16_t last_avail;                       /* the next entry of the available ring */

	/* Private to virtq. */
	const struct vmem *mem;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t avail_idx; /* as last read */
	uint16_t used_idx;  /* the next entry of the used ring */
	uint16_t published; /* the used_idx that the driver can see */
	bool broken;
};

/* True if num is a legal size of a ring, or 0. */
bool virtq_num_ok(unsigned num);

/*
 * Finds the rings in the memory. Call it again after each change of the memory. 0, or -EFAULT if a
 * ring is not within one region or not aligned as section 2.7 requires.
 */
int virtq_map(struct virtq *virtq, const struct vmem *mem);

/*
 * Maps the rings and continues at the used ring's index. Clears 'broken'. An impossible last_avail
 * (the front end lost count while there was no device) is replaced by the used ring's index, as no
 * buffer is ever held back between the two. Errors as for virtq_map.
 */
int virtq_start(struct virtq *virtq, const struct vmem *mem);

/* Hot. The number of available buffers as last read; reads the ring again if it is below 'want'. */
unsigned virtq_room(struct virtq *virtq, unsigned want);

/*
 * Hot. virtq_put writes n bytes to the next device-writable buffer; virtq_get reads at most n bytes
 * from the next device-readable one. The number of bytes copied; -EAGAIN if no buffer is available;
 * -EPROTO if the queue is broken, the buffer is smaller than n, or it has more than n descriptors.
 */
int virtq_put(struct virtq *virtq, const void *data, uint32_t n);
int virtq_get(struct virtq *virtq, void *data, uint32_t n);

/* Hot. Returns the used buffers to the driver. True if the driver wants an interrupt for them. */
bool virtq_publish(struct virtq *virtq);

/*
 * Requests a kick once 'want' buffers are available. True if they already are; then no kick may
 * come. A driver may fail to kick, so the owner must also check from time to time.
 */
bool virtq_wait(struct virtq *virtq, unsigned want);
/* Suppresses kicks. */
void virtq_quiet(struct virtq *virtq);
