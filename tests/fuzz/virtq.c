/* SPDX-License-Identifier: MIT */
/*
 * The rings of a guest that lies: descriptors, rings and buffers are the input, in guest memory of two
 * regions; a second thread writes into them meanwhile, as the guest's other processors can. Reaches virtq
 * and vmem. The order of the two threads is the scheduler's, so a finding may need several runs.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "vhost/virtq.h"
#include "vhost/vmem.h"

#define REGION 8192
#define USER   0x7f0000000000

static struct guest {
	uint8_t *memory; /* both regions */
	int fd;
	pthread_t writer;
	_Atomic(const uint8_t *) at; /* what the thread writes: places and values */
	atomic_size_t left;
	atomic_uint round, done;
} guest = { .fd = -1 };

/* Writes what the run hands it, again and again, until the run is over. */
static void *write_bytes(void *unused)
{
	(void)unused;
	for (unsigned round = 0;; round++) {
		while (atomic_load(&guest.round) == round)
			sched_yield();
		while (atomic_load(&guest.round) == round + 1) {
			const uint8_t *at = atomic_load(&guest.at);

			for (size_t i = 0; i + 3 <= guest.left; i += 3)
				*(volatile uint8_t *)&guest
					 .memory[(at[i] | at[i + 1] << 8) % (2 * REGION)] =
					at[i + 2];
		}
		round++;
		atomic_store(&guest.done, round + 1);
	}
	return NULL;
}

static void make_guest(void)
{
	guest.fd = memfd_create("guest", MFD_CLOEXEC);
	FUZZ_CHECK(ftruncate(guest.fd, 2 * REGION) == 0, "memory");
	guest.memory = mmap(NULL, 2 * REGION, PROT_READ | PROT_WRITE, MAP_SHARED, guest.fd, 0);
	FUZZ_CHECK(guest.memory != MAP_FAILED, "memory");
	pthread_create(&guest.writer, NULL, write_bytes, NULL);
}

/* The rest of the input: the writer's share, then the memory from the start of the rings on. */
static void fill(struct fuzz *fuzz)
{
	size_t writes = 3u * fuzz_below(fuzz, 32), size = 2 * REGION;
	const uint8_t *bytes = fuzz_take(fuzz, &writes);

	memset(guest.memory, 0, 2 * REGION);
	atomic_store(&guest.at, bytes);
	atomic_store(&guest.left, writes);
	bytes = fuzz_take(fuzz, &size);
	memcpy(guest.memory, bytes, size);
}

static void use(struct virtq *virtq, struct fuzz *fuzz, unsigned ops)
{
	uint8_t data[64] = { 1 };

	for (; ops > 0; ops--) {
		uint8_t op = fuzz_u8(fuzz);
		uint32_t n = 1 + op / 8u;
		int rc = 0;

		if (op % 8 == 0)
			virtq_publish(virtq);
		else if (op % 8 == 1)
			virtq_wait(virtq, n);
		else if (op % 8 == 2)
			virtq_quiet(virtq);
		else if (op % 8 == 3)
			FUZZ_CHECK(virtq_room(virtq, n) <= virtq->num, "room");
		else if (op % 8 < 6)
			rc = virtq_put(virtq, data, n);
		else
			rc = virtq_get(virtq, data, n);
		FUZZ_CHECK(rc <= (int)n, "%d of %u bytes", rc, n);
	}
}

void fuzz_one(struct fuzz *fuzz)
{
	/* In the other order in the guest's addresses, and not beside each other. */
	const struct vmem_area areas[] = {
		{ .guest = 0x10000, .size = REGION, .user = USER, .offset = 0 },
		{ .guest = 0x1000, .size = REGION, .user = USER + 0x100000, .offset = REGION },
	};
	struct vmem vmem = { 0 };
	struct virtq virtq = { .desc_user = USER,
			       .avail_user = USER + 512,
			       .used_user = USER + 1024 };
	struct fuzz ops;
	size_t n;

	if (guest.fd < 0)
		make_guest();
	FUZZ_CHECK(vmem_map(&vmem, areas, (int[]){ guest.fd, guest.fd }, 2) == 0, "map");
	virtq.num = 1u << fuzz_below(fuzz, 5);
	virtq.event_idx = fuzz_u8(fuzz) & 1;
	virtq.last_avail = fuzz_u16(fuzz);
	n = fuzz_below(fuzz, 64);
	ops.at = fuzz_take(fuzz, &n);
	ops.left = n;
	fill(fuzz);
	atomic_fetch_add(&guest.round, 1);
	if (virtq_start(&virtq, &vmem) == 0)
		use(&virtq, &ops, (unsigned)n);
	atomic_fetch_add(&guest.round, 1);
	while (atomic_load(&guest.done) != atomic_load(&guest.round))
		sched_yield();
	vmem_unmap(&vmem);
}
