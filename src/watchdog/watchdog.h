/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: a small process, evs-watchdog, that kills evswitch if its event loop hangs. The kernel
 * then closes evswitch's descriptors, which frees the devices. It needs no systemd, whose watchdog is
 * the second one.
 *
 * The two share one page, in which the loop counts its turns. The watchdog has no device's descriptor,
 * since a duplicate keeps the grab: whatever happens to it, it cannot keep a device grabbed. For the
 * same reason it cannot hear the panic chord: a grabbed device sends events to the descriptor with the
 * grab alone. It exits when evswitch does.
 *
 * Owned by the daemon.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

/* The shared page. */
struct watchdog_page {
	_Atomic uint32_t turns; /* counted by the loop */
	_Atomic bool armed;     /* evswitch must make progress */
};

struct watchdog {
	int fd; /* a socket, of which the process has the other end; -1: none */
	struct watchdog_page *page;
	struct watch watch; /* detects its exit */
};

#define WATCHDOG_INIT                                                                              \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/*
 * Forks the watchdog of the calling thread, not armed. Call this before creating threads, and before
 * opening anything that children must not inherit. EVSWITCH_PATIENCE in the environment multiplies its
 * limits (1 to 100). 0 or -errno.
 */
int watchdog_start(struct watchdog *watchdog);
/* Lets the loop count its turns in the page; logs an error if the watchdog exits. 0 or -errno. */
int watchdog_watch(struct watchdog *watchdog, struct loop *loop);
/* While armed, it kills this process if the loop hangs (hang.h). No effect if it was not started. */
void watchdog_arm(const struct watchdog *watchdog, bool armed);
/* Ends it. No effect if it was not started. The loop must not be used any more, or not count in the page. */
void watchdog_stop(struct watchdog *watchdog);
