/* SPDX-License-Identifier: MIT */
/*
 * A ring in shared memory that passes frames from one process to another: one producer, one
 * consumer, and a doorbell that wakes the consumer. Neither side trusts the other: the consumer
 * validates all that it reads, and a misbehaving side can at worst lose frames. The producer
 * creates the ring, both sides map it, and each owns its mapping and descriptors.
 *
 * The bell is an eventfd that only the producer has. The consumer gets the doorbell, an epoll
 * instance that watches the bell. With the eventfd itself, it could clear O_NONBLOCK, fill the
 * counter and so block the producer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"

/* A slot holds one event or the head of a frame. Enough for two seconds of an 8 kHz mouse. */
#define EVRING_SLOTS 65536

struct evring_memory;

struct evring {
	struct evring_memory *memory; /* NULL: not open */
	int memory_fd;                /* producer: to pass to the consumer; consumer: -1 */
	int doorbell_fd;              /* producer: to pass on; consumer: to wait for */
	int bell_fd;                  /* producer: the eventfd; consumer: -1 */
	int other_fd;                 /* consumer: from evring_join, borrowed; else -1 */
	uint32_t position;            /* our own index: never read back from shared memory */
	uint32_t releases;            /* requested (producer) or carried out (consumer) so far */
};

#define EVRING_INIT                                                                                \
	{                                                                                          \
		.memory_fd = -1, .doorbell_fd = -1, .bell_fd = -1, .other_fd = -1                  \
	}

/* A received frame with its metadata. */
struct evring_frame {
	uint32_t generation; /* the producer's view of the target; see keeper-message.h */
	unsigned node;       /* enum shape_node */
	bool release;        /* release all keys before this frame */
	struct frame frame;
};

/* Producer: creates a ring. 0 or -errno. */
int evring_create(struct evring *ring);
/*
 * Consumer: maps a ring that was received. Takes ownership of both descriptors, even on failure. 0;
 * -EINVAL if the memory has the wrong size or is not sealed against shrinking; or -errno.
 */
int evring_attach(struct evring *ring, int memory_fd, int doorbell_fd);
void evring_close(struct evring *ring);

/* Consumer: lets evring_wait wait for 'fd', too. The caller still owns it. 0 or -errno. */
int evring_join(struct evring *ring, int fd);
/*
 * Consumer: waits up to timeout_ms (-1: forever) until the bell has rung since the last call or the
 * joined descriptor is readable (*other_ready). 1 if so, 0 after a timeout or a signal, or -errno.
 */
int evring_wait(const struct evring *ring, int timeout_ms, bool *other_ready);

/*
 * Producer, hot. Appends a whole frame, and rings unless the consumer is awake and will see it. 0;
 * -EAGAIN if the ring is full, because the consumer has not run for a long time; or -errno of
 * write() to the bell.
 */
int evring_push(struct evring *ring, uint32_t generation, unsigned node, const struct frame *frame);

/*
 * Producer: requests that all keys be released after the frames pushed so far. Needs no room in the
 * ring, so it also works while the consumer is stopped.
 */
void evring_release(struct evring *ring);

/* Producer: true if frames are waiting. *popped: how many slots the consumer has taken so far. */
bool evring_waits(const struct evring *ring, uint32_t *popped);

/*
 * Consumer, hot. Takes the oldest frame; false if there is none. A malformed frame empties the
 * ring.
 */
bool evring_pop(struct evring *ring, struct evring_frame *out);

/* Consumer: after evring_pop returned false, true (once) if all keys are to be released now. */
bool evring_take_release(struct evring *ring);
