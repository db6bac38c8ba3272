/*
 * What a keeper keeps: the guest's end of one channel. A channel whose end is uinput nodes is written
 * to by the daemon itself (end-nodes); one that needs a process of its own is driven here, by the end
 * that its channel names. The keeper owns its one end.
 */
#pragma once

#include <stdbool.h>

#include "core/frame.h"
#include "keeper/keeper-message.h"
#include "base/loop.h"

struct end;

struct end_ops {
	/* Makes the end, of which nothing is there yet. 0 or -errno, *why saying more. NULL: no such step. */
	int (*open)(struct end *end, const char **why);
	void (*close)(struct end *end);
	/* Whether the guest has it open: then it stays. */
	bool (*in_use)(struct end *end);
	/* All that is down in the guest goes up. */
	void (*release)(struct end *end);
	/* For an end that is driven here, else NULL. 'state' but for its generation. */
	void (*state)(struct end *end, struct keeper_state *state);
	/* Hot, likewise. A whole frame for one of the guest's nodes. */
	void (*send)(struct end *end, unsigned node, const struct frame *frame);
};

/* A new end; the keeper fills it in and opens it. NULL: no memory. */
typedef struct end *(*end_new_fn)(void);
/* What makes the ends of the channel of that name; NULL: it is no channel that a keeper drives. */
typedef end_new_fn (*end_find_fn)(const char *via);

struct end {
	const struct end_ops *ops;
	struct loop *loop;
	const char *guest;
	struct keeper_identity identity;
	char domain[KEEPER_DOMAIN_MAX]; /* of the last OPEN */
	/* The state has changed. */
	void (*changed)(struct end *end);
};
