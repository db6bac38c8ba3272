/*
 * Closing descriptors without waiting. Of an evdev node the kernel takes 10 to 60 ms for each (it waits
 * until no event is in flight), which the event path must not; and what another process handed over
 * can take for ever (peer-fd.h).
 */
#pragma once

/* Closes the descriptor in a thread of its own, or here where no thread can be had. -1 is ignored. */
void close_later(int fd);

/* Closes all n descriptors at the same time and returns when that is done; each becomes -1. */
void close_together(int *fds, unsigned n);

/* How many closes have been started and have not ended. */
unsigned closes_pending(void);
