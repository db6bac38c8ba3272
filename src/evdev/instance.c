/* SPDX-License-Identifier: MIT */
/* One byte of /dev/uinput for each user. */
#include "evdev/instance.h"

#include <fcntl.h>
#include <stdint.h>

#include "base/util.h"

/* The byte at LOCK_BEGIN + n belongs to user n, the one before them to the system service. */
#define LOCK_BEGIN (INT64_C(1) << 40)
#define LOCK_USERS (INT64_C(1) << 32)
#define LOCK_TRIES 10

static struct flock wanted_lock(bool is_system)
{
	uid_t user = geteuid();

	if (is_system)
		return (struct flock){ .l_type = F_WRLCK,
				       .l_whence = SEEK_SET,
				       .l_start = LOCK_BEGIN - 1,
				       .l_len = LOCK_USERS + 1 };
	return (struct flock){ .l_type = F_WRLCK,
			       .l_whence = SEEK_SET,
			       .l_start = LOCK_BEGIN + user,
			       .l_len = user == 0 ? LOCK_USERS : 1 };
}

/* That of the system service begins below all. */
static uid_t holder_of(const struct flock *lock)
{
	return lock->l_start < LOCK_BEGIN ? INSTANCE_SYSTEM : (uid_t)(lock->l_start - LOCK_BEGIN);
}

int instance_lock(bool is_system, uid_t *holder)
{
	autoclose int fd = open("/dev/uinput", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (unsigned tries = 0; tries < LOCK_TRIES; tries++) {
		struct flock lock = wanted_lock(is_system);

		/*
		 * OFD locks: a process-owned lock is lost when any descriptor of the node closes.
		 */
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			return steal_fd(&fd);
		if ((errno != EAGAIN && errno != EACCES) || fcntl(fd, F_OFD_GETLK, &lock) < 0)
			return -errno;
		*holder = holder_of(&lock);
		if (lock.l_type != F_UNLCK)
			return -EBUSY;
	}
	return -EBUSY;
}

int instance_look(uid_t *holder)
{
	autoclose int fd = open("/dev/uinput", O_RDWR | O_CLOEXEC);
	struct flock lock = wanted_lock(false);

	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	if (lock.l_type == F_UNLCK)
		return 0;
	*holder = holder_of(&lock);
	return -EBUSY;
}
