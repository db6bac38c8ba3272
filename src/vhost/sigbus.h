/* SPDX-License-Identifier: MIT */
/*
 * Survives the loss of mapped memory: if another process truncates the file, the next access raises
 * SIGBUS. The handler replaces the whole range with zero pages and sets a flag, and the access
 * continues. Any other SIGBUS kills the process as usual.
 *
 * The list of ranges is global, since a signal handler can reach nothing else. The code that
 * changes it touches no range, so the handler never sees it half changed. Only one thread may watch
 * and access ranges.
 */
#pragma once

#include <signal.h>
#include <stddef.h>

struct sigbus_range {
	void *addr; /* whole pages */
	size_t size;
	volatile sig_atomic_t hit; /* replaced: reads give zeros, writes reach nobody */
	struct sigbus_range *next;
};

/*
 * Protects the range until sigbus_unwatch, which must come before munmap. *range must not move. 0
 * or -errno.
 */
int sigbus_watch(struct sigbus_range *range, void *addr, size_t size);
/* No effect on a zeroed range. */
void sigbus_unwatch(struct sigbus_range *range);
