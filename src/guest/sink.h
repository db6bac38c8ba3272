/*
 * The daemon's part of a channel (channel.h): sends shaped frames to a guest's three nodes, and
 * reports whether the guest can receive them. A concrete sink's struct begins with struct sink;
 * sink_new allocates it, and the guest owns it until sink_free. The keeper shares what the guest
 * has open (kept.h), which so outlives the sink.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frame.h"
#include "keeper/kept.h"
#include "base/loop.h"
#include "core/shape.h"

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
	 * Creates the guest's devices, or takes over those that the keeper has (sink->kept). 0 or
	 * -errno; call sink_free in any case.
	 */
	int (*open)(struct sink *sink);
	void (*close)(struct sink *sink);
	/* After open, and for each new keeper: passes it the guest's end. 0 or -errno. */
	int (*attach)(struct sink *sink);
	/* sink->kept has a new state, or the keeper is gone. May be NULL. */
	void (*kept_changed)(struct sink *sink);
	/* udev has set the permissions of an evdev node, which may be the sink's. May be NULL. */
	void (*settled)(struct sink *sink, const char *devnode);
	/*
	 * Prepares for the focus. 0, and until 'leave' the sink may call owner->down and
	 * owner->reset; or -errno if the guest cannot take it (-ENOTCONN: it is down; -EACCES: no
	 * permission), and *why explains what is missing and what to do. *why is valid until the
	 * next call.
	 */
	int (*enter)(struct sink *sink, const char **why);
	void (*leave)(struct sink *sink);
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
	const char *guest;  /* the guest's name; owned by the configuration */
	const char *domain; /* its libvirt domain, likewise; NULL: not configured */
	struct kept *kept;  /* owned by the guest */
	struct keeper_identity identity;
	uint16_t leds; /* the guest's lock LEDs: bit n is LED code n; 0 if unknown */
};

/*
 * Allocates a sink; ops->open is up to the caller. NULL if there is no memory. The strings, loop,
 * keeper and owner must outlive it; 'identity' is copied.
 */
struct sink *sink_new(const struct sink_ops *ops, const struct keeper_identity *identity,
		      struct loop *loop, const char *guest, struct kept *kept,
		      const struct sink_owner *owner);
/* Closes and frees; NULL is ignored. */
void sink_free(struct sink *sink);
