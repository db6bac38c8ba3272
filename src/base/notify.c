/* sd_notify's datagram. */
#include "base/notify.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/util.h"

static unsigned watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	unsigned long long interval = usec ? strtoull(usec, NULL, 10) : 0;

	if (pid && strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	/* Half of what is allowed, as sd_watchdog_enabled(3) advises. */
	return interval / 2000 > UINT32_MAX ? 0 : (unsigned)(interval / 2000);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	autoclose int fd = -1;

	if (length < 2 || length >= sizeof(address.sun_path) || (*path != '/' && *path != '@'))
		return -1;
	memcpy(address.sun_path, path, length);
	if (*path == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	length += offsetof(struct sockaddr_un, sun_path);
	if (connect(fd, (struct sockaddr *)&address, (socklen_t)length) < 0)
		return -1;
	return steal_fd(&fd);
}

void notify_init(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");

	*notify = (struct notify){ .fd = -1 };
	if (path && *path) {
		notify->fd = connect_to(path);
		notify->watchdog_ms = watchdog_ms();
		if (notify->fd < 0)
			log_warn("cannot reach NOTIFY_SOCKET %s", log_str(path).text);
	}
	/* Hooks must not speak for us. */
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
