/* SPDX-License-Identifier: MIT */
/*
 * An endpoint is the guest's end of a channel, which a keeper keeps open. If it consists of uinput
 * nodes (endpoint-nodes), the daemon writes to them directly. Otherwise the keeper drives it:
 * frames arrive from the daemon, and the endpoint passes them to the guest. The keeper owns its
 * only endpoint.
 */
#pragma once

#include <stdbool.h>

#include "core/frame.h"
#include "keeper/keeper-message.h"
#include "base/loop.h"

struct endpoint;

struct endpoint_ops {
	/* Creates the guest's devices. 0, or -errno and *why with an explanation. May be NULL. */
	int (*open)(struct endpoint *endpoint, const char **why);
	bool listens; /* identity.socket_path is the directory of its sockets, which 'close' removes */
	bool connects; /* it opens connections to unix sockets, also after 'open' */
	void (*close)(struct endpoint *endpoint);
	/* True while the guest has the endpoint open, and so depends on it. */
	bool (*in_use)(struct endpoint *endpoint);
	/* Releases all keys that are down in the guest. */
	void (*release)(struct endpoint *endpoint);
	/* Fills in 'state' except for its generation. NULL for endpoint-nodes. */
	void (*state)(struct endpoint *endpoint, struct keeper_state *state);
	/* Hot. Sends a whole frame to a node (enum shape_node). NULL for endpoint-nodes. */
	void (*send)(struct endpoint *endpoint, unsigned node, const struct frame *frame);
};

/*
 * Allocates an endpoint; the keeper sets the fields of struct endpoint and opens it. NULL: no
 * memory.
 */
typedef struct endpoint *(*endpoint_new_fn)(void);
/* The constructor for the channel called 'via'; NULL if a keeper does not drive such a channel. */
typedef endpoint_new_fn (*endpoint_find_fn)(const char *via);

struct endpoint {
	const struct endpoint_ops *ops;
	struct loop *loop;
	const char *guest;
	struct keeper_identity identity;
	char domain[KEEPER_DOMAIN_MAX]; /* from the last OPEN; "": none */
	/* The state changed. */
	void (*changed)(struct endpoint *endpoint);
};
