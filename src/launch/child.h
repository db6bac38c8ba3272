/* SPDX-License-Identifier: MIT */
/*
 * A program that runs in the background and whose output is read line by line, such as virsh. The
 * launcher starts it without a shell and in the C locale. It is terminated with evswitch; evswitch
 * never blocks on it. Embedded in its owner; owns a pipe and a socket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"

/* The longest line in bytes, including the NUL; longer ones are truncated. */
#define CHILD_LINE_MAX 512

struct child;

struct child_ops {
	/* A line of standard output or error, without the newline. Empty lines are skipped. */
	void (*line)(struct child *child, const char *line);
	/* The program ended, see child->status. The callback may start another one. */
	void (*ended)(struct child *child);
};

struct child {
	const struct child_ops *ops;
	int status;           /* after the end: exit status, or 128 + signal; -1: unknown */
	unsigned generation;  /* incremented by each start and stop */
	struct watch output;  /* started until both outputs are closed */
	struct watch control; /* started until the status arrives; closing it ends the program */
	size_t used;
	bool cut; /* drop the rest of the current line */
	char text[CHILD_LINE_MAX];
};

#define CHILD_INIT                                                                                 \
	{                                                                                          \
		.status = -1                                                                       \
	}

/*
 * Starts argv[0], searched in PATH, with 'input' as standard input (-1: /dev/null; the caller still
 * owns it). No program of this child may be running. If the program cannot be executed, a line that
 * begins with "error: " says why. 0, or -errno of pipe2(), socketpair(), launch or epoll_ctl().
 */
int child_start(struct child *child, struct loop *loop, const char *const *argv, int input,
		const struct child_ops *ops);
bool child_runs(const struct child *child);
/*
 * Terminates the program; no callback follows. No effect if none runs. May be called in a callback.
 */
void child_stop(struct child *child);
