/*
 * The launcher: a small process, evs-launcher, that starts every program which evswitch needs. It is
 * forked before any device is opened, so no program holds a device's descriptor, not even between
 * fork and exec, which can hang. It outlives evswitch only to run the hooks that are due.
 *
 * Owned by the daemon; those who start programs find it through their loop.
 */
#pragma once

#include <stdatomic.h>
#include <sys/types.h>

#include "conf/conf.h"
#include "base/loop.h"

enum launch_kind {
	/*
	 * A program found by PATH, in English. Three descriptors: its standard input; its standard
	 * output and error; and a socket. When the other end of that closes, the program is ended; when
	 * the program has ended, an int comes from it: the exit status, or 128 and the signal.
	 */
	LAUNCH_CHILD,
	/* This program itself, as a keeper. One descriptor: its listening socket. */
	LAUNCH_KEEPER,
};

#define LAUNCH_LISTENER_FD 3 /* where a keeper finds that */

#define LAUNCH_FDS_MAX  3
#define LAUNCH_SIZE_MAX 4096 /* bytes of all words, a NUL after each */

/* Shared memory: what the launcher reads when it is woken. */
struct launch_shared {
	atomic_uint focus; /* target that the hooks shall come to */
};

struct launcher {
	pid_t pid;
	int fd;      /* its socket; -1: none */
	int wake_fd; /* an eventfd */
	struct launch_shared *shared;
	struct watch watch; /* told of its end */
};

#define LAUNCHER_INIT                                                                              \
	{                                                                                          \
		.fd = -1, .wake_fd = -1                                                            \
	}

/*
 * Forks the launcher; 'conf' has the guests whose hooks it runs (NULL: none). To be called before
 * anything is opened that no child may hold, and before threads are made. 0 or -errno.
 */
int launcher_start(struct launcher *launcher, const struct conf *conf);
/* Makes it the loop's, and says so when it ends by itself. 0 or -errno. */
int launcher_watch(struct launcher *launcher, struct loop *loop);
/* Lets it end. Harmless where none was started. */
void launcher_stop(struct launcher *launcher);

/*
 * Starts a program, in the background; the descriptors stay the caller's. 0, -ENOTCONN without a
 * launcher, -E2BIG for too many words, -EAGAIN where the launcher does not run, or another error of
 * sendmsg. A program that cannot be started says so on its standard error.
 */
int launch(const struct launcher *launcher, enum launch_kind kind, const char *const *argv,
	   const int *fds, unsigned n_fds);

/*
 * The focus is at this target now: the hooks follow (hook.h). Never blocks and never fails; the
 * newest target counts. The first call lets them begin: it is for the one evswitch that runs.
 */
void launch_hooks(const struct launcher *launcher, unsigned target);
