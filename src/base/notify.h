/* SPDX-License-Identifier: MIT */
/*
 * Notifies systemd of readiness, shutdown, status and watchdog pings, by the protocol in
 * sd_notify(3), which that page documents for independent implementations. Does nothing if
 * NOTIFY_SOCKET is not set. Owns its socket.
 */
#pragma once

#include <stdbool.h>

struct notify {
	int fd;               /* -1: no notification socket */
	unsigned watchdog_ms; /* interval of pings; 0: no watchdog */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them from the environment. */
void notify_init(struct notify *notify);
void notify_fini(struct notify *notify);

/* Sends lines such as "READY=1\nSTATUS=...". Never blocks; drops what cannot be sent. */
void notify_send(const struct notify *notify, const char *lines);
