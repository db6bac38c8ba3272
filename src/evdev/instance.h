/* SPDX-License-Identifier: MIT */
/*
 * Allows one evswitch for each user, and none besides root's or the system service's: two would
 * grab each other's devices. The lock is on /dev/uinput, the one file that every evswitch opens and
 * unprivileged programs cannot. Each user locks one byte of it, root those of all users, and the
 * system service these and one more. The kernel drops the lock when the process ends. Owns nothing;
 * the caller owns the descriptor.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* The holder if it is the system service, whatever its user. */
#define INSTANCE_SYSTEM ((uid_t)-1)

/*
 * Opens and locks /dev/uinput, for the system service or for this user. Returns the descriptor;
 * closing it drops the lock. -EBUSY if an evswitch of user *holder has the lock; -errno of open()
 * (-EACCES, -ENOENT) or of fcntl().
 */
int instance_lock(bool is_system, uid_t *holder);

/*
 * 0 if instance_lock would succeed now for this user; -EBUSY, with *holder, or -errno as there. Takes no lock, so
 * it does not keep another evswitch from starting.
 */
int instance_look(uid_t *holder);
