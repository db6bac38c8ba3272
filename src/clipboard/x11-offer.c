/* SPDX-License-Identifier: MIT */
#include "clipboard/x11-offer.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* --- answers ------------------------------------------------------------------------------- */

/* 'property' XCB_NONE: refused. */
static void notify(struct x11_offer *offer, const struct x11_request *request, xcb_atom_t property)
{
	/* xcb_send_event() reads 32 bytes. */
	union {
		xcb_selection_notify_event_t event;
		char bytes[32];
	} message = { .event = { .response_type = XCB_SELECTION_NOTIFY,
				 .time = request->time,
				 .requestor = request->requestor,
				 .selection = offer->atoms[X11_CLIPBOARD],
				 .target = request->target,
				 .property = property } };

	xcb_send_event(offer->conn, 0, request->requestor, XCB_EVENT_MASK_NO_EVENT, message.bytes);
}

static void refuse(struct x11_offer *offer, const struct x11_request *request)
{
	notify(offer, request, XCB_NONE);
}

static void answer(struct x11_offer *offer, const struct x11_request *request, xcb_atom_t type,
		   unsigned format, const void *items, size_t n)
{
	xcb_change_property(offer->conn, XCB_PROP_MODE_REPLACE, request->requestor,
			    request->property, type, (uint8_t)format, (uint32_t)n, items);
	notify(offer, request, request->property);
}

/* --- INCR ---------------------------------------------------------------------------------- */

static void select_events(struct x11_offer *offer, xcb_window_t window, uint32_t mask)
{
	xcb_change_window_attributes(offer->conn, window, XCB_CW_EVENT_MASK, &mask);
}

static bool serves(const struct x11_offer *offer, xcb_window_t requestor)
{
	for (unsigned i = 0; i < X11_SENDS_MAX; i++)
		if (offer->sends[i].copy && offer->sends[i].request.requestor == requestor)
			return true;
	return false;
}

static void free_if_unused(const struct x11_offer *offer, struct x11_copy *copy)
{
	for (unsigned i = 0; i < X11_SENDS_MAX; i++)
		if (offer->sends[i].copy == copy)
			return;
	free(copy);
}

static void end_send(struct x11_offer *offer, struct x11_send *send)
{
	free_if_unused(offer, steal_ptr(&send->copy));
	if (!serves(offer, send->request.requestor))
		select_events(offer, send->request.requestor, XCB_EVENT_MASK_NO_EVENT);
}

static struct x11_send *find_send(struct x11_offer *offer, xcb_window_t requestor,
				  xcb_atom_t property)
{
	for (unsigned i = 0; i < X11_SENDS_MAX; i++) {
		struct x11_send *send = &offer->sends[i];

		if (send->copy && send->request.requestor == requestor &&
		    send->request.property == property)
			return send;
	}
	return NULL;
}

static struct x11_send *free_send(struct x11_offer *offer)
{
	for (unsigned i = 0; i < X11_SENDS_MAX; i++)
		if (!offer->sends[i].copy)
			return &offer->sends[i];
	return NULL;
}

static void progress(const struct x11_offer *offer, struct x11_send *send)
{
	send->deadline_us = now_us() + offer->stall_ms * UINT64_C(1000);
}

static void begin_send(struct x11_offer *offer, const struct x11_request *request,
		       struct x11_copy *copy)
{
	uint32_t size = (uint32_t)copy->size;
	/* A requestor that asks again has given up what goes on. */
	struct x11_send *send = find_send(offer, request->requestor, request->property);
	struct x11_copy *before;

	if (!send)
		send = free_send(offer);
	if (!send) {
		refuse(offer, request);
		return;
	}
	before = send->copy;
	*send = (struct x11_send){ .copy = copy, .request = *request };
	free_if_unused(offer, before);
	progress(offer, send);
	select_events(offer, request->requestor,
		      XCB_EVENT_MASK_PROPERTY_CHANGE | XCB_EVENT_MASK_STRUCTURE_NOTIFY);
	answer(offer, request, offer->atoms[X11_INCR], 32, &size, 1);
}

void x11_offer_deleted(struct x11_offer *offer, const xcb_property_notify_event_t *event)
{
	struct x11_send *send = find_send(offer, event->window, event->atom);
	size_t size;

	if (!send)
		return;
	size = send->copy->size - send->offset;
	if (size > offer->chunk)
		size = offer->chunk;
	/* None are left: that says so. */
	xcb_change_property(offer->conn, XCB_PROP_MODE_REPLACE, event->window, event->atom,
			    send->request.target, 8, (uint32_t)size,
			    send->copy->bytes + send->offset);
	send->offset += size;
	progress(offer, send);
	if (size == 0)
		end_send(offer, send);
}

void x11_offer_gone(struct x11_offer *offer, xcb_window_t window)
{
	for (unsigned i = 0; i < X11_SENDS_MAX; i++)
		if (offer->sends[i].copy && offer->sends[i].request.requestor == window)
			free_if_unused(offer, steal_ptr(&offer->sends[i].copy));
}

uint64_t x11_offer_expire(struct x11_offer *offer, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < X11_SENDS_MAX; i++) {
		struct x11_send *send = &offer->sends[i];

		if (send->copy && send->deadline_us <= now)
			end_send(offer, send);
		else if (send->copy && send->deadline_us < next)
			next = send->deadline_us;
	}
	return next;
}

void x11_offer_fini(struct x11_offer *offer)
{
	for (unsigned i = 0; i < X11_SENDS_MAX; i++)
		free_if_unused(offer, steal_ptr(&offer->sends[i].copy));
}

/* --- requests ------------------------------------------------------------------------------ */

/* Moves a request that waits for this type out of the list. False: none is left. */
static bool next_waiting(struct x11_offer *offer, enum clip_type type, struct x11_request *request)
{
	for (unsigned i = 0; i < offer->n_waiting; i++) {
		if (offer->waiting[i].type != type)
			continue;
		*request = offer->waiting[i];
		offer->n_waiting--;
		memmove(&offer->waiting[i], &offer->waiting[i + 1],
			(offer->n_waiting - i) * sizeof(offer->waiting[0]));
		return true;
	}
	return false;
}

static void refuse_waiting(struct x11_offer *offer, enum clip_type type)
{
	struct x11_request request;

	while (next_waiting(offer, type, &request))
		refuse(offer, &request);
}

void x11_offer_set(struct x11_offer *offer, unsigned types)
{
	for (unsigned type = 0; type < CLIP_TYPES; type++) {
		refuse_waiting(offer, type);
		offer->asked[type] = false;
	}
	offer->types = types;
}

static struct x11_copy *copy_of(const void *data, size_t size)
{
	struct x11_copy *copy = malloc(sizeof(*copy) + size);

	if (copy) {
		copy->size = size;
		memcpy(copy->bytes, data, size);
	}
	return copy;
}

static void give_large(struct x11_offer *offer, enum clip_type type, const void *data, size_t size)
{
	struct x11_copy *copy = copy_of(data, size);
	struct x11_request request;

	if (!copy) {
		refuse_waiting(offer, type);
		return;
	}
	while (next_waiting(offer, type, &request))
		begin_send(offer, &request, copy);
	free_if_unused(offer, copy);
}

void x11_offer_give(struct x11_offer *offer, enum clip_type type, const void *data, size_t size)
{
	struct x11_request request;

	if (!offer->asked[type])
		return;
	offer->asked[type] = false;
	if (!data || size > CLIP_SIZE_MAX)
		refuse_waiting(offer, type);
	else if (size > offer->chunk)
		give_large(offer, type, data, size);
	else
		while (next_waiting(offer, type, &request))
			answer(offer, &request, request.target, 8, data, size);
}

static void answer_targets(struct x11_offer *offer, const struct x11_request *request)
{
	xcb_atom_t targets[2 + ARRAY_SIZE(x11_targets)] = { offer->atoms[X11_TARGETS],
							    offer->atoms[X11_TIMESTAMP] };
	size_t n = 2;

	for (size_t i = 0; i < ARRAY_SIZE(x11_targets); i++)
		if (offer->types & 1u << x11_targets[i].type)
			targets[n++] = offer->atoms[x11_targets[i].target];
	answer(offer, request, XCB_ATOM_ATOM, 32, targets, n);
}

/* False if nothing of the kind is offered. */
static bool find_type(const struct x11_offer *offer, xcb_atom_t target, enum clip_type *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(x11_targets); i++) {
		if (target != offer->atoms[x11_targets[i].target])
			continue;
		*type = x11_targets[i].type;
		return offer->types & 1u << *type;
	}
	return false;
}

static void let_wait(struct x11_offer *offer, const struct x11_request *request)
{
	if (offer->n_waiting == X11_WAITING_MAX) {
		refuse(offer, request);
		return;
	}
	offer->waiting[offer->n_waiting++] = *request;
	if (offer->asked[request->type])
		return;
	offer->asked[request->type] = true;
	offer->wanted(offer, request->type);
}

/* The server's time wraps every 49 days: a difference says which is earlier. */
static bool is_too_early(const struct x11_offer *offer, xcb_timestamp_t time)
{
	return time != XCB_CURRENT_TIME && (int32_t)(time - offer->since) < 0;
}

void x11_offer_request(struct x11_offer *offer, const xcb_selection_request_event_t *event,
		       bool is_owner)
{
	struct x11_request request = {
		.requestor = event->requestor,
		.target = event->target,
		/* Of a client from before ICCCM. */
		.property = event->property ? event->property : event->target,
		.time = event->time,
	};

	if (!is_owner || event->selection != offer->atoms[X11_CLIPBOARD] ||
	    event->requestor == offer->window || is_too_early(offer, event->time))
		refuse(offer, &request);
	else if (event->target == offer->atoms[X11_TARGETS])
		answer_targets(offer, &request);
	else if (event->target == offer->atoms[X11_TIMESTAMP])
		answer(offer, &request, XCB_ATOM_INTEGER, 32, &offer->since, 1);
	else if (find_type(offer, event->target, &request.type))
		let_wait(offer, &request);
	else
		refuse(offer, &request);
}
