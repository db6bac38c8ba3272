/* SPDX-License-Identifier: MIT */
/* Helpers for every module: container_of, array sizes, bits, the clock, and cleanup of locals. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define BIT_ULL(n)                      (UINT64_C(1) << (n))

/* CLOCK_MONOTONIC, in microseconds. */
static inline uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The environment variable 'name' if it is an absolute path, else NULL. */
static inline const char *env_path(const char *name)
{
	const char *path = getenv(name);

	return path && path[0] == '/' ? path : NULL;
}

/* Moves ownership out of a variable, whose cleanup then has no effect. */
static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/* The same for a pointer; 'ptr' is its address. */
static inline void *steal_ptr(void *ptr)
{
	void *stolen = *(void **)ptr;

	*(void **)ptr = NULL;
	return stolen;
}

/* Closes *fd unless it is -1, and sets it to -1. Preserves errno for use on error paths. */
static inline void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static inline void free_ptr_(void *ptr)
{
	free(*(void **)ptr);
}

#define autoclose __attribute__((cleanup(close_fd)))
#define autofree  __attribute__((cleanup(free_ptr_)))
