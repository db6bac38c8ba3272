/* SPDX-License-Identifier: MIT */
/*
 * Handles descriptors that another process passed (SCM_RIGHTS). Their creator can make system calls
 * on them block forever: fstat, fstatfs, poll, write and close on a file whose FUSE server does not
 * answer; close of a TCP socket with SO_LINGER; write and close of a pipe whose reader sleeps while
 * holding its lock. So classify a descriptor with peer_fd_kind first, which uses only calls that
 * cannot block, and close it with peer_fd_close.
 *
 * Descriptors that do not fit into the receive buffer are closed by the kernel within recvmsg(),
 * unread ones when the socket is closed. These calls may block, too. So read such sockets only with
 * peer_fd_receive, and close them in a thread (close_later).
 *
 * Needs /proc, and SIGPIPE must be ignored. Owns a passed descriptor only while closing or relaying
 * it.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

enum peer_fd_kind {
	PEER_FD_OTHER,
	PEER_FD_MEMORY, /* a memfd, or a file on tmpfs or hugetlbfs: no call blocks */
	PEER_FD_FILE, /* a regular file on a local disk file system: calls block on the disk only */
	PEER_FD_EVENT, /* an eventfd: only write() can block (stall.h) */
	PEER_FD_PIPE,  /* only poll() is known not to block */
};

/* Never blocks. A kind, or -EBADF. */
int peer_fd_kind(int fd);

/*
 * Reads from a unix socket without blocking. Stores up to 'max' passed descriptors (close-on-exec)
 * in 'fds' and their number in *n; the caller owns them. Returns the number of bytes, 0 at end of
 * file, or -errno and leaves no descriptor open. -EBADMSG: more than 'max' descriptors; -EMSGSIZE:
 * the message is longer than 'size'; -EMFILE: see PEER_FD_STUCK_MAX.
 */
ssize_t peer_fd_receive(int socket, void *bytes, size_t size, int *fds, unsigned max, unsigned *n);

/* Closes *fd without blocking, in a thread if necessary, and sets it to -1. */
void peer_fd_close(int *fd);

/*
 * Takes ownership of the write end of a PEER_FD_PIPE. Returns a non-blocking descriptor, owned by
 * the caller, to write to instead: a thread then writes 8 bytes to the pipe for one or more such
 * writes. Closing it ends the thread. On failure -errno, and the pipe is closed.
 */
int peer_fd_relay(int *pipe);

/*
 * The number of threads that peers cause: relays, and closes that have not finished. Above
 * PEER_FD_STUCK_MAX, peer_fd_receive accepts no more descriptors.
 */
#define PEER_FD_STUCK_MAX 128
unsigned peer_fd_stuck(void);
