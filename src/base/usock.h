/*
 * Unix sockets by path: where evswitch's own stand, listening on one where an earlier process may
 * have left its file, connecting, and passing descriptors along with a message. Owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define USOCK_PATH_MAX 108 /* sun_path, its NUL among them */
#define USOCK_FDS_MAX  8   /* descriptors in one message */

/*
 * Names the directory of evswitch's sockets: $XDG_RUNTIME_DIR/evswitch, or /run/evswitch where that
 * variable is missing or not an absolute path. 0 or -ENAMETOOLONG.
 */
int usock_dir_name(char dir[static USOCK_PATH_MAX]);

/* The same, and makes it if it is missing. Also mkdir's error: 'dir' names it all the same. */
int usock_dir(char dir[static USOCK_PATH_MAX]);

/*
 * A listening, non-blocking socket of this type (SOCK_STREAM, SOCK_SEQPACKET) at 'path', open to those
 * that 'mode' says. A socket's file that nobody listens on any more gives way. Returns the descriptor;
 * -EADDRINUSE where somebody does, or where it is another file; -EPERM where another user could replace
 * the socket, because the directory is that user's or is open to writing (which is logged, with the
 * remedy); -ENAMETOOLONG, or the error of bind.
 */
int usock_listen(const char *path, int type, mode_t mode);

/*
 * Connects without waiting; "@name" is an abstract address (unix(7)). Returns a non-blocking descriptor; -ENOENT or -ECONNREFUSED where nobody
 * listens, -EAGAIN where too many wait already.
 */
int usock_connect(const char *path, int type);

/* The user at the other end, by SO_PEERCRED; (uid_t)-1 where it cannot be told. */
uid_t usock_peer(int fd);

/*
 * Who may be at the other end of a socket that carries what is typed: we ourselves, root, and the users
 * that distributions let libvirt run a system VM's QEMU as.
 */
struct usock_trust {
	uid_t qemu[2];
};

/* Looks those users up, which may take as long as the system's user database does. */
void usock_trust_init(struct usock_trust *trust);
bool usock_trusts(const struct usock_trust *trust, uid_t uid);

/* Sends one message with n_fds descriptors, which stay the caller's. Never waits. 0 or -errno. */
int usock_send(int fd, const void *message, size_t size, const int *fds, unsigned n_fds);

/*
 * Receives one message of at most 'size' bytes, without waiting, with the descriptors that came along
 * (close-on-exec): they are the caller's, *n_fds of them. Bytes; 0 at the end, or for an empty message,
 * whose descriptors are closed; -EAGAIN; -EMSGSIZE for a message or descriptors that do not fit (those
 * are closed); or another error of peer_fd_receive.
 */
ssize_t usock_receive(int fd, void *message, size_t size, int fds[static USOCK_FDS_MAX],
		      unsigned *n_fds);
