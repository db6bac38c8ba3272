/*
 * The daemon's side of a guest's keeper: finds the one that an earlier daemon left, starts one where
 * there is none, takes over what it keeps and hands it more. Everything but the first step happens in
 * the loop. Embedded in the guest; owns its connection and, until they are taken, the descriptors that
 * came with the keeper's hello.
 */
#pragma once

#include <stdbool.h>

#include "keeper/keeper-message.h"
#include "base/log.h"
#include "base/loop.h"

/* How often a keeper that is gone or busy is tried again. */
#define KEPT_RETRY_MS 1000
/*
 * One of another version is tried again as soon as its socket's file is gone, else after so many
 * periods: one of version 1 takes whoever asks for its daemon, and ends only where nobody has asked for
 * ten seconds.
 */
#define KEPT_OTHER_PERIODS 15
/*
 * The same where one was just ending as it was found, or has been told to: another follows so soon that a
 * start can wait for it, but only so often.
 */
#define KEPT_SOON_MS  10
#define KEPT_SOON_MAX 20
/* How long a keeper may take to say hello, or to answer kept_drive. */
#define KEPT_HELLO_MS 2000

struct kept;

struct kept_ops {
	/* The keeper has said what it keeps: kept->hello, kept_take_node. */
	void (*attached)(struct kept *kept);
	/* kept->state is new. */
	void (*changed)(struct kept *kept);
	/* The keeper is gone, and with it an end that it drove. Another one is started by itself. */
	void (*lost)(struct kept *kept);
};

struct kept {
	const struct kept_ops *ops;
	struct loop *loop;
	const char *guest;
	int fd; /* -1: not connected */
	bool attached;
	bool soon;        /* the timer runs to KEPT_SOON_MS */
	bool state_due;   /* it was told to drive an end, and has not said how that is */
	unsigned hurries; /* that were, of KEPT_SOON_MAX */
	unsigned rests;   /* periods in which a keeper of another version is not asked */
	const char *why;  /* it is not attached; "" while it is */
	struct log_limit limit;
	const char *told; /* which reason has been logged */
	struct watch watch;
	struct timer timer; /* the next try, or the end of patience */
	struct keeper_hello hello;
	struct keeper_state state;
	bool has_state;                                  /* since it was attached */
	int node_fd[SHAPE_NODES], guard_fd[SHAPE_NODES]; /* -1: none, or taken */
};

/*
 * Connects to the guest's keeper, or starts one. 0: ops->attached follows in the loop, or kept->why
 * says why not yet; -errno where a keeper cannot be started at all, which has been logged. *kept is
 * zeroed; kept_close is legal, and due, in any case. The strings must outlive it.
 */
int kept_open(struct kept *kept, struct loop *loop, const char *guest, const struct kept_ops *ops);
/* Says goodbye; the keeper goes on while the guest needs it. */
void kept_close(struct kept *kept);

/* Whether it is still open whether it will be attached, and what it drives there. */
bool kept_is_pending(const struct kept *kept);

/* A node's descriptors, now the caller's; -1 where the keeper has none. */
int kept_take_node(struct kept *kept, unsigned which);
int kept_take_guard(struct kept *kept, unsigned which);

/* Hands duplicates of a node's descriptors over; 'guard_fd' may be -1. 0 or -errno. Nothing while not attached. */
int kept_keep_node(struct kept *kept, const struct keeper_identity *identity, unsigned which,
		   const struct uinput *uinput, int guard_fd);
/*
 * Lets the keeper drive this end, which the QEMU of 'domain' alone may open (NULL: none is named); the
 * ring's descriptors are duplicated. ops->changed follows once the end is made, or cannot be. 0 or
 * -errno.
 */
int kept_drive(struct kept *kept, const struct keeper_identity *identity, const char *domain,
	       int memory_fd, int doorbell_fd);
/* What is kept is of no use: the keeper lets go of it and ends; a new one follows. */
void kept_retire(struct kept *kept);
