/* SPDX-License-Identifier: MIT */
/* accept4(), and a rest where that fails for lack of something. */
#include "base/listener.h"

#include <string.h>
#include <sys/socket.h>

#include "base/shortage.h"
#include "base/util.h"

static void rest(struct listener *listener, int error)
{
	if (!listener->told)
		log_limited(&listener->limit, LOG_LEVEL_ERROR,
			    "%s: cannot accept a connection: %s: trying again every second",
			    listener->name, strerror(error));
	listener->told = true;
	watch_stop(&listener->watch);
	timer_arm(&listener->rest, LISTENER_REST_MS, 0);
}

static void ready(struct watch *watch, uint32_t events)
{
	struct listener *listener = container_of(watch, struct listener, watch);
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		if (is_shortage(errno))
			rest(listener, errno);
		return;
	}
	listener->told = false;
	listener->accepted(listener, fd);
}

static void rested(struct timer *timer)
{
	struct listener *listener = container_of(timer, struct listener, rest);

	if (watch_start_peer(&listener->watch, timer->watch.loop, listener->watch.fd, EPOLLIN,
			     ready) < 0)
		timer_arm(timer, LISTENER_REST_MS, 0);
}

int listener_start(struct listener *listener, struct loop *loop, int fd, const char *name,
		   listener_fn accepted)
{
	int rc;

	*listener = (struct listener){ .name = name, .accepted = accepted };
	rc = timer_init(&listener->rest, loop, rested);
	if (rc == 0)
		rc = watch_start_peer(&listener->watch, loop, fd, EPOLLIN, ready);
	if (rc < 0)
		listener_stop(listener);
	return rc;
}

void listener_stop(struct listener *listener)
{
	watch_stop(&listener->watch);
	timer_fini(&listener->rest);
}
