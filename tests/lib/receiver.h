/* SPDX-License-Identifier: MIT */
/*
 * Who gets a guest's events in a test, one kind for each channel: observers that grab its nodes, front
 * ends and guest drivers on its sockets, a real QEMU that reads its nodes, or one whose monitor evswitch
 * has. All give what arrived back as frames for the guest's nodes, and are deadlined and failing as
 * world.h is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/frame.h"
#include "core/shape.h"

#define RECEIVER_NAME_MAX 33

struct receiver;

struct receiver_frame {
	enum shape_node node;
	struct frame frame; /* closed; time zero */
};

struct receiver_ops {
	const char *name; /* "observer", "vhost-user", "qemu", "qmp" */
	const char *via;  /* the channel that it is on; NULL: any of uinput nodes */
	size_t size;
	bool told;     /* evswitch says "guest NAME is up" and "is down" */
	bool persists; /* what evswitch connects to outlives it: one keeper for all programs */

	/* More lines for its [guest] section than "via". NULL: none. */
	void (*settings)(struct receiver *receiver, char *text, size_t size);
	/* The guest's end is taken; evswitch runs. */
	void (*up)(struct receiver *receiver);
	/* It is let go of, with whatever is down. */
	void (*down)(struct receiver *receiver);
	const char *down_says; /* evswitch, why the host gets the focus at that */
	/* The next whole frame that has arrived by now. */
	bool (*take)(struct receiver *receiver, struct receiver_frame *out);
	/* The guest's lock LED. NULL: nothing of this kind can get back. */
	void (*set_led)(struct receiver *receiver, unsigned led, bool on);
	/* Why this event cannot arrive, or NULL. 'cannot' NULL: all can that some node declares. */
	const char *(*cannot)(const struct input_event *ev);
	/* After 'down'. NULL: there is nothing to free. */
	void (*fini)(struct receiver *receiver);
};

struct receiver {
	const struct receiver_ops *ops;
	char guest[RECEIVER_NAME_MAX];
	bool is_up;
};

extern const struct receiver_ops receiver_observer;
extern const struct receiver_ops receiver_frontend;
extern const struct receiver_ops receiver_qemu; /* -object input-linux */
extern const struct receiver_ops receiver_qmp;

struct receiver *receiver_new(const struct receiver_ops *ops, const char *guest);
void receiver_up(struct receiver *receiver);
void receiver_down(struct receiver *receiver);
/* NULL is ignored. */
void receiver_free(struct receiver *receiver);

/* The receiver's "via = ..." and what else its section needs, as lines. */
void receiver_settings(struct receiver *receiver, char *text, size_t size);
