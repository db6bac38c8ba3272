/*
 * The hot path, from the read of a device to the write to a target, and its three system calls, as such. The C library's functions of the same names are
 * cancellation points: once the process has ever made a thread, each is guarded by atomic operations,
 * which cost a key a hundred instructions, and nobody cancels a thread here. Errors are in errno.
 */
#pragma once

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* The function that is the path becomes one piece of code, with all that it calls; */
#define HOT_PATH __attribute__((flatten))
/* but with this, which is called now and then only. */
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
