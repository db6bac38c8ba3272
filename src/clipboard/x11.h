/* SPDX-License-Identifier: MIT */
/*
 * The desktop (desktop.h) of an X server, by libxcb and XFixes: the selection CLIPBOARD, and no other.
 * Owns the connection and a window that is never shown.
 *
 * The X server itself is trusted to answer: opening waits for it, and sending waits while it reads
 * nothing. Other X clients are not: whatever they do or leave undone, no function waits.
 */
#pragma once

#include "clipboard/desktop.h"

/*
 * The server is that of DISPLAY. A transfer ends after stall_ms without progress. NULL, and *error is
 * -ENOTCONN if the server cannot be reached, -ENOTSUP if it has no XFixes, -ENOMEM, or -errno of
 * epoll_ctl() or timerfd_create(). Logs nothing.
 */
struct desktop *x11_open(struct loop *loop, struct desktop_client *client, unsigned stall_ms,
			 int *error);
