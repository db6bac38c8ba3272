/* A socket that nobody can close without waiting. */
#include "lingering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "usock.h"
#include "util.h"

static void *expire(void *arg)
{
	struct lingering *lingering = arg;
	struct pollfd in = { .fd = lingering->ends[0], .events = POLLIN };

	if (poll(&in, 1, LINGERING_MS) == 0) {
		atomic_store(&lingering->expired, true);
		close_fd(&lingering->peer);
	}
	return NULL;
}

static void connect_pair(struct lingering *lingering)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	autoclose int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	lingering->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(lingering->fd, (struct sockaddr *)&address, size), 0);
	lingering->peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(lingering->peer >= 0);
}

void lingering_open(struct lingering *lingering)
{
	static const struct linger option = { .l_onoff = 1, .l_linger = 3600 };
	char bytes[65536] = "";

	*lingering = (struct lingering){ .fd = -1 };
	connect_pair(lingering);
	assert_int_equal(setsockopt(lingering->fd, SOL_SOCKET, SO_LINGER, &option, sizeof(option)),
			 0);
	while (send(lingering->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(pipe2(lingering->ends, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&lingering->thread, NULL, expire, lingering), 0);
}

void lingering_pass(struct lingering *lingering, int unix_socket, char byte)
{
	assert_int_equal(usock_send(unix_socket, &byte, 1, &lingering->fd, 1), 0);
	close_fd(&lingering->fd);
}

void lingering_close(struct lingering *lingering)
{
	close_fd(&lingering->ends[1]);
	pthread_join(lingering->thread, NULL);
	close_fd(&lingering->ends[0]);
	close_fd(&lingering->peer);
	close_fd(&lingering->fd);
	if (atomic_load(&lingering->expired))
		fail_msg("somebody waited until the socket was closed");
}
