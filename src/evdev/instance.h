/*
 * One evswitch for each user of a machine, and none beside root's: two would take each other's devices.
 * The lock stands on /dev/uinput, the one file that all of them open and nobody else can, in bytes of
 * it: root's covers those of all users. It ends with the process. Owns nothing.
 */
#pragma once

#include <sys/types.h>

/*
 * Opens /dev/uinput and locks it. Returns the descriptor, which keeps the lock; -EBUSY where another
 * process has it, and *holder is that one's user; or the error of open or fcntl.
 */
int instance_lock(uid_t *holder);
