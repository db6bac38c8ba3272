/* SPDX-License-Identifier: MIT */
/* Messages cut into chunks and joined again, whatever the pieces in which they arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "clipboard/agent-message.h"

static uint32_t word_at(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return le32toh(word);
}

/* A message of this size, as it is sent. */
static void put(struct agent_queue *queue, uint32_t type, size_t size)
{
	uint8_t *data = malloc(size + 1);
	struct agent_part parts[2];

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 31 + size);
	parts[0] = (struct agent_part){ data, size / 3 };
	parts[1] = (struct agent_part){ data + size / 3, size - size / 3 };
	assert_int_equal(agent_queue_put(queue, type, parts, 2), 0);
	free(data);
}

/* Chunks of at most AGENT_CHUNK, each of port 1, and in the first the whole header. */
static void test_chunks(void **state)
{
	static const size_t sizes[] = { 0, 1, 1003, 1004, 1005, 2028, 2029, 100000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct agent_queue queue = { 0 };
		size_t left = sizeof(VDAgentMessage) + sizes[i];
		const uint8_t *at;

		put(&queue, VD_AGENT_CLIPBOARD, sizes[i]);
		at = queue.bytes + queue.start;
		assert_int_equal(word_at(at + 8), VD_AGENT_PROTOCOL);
		assert_int_equal(word_at(at + 12), VD_AGENT_CLIPBOARD);
		assert_int_equal((size_t)word_at(at + 24), sizes[i]);
		while (left > 0) {
			size_t chunk = left < AGENT_CHUNK ? left : AGENT_CHUNK;

			assert_int_equal(word_at(at), VDP_CLIENT_PORT);
			assert_int_equal((size_t)word_at(at + 4), chunk);
			at += sizeof(VDIChunkHeader) + chunk;
			left -= chunk;
		}
		assert_ptr_equal(at, queue.bytes + queue.end);
		agent_queue_free(&queue);
	}
}

/* Reads what is in the queue in pieces of this size; each message must be that which was put. */
static void read_in_pieces(const struct agent_queue *queue, const size_t *sizes, size_t n,
			   size_t piece)
{
	struct agent_reader reader = { 0 };
	struct agent_message message;
	size_t found = 0;

	for (size_t at = queue->start; at < queue->end; at += piece) {
		size_t left = queue->end - at < piece ? queue->end - at : piece;
		const uint8_t *bytes = queue->bytes + at;

		while (agent_reader_next(&reader, &bytes, &left, &message) == 1) {
			assert_true(found < n);
			assert_int_equal(message.type, found + 1);
			assert_int_equal((size_t)message.size, sizes[found]);
			assert_non_null(message.data);
			for (size_t i = 0; i < message.size; i++)
				assert_int_equal(message.data[i], (uint8_t)(i * 31 + message.size));
			found++;
		}
		assert_int_equal(left, 0);
	}
	assert_int_equal(found, n);
	assert_false(agent_reader_is_within(&reader));
	agent_reader_reset(&reader);
}

static void test_any_pieces(void **state)
{
	static const size_t sizes[] = { 0, 5, 60000, 0, 1004, 3000 };
	static const size_t pieces[] = { 1, 2, 7, 8, 19, 1000, 1032, 65536, 1000000 };
	struct agent_queue queue = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		put(&queue, (uint32_t)i + 1, sizes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		read_in_pieces(&queue, sizes, ARRAY_SIZE(sizes), pieces[i]);
	agent_queue_free(&queue);
}

/* What was sent is gone, the rest stays, and more fits behind it. */
static void test_queue(void **state)
{
	static const size_t sizes[] = { 3000, 3000 };
	struct agent_queue queue = { 0 };
	size_t one;

	(void)state;
	put(&queue, 9, 3000);
	one = agent_queue_size(&queue);
	for (int i = 0; i < 100; i++) {
		put(&queue, 9, 3000);
		agent_queue_sent(&queue, one);
		assert_int_equal(agent_queue_size(&queue), one);
	}
	assert_true(queue.capacity < 8 * one);
	agent_queue_sent(&queue, one);
	assert_null(queue.bytes);
	put(&queue, 1, 3000);
	put(&queue, 2, 3000);
	read_in_pieces(&queue, sizes, 2, 100);
	agent_queue_free(&queue);
}

static int next(struct agent_reader *reader, const void *bytes, size_t size,
		struct agent_message *message)
{
	const uint8_t *at = bytes;

	return agent_reader_next(reader, &at, &size, message);
}

/* A chunk of this port and size, and a message of this protocol, type and size. */
static int begin(struct agent_reader *reader, uint32_t port, uint32_t chunk, uint32_t protocol,
		 uint32_t type, uint32_t size)
{
	const uint32_t words[] = { port, chunk, protocol, type, 0, 0, size };
	struct agent_message message;

	agent_reader_reset(reader);
	return next(reader, words, sizeof(words), &message);
}

static void test_refused(void **state)
{
	struct agent_reader reader = { 0 };

	(void)state;
	assert_int_equal(begin(&reader, 1, 24, 1, 4, 4), 0);
	assert_int_equal(begin(&reader, 2, 24, 1, 4, 4), -EPROTO);
	assert_int_equal(begin(&reader, 0, 24, 1, 4, 4), -EPROTO);
	assert_int_equal(begin(&reader, 1, 0, 1, 4, 4), -EPROTO);
	assert_int_equal(begin(&reader, 1, 24, 2, 4, 4), -EPROTO);
	/* The chunk goes on where the message has ended. */
	assert_int_equal(begin(&reader, 1, 24, 1, 4, 0), -EPROTO);
	agent_reader_reset(&reader);
}

/* What exceeds the limit of its type is skipped, and what follows is read. */
static void test_too_large(void **state)
{
	static const struct {
		uint32_t type, size;
		bool skipped;
	} cases[] = {
		{ VD_AGENT_CLIPBOARD, AGENT_CLIPBOARD_MAX, false },
		{ VD_AGENT_CLIPBOARD, AGENT_CLIPBOARD_MAX + 1, true },
		{ VD_AGENT_CLIPBOARD_GRAB, AGENT_MESSAGE_MAX, false },
		{ VD_AGENT_CLIPBOARD_GRAB, AGENT_MESSAGE_MAX + 1, true },
	};
	static uint8_t data[AGENT_CLIPBOARD_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct agent_reader reader = { 0 };
		struct agent_message message;
		uint32_t chunk = (uint32_t)sizeof(VDAgentMessage) + cases[i].size;

		assert_int_equal(begin(&reader, 1, chunk, 1, cases[i].type, cases[i].size), 0);
		assert_int_equal(next(&reader, data, cases[i].size, &message), 1);
		assert_int_equal(message.size, cases[i].size);
		assert_int_equal(message.data == NULL, cases[i].skipped);
		assert_int_equal(reader.capacity == 0, cases[i].skipped);
		agent_reader_reset(&reader);
	}
}

/* Memory grows with what has arrived, not with what was announced. */
static void test_memory(void **state)
{
	struct agent_reader reader = { 0 };
	struct agent_message message;

	(void)state;
	assert_int_equal(begin(&reader, 1, 10000020, 1, VD_AGENT_CLIPBOARD, 10000000), 0);
	assert_true(agent_reader_is_within(&reader));
	assert_int_equal(reader.capacity, 0);
	assert_int_equal(next(&reader, (const uint8_t[5000]){ 0 }, 5000, &message), 0);
	assert_true(reader.capacity < 10000);
	/* The guest has stalled: nothing is kept, and the rest may come. */
	agent_reader_skip(&reader);
	assert_int_equal(reader.capacity, 0);
	for (int i = 0; i < 1999; i++)
		assert_int_equal(next(&reader, (const uint8_t[5000]){ 0 }, 5000, &message),
				 i == 1998);
	assert_null(message.data);
	agent_reader_reset(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks),    cmocka_unit_test(test_any_pieces),
		cmocka_unit_test(test_queue),     cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_large), cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
