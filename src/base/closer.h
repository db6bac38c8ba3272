/* SPDX-License-Identifier: MIT */
/*
 * Closes and ungrabs descriptors in threads, so that the event path never blocks on it. For an
 * evdev node the kernel takes 10 to 60 ms to close or ungrab (it waits for an RCU grace period),
 * and closing a descriptor that another process passed may take forever (peer-fd.h). Owns a
 * descriptor from the call until it is closed.
 */
#pragma once

/* Closes the descriptor in a new thread, or directly if no thread can be created. -1 is ignored. */
void close_later(int fd);
/* The same for an evdev node, which is ungrabbed first. */
void ungrab_close_later(int fd);

/* Ungrabs and closes n evdev nodes in parallel, and waits until that is done; each becomes -1. */
void close_together(int *fds, unsigned n);
/* The same, but only ungrabs: the caller still owns the descriptors. -1 is ignored. */
void ungrab_together(const int *fds, unsigned n);

/* The number of closes and ungrabs that have not finished. */
unsigned closes_pending(void);
