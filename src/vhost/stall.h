/*
 * Bounds a write() that somebody else can make block. O_NONBLOCK is a property of the open file, so a
 * peer that passed us its descriptor can clear it again at any moment, and fill the eventfd. While
 * writes go on, a timer's signal interrupts the thread every now and then, and a write that blocks
 * ends with EINTR. No system call for each write, and no timer while there are none.
 *
 * The state is global, as a signal's handler is. One thread alone may write so. SIGALRM is
 * taken for it, and other calls that block may end with EINTR too. It does not live through a fork.
 */
#pragma once

#include <sys/types.h>

#define STALL_MS 50 /* the longest that a write takes is twice this */

/* Hot. As write(2). EINTR: it blocked. */
ssize_t stall_write(int fd, const void *data, size_t size);
