/*
 * Closing descriptors without waiting. Of an evdev node the kernel takes 10 to 60 ms for each (it waits
 * until no event is in flight), and as long to ungrab it, which the event path must not; and what another
 * process handed over can take for ever (peer-fd.h).
 */
#pragma once

/* Closes the descriptor in a thread of its own, or here where no thread can be had. -1 is ignored. */
void close_later(int fd);
/* The same of an evdev node, which is ungrabbed first. */
void ungrab_close_later(int fd);

/* Ungrabs and closes all n evdev nodes at the same time and returns when that is done; each becomes -1. */
void close_together(int *fds, unsigned n);
/* The same, but they are only ungrabbed, and stay the caller's. -1 is ignored. */
void ungrab_together(const int *fds, unsigned n);

/* How many of these have been started and have not ended. */
unsigned closes_pending(void);
