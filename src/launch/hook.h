/*
 * The user's on-enter and on-leave commands, in the launcher: which one is next. They follow the
 * focus, one at a time: on-leave of the guest that was entered, then on-enter of the guest that has
 * the focus by then; what lay between is left out.
 *
 * The guest whose on-leave is due stands in a file, "hooks" in the directory of evswitch's sockets,
 * so that the next launcher runs it where this one was killed. Whoever locks the file runs hooks.
 * Owned by the launcher; owns its file and its timer.
 */
#pragma once

#include <stdbool.h>

#include "conf/conf.h"
#include "base/loop.h"
#include "base/usock.h"

/* A command that runs for longer is left alone, and the next one is started. */
#define HOOK_MS 10000

struct hook;

struct hook_ops {
	/* Starts a command for this target; hook_ended is due when it has ended. 0 or -errno. */
	int (*start)(struct hook *hook, const char *command, const char *target);
};

struct hook {
	const struct hook_ops *ops;
	const struct conf *conf;  /* NULL: there are no hooks */
	unsigned entered, wanted; /* targets; 0: the host */
	bool ready;               /* the file is locked, or it goes without */
	bool running;
	struct timer timer; /* the end of HOOK_MS; before 'ready' the next try to lock */
	int file;           /* -1: none */
	char path[USOCK_PATH_MAX];
};

/* 0 or -errno; hook_fini is due in any case. */
int hook_init(struct hook *hook, struct loop *loop, const struct conf *conf,
	      const struct hook_ops *ops);
void hook_fini(struct hook *hook);

/* Waits for an earlier launcher, then runs what is due, and follows the focus. */
void hook_begin(struct hook *hook);
void hook_set_focus(struct hook *hook, unsigned target);
/* The command that was started last has ended. */
void hook_ended(struct hook *hook);
/* Whether nothing runs and nothing is due. */
bool hook_is_idle(const struct hook *hook);
