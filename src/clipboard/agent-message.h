/* SPDX-License-Identifier: MIT */
/*
 * The messages between a guest's agent and its peer, as they pass through the virtio-serial port
 * "com.redhat.spice.0": VDIChunkHeader and VDAgentMessage of spice-1/spice/vd_agent.h, little-endian.
 * A message is cut into chunks, and nothing but its size says where it ends. spice-vdagent sends a
 * message as one chunk, whatever its size. Pure: has no descriptor and no clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <spice/vd_agent.h>

/* The largest data of a message of type VD_AGENT_CLIPBOARD, and of one of any other type. */
#define AGENT_CLIPBOARD_MAX (16 * 1024 * 1024 + 64)
#define AGENT_MESSAGE_MAX   (64 * 1024)

/*
 * Data in a chunk that is sent. Agents take VD_AGENT_MAX_DATA_SIZE, and end the connection at more;
 * QEMU's own has 1,024.
 */
#define AGENT_CHUNK 1024

struct agent_message {
	uint32_t type; /* VD_AGENT_* */
	uint32_t size; /* of the data, as its header announced it */
	/* NULL: 'size' exceeds the limit of its type, or agent_reader_skip was called. */
	const uint8_t *data;
};

/* Zero-initialised. Owns the data of the message that is being read. */
struct agent_reader {
	uint8_t chunk[sizeof(VDIChunkHeader)], header[sizeof(VDAgentMessage)];
	size_t chunk_used, header_used, data_used;
	uint32_t chunk_left; /* data of the current chunk that was not read yet */
	bool skips;          /* the current message is too large */
	uint8_t *data;       /* grows as the data arrives, whatever the header announced */
	size_t capacity;
};

/*
 * Reads up to the end of the next message. Advances *bytes and *size past what was read. 1: *message is
 * complete, valid until the next call; 0: more bytes are needed; -EPROTO: these are not an agent's
 * messages; -ENOMEM. After an error only agent_reader_reset helps.
 */
int agent_reader_next(struct agent_reader *reader, const uint8_t **bytes, size_t *size,
		      struct agent_message *message);
/* True if a message has begun and is not complete. */
bool agent_reader_is_within(const struct agent_reader *reader);
/* Skips what is still to come of the message, and frees its data. */
void agent_reader_skip(struct agent_reader *reader);
/* Frees its memory; the reader can be used again. */
void agent_reader_reset(struct agent_reader *reader);

/* Bytes to send. Zero-initialised; owns its memory. */
struct agent_queue {
	uint8_t *bytes;
	size_t start, end, capacity; /* what is not sent yet lies from 'start' to 'end' */
};

/* A part of a message's data. */
struct agent_part {
	const void *data;
	size_t size;
};

/*
 * Appends a message with these parts as its data, which are together at most AGENT_CLIPBOARD_MAX bytes.
 * 0 or -ENOMEM, and nothing is appended.
 */
int agent_queue_put(struct agent_queue *queue, uint32_t type, const struct agent_part *parts,
		    unsigned n);
static inline size_t agent_queue_size(const struct agent_queue *queue)
{
	return queue->end - queue->start;
}
/* Removes 'size' bytes, which were sent, from the start; frees the memory of an empty queue. */
void agent_queue_sent(struct agent_queue *queue, size_t size);
void agent_queue_free(struct agent_queue *queue);
