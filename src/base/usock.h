/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets with a path: the directory of evswitch's own, listening where an earlier process may
 * have left its socket, connecting, and passing descriptors with a message. Callers own the
 * descriptors returned.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define USOCK_PATH_MAX 108 /* size of sun_path, including the NUL */
#define USOCK_FDS_MAX  8   /* descriptors in one message */

/*
 * The path of evswitch's socket directory: $XDG_RUNTIME_DIR/evswitch, or /run/evswitch if that
 * variable is unset or not an absolute path. 0 or -ENAMETOOLONG.
 */
int usock_dir_name(char dir[static USOCK_PATH_MAX]);

/* The same, and creates the directory. Also -errno of mkdir(); 'dir' is set in that case, too. */
int usock_dir(char dir[static USOCK_PATH_MAX]);

/*
 * Creates a listening, non-blocking socket of this type (SOCK_STREAM, SOCK_SEQPACKET) at 'path'
 * with this mode. Replaces a stale socket on which nobody listens any more. Returns the descriptor;
 * -EADDRINUSE if somebody listens there or another file exists; -EPERM if another user owns the
 * directory or can write to it, and so could replace the socket (logged, with a remedy);
 * -ENAMETOOLONG; or -errno of bind().
 */
int usock_listen(const char *path, int type, mode_t mode);

/*
 * Connects without blocking; "@name" is an abstract address (unix(7)). Returns a non-blocking
 * descriptor; -ENOENT or -ECONNREFUSED if nobody listens; -EAGAIN if the listener's backlog is
 * full; or another -errno of connect().
 */
int usock_connect(const char *path, int type);

/* The peer's user by SO_PEERCRED, or (uid_t)-1 if it is unknown. */
uid_t usock_peer(int fd);

/*
 * The users that may receive keystrokes through a socket: our own, root, and those that
 * distributions configure for QEMU processes of system libvirt.
 */
struct usock_trust {
	uid_t qemu[2];
};

/* Looks up those users. May block on the user database. */
void usock_trust_init(struct usock_trust *trust);
bool usock_trusts(const struct usock_trust *trust, uid_t uid);

/*
 * Sends one message with n_fds descriptors, which the caller still owns. Never blocks. 0 or -errno.
 */
int usock_send(int fd, const void *message, size_t size, const int *fds, unsigned n_fds);

/*
 * Receives one message of at most 'size' bytes without blocking, with *n_fds descriptors
 * (close-on-exec), which the caller then owns. Returns the number of bytes; 0 at end of file or for
 * an empty message, whose descriptors are closed; -EAGAIN; -EMSGSIZE if the message or its
 * descriptors do not fit (they are closed); or another error of peer_fd_receive.
 */
ssize_t usock_receive(int fd, void *message, size_t size, int fds[static USOCK_FDS_MAX],
		      unsigned *n_fds);
