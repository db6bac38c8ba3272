/*
 * Frames from one process to another: a ring in shared memory with one producer and one consumer, and
 * an eventfd, the doorbell, that wakes the consumer. Neither side trusts the other: the consumer
 * checks all that it reads, and what the other writes there can at worst lose frames. The producer
 * makes it; both map it, and each owns its mapping and its descriptors.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

/* One slot holds an event or a frame's head: two seconds of a mouse at 8 kHz. */
#define EVRING_SLOTS 65536

struct evring_memory;

struct evring {
	struct evring_memory *memory; /* NULL: not open */
	int memory_fd;                /* the producer's, to be passed on; else -1 */
	int doorbell_fd;
	uint32_t position; /* our own end: read back from nobody */
};

#define EVRING_INIT                                                                                \
	{                                                                                          \
		.memory_fd = -1, .doorbell_fd = -1                                                 \
	}

/* A frame and what goes with it. */
struct evring_frame {
	uint32_t generation; /* the producer's view of the target; see keeper-message.h */
	unsigned node;       /* enum shape_node */
	struct frame frame;
};

/* Makes a ring: memfd and eventfd. 0 or -errno. */
int evring_create(struct evring *ring);
/* Maps one that was received; takes over both descriptors, in any case. 0, -EINVAL for no such memory, -errno. */
int evring_attach(struct evring *ring, int memory_fd, int doorbell_fd);
void evring_close(struct evring *ring);

/*
 * Hot. Appends a whole frame and rings, unless the consumer is awake and will see it. 0; -EAGAIN where
 * it does not fit: the consumer has not run for a long time; -errno of the doorbell.
 */
int evring_push(struct evring *ring, uint32_t generation, unsigned node, const struct frame *frame);

/* Hot. Takes the oldest frame: false where there is none. What is malformed empties the ring. */
bool evring_pop(struct evring *ring, struct evring_frame *out);
