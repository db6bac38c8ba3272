/* SPDX-License-Identifier: MIT */
/* A timer that runs from the first write until a period without writes. */
#include "vhost/stall.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct {
	volatile sig_atomic_t armed, writing; /* flags */
	volatile sig_atomic_t recent;         /* there was a write since the last tick */
	bool made, failed;
	timer_t timer;
} stall;

static void set_timer(long ms)
{
	struct itimerspec spec = { .it_value.tv_nsec = ms * 1000000,
				   .it_interval.tv_nsec = ms * 1000000 };

	stall.armed = ms > 0;
	timer_settime(stall.timer, 0, &spec, NULL);
}

/* The signal's arrival interrupts the write; without SA_RESTART it is not resumed. */
static void tick(int signo)
{
	(void)signo;
	if (!stall.writing && !stall.recent)
		set_timer(0);
	stall.recent = 0;
}

static void make_timer(void)
{
	struct sigaction action = { .sa_handler = tick };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGALRM,
	};

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	sigemptyset(&action.sa_mask);
	stall.failed = sigaction(SIGALRM, &action, NULL) < 0 ||
		       timer_create(CLOCK_MONOTONIC, &event, &stall.timer) < 0;
	stall.made = true;
}

static void arm(void)
{
	if (!stall.made)
		make_timer();
	if (!stall.failed)
		set_timer(STALL_MS);
}

ssize_t stall_write(int fd, const void *data, size_t size)
{
	ssize_t n;

	/* Set first, so that a tick after this does not disarm the timer. */
	stall.writing = 1;
	stall.recent = 1;
	if (!stall.armed)
		arm();
	n = write(fd, data, size);
	stall.writing = 0;
	return n;
}
