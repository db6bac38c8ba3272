/* SPDX-License-Identifier: MIT */
/* One thread for each slow ungrab and close. */
#include "base/closer.h"

#include <linux/input.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "base/util.h"

#define TOGETHER_MAX 64

typedef void *(*thread_fn)(void *fd);

static atomic_uint pending;

static void *ungrab(void *fd)
{
	ioctl((int)(intptr_t)fd, EVIOCGRAB, 0);
	atomic_fetch_sub(&pending, 1);
	return NULL;
}

static void *close_only(void *fd)
{
	close((int)(intptr_t)fd);
	atomic_fetch_sub(&pending, 1);
	return NULL;
}

/* Ungrab explicitly: if another process has a duplicate, close() does not end the grab. */
static void *ungrab_close(void *fd)
{
	ioctl((int)(intptr_t)fd, EVIOCGRAB, 0);
	return close_only(fd);
}

/* False if no thread could be created and the work was done here. */
static bool start(pthread_t *thread, thread_fn work, int fd)
{
	void *arg = (void *)(intptr_t)fd;

	atomic_fetch_add(&pending, 1);
	if (pthread_create(thread, NULL, work, arg) == 0)
		return true;
	work(arg);
	return false;
}

static void run_together(thread_fn work, const int *fds, unsigned n)
{
	pthread_t thread[TOGETHER_MAX];
	unsigned started = 0;

	for (unsigned i = 0; i < n && i < TOGETHER_MAX; i++)
		if (fds[i] >= 0 && start(&thread[started], work, fds[i]))
			started++;
	while (started)
		pthread_join(thread[--started], NULL);
	if (n > TOGETHER_MAX)
		run_together(work, fds + TOGETHER_MAX, n - TOGETHER_MAX);
}

static void run_later(thread_fn work, int fd)
{
	pthread_t thread;

	if (fd >= 0 && start(&thread, work, fd))
		pthread_detach(thread);
}

void close_later(int fd)
{
	run_later(close_only, fd);
}

void ungrab_close_later(int fd)
{
	run_later(ungrab_close, fd);
}

void close_together(int *fds, unsigned n)
{
	run_together(ungrab_close, fds, n);
	for (unsigned i = 0; i < n; i++)
		fds[i] = -1;
}

void ungrab_together(const int *fds, unsigned n)
{
	run_together(ungrab, fds, n);
}

unsigned closes_pending(void)
{
	return atomic_load(&pending);
}
