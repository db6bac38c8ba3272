/* SPDX-License-Identifier: MIT */
/* One byte of /dev/uinput for each user. */
#include "evdev/instance.h"

#include <fcntl.h>
#include <stdint.h>

#include "base/util.h"

/* The byte at LOCK_BEGIN + n belongs to user n. */
#define LOCK_BEGIN (INT64_C(1) << 40)
#define LOCK_USERS (INT64_C(1) << 32)
#define LOCK_TRIES 10

static struct flock wanted_lock(void)
{
	uid_t user = geteuid();

	return (struct flock){ .l_type = F_WRLCK,
			       .l_whence = SEEK_SET,
			       .l_start = LOCK_BEGIN + user,
			       .l_len = user == 0 ? LOCK_USERS : 1 };
}

int instance_lock(uid_t *holder)
{
	autoclose int fd = open("/dev/uinput", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (unsigned tries = 0; tries < LOCK_TRIES; tries++) {
		struct flock lock = wanted_lock();

		/*
		 * OFD locks: a process-owned lock is lost when any descriptor of the node closes.
		 */
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			return steal_fd(&fd);
		if ((errno != EAGAIN && errno != EACCES) || fcntl(fd, F_OFD_GETLK, &lock) < 0)
			return -errno;
		*holder = (uid_t)(lock.l_start - LOCK_BEGIN);
		if (lock.l_type != F_UNLCK)
			return -EBUSY;
	}
	return -EBUSY;
}

int instance_look(uid_t *holder)
{
	autoclose int fd = open("/dev/uinput", O_RDWR | O_CLOEXEC);
	struct flock lock = wanted_lock();

	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	if (lock.l_type == F_UNLCK)
		return 0;
	*holder = (uid_t)(lock.l_start - LOCK_BEGIN);
	return -EBUSY;
}
