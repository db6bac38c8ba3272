/* SPDX-License-Identifier: MIT */
/* Ring indices are free-running 16-bit counters; their low bits select an entry. */
#include "vhost/virtq.h"

#include <endian.h>
#include <string.h>

#include "base/util.h"

/* Read the driver's memory, which may change at any time: each reads its field once. */
typedef volatile uint64_t shared64 __attribute__((aligned(1), may_alias));
typedef uint16_t shared16 __attribute__((may_alias));

#define load(ptr)           __atomic_load_n((ptr), __ATOMIC_RELAXED)
#define store(ptr, value)   __atomic_store_n((ptr), (value), __ATOMIC_RELAXED)
#define full_barrier()      __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define is_aligned(ptr, to) ((uintptr_t)(ptr) % (to) == 0)

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

bool virtq_num_ok(unsigned num)
{
	return num > 0 && num <= VIRTQ_NUM_MAX && (num & (num - 1)) == 0;
}

int virtq_map(struct virtq *virtq, const struct vmem *mem)
{
	uint64_t n = virtq->num;
	void *desc = vmem_user(mem, virtq->desc_user, sizeof(struct vring_desc) * n);
	void *avail = vmem_user(mem, virtq->avail_user, 6 + 2 * n);
	void *used = vmem_user(mem, virtq->used_user, 6 + 8 * n);

	if (!desc || !avail || !used || !is_aligned(desc, VRING_DESC_ALIGN_SIZE) ||
	    !is_aligned(avail, VRING_AVAIL_ALIGN_SIZE) || !is_aligned(used, VRING_USED_ALIGN_SIZE))
		return -EFAULT;
	virtq->mem = mem;
	virtq->desc = desc;
	virtq->avail = avail;
	virtq->used = used;
	return 0;
}

static uint16_t read_avail_idx(const struct virtq *virtq)
{
	return le16toh(__atomic_load_n(&virtq->avail->idx, __ATOMIC_ACQUIRE));
}

int virtq_start(struct virtq *virtq, const struct vmem *mem)
{
	int rc = virtq_num_ok(virtq->num) ? virtq_map(virtq, mem) : -EINVAL;
	uint16_t avail;

	if (rc < 0)
		return rc;
	avail = read_avail_idx(virtq);
	virtq->broken = false;
	virtq->used_idx = virtq->published = le16toh(load(&virtq->used->idx));
	if ((uint16_t)(avail - virtq->last_avail) > virtq->num &&
	    (uint16_t)(avail - virtq->used_idx) <= virtq->num)
		virtq->last_avail = virtq->used_idx;
	virtq->avail_idx = virtq->last_avail;
	return 0;
}

static int violated(struct virtq *virtq)
{
	virtq->broken = true;
	virtq->avail_idx = virtq->last_avail;
	return -EPROTO;
}

unsigned virtq_room(struct virtq *virtq, unsigned want)
{
	uint16_t room = (uint16_t)(virtq->avail_idx - virtq->last_avail);

	if (room >= want || virtq->broken)
		return room;
	virtq->avail_idx = read_avail_idx(virtq);
	room = (uint16_t)(virtq->avail_idx - virtq->last_avail);
	if (room > virtq->num) {
		violated(virtq);
		return 0;
	}
	return room;
}

/* The position in a chain of descriptors. */
struct chain {
	const void *table; /* may be unaligned if it is indirect */
	uint32_t size;     /* of the table, in descriptors */
	uint32_t left;     /* how many descriptors may still follow */
	uint16_t next;
	bool indirect, done;
};

static struct desc read_desc(const void *table, unsigned i)
{
	const shared64 *at = (const shared64 *)table + (size_t)2 * i;
	uint64_t addr = le64toh(at[0]);
	uint64_t rest = le64toh(at[1]);

	return (struct desc){
		.addr = addr,
		.len = (uint32_t)rest,
		.flags = (uint16_t)(rest >> 32),
		.next = (uint16_t)(rest >> 48),
	};
}

/* Section 2.7.5.3: the table is the whole chain, and contains no indirect descriptor. */
static int enter_indirect(const struct virtq *virtq, struct chain *chain, const struct desc *desc)
{
	uint32_t n = desc->len / sizeof(struct vring_desc);

	if (chain->indirect || desc->flags & VRING_DESC_F_NEXT || n == 0 || n > virtq->num ||
	    desc->len % sizeof(struct vring_desc) != 0)
		return -EPROTO;
	*chain = (struct chain){
		.table = vmem_guest(virtq->mem, desc->addr, desc->len),
		.size = n,
		.left = chain->left + 1, /* the descriptor of the table has no data */
		.indirect = true,
	};
	return chain->table ? 0 : -EPROTO;
}

/* The length of the buffer's next piece, and *data; 0 at the end. 'write': it must be writable. */
static int64_t next_piece(const struct virtq *virtq, struct chain *chain, uint16_t write,
			  uint8_t **data)
{
	struct desc desc;

	if (chain->done)
		return 0;
	if (chain->left-- == 0 || chain->next >= chain->size)
		return -EPROTO;
	desc = read_desc(chain->table, chain->next);
	if (desc.flags & VRING_DESC_F_INDIRECT)
		return enter_indirect(virtq, chain, &desc) < 0
			       ? -EPROTO
			       : next_piece(virtq, chain, write, data);
	chain->done = !(desc.flags & VRING_DESC_F_NEXT);
	chain->next = desc.next;
	if ((desc.flags & VRING_DESC_F_WRITE) != write || desc.len == 0)
		return -EPROTO;
	*data = vmem_guest(virtq->mem, desc.addr, desc.len);
	return *data ? (int64_t)desc.len : -EPROTO;
}

/*
 * The index of the next buffer's first descriptor, or -EAGAIN or -EPROTO. Only 'use' consumes it.
 */
static int next_head(struct virtq *virtq)
{
	unsigned at = virtq->last_avail & (virtq->num - 1);
	unsigned head;

	if (virtq_room(virtq, 1) == 0)
		return virtq->broken ? -EPROTO : -EAGAIN;
	head = le16toh(load(&virtq->avail->ring[at]));
	return head < virtq->num ? (int)head : violated(virtq);
}

/*
 * Walks along a buffer for n bytes. No descriptor is empty, so it needs at most n of them; more
 * would only cost time, up to the whole ring for each buffer.
 */
static struct chain start_chain(const struct virtq *virtq, int head, uint32_t n)
{
	return (struct chain){
		.table = virtq->desc,
		.size = virtq->num,
		.left = n,
		.next = (uint16_t)head,
	};
}

static void use(struct virtq *virtq, int head, uint32_t written)
{
	vring_used_elem_t *elem = &virtq->used->ring[virtq->used_idx & (virtq->num - 1)];

	elem->id = htole32((uint32_t)head);
	elem->len = htole32(written);
	virtq->last_avail++;
	virtq->used_idx++;
}

/* Fills a buffer that may be a chain. */
static int put_along(struct virtq *virtq, int head, const void *data, uint32_t n)
{
	struct chain chain = start_chain(virtq, head, n);
	uint32_t done = 0;
	int64_t len;
	uint8_t *piece;

	while ((len = next_piece(virtq, &chain, VRING_DESC_F_WRITE, &piece)) > 0) {
		uint32_t part = len < n - done ? (uint32_t)len : n - done;

		memcpy(piece, (const uint8_t *)data + done, part);
		done += part;
	}
	return len < 0 || done < n ? violated(virtq) : 0;
}

/* The memory of a buffer of one direct descriptor, which every known driver uses; else NULL. */
static void *whole_buffer(const struct virtq *virtq, int head, uint32_t n)
{
	struct desc desc = read_desc(virtq->desc, (unsigned)head);

	return desc.flags == VRING_DESC_F_WRITE && desc.len >= n
		       ? vmem_guest(virtq->mem, desc.addr, desc.len)
		       : NULL;
}

int virtq_put(struct virtq *virtq, const void *data, uint32_t n)
{
	int head = next_head(virtq);
	void *at;

	if (head < 0)
		return head;
	at = whole_buffer(virtq, head, n);
	if (at)
		memcpy(at, data, n);
	else if (put_along(virtq, head, data, n) < 0)
		return -EPROTO;
	use(virtq, head, n);
	return (int)n;
}

int virtq_get(struct virtq *virtq, void *data, uint32_t n)
{
	int head = next_head(virtq);
	struct chain chain = start_chain(virtq, head, n);
	uint32_t done = 0;
	int64_t len;
	uint8_t *piece;

	if (head < 0)
		return head;
	while ((len = next_piece(virtq, &chain, 0, &piece)) > 0) {
		uint32_t part = len < n - done ? (uint32_t)len : n - done;

		memcpy((uint8_t *)data + done, piece, part);
		done += part;
	}
	if (len < 0)
		return violated(virtq);
	use(virtq, head, 0);
	return (int)done;
}

/* The two fields after the rings (sections 2.7.7 and 2.7.10). */
static uint16_t used_event(const struct virtq *virtq)
{
	return le16toh(load(&virtq->avail->ring[virtq->num]));
}

static void set_avail_event(struct virtq *virtq, uint16_t idx)
{
	store((shared16 *)&virtq->used->ring[virtq->num], htole16(idx));
}

bool virtq_publish(struct virtq *virtq)
{
	uint16_t old = virtq->published;

	if (virtq->used_idx == old || virtq->broken)
		return false;
	__atomic_store_n(&virtq->used->idx, htole16(virtq->used_idx), __ATOMIC_RELEASE);
	virtq->published = virtq->used_idx;
	/* The driver first sets whether it wants interrupts, then reads the index. */
	full_barrier();
	if (virtq->event_idx)
		return vring_need_event(used_event(virtq), virtq->used_idx, old);
	return !(le16toh(load(&virtq->avail->flags)) & VRING_AVAIL_F_NO_INTERRUPT);
}

bool virtq_wait(struct virtq *virtq, unsigned want)
{
	if (virtq->broken)
		return false;
	if (virtq->event_idx)
		set_avail_event(virtq, (uint16_t)(virtq->last_avail + want - 1));
	else
		store(&virtq->used->flags, 0);
	/* Finds buffers that came before the driver could see the request. */
	full_barrier();
	return virtq_room(virtq, want) >= want;
}

void virtq_quiet(struct virtq *virtq)
{
	/* With VIRTIO_RING_F_EVENT_IDX, an index that the driver has passed causes no kicks. */
	if (!virtq->broken && !virtq->event_idx)
		store(&virtq->used->flags, htole16(VRING_USED_F_NO_NOTIFY));
}
