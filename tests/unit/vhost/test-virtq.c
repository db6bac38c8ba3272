/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a split ring against a driver that is played here: on a memfd, at addresses
 * that are neither each other's nor ours, and first honest, then not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/virtio_ring.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/util.h"
#include "vhost/virtq.h"

/* In the driver's memory, by guest physical address less GUEST. */
#define SIZE     (4 << 20)
#define GUEST    UINT64_C(0x100000)
#define USER     UINT64_C(0x7f1234560000)
#define DESC     0
#define AVAIL    (600 << 10)
#define USED     (700 << 10)
#define INDIRECT (1 << 20)
#define BUFFERS  (2 << 20)

#define EVENT(n) ((uint64_t)0x1122334400000000 + (n))

static struct {
	uint8_t *ram;
	int fd;
	struct vmem mem;
	struct virtq q;
	unsigned num;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
} t;

static void init(unsigned num, bool event_idx)
{
	t.num = num;
	memset(t.ram, 0, SIZE);
	t.q = (struct virtq){
		.num = num,
		.desc_user = USER + DESC,
		.avail_user = USER + AVAIL,
		.used_user = USER + USED,
		.event_idx = event_idx,
	};
	assert_int_equal(virtq_start(&t.q, &t.mem), 0);
}

static int setup(void **state)
{
	static const struct vmem_area area = { .guest = GUEST, .size = SIZE, .user = USER };

	(void)state;
	t.fd = memfd_create("guest", MFD_CLOEXEC);
	if (t.fd < 0 || ftruncate(t.fd, SIZE) < 0)
		return -1;
	t.ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd, 0);
	if (t.ram == MAP_FAILED || vmem_map(&t.mem, &area, &t.fd, 1) < 0)
		return -1;
	t.desc = (void *)(t.ram + DESC);
	t.avail = (void *)(t.ram + AVAIL);
	t.used = (void *)(t.ram + USED);
	init(8, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vmem_unmap(&t.mem);
	munmap(t.ram, SIZE);
	close_fd(&t.fd);
	return 0;
}

static uint8_t *buffer(unsigned i)
{
	return t.ram + BUFFERS + 64 * i;
}

static uint64_t gpa(const void *at)
{
	return GUEST + (uint64_t)((const uint8_t *)at - t.ram);
}

static void set_desc(unsigned i, const void *at, uint32_t len, uint16_t flags, uint16_t next)
{
	t.desc[i] =
		(struct vring_desc){ .addr = gpa(at), .len = len, .flags = flags, .next = next };
}

static void give(uint16_t head)
{
	t.avail->ring[t.avail->idx % t.num] = head;
	__atomic_store_n(&t.avail->idx, (uint16_t)(t.avail->idx + 1), __ATOMIC_RELEASE);
}

/* n buffers of 8 bytes for events. */
static void give_buffers(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned at = t.avail->idx % t.num;

		set_desc(at, buffer(at), 8, VRING_DESC_F_WRITE, 0);
		give((uint16_t)at);
	}
}

static int put(uint64_t event)
{
	return virtq_put(&t.q, &event, sizeof(event));
}

static uint64_t word(const void *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* The buffer that is given next ends the queue, for this and all that follows. */
static void breaks_on_put(uint16_t head)
{
	uint16_t used = t.used->idx;

	give(head);
	assert_int_equal(put(EVENT(0)), -EPROTO);
	assert_true(t.q.broken);
	assert_int_equal(put(EVENT(0)), -EPROTO);
	assert_int_equal(virtq_room(&t.q, 1), 0);
	assert_false(virtq_wait(&t.q, 1));
	assert_false(virtq_publish(&t.q));
	virtq_quiet(&t.q);
	assert_int_equal(t.used->idx, used);
	init(8, false);
}

static void knows_legal_sizes(void **state)
{
	static const unsigned bad[] = { 0,     3,     5,     6,        7,         100,
					32767, 32769, 65536, 1U << 31, UINT32_MAX };

	(void)state;
	for (unsigned num = 1; num <= VIRTQ_NUM_MAX; num *= 2)
		assert_true(virtq_num_ok(num));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(virtq_num_ok(bad[i]));
		t.q.num = bad[i];
		assert_int_equal(virtq_start(&t.q, &t.mem), -EINVAL);
	}
}

static void maps_whole_rings_only(void **state)
{
	uint64_t *const part[] = { &t.q.desc_user, &t.q.avail_user, &t.q.used_user };
	static const uint64_t size[] = { 16 * 8, 6 + 2 * 8, 6 + 8 * 8 };
	static const uint64_t align[] = { 16, 2, 4 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(part); i++) {
		uint64_t was = *part[i];
		uint64_t last = (USER + SIZE - size[i]) / align[i] * align[i];

		*part[i] = last;
		assert_int_equal(virtq_map(&t.q, &t.mem), 0);
		*part[i] = last + align[i];
		assert_int_equal(virtq_map(&t.q, &t.mem), -EFAULT);
		*part[i] = was + align[i] / 2;
		assert_int_equal(virtq_map(&t.q, &t.mem), -EFAULT);
		*part[i] = USER - align[i];
		assert_int_equal(virtq_map(&t.q, &t.mem), -EFAULT);
		*part[i] = UINT64_MAX - align[i] + 1;
		assert_int_equal(virtq_map(&t.q, &t.mem), -EFAULT);
		*part[i] = was;
	}
}

static void puts_into_every_size_of_ring(void **state)
{
	(void)state;
	for (unsigned num = 1; num <= VIRTQ_NUM_MAX; num *= 2) {
		init(num, false);
		assert_int_equal(put(EVENT(0)), -EAGAIN);
		/* Three times round, and the indices past their end once. */
		for (unsigned i = 0; i < 3 * num || i < 70000; i++) {
			unsigned at = i % num;

			set_desc(at, buffer(at % 1024), 8, VRING_DESC_F_WRITE, 0);
			give((uint16_t)at);
			assert_int_equal(virtq_room(&t.q, 1), 1);
			assert_int_equal(put(EVENT(i)), 8);
			assert_true(virtq_publish(&t.q));
			assert_int_equal(t.used->idx, (uint16_t)(i + 1));
			assert_int_equal(t.used->ring[at].id, at);
			assert_int_equal(t.used->ring[at].len, 8);
			assert_true(word(buffer(at % 1024)) == EVENT(i));
		}
		assert_int_equal(put(EVENT(0)), -EAGAIN);
		assert_false(t.q.broken);
	}
}

static void counts_what_waits(void **state)
{
	(void)state;
	assert_int_equal(virtq_room(&t.q, 1), 0);
	give_buffers(3);
	assert_int_equal(virtq_room(&t.q, 2), 3);
	give_buffers(5);
	assert_int_equal(virtq_room(&t.q, 3), 3); /* it need not look again */
	assert_int_equal(virtq_room(&t.q, 4), 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(put(EVENT(i)), 8);
	assert_int_equal(virtq_room(&t.q, 1), 0);
}

/* The driver sees nothing of a batch before it is published as a whole. */
static void publishes_batches(void **state)
{
	(void)state;
	give_buffers(4);
	for (unsigned i = 0; i < 3; i++)
		put(EVENT(i));
	assert_int_equal(t.used->idx, 0);
	assert_true(virtq_publish(&t.q));
	assert_int_equal(t.used->idx, 3);
	assert_false(virtq_publish(&t.q));
	for (unsigned i = 0; i < 3; i++)
		assert_true(word(buffer(i)) == EVENT(i));
}

static void fills_only_its_bytes(void **state)
{
	(void)state;
	memset(buffer(0), 0xee, 64);
	set_desc(0, buffer(0), 64, VRING_DESC_F_WRITE, 0);
	give(0);
	assert_int_equal(put(EVENT(1)), 8);
	assert_true(word(buffer(0)) == EVENT(1));
	for (unsigned i = 8; i < 64; i++)
		assert_int_equal(buffer(0)[i], 0xee);
}

static void puts_across_descriptors(void **state)
{
	(void)state;
	memset(buffer(1), 0, 3 * 64);
	set_desc(5, buffer(1), 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2);
	set_desc(2, buffer(2), 2, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 7);
	set_desc(7, buffer(3), 60, VRING_DESC_F_WRITE, 0);
	give(5);
	assert_int_equal(put(0x0807060504030201), 8);
	assert_int_equal(buffer(1)[0], 1);
	assert_memory_equal(buffer(2), "\x02\x03\0", 3);
	assert_memory_equal(buffer(3), "\x04\x05\x06\x07\x08\0", 6);
	virtq_publish(&t.q);
	assert_int_equal(t.used->ring[0].id, 5);
}

/* The last piece has room for more than is left, but not for all: nothing beyond the data is copied. */
static void puts_no_more_than_it_has(void **state)
{
	const uint8_t data[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 0xee, 0xee, 0xee, 0xee };

	(void)state;
	memset(buffer(1), 0, 2 * 64);
	set_desc(0, buffer(1), 4, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	set_desc(1, buffer(2), 7, VRING_DESC_F_WRITE, 0);
	give(0);
	assert_int_equal(virtq_put(&t.q, data, 8), 8);
	assert_memory_equal(buffer(1), "\x01\x02\x03\x04\0", 5);
	assert_memory_equal(buffer(2), "\x05\x06\x07\x08\0\0\0", 7);
}

/* A table of n descriptors, each of one byte, at any alignment. */
static void set_indirect(unsigned n, unsigned shift, uint16_t flags)
{
	for (unsigned i = 0; i < n; i++) {
		struct vring_desc desc = {
			.addr = gpa(buffer(0) + i),
			.len = i + 1 < n ? 1 : 8,
			.flags = (uint16_t)(VRING_DESC_F_WRITE |
					    (i + 1 < n ? VRING_DESC_F_NEXT : 0) | flags),
			.next = (uint16_t)(i + 1),
		};

		memcpy(t.ram + INDIRECT + shift + 16 * i, &desc, sizeof(desc));
	}
	set_desc(3, t.ram + INDIRECT + shift, 16 * n, VRING_DESC_F_INDIRECT, 0);
}

static void puts_into_indirect_tables(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 8; n++)
		for (unsigned shift = 0; shift < 16; shift += 5) {
			init(8, false);
			set_indirect(n, shift, 0);
			give(3);
			assert_int_equal(put(EVENT(n)), 8);
			assert_true(word(buffer(0)) == EVENT(n));
			virtq_publish(&t.q);
			assert_int_equal(t.used->ring[0].id, 3);
		}
}

static void gets_what_the_driver_wrote(void **state)
{
	uint8_t data[8];

	(void)state;
	memcpy(buffer(0), "abcdefghij", 10);
	set_desc(0, buffer(0), 3, VRING_DESC_F_NEXT, 1);
	set_desc(1, buffer(0) + 3, 7, 0, 0);
	set_desc(2, buffer(0), 5, 0, 0);
	give(0);
	give(2);
	assert_int_equal(virtq_get(&t.q, data, sizeof(data)), 8);
	assert_memory_equal(data, "abcdefgh", 8);
	assert_int_equal(virtq_get(&t.q, data, sizeof(data)), 5);
	assert_int_equal(virtq_get(&t.q, data, sizeof(data)), -EAGAIN);
	assert_true(virtq_publish(&t.q));
	assert_int_equal(t.used->idx, 2);
	assert_int_equal(t.used->ring[0].len, 0);
	assert_int_equal(t.used->ring[1].id, 2);
}

/* 'n' descriptors from 0 on, of a byte each but for the last. */
static void set_chain(unsigned n, uint16_t flags)
{
	for (unsigned i = 0; i < n; i++)
		set_desc(i, buffer(0) + i, i + 1 < n ? 1 : 8,
			 (uint16_t)(flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0)),
			 (uint16_t)(i + 1));
}

/* A chain of the whole ring for each of many buffers would keep us for long: 8 bytes need 8 pieces. */
static void breaks_on_longer_chains_than_an_event_needs(void **state)
{
	uint8_t data[8];

	(void)state;
	for (unsigned n = 8; n <= 9; n++)
		for (unsigned indirect = 0; indirect < 2; indirect++) {
			init(16, false);
			if (indirect)
				set_indirect(n, 0, 0);
			else
				set_chain(n, VRING_DESC_F_WRITE);
			give(indirect ? 3 : 0);
			assert_int_equal(put(EVENT(n)), n == 8 ? 8 : -EPROTO);
			init(16, false);
			set_chain(n, 0);
			give(0);
			assert_int_equal(virtq_get(&t.q, data, sizeof(data)), n == 8 ? 8 : -EPROTO);
		}
}

/* What was put before a break is not told of: the queue is the driver's no more. */
static void publishes_nothing_after_a_break(void **state)
{
	(void)state;
	give_buffers(1);
	assert_int_equal(put(EVENT(0)), 8);
	give(8);
	assert_int_equal(put(EVENT(1)), -EPROTO);
	assert_false(virtq_publish(&t.q));
	assert_int_equal(t.used->idx, 0);
}

/* Places whose doubles and halves are not each other's: an index is added to, and subtracted from. */
static void goes_on_from_any_place(void **state)
{
	static const uint16_t places[] = { 1, 5, 0x1234, 0x7ffe, 0xfffb };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		init(8, false);
		t.used->idx = t.avail->idx = places[i];
		give_buffers(8);
		t.q.last_avail = places[i];
		assert_int_equal(virtq_start(&t.q, &t.mem), 0);
		assert_int_equal(t.q.last_avail, places[i]);
		assert_int_equal(virtq_room(&t.q, 1), 8);
		/* Lost by little, and by much: one entry behind all that the ring holds, or before. */
		t.q.last_avail = (uint16_t)(places[i] - 1);
		assert_int_equal(virtq_start(&t.q, &t.mem), 0);
		assert_int_equal(t.q.last_avail, places[i]);
		t.q.last_avail = (uint16_t)(places[i] + 9);
		assert_int_equal(virtq_start(&t.q, &t.mem), 0);
		assert_int_equal(t.q.last_avail, places[i]);
		/* As much as the ring holds may wait, whatever was used. */
		t.used->idx = (uint16_t)(places[i] + 3);
		t.q.last_avail = places[i];
		assert_int_equal(virtq_start(&t.q, &t.mem), 0);
		assert_int_equal(t.q.last_avail, places[i]);
		/* Neither can be: it is left as the front end says, and breaks. */
		t.used->idx = (uint16_t)(places[i] + 0x4000);
		t.q.last_avail = (uint16_t)(places[i] - 1);
		assert_int_equal(virtq_start(&t.q, &t.mem), 0);
		assert_int_equal(t.q.last_avail, (uint16_t)(places[i] - 1));
	}
}

static void breaks_on_bad_indices(void **state)
{
	(void)state;
	breaks_on_put(8);
	breaks_on_put(UINT16_MAX);
	set_desc(0, buffer(0), 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 8);
	breaks_on_put(0);
	t.avail->idx = 8; /* one more than the ring holds, with what is given next */
	breaks_on_put(0);
	t.avail->idx = UINT16_MAX - 1;
	breaks_on_put(0);
}

/* The first index that is none, with a good descriptor where that would stand. */
static void breaks_on_the_descriptor_behind_the_last(void **state)
{
	(void)state;
	set_desc(8, buffer(0), 8, VRING_DESC_F_WRITE, 0);
	breaks_on_put(8);
}

/* Whoever asks for room is the first to see it. */
static void has_no_room_in_an_impossible_ring(void **state)
{
	(void)state;
	t.avail->idx = 9;
	assert_int_equal(virtq_room(&t.q, 1), 0);
	assert_true(t.q.broken);
	init(8, false);
	t.avail->idx = 9;
	assert_false(virtq_wait(&t.q, 1));
	assert_true(t.q.broken);
}

static void breaks_on_bad_descriptors(void **state)
{
	(void)state;
	set_desc(0, buffer(0), 0, VRING_DESC_F_WRITE, 0);
	breaks_on_put(0);
	set_desc(0, buffer(0), 7, VRING_DESC_F_WRITE, 0);
	breaks_on_put(0);
	set_desc(0, buffer(0), 8, 0, 0);
	breaks_on_put(0);
	set_desc(0, t.ram + SIZE - 4, 8, VRING_DESC_F_WRITE, 0);
	breaks_on_put(0);
	set_desc(0, t.ram - 4, 8, VRING_DESC_F_WRITE, 0);
	breaks_on_put(0);
	set_desc(0, buffer(0), UINT32_MAX, VRING_DESC_F_WRITE, 0);
	breaks_on_put(0);
	t.desc[0] = (struct vring_desc){ UINT64_MAX - 3, 8, VRING_DESC_F_WRITE, 0 };
	breaks_on_put(0);
	t.desc[0] = (struct vring_desc){ 0, 8, VRING_DESC_F_WRITE, 0 };
	breaks_on_put(0);
	/* QEMU's address of it is not the guest's. */
	t.desc[0] = (struct vring_desc){ USER + BUFFERS, 8, VRING_DESC_F_WRITE, 0 };
	breaks_on_put(0);
}

static void breaks_on_loops(void **state)
{
	(void)state;
	set_desc(0, buffer(0), 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 0);
	breaks_on_put(0);
	for (unsigned i = 0; i < 8; i++)
		set_desc(i, buffer(0), 8, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, (i + 1) % 8);
	breaks_on_put(0);
}

static void breaks_on_bad_indirect_tables(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 15, 17, 16 * 9, UINT32_MAX, UINT32_MAX - 15 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		set_indirect(2, 0, 0);
		t.desc[3].len = lengths[i];
		breaks_on_put(3);
	}
	set_indirect(2, 0, VRING_DESC_F_INDIRECT);
	breaks_on_put(3);
	set_indirect(2, 0, 0);
	t.desc[3].flags |= VRING_DESC_F_NEXT;
	breaks_on_put(3);
	set_indirect(2, 0, 0);
	t.desc[3].addr = GUEST + SIZE - 16;
	breaks_on_put(3);
	set_indirect(8, 0, 0);
	t.desc[3].len = 16 * 7; /* the last that it leads to is outside */
	breaks_on_put(3);
	set_indirect(2, 0, 0);
	((struct vring_desc *)(t.ram + INDIRECT))[1].flags |= VRING_DESC_F_NEXT;
	breaks_on_put(3); /* 2 follows, of 2 */
}

/* A table in a table: a good one, and the table itself, in which one could walk for ever. */
static void breaks_on_a_table_in_a_table(void **state)
{
	struct vring_desc *outer = (void *)(t.ram + INDIRECT + 4096);

	(void)state;
	set_indirect(1, 0, 0);
	*outer = t.desc[3];
	set_desc(3, outer, 16, VRING_DESC_F_INDIRECT, 0);
	breaks_on_put(3);
	*outer = (struct vring_desc){ gpa(outer), 16, VRING_DESC_F_INDIRECT, 0 };
	set_desc(3, outer, 16, VRING_DESC_F_INDIRECT, 0);
	breaks_on_put(3);
}

static void breaks_on_bad_buffers_to_get(void **state)
{
	uint8_t data[8];

	(void)state;
	set_desc(0, buffer(0), 8, VRING_DESC_F_WRITE, 0);
	give(0);
	assert_int_equal(virtq_get(&t.q, data, sizeof(data)), -EPROTO);
	assert_true(t.q.broken);
	init(8, false);
	set_desc(0, buffer(0), 4, VRING_DESC_F_NEXT, 1);
	set_desc(1, buffer(0), 4, VRING_DESC_F_WRITE, 0);
	give(0);
	assert_int_equal(virtq_get(&t.q, data, sizeof(data)), -EPROTO);
}

static void interrupts_as_flags_say(void **state)
{
	(void)state;
	give_buffers(2);
	t.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	put(EVENT(0));
	assert_false(virtq_publish(&t.q));
	assert_int_equal(t.used->idx, 1);
	t.avail->flags = 0;
	put(EVENT(1));
	assert_true(virtq_publish(&t.q));
}

/* Behind the available ring the driver says which index it wants to hear of. */
static void interrupts_as_the_event_index_says(void **state)
{
	(void)state;
	init(8, true);
	t.avail->flags = VRING_AVAIL_F_NO_INTERRUPT; /* means nothing then */
	give_buffers(8);
	put(EVENT(0));
	assert_true(virtq_publish(&t.q));
	put(EVENT(1));
	assert_false(virtq_publish(&t.q)); /* it still says 0 */
	t.avail->ring[8] = 3;
	put(EVENT(2));
	assert_false(virtq_publish(&t.q));
	put(EVENT(3));
	put(EVENT(4));
	assert_true(virtq_publish(&t.q));
}

static uint16_t avail_event(void)
{
	uint16_t idx;

	memcpy(&idx, &t.used->ring[t.num], sizeof(idx));
	return idx;
}

static void asks_for_kicks_by_flag(void **state)
{
	(void)state;
	virtq_quiet(&t.q);
	assert_int_equal(t.used->flags, VRING_USED_F_NO_NOTIFY);
	give_buffers(2);
	assert_false(virtq_wait(&t.q, 3));
	assert_int_equal(t.used->flags, 0);
	give_buffers(1);
	assert_true(virtq_wait(&t.q, 3));
}

static void asks_for_kicks_by_event_index(void **state)
{
	(void)state;
	init(8, true);
	give_buffers(2);
	assert_false(virtq_wait(&t.q, 3));
	assert_int_equal(avail_event(), 2); /* the third is index 2 */
	give_buffers(1);
	assert_true(virtq_wait(&t.q, 3));
	put(EVENT(0));
	put(EVENT(1));
	put(EVENT(2));
	assert_false(virtq_wait(&t.q, 1));
	assert_int_equal(avail_event(), 3);
	virtq_quiet(&t.q);
	assert_int_equal(t.used->flags, 0);
}

static void goes_on_where_it_was(void **state)
{
	(void)state;
	give_buffers(5);
	for (unsigned i = 0; i < 3; i++)
		put(EVENT(i));
	virtq_publish(&t.q);
	t.q.last_avail = 3;
	assert_int_equal(virtq_start(&t.q, &t.mem), 0);
	assert_int_equal(virtq_room(&t.q, 1), 2);
	assert_int_equal(put(EVENT(3)), 8);
	virtq_publish(&t.q);
	assert_int_equal(t.used->idx, 4);
	assert_int_equal(t.used->ring[3].id, 3);
}

/* A front end that lost its device, and with it the count. */
static void finds_its_place_again(void **state)
{
	(void)state;
	t.used->idx = 1000;
	t.avail->idx = 1000;
	give_buffers(4);
	t.q.last_avail = 0;
	assert_int_equal(virtq_start(&t.q, &t.mem), 0);
	assert_int_equal(t.q.last_avail, 1000);
	assert_int_equal(virtq_room(&t.q, 1), 4);
}

static void mends_by_a_start(void **state)
{
	(void)state;
	give(8);
	assert_int_equal(put(EVENT(0)), -EPROTO);
	memset(t.ram, 0, BUFFERS);
	t.q.last_avail = 0;
	assert_int_equal(virtq_start(&t.q, &t.mem), 0);
	assert_false(t.q.broken);
	give_buffers(1);
	assert_int_equal(put(EVENT(0)), 8);
}

/* Zero pages in the place of the memory: nothing is available there, or the index has jumped. */
static void survives_memory_that_is_taken_away(void **state)
{
	static const struct vmem_area area = { .guest = GUEST, .size = SIZE, .user = USER };

	(void)state;
	/* Anew, because cmocka has put its own handler for SIGBUS in the place of ours. */
	assert_int_equal(vmem_map(&t.mem, &area, &t.fd, 1), 0);
	init(8, false);
	give_buffers(8);
	put(EVENT(0));
	assert_int_equal(ftruncate(t.fd, 0), 0);
	for (unsigned i = 0; i < 8; i++)
		put(EVENT(i));
	virtq_publish(&t.q);
	assert_true(t.q.broken);
	assert_true(vmem_broken(&t.mem));
}

#if defined(__x86_64__)
/*
 * Every access of the device's to what only the driver writes, caught one by one: its mapping may not
 * be touched but for the one instruction that has faulted, which is stepped over.
 */
#define WATCHED_END INDIRECT + (64 << 10)
#define ACCESS_MAX  256
#define TRAP_FLAG   0x100

static struct {
	uint8_t *base;
	uint32_t at[ACCESS_MAX];
	unsigned n;
} watch;

static void protect(int prot)
{
	mprotect(watch.base, USED, prot);
	mprotect(watch.base + INDIRECT, 64 << 10, prot);
}

static void on_access(int signo, siginfo_t *info, void *context)
{
	ucontext_t *cpu = context;
	uint64_t at = (uint64_t)((uint8_t *)info->si_addr - watch.base);

	if (at >= WATCHED_END) {
		signal(signo, SIG_DFL);
		return;
	}
	if (watch.n < ACCESS_MAX)
		watch.at[watch.n++] = (uint32_t)at;
	protect(PROT_READ | PROT_WRITE);
	cpu->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void on_step(int signo, siginfo_t *info, void *context)
{
	ucontext_t *cpu = context;

	(void)signo;
	(void)info;
	protect(PROT_NONE);
	cpu->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

static struct sigaction was[2];

static void watch_begin(void)
{
	struct sigaction access = { .sa_sigaction = on_access, .sa_flags = SA_SIGINFO };
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	watch.base = t.mem.region[0].host;
	watch.n = 0;
	sigaction(SIGSEGV, &access, &was[0]);
	sigaction(SIGTRAP, &step, &was[1]);
	protect(PROT_NONE);
}

static void watch_end(void)
{
	protect(PROT_READ | PROT_WRITE);
	sigaction(SIGSEGV, &was[0], NULL);
	sigaction(SIGTRAP, &was[1], NULL);
}

/* Descriptors by halves of 8 bytes, the available ring by its fields; each of them once. */
static void expect_read_once(unsigned n)
{
	assert_int_equal(watch.n, n);
	for (unsigned i = 0; i < watch.n; i++) {
		uint32_t at = watch.at[i];

		if (at < AVAIL || at >= INDIRECT)
			assert_int_equal(at % 8, 0);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(watch.at[k], at);
	}
}

/* What is looked at a second time may be another by then (CVE-2026-86562, 86848, 93683). */
static void reads_each_field_once(void **state)
{
	uint8_t data[8];

	(void)state;
	give_buffers(1);
	watch_begin();
	put(EVENT(0));
	watch_end();
	expect_read_once(1 + 1 + 2); /* the index, the entry, the descriptor */

	init(8, false);
	set_chain(3, 0);
	give(0);
	watch_begin();
	assert_int_equal(virtq_get(&t.q, data, sizeof(data)), 8);
	watch_end();
	expect_read_once(1 + 1 + 3 * 2);
}
#endif

#define virtq_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		virtq_test(knows_legal_sizes),
		virtq_test(maps_whole_rings_only),
		virtq_test(puts_into_every_size_of_ring),
		virtq_test(counts_what_waits),
		virtq_test(publishes_batches),
		virtq_test(fills_only_its_bytes),
		virtq_test(puts_across_descriptors),
		virtq_test(puts_no_more_than_it_has),
		virtq_test(puts_into_indirect_tables),
		virtq_test(gets_what_the_driver_wrote),
		virtq_test(breaks_on_longer_chains_than_an_event_needs),
		virtq_test(publishes_nothing_after_a_break),
		virtq_test(goes_on_from_any_place),
#if defined(__x86_64__)
		virtq_test(reads_each_field_once),
#endif
		virtq_test(breaks_on_bad_indices),
		virtq_test(breaks_on_the_descriptor_behind_the_last),
		virtq_test(has_no_room_in_an_impossible_ring),
		virtq_test(breaks_on_bad_descriptors),
		virtq_test(breaks_on_loops),
		virtq_test(breaks_on_bad_indirect_tables),
		virtq_test(breaks_on_a_table_in_a_table),
		virtq_test(breaks_on_bad_buffers_to_get),
		virtq_test(interrupts_as_flags_say),
		virtq_test(interrupts_as_the_event_index_says),
		virtq_test(asks_for_kicks_by_flag),
		virtq_test(asks_for_kicks_by_event_index),
		virtq_test(goes_on_where_it_was),
		virtq_test(finds_its_place_again),
		virtq_test(mends_by_a_start),
		virtq_test(survives_memory_that_is_taken_away),
	};

	return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
