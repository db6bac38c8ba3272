/*
 * The guest's end of a channel, which a keeper keeps open. If it consists of uinput nodes
 * (end-nodes), the daemon writes to them directly. Otherwise the keeper drives it: frames arrive
 * from the daemon, and the end passes them to the guest. The keeper owns its only end.
 */
#pragma once

#include <stdbool.h>

#include "core/frame.h"
#include "keeper/keeper-message.h"
#include "base/loop.h"

struct end;

struct end_ops {
	/* Creates the guest's devices. 0, or -errno and *why with an explanation. May be NULL. */
	int (*open)(struct end *end, const char **why);
	void (*close)(struct end *end);
	/* True while the guest has the end open, and so depends on it. */
	bool (*in_use)(struct end *end);
	/* Releases all keys that are down in the guest. */
	void (*release)(struct end *end);
	/* Fills in 'state' except for its generation. NULL for end-nodes. */
	void (*state)(struct end *end, struct keeper_state *state);
	/* Hot. Sends a whole frame to a node (enum shape_node). NULL for end-nodes. */
	void (*send)(struct end *end, unsigned node, const struct frame *frame);
};

/* Allocates an end; the keeper sets the fields of struct end and opens it. NULL: no memory. */
typedef struct end *(*end_new_fn)(void);
/* The constructor for the channel called 'via'; NULL if a keeper does not drive such a channel. */
typedef end_new_fn (*end_find_fn)(const char *via);

struct end {
	const struct end_ops *ops;
	struct loop *loop;
	const char *guest;
	struct keeper_identity identity;
	char domain[KEEPER_DOMAIN_MAX]; /* from the last OPEN; "": none */
	/* The state changed. */
	void (*changed)(struct end *end);
};
