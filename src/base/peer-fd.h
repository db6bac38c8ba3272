/*
 * Descriptors that another process handed over. Whoever has made one can make a call on it wait for
 * ever: fstat, fstatfs, poll, write and close of a file whose FUSE server does not answer; close of a
 * TCP socket that lingers; write and close of a pipe whose reader sleeps with its lock. So what a
 * descriptor is, is found out by calls that ask nobody, before any other; and it is closed here. What
 * was passed and has no place, the kernel closes, and so does the close of a socket in which it stands
 * unread: whoever made that call waits. So such a socket is read here alone, and closed in a thread
 * (close_later).
 *
 * The process must see /proc and ignore SIGPIPE.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

enum peer_fd_kind {
	PEER_FD_OTHER,
	PEER_FD_MEMORY, /* a memfd, or a file of tmpfs or hugetlbfs: no call on it waits */
	PEER_FD_FILE,  /* a regular file of a local disk file system: it waits for the disk alone */
	PEER_FD_EVENT, /* an eventfd: only a write can wait (stall.h) */
	PEER_FD_PIPE,  /* can be polled without waiting, and no more */
};

/* Never waits. One of the kinds, or -EBADF. */
int peer_fd_kind(int fd);

/*
 * Reads from a unix socket without waiting. Up to 'max' descriptors that were passed go to 'fds', close-on-exec,
 * and are the caller's; *n says how many. Bytes; 0 at the end; or -errno, with no descriptor left open:
 * -EBADMSG: there were more; -EMSGSIZE: a message was longer than 'size'; -EMFILE: too many of those that peers
 * passed do not close.
 */
ssize_t peer_fd_receive(int socket, void *bytes, size_t size, int *fds, unsigned max, unsigned *n);

/* Closes *fd, whatever it is, without waiting: if need be in a thread. It becomes -1. */
void peer_fd_close(int *fd);

/*
 * Takes over the write end of a PEER_FD_PIPE. Returns a descriptor of the caller's in its place, non-blocking,
 * from which a thread passes on that something was written, 8 bytes for each time or for several;
 * closing it ends the thread. Or -errno, and the pipe is closed.
 */
int peer_fd_relay(int *pipe);

/*
 * How many threads there are for what peers have made: relays, and closes that have not ended. Above
 * PEER_FD_STUCK_MAX no more descriptors are received.
 */
#define PEER_FD_STUCK_MAX 128
unsigned peer_fd_stuck(void);
