/* SPDX-License-Identifier: MIT */
/*
 * Serves what is offered to other X clients, as the owner of CLIPBOARD by ICCCM 2.2 and 2.7: a part of
 * x11.c, which passes on the events. MULTIPLE is refused, since only old toolkits have it and each can
 * ask for one target at a time. Owns copies of what goes out by INCR.
 *
 * What a requestor does decides only about its own transfer. At most X11_WAITING_MAX requests wait for
 * data and X11_SENDS_MAX transfers go on; further ones are refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clipboard/x11-atoms.h"

#define X11_WAITING_MAX 32
#define X11_SENDS_MAX   8
#define X11_CHUNK_MAX   (64 * 1024) /* bytes in one property */

struct x11_request {
	xcb_window_t requestor;
	xcb_atom_t target, property;
	xcb_timestamp_t time;
	enum clip_type type;
};

/* The bytes of some transfers. Freed with the last of these. */
struct x11_copy {
	size_t size;
	unsigned char bytes[];
};

struct x11_send {
	struct x11_copy *copy; /* NULL: not active */
	struct x11_request request;
	size_t offset;
	uint64_t deadline_us;
};

struct x11_offer;
/* See 'wanted' in desktop.h. From x11_offer_request(). */
typedef void (*x11_wanted_fn)(struct x11_offer *offer, enum clip_type type);

struct x11_offer {
	xcb_connection_t *conn;
	xcb_window_t window;
	const xcb_atom_t *atoms;
	unsigned stall_ms;
	size_t chunk; /* bytes in one property */
	x11_wanted_fn wanted;
	unsigned types;
	xcb_timestamp_t since; /* when our window became the owner */
	bool asked[CLIP_TYPES];
	unsigned n_waiting;
	struct x11_request waiting[X11_WAITING_MAX];
	struct x11_send sends[X11_SENDS_MAX];
};

/* What is offered from now on. Requests that wait for data of an earlier offer are refused. */
void x11_offer_set(struct x11_offer *offer, unsigned types);
/* See desktop_give. */
void x11_offer_give(struct x11_offer *offer, enum clip_type type, const void *data, size_t size);
/* Frees the copies. */
void x11_offer_fini(struct x11_offer *offer);

/* 'is_owner': our window is the owner of CLIPBOARD. */
void x11_offer_request(struct x11_offer *offer, const xcb_selection_request_event_t *event,
		       bool is_owner);
/* A requestor has deleted a property. */
void x11_offer_deleted(struct x11_offer *offer, const xcb_property_notify_event_t *event);
/* A window is gone. */
void x11_offer_gone(struct x11_offer *offer, xcb_window_t window);
/* Ends what has stalled. Returns the next deadline in microseconds (now_us()), UINT64_MAX: none. */
uint64_t x11_offer_expire(struct x11_offer *offer, uint64_t now);
