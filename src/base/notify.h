/*
 * What systemd is told: ready, stopping, a status line, and the watchdog's pings (sd_notify(3), whose
 * protocol is documented for programs that speak it themselves). Silent where nobody listens.
 */
#pragma once

#include <stdbool.h>

struct notify {
	int fd;               /* -1: nobody listens */
	unsigned watchdog_ms; /* how often to ping; 0: not asked for */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment. */
void notify_init(struct notify *notify);
void notify_fini(struct notify *notify);

/* Sends lines such as "READY=1\nSTATUS=...". Never blocks; what cannot be sent is lost. */
void notify_send(const struct notify *notify, const char *lines);
