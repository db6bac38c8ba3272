/*
 * The daemon's part of a channel (channel.h): takes shaped frames for a guest's three nodes and says
 * when the guest is there. Its concrete struct begins with struct sink; sink_new allocates it,
 * sink_free ends it. What the guest has open belongs to the guest's keeper as well (kept.h), so that
 * it outlives the sink.
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

/* What a sink tells its owner; for what these may do, see loop.h. */
struct sink_owner {
	/* The target can take nothing any more; what was down on it is up, as far as that can be. */
	void (*down)(struct sink *sink, const char *why);
	/*
	 * The guest has its devices still, but its driver has stopped them, or started them anew
	 * ('ready'): nothing is down in it. A sink that is not ready takes nothing.
	 */
	void (*reset)(struct sink *sink, bool ready);
	/* The guest set its lock LEDs: sink->leds. */
	void (*leds)(struct sink *sink);
};

struct sink_ops {
	size_t size; /* of the concrete struct */

	/*
	 * Makes the guest's devices, or takes over those that sink->kept has. 0 or -errno; sink_free is
	 * legal, and due, after a failure too.
	 */
	int (*open)(struct sink *sink);
	void (*close)(struct sink *sink);
	/* After open, and whenever the guest has a new keeper: hands it what it is to keep. 0 or -errno. */
	int (*attach)(struct sink *sink);
	/* sink->kept has another state, or the keeper is gone. NULL: no matter. */
	void (*kept_changed)(struct sink *sink);
	/* udev has set the permissions of an evdev node that may be one of the sink's. NULL: no matter. */
	void (*settled)(struct sink *sink, const char *devnode);
	/*
	 * May the guest have the focus? 0, and from now on owner->down is called when it is lost, and
	 * owner->reset; or -errno with *why saying what is missing and what to do. 'leave' ends it.
	 */
	int (*enter)(struct sink *sink, const char **why);
	void (*leave)(struct sink *sink);
	/* Whether the guest's devices are there, and nobody has them open: then it can be given them. */
	bool (*vacant)(struct sink *sink);
	/* All that is down in the guest goes up, though nothing says so any more. */
	void (*release)(struct sink *sink);
	/* Hot: no block, no malloc, no log. 0, or -errno where the target is dead. */
	int (*send)(struct sink *sink, enum shape_node node, const struct frame *frame);
};

struct sink {
	const struct sink_ops *ops;
	const struct sink_owner *owner;
	struct loop *loop;
	const char *guest;  /* its name; the configuration's */
	const char *domain; /* libvirt's, likewise; NULL: none is named */
	struct kept *kept;  /* the guest's */
	struct keeper_identity identity;
	uint16_t leds; /* the guest's lock LEDs, bit n for LED code n; 0 where none are known */
};

/*
 * A sink for this end of a guest, not yet open, or NULL: no memory. The strings, the loop, the keeper
 * and the owner must outlive it.
 */
struct sink *sink_new(const struct sink_ops *ops, const struct keeper_identity *identity,
		      struct loop *loop, const char *guest, struct kept *kept,
		      const struct sink_owner *owner);
/* Closes and frees; NULL is ignored. */
void sink_free(struct sink *sink);
