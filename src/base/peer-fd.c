/* SPDX-License-Identifier: MIT */
/* Classifies descriptors by system calls that do not reach their file system. */
#include "base/peer-fd.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/closer.h"
#include "base/util.h"

#define PASSED_MAX 253 /* SCM_MAX_FD: the kernel's limit for one message */

static atomic_uint relays;

static bool is_unix_socket(int fd)
{
	socklen_t size = sizeof(int);
	int domain = 0;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

/* Paths begin with '/', so these names in /proc/self/fd cannot be forged by a file. */
static int kind_by_name(int fd)
{
	char link[32], name[32] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, name, sizeof(name) - 1) < 0)
		return PEER_FD_OTHER;
	if (strcmp(name, "anon_inode:[eventfd]") == 0)
		return PEER_FD_EVENT;
	if (strncmp(name, "pipe:[", 6) == 0 || is_unix_socket(fd))
		return PEER_FD_PIPE;
	return PEER_FD_OTHER;
}

/*
 * Local disk file systems support the flags of chattr(1) and report this in statx(); FUSE and
 * network file systems do not. An empty request mask keeps those from asking their server.
 */
static bool is_on_disk(int fd)
{
	struct statx status;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &status) == 0 &&
	       S_ISREG(status.stx_mode) && status.stx_attributes_mask & STATX_ATTR_NODUMP;
}

int peer_fd_kind(int fd)
{
	if (fcntl(fd, F_GET_SEALS) >= 0)
		return PEER_FD_MEMORY;
	if (errno == EBADF)
		return -EBADF;
	return is_on_disk(fd) ? PEER_FD_FILE : kind_by_name(fd);
}

void peer_fd_close(int *fd)
{
	int kind = peer_fd_kind(*fd);

	if (kind == PEER_FD_MEMORY || kind == PEER_FD_EVENT)
		close_fd(fd);
	else
		close_later(steal_fd(fd));
}

/* Returns how many descriptors arrived; closes those beyond 'max'. */
static unsigned take_passed(struct msghdr *header, int *fds, unsigned max)
{
	unsigned passed = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++, passed++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (passed < max)
				fds[passed] = fd;
			else
				peer_fd_close(&fd);
		}
	}
	return passed;
}

ssize_t peer_fd_receive(int socket, void *bytes, size_t size, int *fds, unsigned max, unsigned *n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(PASSED_MAX * sizeof(int))];
	} control;
	struct iovec part = { .iov_base = bytes, .iov_len = size };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes) };
	unsigned passed;
	ssize_t got;

	*n = 0;
	if (peer_fd_stuck() > PEER_FD_STUCK_MAX)
		return -EMFILE;
	got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return -errno;
	passed = take_passed(&header, fds, max);
	*n = passed < max ? passed : max;
	if (passed <= max && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return got;
	while (*n)
		peer_fd_close(&fds[--*n]);
	return (header.msg_flags & MSG_TRUNC) ? -EMSGSIZE : -EBADMSG;
}

struct relay {
	int from, to;
};

static void *run_relay(void *data)
{
	static const uint64_t one = 1;
	struct relay *relay = data;
	char bytes[4096];

	while (read(relay->from, bytes, sizeof(bytes)) > 0)
		(void)!write(relay->to, &one, sizeof(one));
	close(relay->from);
	close(relay->to);
	free(relay);
	atomic_fetch_sub(&relays, 1);
	return NULL;
}

static int start_relay(int from, int to)
{
	struct relay *relay = malloc(sizeof(*relay));
	pthread_t thread;
	int rc;

	if (!relay)
		return -ENOMEM;
	*relay = (struct relay){ .from = from, .to = to };
	atomic_fetch_add(&relays, 1);
	rc = pthread_create(&thread, NULL, run_relay, relay);
	if (rc == 0)
		return pthread_detach(thread);
	atomic_fetch_sub(&relays, 1);
	free(relay);
	return -rc;
}

int peer_fd_relay(int *pipe)
{
	int own[2], rc;

	if (pipe2(own, O_CLOEXEC) < 0) {
		rc = -errno;
		peer_fd_close(pipe);
		return rc;
	}
	fcntl(own[1], F_SETFL, O_NONBLOCK);
	rc = start_relay(own[0], *pipe);
	if (rc < 0) {
		close(own[0]);
		close(own[1]);
		peer_fd_close(pipe);
		return rc;
	}
	*pipe = -1;
	return own[1];
}

unsigned peer_fd_stuck(void)
{
	return closes_pending() + atomic_load(&relays);
}
