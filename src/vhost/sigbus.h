/*
 * Survives that another process takes memory away which we have mapped: it truncates the file, and
 * our next access is a SIGBUS. The handler puts zero pages in the place of the whole range and says
 * so; the access goes on. Any other SIGBUS ends the process as ever.
 *
 * The list of ranges is global because a signal handler can reach nothing else. It is changed only
 * by code that touches none of them, so the handler never meets it half done. One thread alone may
 * watch ranges and touch them.
 */
#pragma once

#include <signal.h>
#include <stddef.h>

struct sigbus_range {
	void *addr; /* whole pages */
	size_t size;
	volatile sig_atomic_t hit; /* it reads as zeros, and what is written there reaches nobody */
	struct sigbus_range *next;
};

/* From here to sigbus_unwatch, which comes before munmap, the range stays where it is. 0 or -errno. */
int sigbus_watch(struct sigbus_range *range, void *addr, size_t size);
/* Does nothing to a zeroed range. */
void sigbus_unwatch(struct sigbus_range *range);
