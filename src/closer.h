/*
 * Closing evdev descriptors without waiting: the kernel takes 10 to 60 ms for each (it waits until no
 * event is in flight), which the event path must not.
 */
#pragma once

/* Closes the descriptor in a thread of its own, or here where no thread can be had. -1 is ignored. */
void close_later(int fd);

/* Closes all n descriptors at the same time and returns when that is done; each becomes -1. */
void close_together(int *fds, unsigned n);
