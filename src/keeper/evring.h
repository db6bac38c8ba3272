/*
 * Frames from one process to another: a ring in shared memory with one producer and one consumer, and
 * a doorbell that wakes the consumer. Neither side trusts the other: the consumer checks all that it
 * reads, and what the other writes there can at worst lose frames. The producer makes it; both map it,
 * and each owns its mapping and its descriptors.
 *
 * The bell is an eventfd that only the producer has. The consumer has the doorbell, an epoll instance
 * that watches the bell: whoever had the eventfd itself could clear its O_NONBLOCK, fill its counter,
 * and so block the producer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"

/* One slot holds an event or a frame's head: two seconds of a mouse at 8 kHz. */
#define EVRING_SLOTS 65536

struct evring_memory;

struct evring {
	struct evring_memory *memory; /* NULL: not open */
	int memory_fd;                /* the producer's, to be passed on; else -1 */
	int doorbell_fd;              /* to be passed on; the consumer waits at it */
	int bell_fd;                  /* the producer's; else -1 */
	int other_fd;                 /* that the consumer waits for at the doorbell too; else -1 */
	uint32_t position;            /* our own end: read back from nobody */
	uint32_t releases; /* asked for by the producer, or carried out by the consumer */
};

#define EVRING_INIT                                                                                \
	{                                                                                          \
		.memory_fd = -1, .doorbell_fd = -1, .bell_fd = -1, .other_fd = -1                  \
	}

/* A frame and what goes with it. */
struct evring_frame {
	uint32_t generation; /* the producer's view of the target; see keeper-message.h */
	unsigned node;       /* enum shape_node */
	bool release;        /* before this frame, everything that is down goes up */
	struct frame frame;
};

/* Makes a ring. 0 or -errno. */
int evring_create(struct evring *ring);
/* Maps one that was received; takes over both descriptors, in any case. 0, -EINVAL for no such memory, -errno. */
int evring_attach(struct evring *ring, int memory_fd, int doorbell_fd);
void evring_close(struct evring *ring);

/* At the consumer's doorbell, 'fd' is waited for too; it stays the caller's. 0 or -errno. */
int evring_join(struct evring *ring, int fd);
/*
 * Waits up to timeout_ms (-1: without end) until the bell has rung since the last call, or the joined
 * descriptor is readable: 1 where that is so, 0 after a time-out or an interruption, or -errno.
 */
int evring_wait(const struct evring *ring, int timeout_ms, bool *other_ready);

/*
 * Hot. Appends a whole frame and rings, unless the consumer is awake and will see it. 0; -EAGAIN where
 * it does not fit: the consumer has not run for a long time; -errno of the doorbell.
 */
int evring_push(struct evring *ring, uint32_t generation, unsigned node, const struct frame *frame);

/*
 * After all frames that were pushed, everything that is down goes up. It needs no room in the ring:
 * it also works while the consumer does not run.
 */
void evring_release(struct evring *ring);

/* Whether the consumer still has frames to take; *popped counts the slots that it has taken. */
bool evring_waits(const struct evring *ring, uint32_t *popped);

/* Hot. Takes the oldest frame: false where there is none. What is malformed empties the ring. */
bool evring_pop(struct evring *ring, struct evring_frame *out);

/* After evring_pop returned false: whether everything that is down is to go up now. Asked once. */
bool evring_take_release(struct evring *ring);
