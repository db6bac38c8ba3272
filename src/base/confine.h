/* SPDX-License-Identifier: MIT */
/*
 * Gives up what a process does not need any more: files, by Landlock (landlock(7)), and system calls,
 * by a seccomp filter (seccomp(2)). Both apply to the calling thread and to all that it starts from then
 * on, cannot be taken back, and need no privilege. Owns nothing.
 */
#pragma once

#include <stdint.h>

enum confine_access {
	CONFINE_READ = 1,   /* open files for reading, and list directories */
	CONFINE_REMOVE = 2, /* remove files */
};

struct confine_tree {
	const char *path; /* a file or directory with all that is in it; NULL: none */
	unsigned access;  /* enum confine_access */
};

/*
 * From now on the thread can access only these trees, and only so; descriptors that are open are not
 * affected, nor is connecting to a socket. A path that does not exist is left out. 0; -EOPNOTSUPP if
 * the kernel has no Landlock; or another -errno.
 */
int confine_files(const struct confine_tree *trees, unsigned n);

/* A call is allowed if its argument 'arg' (0 to 5) has 'value' in the bits of 'mask'; mask 0: always. */
struct confine_call {
	int number; /* SYS_* */
	unsigned arg;
	uint32_t mask, value;
};

#define CONFINE_CALLS_MAX 100

/*
 * From now on only these calls are allowed; one may be listed several times. All others fail with
 * ENOSYS, as in a kernel that does not have them, for which the C library is prepared. 0; -EINVAL if
 * the kernel has no seccomp filters; -E2BIG; or another -errno.
 */
int confine_calls(const struct confine_call *calls, unsigned n);
