/* SPDX-License-Identifier: MIT */
/*
 * The daemon's connection to a guest's keeper: finds the keeper that an earlier daemon left or
 * starts one, takes over the endpoint that it keeps, or passes it a new one. Everything but the
 * first attempt to connect happens in the loop. Embedded in the guest; owns the connection and,
 * until they are taken, the descriptors that came with HELLO.
 */
#pragma once

#include <stdbool.h>

#include "keeper/keeper-message.h"
#include "base/log.h"
#include "base/loop.h"

/* How often to retry a keeper that is gone or busy. */
#define KEEPER_CLIENT_RETRY_MS 1000
/*
 * A keeper of another version is retried as soon as its socket is unlinked, else after this many
 * periods. A keeper of version 1 takes any client for its daemon, and exits only after ten seconds
 * without one.
 */
#define KEEPER_CLIENT_OTHER_PERIODS 15
/*
 * A keeper that was found exiting, or was told to retire, is retried sooner, so that startup can
 * wait for its successor; but only this many times.
 */
#define KEEPER_CLIENT_SOON_MS  10
#define KEEPER_CLIENT_SOON_MAX 20
/* Timeout for HELLO, and for the first STATE after keeper_client_drive. */
#define KEEPER_CLIENT_HELLO_MS 2000

struct keeper_client;

struct keeper_client_ops {
	/* HELLO has arrived: see client->hello and keeper_client_take_node. */
	void (*attached)(struct keeper_client *client);
	/* client->state has changed. */
	void (*changed)(struct keeper_client *client);
	/*
	 * The keeper is gone, and so is an endpoint that it drove. Another keeper is started
	 * automatically.
	 */
	void (*lost)(struct keeper_client *client);
};

struct keeper_client {
	const struct keeper_client_ops *ops;
	struct loop *loop;
	const char *guest;
	int fd; /* -1: not connected */
	bool attached;
	bool soon;        /* the timer is armed with KEEPER_CLIENT_SOON_MS */
	bool state_due;   /* OPEN was sent and STATE has not arrived yet */
	unsigned hurries; /* early retries so far, up to KEEPER_CLIENT_SOON_MAX */
	unsigned rests;   /* periods left before a keeper of another version is retried */
	const char *why;  /* why it is not attached, for the user; "" while it is */
	bool other;       /* ... another evswitch, or a keeper of another version, has the guest */
	struct log_limit limit;
	const char *told; /* the 'why' that was logged last */
	struct watch watch;
	struct timer timer; /* the next retry, or a timeout */
	struct keeper_hello hello;
	struct keeper_state state;
	bool has_state;                                  /* STATE has arrived since HELLO */
	int node_fd[SHAPE_NODES], guard_fd[SHAPE_NODES]; /* -1: none, or taken */
};

/*
 * Connects to the guest's keeper, or starts one. 0, and ops->attached follows in the loop; until
 * then client->why says what is missing. -errno if a keeper cannot be started, which has been
 * logged. *client must be zeroed; call keeper_client_close in any case. 'guest' and 'ops' must
 * outlive it.
 */
int keeper_client_open(struct keeper_client *client, struct loop *loop, const char *guest,
		       const struct keeper_client_ops *ops);
/* Sends BYE and disconnects. The keeper continues while the guest needs it. */
void keeper_client_close(struct keeper_client *client);

/*
 * True while an answer is outstanding: HELLO after keeper_client_open, or STATE after
 * keeper_client_drive.
 */
bool keeper_client_is_pending(const struct keeper_client *client);

/*
 * The descriptors of a node that the keeper has; the caller then owns them. -1 if the keeper has
 * none.
 */
int keeper_client_take_node(struct keeper_client *client, unsigned which);
int keeper_client_take_guard(struct keeper_client *client, unsigned which);

/*
 * Passes duplicates of a node's descriptors to the keeper; guard_fd may be -1. 0, also without
 * effect while not attached, or -errno.
 */
int keeper_client_keep_node(struct keeper_client *client, const struct keeper_identity *identity,
			    unsigned which, const struct uinput *uinput, int guard_fd);
/*
 * Asks the keeper to drive an endpoint. Only the QEMU of 'domain' may open it (NULL: any). Passes
 * duplicates of the evring's descriptors. 0 or -errno; then ops->changed reports whether the
 * endpoint was created.
 */
int keeper_client_drive(struct keeper_client *client, const struct keeper_identity *identity,
			const char *domain, int memory_fd, int doorbell_fd);
/*
 * What the keeper passed could not be used for now: disconnects, and later connects to it again, so that it
 * passes that anew. Calls ops->lost.
 */
void keeper_client_restart(struct keeper_client *client);
/* Makes the keeper close its endpoint and exit. A new one is started. */
void keeper_client_retire(struct keeper_client *client);
