/* SPDX-License-Identifier: MIT */
/*
 * Reads the clipboard of another X client by ICCCM 2.4 to 2.7.2: ConvertSelection to a property of our
 * window, which is then read in pieces, and by INCR. A part of x11.c, which passes on the events. Owns
 * the bytes that are being read.
 *
 * Nothing here waits for the server or another client: replies are polled for. Each read uses the next of
 * several properties, so that what comes late for one that was given up is not taken for the next one's.
 * Such values are deleted, and so an owner that sends by INCR gets to its end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clipboard/x11-atoms.h"

struct x11_bytes {
	xcb_atom_t type; /* of the property */
	unsigned format; /* 8, 16 or 32 */
	unsigned char *bytes;
	size_t size; /* in bytes */
};

struct x11_reader;
/*
 * The end of a read, from any function below x11_reader_stop(). 'data' is
 * valid during the call, and its bytes may be taken; NULL: they cannot be had. May begin and stop reads.
 */
typedef void (*x11_read_fn)(struct x11_reader *reader, unsigned id, struct x11_bytes *data);

struct x11_read {
	bool active;
	bool answered; /* SelectionNotify came */
	bool incr;
	bool reading; /* a GetProperty is not answered */
	bool again;   /* another value came meanwhile */
	unsigned turn;
	unsigned sequence; /* of that GetProperty */
	xcb_atom_t target, property;
	xcb_timestamp_t time;
	size_t max;
	size_t offset; /* within the property */
	size_t room;   /* allocated */
	struct x11_bytes data;
	uint64_t deadline_us;
};

struct x11_reader {
	xcb_connection_t *conn;
	xcb_window_t window;
	const xcb_atom_t *atoms; /* X11_ATOMS of them */
	unsigned stall_ms;
	x11_read_fn done;
	struct x11_read reads[X11_READS];
};

/* Begins read 'id', which must not be active, of at most 'max' bytes. */
void x11_reader_begin(struct x11_reader *reader, unsigned id, xcb_atom_t target,
		      xcb_timestamp_t time, size_t max);
bool x11_reader_reads(const struct x11_reader *reader, unsigned id);
/* Gives it up, without a callback. No effect if it is not active. */
void x11_reader_stop(struct x11_reader *reader, unsigned id);

void x11_reader_selection(struct x11_reader *reader, const xcb_selection_notify_event_t *event);
/* A property of our window has a new value. */
void x11_reader_property(struct x11_reader *reader, const xcb_property_notify_event_t *event);
/* Takes the replies that have come. True if there was one. */
bool x11_reader_replies(struct x11_reader *reader);
/* Ends what has stalled. Returns the next deadline in microseconds (now_us()), UINT64_MAX: none. */
uint64_t x11_reader_expire(struct x11_reader *reader, uint64_t now);
