/* SPDX-License-Identifier: MIT */
/* Starts the process that takes samples of the event loop's thread, and what runs in it. */
#include "watchdog/watchdog.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/detach.h"
#include "base/log.h"
#include "base/util.h"
#include "watchdog/hang.h"

#define PATIENCE_MAX 100

/* What the watchdog has of the process that it watches. All other descriptors are closed in it. */
struct watched {
	struct watchdog_page *page;
	int socket; /* closed by the other end when it exits */
	int pidfd;
	int stat; /* its main thread's /proc/PID/task/TID/stat */
	unsigned patience;
};

/* --- the process ----------------------------------------------------------------------------------- */

/*
 * Reads the state and the CPU time of the thread, proc(5): field 3, 14 and 15. The name before them,
 * in parentheses, may contain anything.
 */
static void read_stat(int fd, struct hang_sample *sample)
{
	char text[512];
	ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
	unsigned long long user = 0, system = 0;
	const char *at;

	sample->state = '?';
	if (size <= 0)
		return;
	text[size] = '\0';
	at = strrchr(text, ')');
	if (at && sscanf(at, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			 &sample->state, &user, &system) == 3)
		sample->used_ms = (user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
}

/* While the thread makes progress, this takes next to no time from it, even where they share a processor. */
static struct hang_sample take_sample(const struct watched *watched, uint32_t last_turn)
{
	struct hang_sample sample = { .time_ms = now_us() / 1000,
				      .turn = atomic_load(&watched->page->turns) };

	if (sample.turn != last_turn)
		return sample;
	read_stat(watched->stat, &sample);
	/* After the state: if the turn is still the same, it was so in that state. */
	sample.turn = atomic_load(&watched->page->turns);
	return sample;
}

static const char *what_it_did(char state)
{
	switch (state) {
	case 'T':
		return "it was stopped";
	case 't':
		return "it was stopped by a debugger";
	case 'S':
		return "a system call did not return";
	case 'R':
		return "it was running";
	default:
		return "it was waiting for the kernel";
	}
}

static void kill_it(const struct watched *watched, const struct hang *hang)
{
	/* First of all: the log can block, though not for long. */
	int rc = (int)syscall(SYS_pidfd_send_signal, watched->pidfd, SIGKILL, NULL, 0);
	unsigned ms = hang->stopped_ms ?: hang->still_ms;

	alarm(1);
	if (rc < 0)
		log_error("evswitch hangs, and evs-watchdog cannot kill it: %s", strerror(errno));
	else
		log_error(
			"evswitch did not respond for %u ms (%s): killed, so that all devices are "
			"released",
			ms, what_it_did(hang->last.state));
}

/* True once the other end of the socket is closed. */
static bool wait_for_sample(const struct watched *watched)
{
	struct pollfd end = { .fd = watched->socket };

	return poll(&end, 1, HANG_SAMPLE_MS) > 0;
}

_Noreturn static void run(const struct watched *watched)
{
	struct hang hang = { .patience = watched->patience };
	struct hang_sample sample = take_sample(watched, 0);

	hang_reset(&hang, &sample);
	while (!wait_for_sample(watched)) {
		sample = take_sample(watched, hang.last.turn);
		if (!atomic_load(&watched->page->armed)) {
			hang_reset(&hang, &sample);
		} else if (hang_judge(&hang, &sample)) {
			kill_it(watched, &hang);
			_exit(0);
		}
	}
	_exit(0);
}

static int compare(const void *left, const void *right)
{
	return *(const int *)left - *(const int *)right;
}

/* Above standard error. */
static void close_all_but(const struct watched *watched)
{
	int kept[] = { STDERR_FILENO, watched->socket, watched->pidfd, watched->stat };

	qsort(kept, ARRAY_SIZE(kept), sizeof(kept[0]), compare);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		close_range((unsigned)kept[i] + 1,
			    i + 1 < ARRAY_SIZE(kept) ? (unsigned)kept[i + 1] - 1 : ~0U, 0);
}

/* --- start and end --------------------------------------------------------------------------------- */

static unsigned read_patience(void)
{
	const char *text = getenv("EVSWITCH_PATIENCE");
	long patience = text ? strtol(text, NULL, 10) : 1;

	return patience < 1 ? 1 : patience > PATIENCE_MAX ? PATIENCE_MAX : (unsigned)patience;
}

/* The calling thread's, opened by itself: others may not see it once it is not dumpable (hidepid=, proc(5)). */
static int open_stat(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)gettid());
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int open_parts(struct watchdog *watchdog, struct watched *watched, int ends[static 2])
{
	void *page = mmap(NULL, sizeof(*watchdog->page), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -errno;
	watchdog->page = watched->page = page;
	atomic_init(&watched->page->turns, 1);
	watched->pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (watched->pidfd >= 0)
		watched->stat = open_stat();
	if (watched->pidfd < 0 || watched->stat < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	return 0;
}

int watchdog_start(struct watchdog *watchdog)
{
	struct watched watched = { .pidfd = -1, .stat = -1, .patience = read_patience() };
	int ends[2] = { -1, -1 };
	int rc = open_parts(watchdog, &watched, ends);
	pid_t pid = rc < 0 ? 0 : fork();

	if (rc == 0 && pid == 0) {
		watched.socket = ends[1];
		detach("evs-watchdog");
		dup2(STDIN_FILENO, STDOUT_FILENO);
		close_all_but(&watched);
		run(&watched);
	}
	if (pid < 0)
		rc = -errno;
	close_fd(&ends[1]);
	close_fd(&watched.pidfd);
	close_fd(&watched.stat);
	watchdog->fd = ends[0];
	if (rc < 0)
		watchdog_stop(watchdog);
	return rc;
}

static void ended(struct watch *watch, uint32_t events)
{
	(void)events;
	log_error("evs-watchdog has exited: until evswitch is restarted, only systemd's watchdog "
		  "releases the devices if evswitch hangs");
	watch_stop(watch);
}

int watchdog_watch(struct watchdog *watchdog, struct loop *loop)
{
	loop->turns = &watchdog->page->turns;
	return watch_start(&watchdog->watch, loop, watchdog->fd, 0, ended);
}

void watchdog_arm(const struct watchdog *watchdog, bool armed)
{
	if (watchdog->page)
		atomic_store(&watchdog->page->armed, armed);
}

void watchdog_stop(struct watchdog *watchdog)
{
	watch_stop(&watchdog->watch);
	close_fd(&watchdog->fd);
	if (watchdog->page)
		munmap(watchdog->page, sizeof(*watchdog->page));
	watchdog->page = NULL;
}
