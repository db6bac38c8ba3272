/* SPDX-License-Identifier: MIT */
/* Unix sockets by path, and descriptors over them. */
#include "base/usock.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/peer-fd.h"
#include "base/util.h"

#define BACKLOG    8
#define LOCK_TRIES 200 /* milliseconds */

int usock_dir_name(char dir[static USOCK_PATH_MAX])
{
	int used =
		snprintf(dir, USOCK_PATH_MAX, "%s/evswitch", env_path("XDG_RUNTIME_DIR") ?: "/run");

	return used < USOCK_PATH_MAX ? 0 : -ENAMETOOLONG;
}

int usock_dir(char dir[static USOCK_PATH_MAX])
{
	int rc = usock_dir_name(dir);

	/* In /run, QEMU processes of other users must be able to reach the sockets. */
	if (rc == 0 && mkdir(dir, env_path("XDG_RUNTIME_DIR") ? 0700 : 0711) < 0 && errno != EEXIST)
		rc = -errno;
	return rc;
}

/* Returns the length of the address or -errno; "@name" is in the abstract namespace. */
static int set_address(struct sockaddr_un *address, const char *path)
{
	size_t length = strlen(path);

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (length >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path, path, length);
	if (path[0] != '@')
		return sizeof(*address);
	address->sun_path[0] = '\0';
	return (int)(offsetof(struct sockaddr_un, sun_path) + length);
}

static int open_socket(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int usock_connect(const char *path, int type)
{
	struct sockaddr_un address;
	int length = set_address(&address, path);
	autoclose int fd = length < 0 ? length : open_socket(type);

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&address, (socklen_t)length) < 0)
		return -errno;
	return steal_fd(&fd);
}

/*
 * The location of a socket: its path, and its name in 'dir', a descriptor of the checked directory.
 */
struct location {
	int dir;
	const char *path, *name;
};

/*
 * bind() applies the umask to the socket's mode, so set it again afterwards: before listen(), so
 * that nobody can connect yet, and through the descriptor of the checked directory, where nobody
 * can replace the file.
 */
static int bind_to(int fd, const struct location *location, const struct sockaddr_un *address,
		   mode_t mode)
{
	if (fchmod(fd, mode) < 0 ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    fchmodat(location->dir, location->name, mode, AT_SYMLINK_NOFOLLOW) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

/*
 * True for a socket whose process is gone. Other files refuse connections, too, so check the type.
 */
static bool is_stale(const char *path, int type)
{
	autoclose int fd = usock_connect(path, type);
	struct stat status;

	return fd == -ECONNREFUSED && lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

/*
 * Other users must not own the directory nor be able to replace files in it (the sticky bit is
 * fine).
 */
static int check_directory(int fd, const char *path)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if ((status.st_uid == geteuid() || status.st_uid == 0) &&
	    (!(status.st_mode & (S_IWGRP | S_IWOTH)) || status.st_mode & S_ISVTX))
		return 0;
	log_error(
		"%s: it belongs to user %u and has mode %04o, so others could replace the sockets "
		"in it: change its owner to user %u (chown) and its mode to 0711 (chmod)",
		log_str(path).text, (unsigned)status.st_uid, status.st_mode & 07777, geteuid());
	return -EPERM;
}

/*
 * Serialises binding in a directory: a socket that is bound but does not listen yet looks stale.
 * Only a malicious process holds the lock for long; then, and if the directory cannot be read,
 * continue without it.
 */
static int lock_directory(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int tries = 0; fd >= 0 && tries < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0;
	     tries++)
		usleep(1000);
	return fd;
}

static int listen_at(int fd, const struct location *location, int type, mode_t mode)
{
	struct sockaddr_un address;
	int rc = set_address(&address, location->path);

	if (rc < 0)
		return rc;
	rc = bind_to(fd, location, &address, mode);
	if (rc == -EADDRINUSE && is_stale(location->path, type) && unlink(location->path) == 0)
		rc = bind_to(fd, location, &address, mode);
	return rc;
}

/* Opens and checks the directory of location->path. */
static int find_directory(struct location *location)
{
	const char *slash = strrchr(location->path, '/');
	autofree char *dir =
		slash ? strndup(location->path, (size_t)(slash + 1 - location->path)) : strdup(".");

	if (!dir)
		return -ENOMEM;
	location->name = slash ? slash + 1 : location->path;
	location->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return location->dir < 0 ? -errno : check_directory(location->dir, dir);
}

int usock_listen(const char *path, int type, mode_t mode)
{
	struct location location = { .dir = -1, .path = path };
	autoclose int fd = open_socket(type);
	int rc = fd < 0 ? fd : find_directory(&location);

	if (rc == 0) {
		int lock = lock_directory(location.dir);

		rc = listen_at(fd, &location, type, mode);
		close_fd(&lock);
	}
	close_fd(&location.dir);
	return rc < 0 ? rc : steal_fd(&fd);
}

uid_t usock_peer(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return (uid_t)-1;
	return peer.uid;
}

void usock_trust_init(struct usock_trust *trust)
{
	static const char *const names[] = { "libvirt-qemu", "qemu" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct passwd *user = getpwnam(names[i]);

		trust->qemu[i] = user ? user->pw_uid : geteuid();
	}
}

bool usock_trusts(const struct usock_trust *trust, uid_t uid)
{
	return uid == 0 || uid == geteuid() || uid == trust->qemu[0] || uid == trust->qemu[1];
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(USOCK_FDS_MAX * sizeof(int))];
};

int usock_send(int fd, const void *message, size_t size, const int *fds, unsigned n_fds)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = (void *)message, .iov_len = size };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n_fds > USOCK_FDS_MAX)
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *rights = &control.align;

		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, n_fds * sizeof(int));
	}
	return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

ssize_t usock_receive(int fd, void *message, size_t size, int fds[static USOCK_FDS_MAX],
		      unsigned *n_fds)
{
	ssize_t got = peer_fd_receive(fd, message, size, fds, USOCK_FDS_MAX, n_fds);

	/*
	 * Reported once if the peer closed without reading everything; its messages are still
	 * queued.
	 */
	if (got == -ECONNRESET)
		got = peer_fd_receive(fd, message, size, fds, USOCK_FDS_MAX, n_fds);
	while (got == 0 && *n_fds)
		peer_fd_close(&fds[--*n_fds]);
	return got == -EBADMSG ? -EMSGSIZE : got;
}
