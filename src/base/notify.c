/* SPDX-License-Identifier: MIT */
/* The datagram of sd_notify(3). */
#include "base/notify.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/usock.h"
#include "base/util.h"

static unsigned watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	unsigned long long interval = usec ? strtoull(usec, NULL, 10) : 0;

	if (pid && strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	/* Half the timeout, as sd_watchdog_enabled(3) recommends. */
	return interval / 2000 > UINT32_MAX ? 0 : (unsigned)(interval / 2000);
}

void notify_init(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");

	*notify = (struct notify){ .fd = -1 };
	if (path && *path) {
		notify->fd = *path == '/' || *path == '@' ? usock_connect(path, SOCK_DGRAM) : -1;
		notify->watchdog_ms = watchdog_ms();
		if (notify->fd < 0)
			log_warn("cannot reach NOTIFY_SOCKET %s", log_str(path).text);
	}
	/* Hooks must not send notifications in our name. */
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_fini(struct notify *notify)
{
	close_fd(&notify->fd);
}

void notify_send(const struct notify *notify, const char *lines)
{
	if (notify->fd >= 0 &&
	    send(notify->fd, lines, strlen(lines), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("notify: %s", strerror(errno));
}
