/* A thread for each slow close. */
#include "closer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "util.h"

#define TOGETHER_MAX 64

static atomic_uint pending;

static void *close_here(void *fd)
{
	close((int)(intptr_t)fd);
	atomic_fetch_sub(&pending, 1);
	return NULL;
}

static int start_close(pthread_t *thread, int fd)
{
	int rc;

	atomic_fetch_add(&pending, 1);
	rc = pthread_create(thread, NULL, close_here, (void *)(intptr_t)fd);
	if (rc != 0)
		atomic_fetch_sub(&pending, 1);
	return rc;
}

void close_later(int fd)
{
	pthread_t thread;

	if (fd < 0)
		return;
	if (start_close(&thread, fd) == 0)
		pthread_detach(thread);
	else
		close(fd);
}

void close_together(int *fds, unsigned n)
{
	pthread_t thread[TOGETHER_MAX];
	unsigned started = 0;

	for (unsigned i = 0; i < n; i++) {
		int fd = steal_fd(&fds[i]);

		if (fd < 0)
			continue;
		if (started < TOGETHER_MAX && start_close(&thread[started], fd) == 0)
			started++;
		else
			close(fd);
	}
	while (started)
		pthread_join(thread[--started], NULL);
}

unsigned closes_pending(void)
{
	return atomic_load(&pending);
}
