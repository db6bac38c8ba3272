/*
 * Decides in the launcher which of the user's on-enter and on-leave commands runs next. Commands
 * follow the focus, one at a time: on-leave of the guest that was entered, then on-enter of the
 * guest that has the focus by then. Targets in between are skipped.
 *
 * The file "hooks" in the socket directory names the guest whose on-leave is due, so that the next
 * launcher runs it if this one is killed. Only the launcher that has locked the file runs hooks.
 * Embedded in the launcher's process; owns its file and its timer.
 */
#pragma once

#include <stdbool.h>

#include "conf/conf.h"
#include "base/loop.h"
#include "base/usock.h"

/* A command that runs longer is abandoned, not killed, and the next one is started. */
#define HOOK_MS 10000

struct hook;

struct hook_ops {
	/* Starts a command for this target. Call hook_ended when it ends. 0 or -errno. */
	int (*start)(struct hook *hook, const char *command, const char *target);
};

struct hook {
	const struct hook_ops *ops;
	const struct conf *conf;  /* NULL: no hooks */
	unsigned entered, wanted; /* targets; 0: the host */
	bool ready;               /* the file is locked, or cannot be used */
	bool running;
	struct timer timer; /* expiry of HOOK_MS; until 'ready', the next attempt to lock */
	int file;           /* -1: none */
	char path[USOCK_PATH_MAX];
};

/* 0, or -errno of timer_init. Call hook_fini in any case. 'conf' must outlive the hook. */
int hook_init(struct hook *hook, struct loop *loop, const struct conf *conf,
	      const struct hook_ops *ops);
void hook_fini(struct hook *hook);

/* Starts as soon as no earlier launcher has the lock: runs what is due, then follows the focus. */
void hook_begin(struct hook *hook);
void hook_set_focus(struct hook *hook, unsigned target);
/* The command started last has ended. */
void hook_ended(struct hook *hook);
/* True if no command is running or due. */
bool hook_is_idle(const struct hook *hook);
