/* SPDX-License-Identifier: MIT */
/*
 * The order in which evring.c and virtq.c ask for their accesses to memory that another process or a
 * guest has. A weaker one fails seldom, on some processors and never here: so the order itself is
 * looked at, as the source asks for it of compiler and processor. Both are compiled into this test
 * with the compiler's atomic operations, by which they do all such accesses, noted down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "evring-pair.h"
#include "base/util.h"

enum kind { LOAD, STORE, FENCE };

struct access {
	enum kind kind;
	const void *at;
	int order;
};

static struct access seen[64];
static unsigned n_seen;

static void note(enum kind kind, const volatile void *at, int order)
{
	if (n_seen < ARRAY_SIZE(seen))
		seen[n_seen++] = (struct access){ kind, (const void *)at, order };
}

#define __atomic_load_n(ptr, order) (note(LOAD, (ptr), (order)), __atomic_load_n((ptr), (order)))
#define __atomic_store_n(ptr, value, order)                                                        \
	(note(STORE, (ptr), (order)), __atomic_store_n((ptr), (value), (order)))
#define __atomic_thread_fence(order) (note(FENCE, NULL, (order)), __atomic_thread_fence(order))

#include "keeper/evring.c"
#include "vhost/virtq.c"

#undef load
#undef store

static const char *const kinds[] = { "load", "store", "fence" };
static const char *const orders[] = { "relaxed", "consume", "acquire",
				      "release", "acq_rel", "seq_cst" };

static bool is_strong_enough(int order, int least)
{
	return order == least || order == __ATOMIC_SEQ_CST || least == __ATOMIC_RELAXED;
}

static void show(void)
{
	for (unsigned i = 0; i < n_seen; i++)
		print_message("  %s %p %s\n", kinds[seen[i].kind], seen[i].at,
			      orders[seen[i].order]);
}

/* Exactly these accesses were made since n_seen was 0, in this order, each at least as strong. */
static void expect(const struct access *wanted, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (i < n_seen && seen[i].kind == wanted[i].kind && seen[i].at == wanted[i].at &&
		    is_strong_enough(seen[i].order, wanted[i].order))
			continue;
		show();
		fail_msg("access %u is not: %s %p %s", i, kinds[wanted[i].kind], wanted[i].at,
			 orders[wanted[i].order]);
	}
	assert_int_equal(n_seen, n);
	n_seen = 0;
}

#define EXPECT(...)                                                                                \
	do {                                                                                       \
		const struct access wanted[] = { __VA_ARGS__ };                                    \
		expect(wanted, ARRAY_SIZE(wanted));                                                \
	} while (0)
#define RELAXED __ATOMIC_RELAXED
#define ACQUIRE __ATOMIC_ACQUIRE
#define RELEASE __ATOMIC_RELEASE
#define FULL                                                                                       \
	{                                                                                          \
		FENCE, NULL, __ATOMIC_SEQ_CST                                                      \
	}

/* --- the ring of frames -------------------------------------------------------------------- */

static void open_pair(struct evring_pair *pair)
{
	evring_pair_open(pair);
	n_seen = 0;
}

static const struct frame frame = {
	.n = 2,
	.ev = { { .type = EV_KEY, .code = KEY_A, .value = 1 }, { .type = EV_SYN } },
};

/*
 * Room: the consumer has read what the slots held. Then the slots before the index that shows them; and
 * that before the look whether the consumer sleeps.
 */
static void evring_pushes(void **state)
{
	struct evring_memory *memory;
	struct evring_pair pair;

	(void)state;
	open_pair(&pair);
	memory = pair.producer.memory;
	assert_int_equal(evring_push(&pair.producer, 0, 0, &frame), 0);
	EXPECT({ LOAD, &memory->popped, ACQUIRE }, { STORE, &memory->slot[0], RELAXED },
	       { STORE, &memory->slot[1], RELAXED }, { STORE, &memory->pushed, RELEASE }, FULL,
	       { LOAD, &memory->popped, RELAXED });
	evring_pair_close(&pair);
}

/* The index before the slots, and those before the index that gives them back. */
static void evring_pops(void **state)
{
	struct evring_memory *memory;
	struct evring_frame out;
	struct evring_pair pair;

	(void)state;
	open_pair(&pair);
	memory = pair.consumer.memory;
	evring_push(&pair.producer, 0, 0, &frame);
	n_seen = 0;
	assert_true(evring_pop(&pair.consumer, &out));
	EXPECT(FULL, { LOAD, &memory->pushed, ACQUIRE }, { LOAD, &memory->slot[0], RELAXED },
	       { LOAD, &memory->slot[1], RELAXED }, { STORE, &memory->popped, RELEASE });
	/* Between what it has given back and its last look, before it sleeps. */
	assert_false(evring_pop(&pair.consumer, &out));
	EXPECT(FULL, { LOAD, &memory->pushed, ACQUIRE });
	evring_pair_close(&pair);
}

/* One whose length is wrong: all is given back. */
static void evring_drops(void **state)
{
	struct evring_memory *memory;
	struct evring_frame out;
	struct evring_pair pair;

	(void)state;
	open_pair(&pair);
	memory = pair.consumer.memory;
	evring_push(&pair.producer, 0, 0, &frame);
	pair.producer.memory->slot[0] = FRAME_MAX;
	n_seen = 0;
	assert_false(evring_pop(&pair.consumer, &out));
	EXPECT(FULL, { LOAD, &memory->pushed, ACQUIRE }, { LOAD, &memory->slot[0], RELAXED },
	       { STORE, &memory->popped, RELEASE });
	evring_pair_close(&pair);
}

static void evring_releases(void **state)
{
	struct evring_pair pair;

	(void)state;
	open_pair(&pair);
	evring_release(&pair.producer);
	EXPECT({ STORE, &pair.producer.memory->releases, RELEASE });
	assert_true(evring_take_release(&pair.consumer));
	EXPECT({ LOAD, &pair.consumer.memory->releases, ACQUIRE });
	evring_pair_close(&pair);
}

/* --- a virtqueue --------------------------------------------------------------------------- */

#define SIZE  65536
#define AVAIL 4096
#define USED  8192
#define DATA  16384

static struct guest {
	uint8_t *ram;
	int fd;
	struct vmem mem;
	struct virtq q;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
} guest;

/* Two buffers are there, the second with the index not yet looked at. */
static void open_guest(bool event_idx, uint16_t flags)
{
	static const struct vmem_area area = { .guest = 0, .size = SIZE, .user = 0 };

	guest.fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(guest.fd, SIZE), 0);
	assert_int_equal(vmem_map(&guest.mem, &area, &guest.fd, 1), 0);
	guest.ram = vmem_guest(&guest.mem, 0, SIZE);
	guest.desc = (void *)guest.ram;
	guest.avail = (void *)(guest.ram + AVAIL);
	guest.used = (void *)(guest.ram + USED);
	guest.q = (struct virtq){
		.num = 8, .avail_user = AVAIL, .used_user = USED, .event_idx = event_idx
	};
	assert_int_equal(virtq_start(&guest.q, &guest.mem), 0);
	for (unsigned i = 0; i < 2; i++) {
		guest.desc[i] = (struct vring_desc){ DATA + 8 * i, 8, flags, 0 };
		guest.avail->ring[i] = (uint16_t)i;
	}
	guest.avail->idx = 2;
	n_seen = 0;
}

static void close_guest(void)
{
	vmem_unmap(&guest.mem);
	close_fd(&guest.fd);
}

/* The index before what it shows. */
static void virtq_reads(void **state)
{
	uint64_t data = 0;

	(void)state;
	open_guest(false, 0);
	assert_int_equal(virtq_get(&guest.q, &data, sizeof(data)), sizeof(data));
	EXPECT({ LOAD, &guest.avail->idx, ACQUIRE }, { LOAD, &guest.avail->ring[0], RELAXED });
	/* The index was two ahead: the driver's cache line is left alone. */
	assert_int_equal(virtq_get(&guest.q, &data, sizeof(data)), sizeof(data));
	EXPECT({ LOAD, &guest.avail->ring[1], RELAXED });
	close_guest();
	open_guest(false, VRING_DESC_F_WRITE);
	assert_int_equal(virtq_put(&guest.q, &data, sizeof(data)), sizeof(data));
	EXPECT({ LOAD, &guest.avail->idx, ACQUIRE }, { LOAD, &guest.avail->ring[0], RELAXED });
	close_guest();
}

static void put_one(bool event_idx)
{
	uint64_t data = 0;

	open_guest(event_idx, VRING_DESC_F_WRITE);
	assert_int_equal(virtq_put(&guest.q, &data, sizeof(data)), sizeof(data));
	n_seen = 0;
	virtq_publish(&guest.q);
}

/* What was used before the index that shows it, and that before the look whether to interrupt. */
static void virtq_publishes(void **state)
{
	(void)state;
	put_one(false);
	EXPECT({ STORE, &guest.used->idx, RELEASE }, FULL, { LOAD, &guest.avail->flags, RELAXED });
	close_guest();
	put_one(true);
	EXPECT({ STORE, &guest.used->idx, RELEASE }, FULL,
	       { LOAD, &guest.avail->ring[8], RELAXED });
	close_guest();
}

/* The wish to be notified before the last look at the index. */
static void virtq_waits(void **state)
{
	(void)state;
	open_guest(false, 0);
	assert_false(virtq_wait(&guest.q, 3));
	EXPECT({ STORE, &guest.used->flags, RELAXED }, FULL, { LOAD, &guest.avail->idx, ACQUIRE });
	close_guest();
	open_guest(true, 0);
	assert_false(virtq_wait(&guest.q, 3));
	EXPECT({ STORE, &guest.used->ring[8], RELAXED }, FULL,
	       { LOAD, &guest.avail->idx, ACQUIRE });
	close_guest();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evring_pushes), cmocka_unit_test(evring_pops),
		cmocka_unit_test(evring_drops),  cmocka_unit_test(evring_releases),
		cmocka_unit_test(virtq_reads),   cmocka_unit_test(virtq_publishes),
		cmocka_unit_test(virtq_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
