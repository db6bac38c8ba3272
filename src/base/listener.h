/* SPDX-License-Identifier: MIT */
/*
 * A listening socket whose connections are peers. While this process or the system is out of
 * descriptors or memory, connections wait in the socket's backlog, and nothing spins: epoll would
 * report the socket again in every turn.
 */
#pragma once

#include <stdbool.h>

#include "base/log.h"
#include "base/loop.h"

/* How long it rests then. */
#define LISTENER_REST_MS 1000

struct listener;
typedef void (*listener_fn)(struct listener *listener, int fd); /* takes over 'fd' */

/* Embedded in its owner. */
struct listener {
	struct watch watch;
	struct timer rest; /* while armed, no connection is accepted */
	const char *name;  /* for messages */
	listener_fn accepted;
	bool told; /* logged: it rests */
	struct log_limit limit;
};

/*
 * Starts to accept connections on 'fd', which stays the caller's. 0, or -errno of timer_init or
 * watch_start_peer. 'name' must outlive it.
 */
int listener_start(struct listener *listener, struct loop *loop, int fd, const char *name,
		   listener_fn accepted);
/* Also safe on a zeroed listener and after a failed listener_start. */
void listener_stop(struct listener *listener);
