/* SPDX-License-Identifier: MIT */
/*
 * Marks the hot path, from the read of a device to the write to a target, and makes its three
 * system calls directly. The C library's wrappers are cancellation points: once the process has
 * created a thread, they add atomic operations, about a hundred instructions for each key press,
 * although no thread is ever cancelled here. Errors are returned as -1 and errno. Owns nothing.
 */
#pragma once

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* The entry of the hot path: everything that it calls is inlined ... */
#define HOT_PATH __attribute__((flatten))
/* ... except functions marked with this, which run rarely. */
#define OFF_PATH __attribute__((noinline, cold))

static inline ssize_t hot_read(int fd, void *buffer, size_t size)
{
	return syscall(SYS_read, fd, buffer, size);
}

static inline ssize_t hot_write(int fd, const void *buffer, size_t size)
{
	return syscall(SYS_write, fd, buffer, size);
}

static inline int hot_wait(int epoll_fd, struct epoll_event *events, int n, int timeout_ms)
{
#ifdef SYS_epoll_wait
	return (int)syscall(SYS_epoll_wait, epoll_fd, events, n, timeout_ms);
#else
	return (int)syscall(SYS_epoll_pwait, epoll_fd, events, n, timeout_ms, NULL, 0);
#endif
}
