/* SPDX-License-Identifier: MIT */
/*
 * A program that runs beside this one, and whose output is kept or watched. It is the leader of a process
 * group, which is ended with it; nobody reads its standard error. Embedded in its owner; owns the process, a pipe and a timer.
 * SIGCHLD must not be ignored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/loop.h"

struct program;

struct program_ops {
	/*
	 * It has written something, which is not kept. NULL: its output is kept, and the program has
	 * not ended before that has.
	 */
	void (*said)(struct program *program);
	/* It has ended, see 'status' and 'data'. May start this or another program. */
	void (*ended)(struct program *program);
};

struct program_how {
	const char *const *argv; /* argv[0] is searched in PATH */
	int input;               /* standard input; -1: /dev/null. The caller still owns it */
	size_t max;              /* bytes of output that are kept; more end it */
	unsigned stall_ms;       /* without output for so long, it is ended; 0: never */
	/*
	 * It is not ended with this process, nor by the signals that end a session's programs, but by
	 * program_stop alone.
	 */
	bool outlives;
};

struct program {
	const struct program_ops *ops;
	struct watch output; /* started until that is closed */
	struct watch end;    /* of the process; started until it is reaped */
	struct timer stall;
	pid_t pid;
	size_t max;
	unsigned stall_ms;
	bool failed; /* a limit was exceeded */
	/* After the end: exit status (127: no such program); -1: a signal, or a limit above. */
	int status;
	unsigned char *data; /* malloc(); until the next start or stop, or taken */
	size_t size, room;
};

/*
 * For program_how.input: a descriptor, the caller's, that reads a copy of these bytes. Or -errno of memfd_create()
 * and write().
 */
int program_input(const void *data, size_t size);

/*
 * The program of 'program' must not run; zeroed if there was none. 0, or -errno of pipe2(), fork(),
 * pidfd_open(), timerfd_create() or epoll_ctl().
 */
int program_start(struct program *program, struct loop *loop, const struct program_how *how,
		  const struct program_ops *ops);
bool program_runs(const struct program *program);
/*
 * Kills it, and frees its output; no callback follows. No effect if it does not run. Waits for the
 * process, which the kernel ends at once. May be called in a callback.
 */
void program_stop(struct program *program);
/* Waits until the process has ended, for timeout_ms at most: for the very end. */
void program_wait(const struct program *program, int timeout_ms);
