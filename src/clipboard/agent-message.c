/* SPDX-License-Identifier: MIT */
/* Takes chunks apart and puts them together. */
#include "clipboard/agent-message.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clipboard/bytes.h"

/* Of the memory of what is sent, at first. */
#define FIRST_CAPACITY 4096

/* Fills a header with what there is. True once it is whole. */
static bool fill(uint8_t *header, size_t *used, size_t whole, const uint8_t **bytes, size_t *size)
{
	size_t take = *size < whole - *used ? *size : whole - *used;

	memcpy(header + *used, *bytes, take);
	*used += take;
	*bytes += take;
	*size -= take;
	return *used == whole;
}

static int begin_chunk(struct agent_reader *reader)
{
	VDIChunkHeader header;

	memcpy(&header, reader->chunk, sizeof(header));
	reader->chunk_left = le32toh(header.size);
	if (le32toh(header.port) != VDP_CLIENT_PORT || reader->chunk_left == 0)
		return -EPROTO;
	return 0;
}

static uint32_t message_type(const struct agent_reader *reader)
{
	VDAgentMessage header;

	memcpy(&header, reader->header, sizeof(header));
	return le32toh(header.type);
}

static uint32_t message_size(const struct agent_reader *reader)
{
	VDAgentMessage header;

	memcpy(&header, reader->header, sizeof(header));
	return le32toh(header.size);
}

static int begin_message(struct agent_reader *reader)
{
	VDAgentMessage header;
	uint32_t max = AGENT_MESSAGE_MAX;

	memcpy(&header, reader->header, sizeof(header));
	if (le32toh(header.protocol) != VD_AGENT_PROTOCOL)
		return -EPROTO;
	if (le32toh(header.type) == VD_AGENT_CLIPBOARD)
		max = AGENT_CLIPBOARD_MAX;
	reader->skips = le32toh(header.size) > max;
	reader->data_used = 0;
	return 0;
}

/* Memory grows with what has come, not with what the header announces, which nobody may ever send. */
static int take_data(struct agent_reader *reader, const uint8_t *bytes, size_t size)
{
	if (reader->skips)
		reader->data_used += size;
	else if (size > 0 && !bytes_append(&reader->data, &reader->data_used, &reader->capacity,
					   AGENT_CLIPBOARD_MAX, bytes, size))
		return -ENOMEM;
	return 0;
}

/* Takes the part of a chunk that is there. A chunk has data of one message only. */
static int take_chunk(struct agent_reader *reader, const uint8_t **bytes, size_t *size)
{
	size_t part = *size < reader->chunk_left ? *size : reader->chunk_left, left = part;
	bool has_header = reader->header_used == sizeof(reader->header);
	int rc;

	if (!has_header &&
	    fill(reader->header, &reader->header_used, sizeof(reader->header), bytes, &left)) {
		rc = begin_message(reader);
		if (rc < 0)
			return rc;
		has_header = true;
	}
	if (has_header && left > message_size(reader) - reader->data_used)
		return -EPROTO;
	rc = has_header ? take_data(reader, *bytes, left) : 0;
	*bytes += left;
	*size -= part;
	reader->chunk_left -= (uint32_t)part;
	return rc;
}

/* Memory for a large message is not kept. */
static void forget_message(struct agent_reader *reader)
{
	if (reader->capacity > AGENT_MESSAGE_MAX) {
		free(reader->data);
		reader->data = NULL;
		reader->capacity = 0;
	}
	reader->header_used = reader->data_used = 0;
}

/* True if the message is whole, and with it its last chunk. */
static bool is_complete(const struct agent_reader *reader)
{
	return reader->header_used == sizeof(reader->header) &&
	       reader->data_used == message_size(reader);
}

int agent_reader_next(struct agent_reader *reader, const uint8_t **bytes, size_t *size,
		      struct agent_message *message)
{
	int rc;

	if (is_complete(reader))
		forget_message(reader);
	while (*size > 0) {
		if (reader->chunk_left == 0) {
			if (!fill(reader->chunk, &reader->chunk_used, sizeof(reader->chunk), bytes,
				  size))
				return 0;
			reader->chunk_used = 0;
			rc = begin_chunk(reader);
		} else {
			rc = take_chunk(reader, bytes, size);
		}
		if (rc < 0)
			return rc;
		if (!is_complete(reader))
			continue;
		if (reader->chunk_left > 0)
			return -EPROTO;
		*message = (struct agent_message){ .type = message_type(reader),
						   .size = message_size(reader),
						   .data = reader->skips  ? NULL
							   : reader->data ? reader->data
									  : reader->header };
		return 1;
	}
	return 0;
}

bool agent_reader_is_within(const struct agent_reader *reader)
{
	return reader->chunk_used > 0 || reader->chunk_left > 0 ||
	       (reader->header_used > 0 && !is_complete(reader));
}

void agent_reader_skip(struct agent_reader *reader)
{
	reader->skips = true;
	free(reader->data);
	reader->data = NULL;
	reader->capacity = 0;
}

void agent_reader_reset(struct agent_reader *reader)
{
	free(reader->data);
	*reader = (struct agent_reader){ 0 };
}

/* --- sending ------------------------------------------------------------------------------- */

static int reserve(struct agent_queue *queue, size_t more)
{
	size_t capacity = queue->capacity ? queue->capacity : FIRST_CAPACITY;
	uint8_t *bytes;

	if (queue->capacity - queue->end >= more)
		return 0;
	if (queue->start > 0) {
		memmove(queue->bytes, queue->bytes + queue->start, agent_queue_size(queue));
		queue->end -= queue->start;
		queue->start = 0;
	}
	while (capacity - queue->end < more)
		capacity *= 2;
	if (capacity == queue->capacity)
		return 0;
	bytes = realloc(queue->bytes, capacity);
	if (!bytes)
		return -ENOMEM;
	queue->bytes = bytes;
	queue->capacity = capacity;
	return 0;
}

/* Where the bytes of a message go: cut into chunks. */
struct cutter {
	struct agent_queue *queue;
	size_t left; /* of the message */
	size_t room; /* in the current chunk */
};

static void put(struct cutter *cutter, const uint8_t *bytes, size_t size)
{
	struct agent_queue *queue = cutter->queue;

	while (size > 0) {
		size_t take;

		if (cutter->room == 0) {
			cutter->room = cutter->left < AGENT_CHUNK ? cutter->left : AGENT_CHUNK;
			VDIChunkHeader header = { .port = htole32(VDP_CLIENT_PORT),
						  .size = htole32((uint32_t)cutter->room) };
			memcpy(queue->bytes + queue->end, &header, sizeof(header));
			queue->end += sizeof(header);
		}
		take = size < cutter->room ? size : cutter->room;
		memcpy(queue->bytes + queue->end, bytes, take);
		queue->end += take;
		bytes += take;
		size -= take;
		cutter->room -= take;
		cutter->left -= take;
	}
}

int agent_queue_put(struct agent_queue *queue, uint32_t type, const struct agent_part *parts,
		    unsigned n)
{
	VDAgentMessage header = { .protocol = htole32(VD_AGENT_PROTOCOL), .type = htole32(type) };
	struct cutter cutter = { .queue = queue, .left = sizeof(header) };
	int rc;

	for (unsigned i = 0; i < n; i++)
		cutter.left += parts[i].size;
	header.size = htole32((uint32_t)(cutter.left - sizeof(header)));
	rc = reserve(queue, cutter.left + (cutter.left / AGENT_CHUNK + 1) * sizeof(VDIChunkHeader));
	if (rc < 0)
		return rc;
	put(&cutter, (const uint8_t *)&header, sizeof(header));
	for (unsigned i = 0; i < n; i++)
		put(&cutter, parts[i].data, parts[i].size);
	return 0;
}

void agent_queue_sent(struct agent_queue *queue, size_t size)
{
	queue->start += size;
	if (queue->start == queue->end)
		agent_queue_free(queue);
}

void agent_queue_free(struct agent_queue *queue)
{
	free(queue->bytes);
	*queue = (struct agent_queue){ 0 };
}
