/* SPDX-License-Identifier: MIT */
/*
 * The launcher: a small process, evs-launcher, that starts all programs for evswitch. It is forked
 * before any device is opened, so no program ever has a device's descriptor, not even between fork
 * and exec, which can hang. It outlives evswitch only to run the hooks that are due.
 *
 * Owned by the daemon. Other modules reach it through their loop.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/conf.h"
#include "base/loop.h"
#include "launch/hook.h"

enum launch_kind {
	/*
	 * A program searched in PATH, run in the C locale. Three descriptors: standard input;
	 * standard output and error; and a control socket. When the other end of the socket closes,
	 * the program is terminated. When the program ends, the launcher sends an int: the exit
	 * status, or 128 + signal.
	 */
	LAUNCH_CHILD,
	/* This program as a keeper. One descriptor: its listening socket. */
	LAUNCH_KEEPER,
	/* Not a program: what launch_hook_event sends. No descriptor. */
	LAUNCH_HOOK_EVENT,
	/* The same for launch_replace. One descriptor: the text of the configuration. */
	LAUNCH_CONF,
};

#define LAUNCH_LISTENER_FD 3 /* the listening socket in a keeper */

#define LAUNCH_FDS_MAX  3
#define LAUNCH_SIZE_MAX 4096 /* total bytes of the arguments, including a NUL after each */

/* Shared memory that the launcher reads when it is woken. */
struct launch_shared {
	/* The target whose hooks should have run last, and in which configuration it has that number. */
	_Atomic uint64_t focus;
};

struct launcher {
	pid_t pid;
	int fd;                 /* its socket; -1: none */
	int wake_fd;            /* an eventfd */
	uint32_t configuration; /* counts those since the start */
	struct launch_shared *shared;
	struct watch watch; /* detects its exit */
};

#define LAUNCHER_INIT                                                                              \
	{                                                                                          \
		.fd = -1, .wake_fd = -1                                                            \
	}

/*
 * Forks the launcher, which runs the hooks of the guests in 'conf' (NULL: none). Call this before
 * creating threads, and before opening anything that children must not inherit. 0 or -errno.
 */
int launcher_start(struct launcher *launcher, const struct conf *conf);
/* Sets loop->launcher, and logs an error if the launcher exits unexpectedly. 0 or -errno. */
int launcher_watch(struct launcher *launcher, struct loop *loop);
/* Closes its socket: it exits once no hook is due. No effect if it was not started. */
void launcher_stop(struct launcher *launcher);

/*
 * Asks the launcher to start a program; does not wait for it. The caller still owns the
 * descriptors. 0; -ENOTCONN if there is no launcher; -E2BIG if the arguments are too long; -EAGAIN
 * if the launcher is stopped; or another -errno of sendmsg(). If the program cannot be executed,
 * its standard error says why.
 */
int launch(const struct launcher *launcher, enum launch_kind kind, const char *const *argv,
	   const int *fds, unsigned n_fds);

/*
 * From now on, hooks are those of 'conf', which conf_load has read, and targets are numbers in it.
 * 'focus' is the target that has the focus, as a number in the configuration before. Call launch_hooks
 * next. Never blocks. 0, or -errno: hooks do not run any more.
 */
int launch_replace(struct launcher *launcher, const struct conf *conf, unsigned focus);

/*
 * The focus is now at 'target': runs the hooks (hook.h). Never blocks or fails; only the newest
 * target counts. The first call enables hooks, so make it only after instance_lock has succeeded.
 */
void launch_hooks(const struct launcher *launcher, unsigned target);
/*
 * Runs on-lost or on-refused for a guest, see hook_tell. Call launch_hooks first, if the focus has
 * moved. Never blocks; logs a failure.
 */
void launch_hook_event(const struct launcher *launcher, enum hook_event event, unsigned target,
		       const char *cause, const char *reason);
