/* SPDX-License-Identifier: MIT */
/*
 * Allows one evswitch for each user, and none besides root's: two would grab each other's devices.
 * The lock is on /dev/uinput, the one file that every evswitch opens and unprivileged programs
 * cannot. Each user locks one byte of it, root those of all users. The kernel drops the lock when
 * the process ends. Owns nothing; the caller owns the descriptor.
 */
#pragma once

#include <sys/types.h>

/*
 * Opens and locks /dev/uinput. Returns the descriptor; closing it drops the lock. -EBUSY if an
 * evswitch of user *holder has the lock; -errno of open() (-EACCES, -ENOENT) or of fcntl().
 */
int instance_lock(uid_t *holder);

/*
 * 0 if instance_lock would succeed now; -EBUSY, with *holder, or -errno as there. Takes no lock, so
 * it does not keep another evswitch from starting.
 */
int instance_look(uid_t *holder);
