/* SPDX-License-Identifier: MIT */
/* A single-producer, single-consumer ring of frames in sealed shared memory. */
#include "keeper/evring.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/hot.h"
#include "base/util.h"

/* The SYN_REPORT at the end of every frame is implied. */
union slot {
	struct {
		uint16_t n;          /* number of events that follow */
		uint8_t node_resync; /* node << 1 | resync */
		uint8_t releases;    /* low bits of the releases requested before this frame */
		uint32_t generation;
	} head;
	struct {
		uint16_t type, code;
		int32_t value;
	} event;
	uint64_t raw;
};

/* Free-running indices, each in a cache line that only its owner writes. */
struct evring_memory {
	uint32_t pushed __attribute__((aligned(64)));
	uint32_t releases;
	uint32_t popped __attribute__((aligned(64)));
	uint64_t slot[EVRING_SLOTS] __attribute__((aligned(64)));
};

static int map(struct evring *ring, int memory_fd)
{
	void *memory =
		mmap(NULL, sizeof(*ring->memory), PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	ring->memory = memory;
	return 0;
}

static int make_memory(struct evring *ring)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	ring->memory_fd = memfd_create("evswitch-frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ring->memory_fd < 0 || ftruncate(ring->memory_fd, sizeof(*ring->memory)) < 0 ||
	    fcntl(ring->memory_fd, F_ADD_SEALS, seals) < 0)
		return -errno;
	return map(ring, ring->memory_fd);
}

/*
 * Edge-triggered: each write to the bell wakes the consumer, which need not (and cannot) read it.
 */
static int make_doorbell(struct evring *ring)
{
	struct epoll_event rung = { .events = EPOLLIN | EPOLLET };

	ring->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->doorbell_fd = epoll_create1(EPOLL_CLOEXEC);
	if (ring->bell_fd < 0 || ring->doorbell_fd < 0 ||
	    epoll_ctl(ring->doorbell_fd, EPOLL_CTL_ADD, ring->bell_fd, &rung) < 0)
		return -errno;
	return 0;
}

int evring_create(struct evring *ring)
{
	int rc;

	*ring = (struct evring)EVRING_INIT;
	rc = make_memory(ring);
	if (rc == 0)
		rc = make_doorbell(ring);
	if (rc < 0)
		evring_close(ring);
	return rc;
}

int evring_attach(struct evring *ring, int memory_fd, int doorbell_fd)
{
	autoclose int memory = memory_fd;
	int seals = fcntl(memory, F_GET_SEALS);
	struct stat status;
	int rc = -EINVAL;

	*ring = (struct evring)EVRING_INIT;
	ring->doorbell_fd = doorbell_fd;
	/* Sealed against shrinking: truncation under the mapping would raise SIGBUS. */
	if (seals >= 0 && seals & F_SEAL_SHRINK && fstat(memory, &status) == 0 &&
	    status.st_size == (off_t)sizeof(*ring->memory))
		rc = map(ring, memory);
	if (rc == 0)
		ring->position = __atomic_load_n(&ring->memory->popped, __ATOMIC_RELAXED);
	else
		evring_close(ring);
	return rc;
}

/*
 * Marks 'other_fd' among the epoll events. A producer that forges it causes only a spurious
 * wake-up.
 */
#define OTHER 1

int evring_join(struct evring *ring, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = OTHER };

	if (epoll_ctl(ring->doorbell_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	ring->other_fd = fd;
	return 0;
}

int evring_wait(const struct evring *ring, int timeout_ms, bool *other_ready)
{
	struct epoll_event ready[2];
	int n = hot_wait(ring->doorbell_fd, ready, 2, timeout_ms);

	*other_ready = false;
	for (int i = 0; i < n; i++)
		*other_ready |= ready[i].data.u64 == OTHER;
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n > 0;
}

void evring_close(struct evring *ring)
{
	/* The producer may keep the epoll instance alive, and the descriptor registered in it. */
	if (ring->other_fd >= 0)
		epoll_ctl(ring->doorbell_fd, EPOLL_CTL_DEL, ring->other_fd, NULL);
	ring->other_fd = -1;
	if (ring->memory)
		munmap(ring->memory, sizeof(*ring->memory));
	ring->memory = NULL;
	close_fd(&ring->memory_fd);
	close_fd(&ring->doorbell_fd);
	close_fd(&ring->bell_fd);
}

static void put(struct evring *ring, uint32_t at, union slot slot)
{
	__atomic_store_n(&ring->memory->slot[at % EVRING_SLOTS], slot.raw, __ATOMIC_RELAXED);
}

static union slot get(const struct evring *ring, uint32_t at)
{
	union slot slot;

	slot.raw = __atomic_load_n(&ring->memory->slot[at % EVRING_SLOTS], __ATOMIC_RELAXED);
	return slot;
}

static int ring_bell(const struct evring *ring)
{
	static const uint64_t one = 1;

	return hot_write(ring->bell_fd, &one, sizeof(one)) < 0 ? -errno : 0;
}

int evring_push(struct evring *ring, uint32_t generation, unsigned node, const struct frame *frame)
{
	struct evring_memory *memory = ring->memory;
	unsigned n = frame->n - 1;
	uint32_t start = ring->position;
	uint32_t waiting = start - __atomic_load_n(&memory->popped, __ATOMIC_ACQUIRE);

	if (waiting > EVRING_SLOTS || EVRING_SLOTS - waiting < n + 1)
		return -EAGAIN;
	put(ring, start,
	    (union slot){ .head = { (uint16_t)n, (uint8_t)(node << 1 | frame->resync),
				    (uint8_t)ring->releases, generation } });
	for (unsigned i = 0; i < n; i++) {
		const struct input_event *ev = &frame->ev[i];

		put(ring, start + 1 + i,
		    (union slot){ .event = { ev->type, ev->code, ev->value } });
	}
	ring->position = start + n + 1;
	/*
	 * Store 'pushed', then load 'popped'. If the consumer had not yet taken everything before
	 * this frame, it will load 'pushed' again before it sleeps (evring_pop), so it needs no
	 * wake-up. The full barriers ensure that at least one side sees the other's store.
	 */
	__atomic_store_n(&memory->pushed, ring->position, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&memory->popped, __ATOMIC_RELAXED) == start)
		return ring_bell(ring);
	return 0;
}

void evring_release(struct evring *ring)
{
	if (!ring->memory)
		return;
	__atomic_store_n(&ring->memory->releases, ++ring->releases, __ATOMIC_RELEASE);
	ring_bell(ring);
}

bool evring_waits(const struct evring *ring, uint32_t *popped)
{
	*popped = ring->memory ? __atomic_load_n(&ring->memory->popped, __ATOMIC_RELAXED) : 0;
	return ring->memory && *popped != ring->position;
}

/* The producer wrote an invalid frame length, so the following frames cannot be found. */
static bool drop_all(struct evring *ring, uint32_t pushed)
{
	ring->position = pushed;
	__atomic_store_n(&ring->memory->popped, pushed, __ATOMIC_RELEASE);
	return false;
}

bool evring_pop(struct evring *ring, struct evring_frame *out)
{
	static const struct input_event at = { 0 };
	struct evring_memory *memory = ring->memory;
	uint32_t pushed, waiting, n;
	union slot head;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	pushed = __atomic_load_n(&memory->pushed, __ATOMIC_ACQUIRE);
	waiting = pushed - ring->position;
	if (waiting == 0)
		return false;
	head = get(ring, ring->position);
	n = head.head.n;
	if (waiting > EVRING_SLOTS || n + 1 > waiting || n + 1 > FRAME_MAX)
		return drop_all(ring, pushed);
	out->generation = head.head.generation;
	out->node = head.head.node_resync >> 1;
	out->release = head.head.releases != (uint8_t)ring->releases;
	out->frame.resync = head.head.node_resync & 1;
	out->frame.n = 0;
	for (uint32_t i = 1; i <= n; i++) {
		union slot slot = get(ring, ring->position + i);

		if (slot.event.type == EV_SYN)
			return drop_all(ring, pushed);
		frame_put(&out->frame, &at, slot.event.type, slot.event.code, slot.event.value);
	}
	frame_close(&out->frame, &at);
	ring->releases += (uint8_t)(head.head.releases - ring->releases);
	ring->position += n + 1;
	__atomic_store_n(&memory->popped, ring->position, __ATOMIC_RELEASE);
	return true;
}

bool evring_take_release(struct evring *ring)
{
	uint32_t releases = __atomic_load_n(&ring->memory->releases, __ATOMIC_ACQUIRE);
	bool due = releases != ring->releases;

	ring->releases = releases;
	return due;
}
