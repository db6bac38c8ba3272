/*
 * A program that runs beside evswitch and says something in lines, as virsh does. The launcher starts
 * it, without a shell and in English; it ends with evswitch, and it is never waited for. The owner
 * embeds the struct; it owns a pipe and a socket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"

/* Bytes of a line; what is longer is cut. */
#define CHILD_LINE_MAX 512

struct child;

struct child_ops {
	/* A line of its standard output or error, without the newline; empty lines are left out. */
	void (*line)(struct child *child, const char *line);
	/* It has ended, with child->status. Another may be started, also from within. */
	void (*ended)(struct child *child);
};

struct child {
	const struct child_ops *ops;
	int status;           /* once it has ended: of exit, or 128 and the signal; -1: not known */
	unsigned generation;  /* changes with each start and stop */
	struct watch output;  /* in a loop until both outputs have ended */
	struct watch control; /* in a loop until the status has come; closing it ends the process */
	size_t used;
	bool cut; /* the rest of the line in hand is dropped */
	char text[CHILD_LINE_MAX];
};

#define CHILD_INIT                                                                                 \
	{                                                                                          \
		.status = -1                                                                       \
	}

/*
 * Starts argv[0], found by PATH, with this standard input, which stays the caller's (-1: /dev/null).
 * The child must not run. A program that cannot be run says so in a line that begins with "error: ".
 * 0, or the error of pipe2, socketpair, launch or epoll_ctl.
 */
int child_start(struct child *child, struct loop *loop, const char *const *argv, int input,
		const struct child_ops *ops);
bool child_runs(const struct child *child);
/* Ends it at once: no callback comes after. Harmless where none runs; legal within a callback. */
void child_stop(struct child *child);
