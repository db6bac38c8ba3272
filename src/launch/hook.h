/* SPDX-License-Identifier: MIT */
/*
 * Decides in the launcher which of the user's commands runs next:
 *
 *  on-leave, on-enter  follow the focus: on-leave of the guest that was entered, then on-enter of
 *                      the guest that has the focus by then. Targets in between are skipped.
 *  while               of the guest that was entered: starts after its on-enter, and is ended as
 *                      soon as another target has the focus. Nothing waits for it.
 *  on-lost, on-refused run when nothing of the above is due. Of several refusals that wait, the
 *                      newest counts; of a guest that was lost several times, the last.
 *
 * All but 'while' run one at a time. A command is ended after HOOK_MS, with its process group: by
 * SIGTERM, and HOOK_TERM_MS later by SIGKILL. Its environment says what happened: FROM and TO, names
 * of targets; EVSWITCH_TARGET, the guest that it is about; and with on-lost and on-refused, REASON
 * for the user and CAUSE for scripts (guest_cause_name).
 *
 * The file "hooks" in the socket directory names the guest whose on-leave is due, so that the next
 * launcher runs it if this one is killed. Only the launcher that has locked the file runs hooks.
 * Another configuration counts once what is running has ended and no on-leave or on-enter is due.
 * Targets are then known by their names, so a guest that stays does not notice.
 *
 * Embedded in the launcher's process; owns its file and its timers.
 */
#pragma once

#include <stdbool.h>

#include "conf/conf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/usock.h"

#define HOOK_MS      10000 /* a command may run for so long, but one of 'while' */
#define HOOK_TERM_MS 2000  /* ... and so long after SIGTERM */

#define HOOK_CAUSE_MAX  32
#define HOOK_REASON_MAX 512

/* The most variables that a command gets. */
#define HOOK_VARIABLES 5

struct hook;

/* A command that runs at a time. */
enum hook_slot { HOOK_ONCE, HOOK_WHILE, HOOK_SLOTS };

/* How a command ended. */
struct hook_end {
	bool killed; /* by a signal */
	int value;   /* the exit status, or the signal */
};

struct hook_ops {
	/*
	 * Starts a command in a process group of its own, with these variables ("NAME=VALUE", ended
	 * by NULL) in its environment. Call hook_ended when it ends. 0 or -errno.
	 */
	int (*start)(struct hook *hook, enum hook_slot slot, const char *command,
		     const char *const *variables);
	/* Sends the signal to the process group of the command that runs in the slot. */
	void (*signal)(struct hook *hook, enum hook_slot slot, int signo);
	/* Ignores the end of the command that runs in the slot: it withstands SIGKILL. */
	void (*abandon)(struct hook *hook, enum hook_slot slot);
};

/* What happened to a guest, beside the focus. */
enum hook_event { HOOK_LOST, HOOK_REFUSED, HOOK_EVENTS };

struct hook_news {
	unsigned target; /* 0: none */
	unsigned focus;  /* the target that had the focus then */
	char cause[HOOK_CAUSE_MAX], reason[HOOK_REASON_MAX];
};

struct hook_run {
	bool running;
	bool ending;        /* SIGTERM was sent */
	bool killing;       /* SIGKILL was sent */
	const char *what;   /* "on-enter" */
	unsigned target;    /* the guest that it is about */
	struct timer timer; /* expiry of HOOK_MS or HOOK_TERM_MS */
};

struct hook {
	const struct hook_ops *ops;
	const struct conf *conf;  /* NULL: no hooks */
	struct conf *own;         /* the same, if it came by hook_replace */
	struct conf *next;        /* takes over later; NULL: none */
	unsigned next_wanted;     /* 'wanted' in that */
	unsigned entered, wanted; /* targets; 0: the host */
	unsigned left;            /* the guest that was left last */
	unsigned came_from;       /* where the focus was before 'entered' */
	unsigned kept;            /* the guest whose 'while' was started; 0: none is due to run */
	struct hook_run run[HOOK_SLOTS];
	struct hook_news lost[CONF_GUESTS_MAX], refused;
	bool begun;         /* the file was read, if it is needed */
	bool ready;         /* the file is locked, or not needed, or cannot be used */
	struct timer retry; /* the next attempt to lock */
	struct log_limit limit;
	int file; /* -1: none */
	char path[USOCK_PATH_MAX];
};

/* Whether a hook is configured; NULL: no. */
bool hook_any(const struct conf *conf);

/* 0, or -errno of timer_init. Call hook_fini in any case. 'conf' must outlive the hook. */
int hook_init(struct hook *hook, struct loop *loop, const struct conf *conf,
	      const struct hook_ops *ops);
void hook_fini(struct hook *hook);

/* Starts as soon as no earlier launcher has the lock: runs what is due, then follows the focus. */
void hook_begin(struct hook *hook);
void hook_set_focus(struct hook *hook, unsigned target);
/*
 * Takes over 'conf', which is in effect from now on: targets are numbers in it. 'focus' is the one that
 * had the focus last, as a number in the configuration before. Without effect if hook_init got none.
 */
void hook_replace(struct hook *hook, struct conf *conf, unsigned focus);
/* Of 'target', a guest, while 'focus' had the focus. The strings are cut to their maximum. */
void hook_tell(struct hook *hook, enum hook_event event, unsigned target, unsigned focus,
	       const char *cause, const char *reason);
/* The command that was started last in this slot has ended. */
void hook_ended(struct hook *hook, enum hook_slot slot, struct hook_end end);
/* True if no command is running or due. */
bool hook_is_idle(const struct hook *hook);
