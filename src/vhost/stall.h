/* SPDX-License-Identifier: MIT */
/*
 * Limits the duration of a write() that a peer can make block. O_NONBLOCK belongs to the open file,
 * so a peer that passed its descriptor can clear the flag at any time and fill the eventfd. While
 * writes are being made, a periodic timer signal interrupts the thread, and a blocked write returns
 * EINTR. This costs no system call per write, and no timer runs while there are no writes.
 *
 * The state is global because the signal handler is. Only one thread may use it. It occupies
 * SIGALRM, and other blocking calls may return EINTR, too. It does not survive fork().
 */
#pragma once

#include <sys/types.h>

#define STALL_MS 50 /* a write takes at most twice this */

/* Hot. As write(2): -1 and errno on failure. EINTR: it blocked. */
ssize_t stall_write(int fd, const void *data, size_t size);
