/* SPDX-License-Identifier: MIT */
#include "clipboard/x11-reader.h"

#include <stdlib.h>
#include <string.h>
#include <xcb/xcbext.h>

#include "base/util.h"
#include "clipboard/bytes.h"

/* Of a property in one request, in bytes. The reply is read at once, and the server has it complete. */
#define PIECE_SIZE (256 * 1024)

static void progress(const struct x11_reader *reader, struct x11_read *read)
{
	read->deadline_us = now_us() + reader->stall_ms * UINT64_C(1000);
}

/* --- begin and end ------------------------------------------------------------------------- */

void x11_reader_begin(struct x11_reader *reader, unsigned id, xcb_atom_t target,
		      xcb_timestamp_t time, size_t max)
{
	struct x11_read *read = &reader->reads[id];
	unsigned turn = (read->turn + 1) % X11_READ_TURNS;

	*read = (struct x11_read){
		.active = true,
		.turn = turn,
		.target = target,
		.time = time,
		.max = max,
		.property = reader->atoms[X11_PROPERTY + id * X11_READ_TURNS + turn],
	};
	xcb_delete_property(reader->conn, reader->window, read->property);
	xcb_convert_selection(reader->conn, reader->window, reader->atoms[X11_CLIPBOARD], target,
			      read->property, time);
	progress(reader, read);
}

bool x11_reader_reads(const struct x11_reader *reader, unsigned id)
{
	return reader->reads[id].active;
}

/* Returns what was read so far. */
static struct x11_bytes end(struct x11_reader *reader, struct x11_read *read)
{
	struct x11_bytes data = read->data;

	if (read->reading)
		xcb_discard_reply(reader->conn, read->sequence);
	*read = (struct x11_read){ .turn = read->turn };
	return data;
}

void x11_reader_stop(struct x11_reader *reader, unsigned id)
{
	struct x11_read *read = &reader->reads[id];

	if (!read->active)
		return;
	xcb_delete_property(reader->conn, reader->window, read->property);
	free(end(reader, read).bytes);
}

static void finish(struct x11_reader *reader, struct x11_read *read)
{
	struct x11_bytes data = end(reader, read);

	reader->done(reader, (unsigned)(read - reader->reads), &data);
	free(data.bytes);
}

static void fail(struct x11_reader *reader, const struct x11_read *read)
{
	unsigned id = (unsigned)(read - reader->reads);

	x11_reader_stop(reader, id);
	reader->done(reader, id, NULL);
}

/* --- pieces -------------------------------------------------------------------------------- */

/* The server deletes the property with its last piece. */
static void request_piece(struct x11_reader *reader, struct x11_read *read)
{
	read->again = false;
	read->reading = true;
	read->sequence = xcb_get_property(reader->conn, 1, reader->window, read->property,
					  XCB_GET_PROPERTY_TYPE_ANY, (uint32_t)(read->offset / 4),
					  PIECE_SIZE / 4)
				 .sequence;
}

static bool append(struct x11_read *read, const void *bytes, size_t size)
{
	return bytes_append(&read->data.bytes, &read->data.size, &read->room, read->max, bytes,
			    size);
}

/* A value of the property is complete, and deleted. */
static void take_value(struct x11_reader *reader, struct x11_read *read, size_t size)
{
	if (!read->incr || size == 0) {
		finish(reader, read);
		return;
	}
	read->offset = 0;
	if (read->again)
		request_piece(reader, read);
}

/* The bytes follow, in other values of the property. How many is a lower bound. */
static void begin_incr(struct x11_reader *reader, struct x11_read *read,
		       const xcb_get_property_reply_t *reply)
{
	const uint32_t *size = xcb_get_property_value(reply);

	if (reply->format == 32 && reply->value_len > 0 && *size > read->max) {
		fail(reader, read);
		return;
	}
	read->incr = true;
	if (read->again)
		request_piece(reader, read);
}

/* All values have the type and format of the first one. */
static bool same_type(struct x11_read *read, const xcb_get_property_reply_t *reply)
{
	if (!read->data.type) {
		read->data.type = reply->type;
		read->data.format = reply->format;
	}
	return read->data.type == reply->type && read->data.format == reply->format;
}

static void take_piece(struct x11_reader *reader, struct x11_read *read,
		       const xcb_get_property_reply_t *reply)
{
	size_t size = (size_t)xcb_get_property_value_length(reply);

	if (reply->type == XCB_NONE && read->offset == 0) {
		/* Nothing was there: the announcement was of an earlier read, or the value was deleted. */
		read->answered = read->incr || read->again;
		if (read->again)
			request_piece(reader, read);
		return;
	}
	progress(reader, read);
	if (reply->type == reader->atoms[X11_INCR] && !read->incr && read->offset == 0) {
		begin_incr(reader, read, reply);
		return;
	}
	if (reply->type == XCB_NONE || !same_type(read, reply) ||
	    !append(read, xcb_get_property_value(reply), size) ||
	    (reply->bytes_after && (size == 0 || size % 4))) {
		fail(reader, read);
		return;
	}
	read->offset += size;
	if (reply->bytes_after)
		request_piece(reader, read);
	else
		take_value(reader, read, read->offset);
}

/* --- what arrives -------------------------------------------------------------------------- */

static void begin_pieces(struct x11_reader *reader, struct x11_read *read)
{
	if (read->answered) {
		read->again = true;
		return;
	}
	read->answered = true;
	progress(reader, read);
	request_piece(reader, read);
}

/* Another property or time: it is for an earlier read. */
void x11_reader_selection(struct x11_reader *reader, const xcb_selection_notify_event_t *event)
{
	for (unsigned id = 0; id < X11_READS; id++) {
		struct x11_read *read = &reader->reads[id];

		if (!read->active || (event->time != read->time && event->time != XCB_CURRENT_TIME))
			continue;
		if (event->property == read->property) {
			begin_pieces(reader, read);
			return;
		}
		if (event->property == XCB_NONE && event->target == read->target &&
		    !read->answered) {
			fail(reader, read);
			return;
		}
	}
}

void x11_reader_property(struct x11_reader *reader, const xcb_property_notify_event_t *event)
{
	for (unsigned id = 0; id < X11_READS; id++) {
		struct x11_read *read = &reader->reads[id];

		if (!read->active || event->atom != read->property)
			continue;
		if (read->incr && !read->reading)
			request_piece(reader, read);
		else if (read->answered)
			read->again = true;
		return;
	}
	/* Nobody reads it any more: its sender may go on. */
	xcb_delete_property(reader->conn, reader->window, event->atom);
}

bool x11_reader_replies(struct x11_reader *reader)
{
	bool any = false;

	for (unsigned id = 0; id < X11_READS; id++) {
		struct x11_read *read = &reader->reads[id];
		xcb_generic_error_t *error = NULL;
		void *reply = NULL;

		if (!read->reading ||
		    !xcb_poll_for_reply(reader->conn, read->sequence, &reply, &error))
			continue;
		any = true;
		read->reading = false;
		if (reply)
			take_piece(reader, read, reply);
		else
			fail(reader, read);
		free(reply);
		free(error);
	}
	return any;
}

uint64_t x11_reader_expire(struct x11_reader *reader, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (unsigned id = 0; id < X11_READS; id++)
		if (reader->reads[id].active && reader->reads[id].deadline_us <= now)
			fail(reader, &reader->reads[id]);
	for (unsigned id = 0; id < X11_READS; id++)
		if (reader->reads[id].active && reader->reads[id].deadline_us < next)
			next = reader->reads[id].deadline_us;
	return next;
}
