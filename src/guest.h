/*
 * A configured guest: its sink (the channel) and its shape. Takes the router's frames, whole and
 * unshaped. Owned by the daemon; owns the sink.
 */
#pragma once

#include <stdbool.h>

#include "conf.h"
#include "shape.h"
#include "sink.h"

struct guest {
	const struct conf_guest *conf; /* the configuration's */
	struct shape shape;
	struct sink *sink;
	int error; /* of the first send that failed since guest_enter; 0: none */
};

/* Makes the guest's devices. 0 or -errno; guest_close is legal, and due, after a failure too. */
int guest_open(struct guest *guest, const struct conf_guest *conf, struct loop *loop,
	       const struct sink_owner *owner);
void guest_close(struct guest *guest);

/* As sink_ops.enter; a guest that has been left, or lost, has nothing down. */
int guest_enter(struct guest *guest, const char **why);
void guest_leave(struct guest *guest);

/* Hot. Frames after a failed one go nowhere until the next guest_enter; guest->error says so. */
void guest_send(struct guest *guest, const struct frame *frame);
