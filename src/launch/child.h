/*
 * A program that runs beside evswitch and says something in lines, as virsh does. The launcher starts
 * it, without a shell and in English; it ends with evswitch, and it is never waited for. The owner
 * embeds the struct; it owns both pipes.
 *
 * There is no exit status: what a program's success is must be told from its lines.
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
	/* It has ended, or closed both. Another may be started, also from within. */
	void (*ended)(struct child *child);
};

struct child {
	const struct child_ops *ops;
	int stop;            /* closing it ends the process; -1: none */
	unsigned generation; /* changes with each start and stop */
	struct watch pipe;   /* in a loop while the child runs */
	size_t used;
	bool cut; /* the rest of the line in hand is dropped */
	char text[CHILD_LINE_MAX];
};

#define CHILD_INIT                                                                                 \
	{                                                                                          \
		.stop = -1                                                                         \
	}

/*
 * Starts argv[0], found by PATH, with this standard input, which stays the caller's (-1: /dev/null).
 * The child must not run. A program that cannot be run says so in a line that begins with "error: ".
 * 0, or the error of pipe2, launch or epoll_ctl.
 */
int child_start(struct child *child, struct loop *loop, const char *const *argv, int input,
		const struct child_ops *ops);
bool child_runs(const struct child *child);
/* Ends it at once: no callback comes after. Harmless where none runs; legal within a callback. */
void child_stop(struct child *child);
