/* SPDX-License-Identifier: MIT */
/*
 * The ring of frames between daemon and keeper: a producer that is honest while the input writes into the
 * shared memory, as a hostile consumer would, and a consumer that reads what a hostile producer left. Both
 * are bounded, and what comes out is whole frames. Reaches evring; how the keeper checks frames further is
 * keeper.c's.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "evring-pair.h"
#include "fuzz.h"

/* struct evring_memory: indices in lines of 64 bytes, then slots. */
#define MEMORY (128 + 8 * EVRING_SLOTS)

static void push(struct evring_pair *pair, struct fuzz *fuzz)
{
	const struct input_event now = { 0 };
	struct frame frame = { .resync = fuzz_u8(fuzz) & 1 };

	for (unsigned n = fuzz_below(fuzz, FRAME_MAX); n > 0; n--)
		frame_put(&frame, &now, EV_KEY, fuzz_u8(fuzz), 1);
	frame_close(&frame, &now);
	evring_push(&pair->producer, 1, fuzz_below(fuzz, 3), &frame);
}

static void pop(struct evring_pair *pair)
{
	struct evring_frame out;

	for (unsigned n = 0; n < EVRING_SLOTS + 1 && evring_pop(&pair->consumer, &out); n++) {
		FUZZ_CHECK(out.frame.n >= 1 && out.frame.n <= FRAME_MAX, "%u events", out.frame.n);
		for (unsigned i = 0; i < out.frame.n; i++)
			FUZZ_CHECK((out.frame.ev[i].type == EV_SYN) == (i + 1 == out.frame.n),
				   "event %u of %u", i, out.frame.n);
	}
	evring_take_release(&pair->consumer);
}

/* Into the indices and the slots around them, or anywhere. */
static void scribble(struct evring_pair *pair, uint8_t *memory, struct fuzz *fuzz)
{
	static const size_t index[] = { 0, 4, 64 };
	unsigned where = fuzz_below(fuzz, 5);
	uint32_t slot = where == 4 ? fuzz_u16(fuzz) : pair->consumer.position + fuzz_u8(fuzz) % 8u;
	uint64_t value;

	if (where < 3) {
		uint32_t number = fuzz_u32(fuzz);

		number = number & 1 ? pair->producer.position + (number >> 1) % 70000 : number;
		memcpy(memory + index[where], &number, sizeof(number));
		return;
	}
	value = fuzz_u64(fuzz);
	memcpy(memory + 128 + 8u * (slot % EVRING_SLOTS), &value, sizeof(value));
}

void fuzz_one(struct fuzz *fuzz)
{
	struct evring_pair pair;
	uint8_t *memory;
	bool other;
	uint32_t popped;

	evring_pair_open(&pair);
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, pair.producer.memory_fd, 0);
	FUZZ_CHECK(memory != MAP_FAILED, "memory");
	while (fuzz->left) {
		switch (fuzz_below(fuzz, 6)) {
		case 0:
		case 1:
			push(&pair, fuzz);
			break;
		case 2:
			pop(&pair);
			break;
		case 3:
			evring_release(&pair.producer);
			break;
		case 4:
			evring_wait(&pair.consumer, 0, &other);
			evring_waits(&pair.producer, &popped);
			break;
		default:
			scribble(&pair, memory, fuzz);
		}
	}
	pop(&pair);
	munmap(memory, MEMORY);
	evring_pair_close(&pair);
}
