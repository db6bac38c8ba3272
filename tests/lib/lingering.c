/* SPDX-License-Identifier: MIT */
/* A stuck socket, and a clock. */
#include "lingering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/usock.h"
#include "base/util.h"

static void *expire(void *arg)
{
	struct lingering *lingering = arg;
	struct pollfd in = { .fd = lingering->ends[0], .events = POLLIN };

	if (poll(&in, 1, LINGERING_MS) == 0) {
		atomic_store(&lingering->expired, true);
		stuck_end(&lingering->stuck);
	}
	return NULL;
}

void lingering_open(struct lingering *lingering)
{
	*lingering = (struct lingering){ .fd = -1 };
	assert_true(stuck_make(&lingering->stuck, STUCK_SOCKET));
	lingering->fd = steal_fd(&lingering->stuck.fd);
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
	close_fd(&lingering->fd);
	stuck_end(&lingering->stuck);
	if (atomic_load(&lingering->expired))
		fail_msg("somebody waited until the socket was closed");
}
