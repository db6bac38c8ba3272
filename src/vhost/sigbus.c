/* SPDX-License-Identifier: MIT */
/* The signal handler and the list that it searches. */
#include "vhost/sigbus.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/util.h"

static struct sigbus_range *ranges;

static void replace(struct sigbus_range *range)
{
	int saved = errno;

	range->hit =
		mmap(range->addr, range->size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
	errno = saved;
}

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	(void)context;
	/* A signal sent by kill(2) has no address. */
	for (struct sigbus_range *range = ranges; range && info->si_code > 0; range = range->next) {
		uintptr_t at = (uintptr_t)info->si_addr - (uintptr_t)range->addr;

		if (at >= range->size)
			continue;
		replace(range);
		if (range->hit)
			return;
	}
	/* The access is repeated, and now kills the process. */
	signal(signo, SIG_DFL);
	if (info->si_code <= 0)
		raise(signo);
}

int sigbus_watch(struct sigbus_range *range, void *addr, size_t size)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, NULL) < 0)
		return -errno;
	*range = (struct sigbus_range){ .addr = addr, .size = size, .next = ranges };
	ranges = range;
	return 0;
}

void sigbus_unwatch(struct sigbus_range *range)
{
	for (struct sigbus_range **at = &ranges; *at; at = &(*at)->next) {
		if (*at != range)
			continue;
		*at = range->next;
		break;
	}
	*range = (struct sigbus_range){ 0 };
}
