/* SPDX-License-Identifier: MIT */
/*
 * The daemon's part of a channel (channel.h): sends shaped frames to a guest's three nodes, and
 * reports whether the guest can receive them. A concrete sink's struct begins with struct sink;
 * sink_new allocates it, and the guest owns it until sink_free. The keeper shares what the guest
 * has open (keeper-client.h), which so outlives the sink.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frame.h"
#include "keeper/keeper-client.h"
#include "base/loop.h"
#include "core/shape.h"
#include "guest/why.h"

struct sink;

/* Callbacks to the sink's owner. See loop.h for the rule of re-entrancy. */
struct sink_owner {
	/* The guest can no longer receive input. Its keys have been released as far as possible. */
	void (*down)(struct sink *sink, const char *why);
	/*
	 * The guest still has its devices, but its driver stopped or restarted ('ready') them. No
	 * keys are down. Send nothing while the sink is not ready.
	 */
	void (*reset)(struct sink *sink, bool ready);
	/* The guest changed its lock LEDs, see sink->leds. */
	void (*leds)(struct sink *sink);
};

struct sink_ops {
	size_t size; /* of the concrete struct */

	/*
	 * Creates the guest's devices, or takes over those that the keeper has (sink->keeper). 0;
	 * 1: call it again in a later turn, since creating a device takes the kernel tens of
	 * milliseconds; or -errno. Call sink_free in any case.
	 */
	int (*open)(struct sink *sink);
	void (*close)(struct sink *sink);
	/* After open, and for each new keeper: passes it the guest's endpoint. 0 or -errno. */
	int (*attach)(struct sink *sink);
	/* sink->keeper has a new state, or the keeper is gone. May be NULL. */
	void (*keeper_changed)(struct sink *sink);
	/* udev has set the permissions of an evdev node, which may be the sink's. May be NULL. */
	void (*settled)(struct sink *sink, const char *devnode);
	/*
	 * Prepares for the focus. 0, and until 'leave' the sink may call owner->down and
	 * owner->reset; or -errno if the guest cannot take it (-ENOTCONN: it is down; -EACCES: no
	 * permission): 'why' explains it.
	 */
	int (*enter)(struct sink *sink);
	void (*leave)(struct sink *sink);
	/*
	 * Without the focus: sets *why if 'enter' would fail: the cause, and what to do. Changes
	 * nothing else. May take as long as holder_find. The sink does not know the VM's state:
	 * guest.c replaces a cause of GUEST_NOT_OPEN, whose text says what the sink sees, if the
	 * VM's state explains it.
	 */
	void (*why)(struct sink *sink, struct guest_why *why);
	/* True if the guest's devices exist and nobody has them open, so they can be attached. */
	bool (*vacant)(struct sink *sink);
	/* Releases all keys that are down in the guest. */
	void (*release)(struct sink *sink);
	/* Hot: must not block, allocate or log. 0, or -errno if the guest cannot be reached. */
	int (*send)(struct sink *sink, enum shape_node node, const struct frame *frame);
};

struct sink {
	const struct sink_ops *ops;
	const struct sink_owner *owner;
	struct loop *loop;
	const char *guest;            /* the guest's name; owned by the configuration */
	const char *domain;           /* its libvirt domain, likewise; NULL: not configured */
	struct keeper_client *keeper; /* owned by the guest */
	struct keeper_identity identity;
	uint16_t leds;   /* the guest's lock LEDs: bit n is LED code n; 0 if unknown */
	bool leds_known; /* the guest has set them since it was reset */
};

/*
 * Allocates a sink; ops->open is up to the caller. NULL if there is no memory. The strings, loop,
 * keeper and owner must outlive it; 'identity' is copied.
 */
struct sink *sink_new(const struct sink_ops *ops, const struct keeper_identity *identity,
		      struct loop *loop, const char *guest, struct keeper_client *keeper,
		      const struct sink_owner *owner);
/* Closes and frees; NULL is ignored. */
void sink_free(struct sink *sink);
