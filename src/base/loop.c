/* SPDX-License-Identifier: MIT */
/* The loop on epoll, timerfd and signalfd. */
#include "base/loop.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/hot.h"
#include "base/util.h"

/* Takes over 'fd', which may be a call's -1 with errno; watch_close closes it. */
static int watch_own(struct watch *watch, struct loop *loop, int fd, watch_fn fn)
{
	int rc = fd < 0 ? -errno : watch_start(watch, loop, fd, EPOLLIN, fn);

	if (rc < 0)
		close_fd(&fd);
	return rc;
}

/* --- peers --------------------------------------------------------------------------------- */

static int64_t now_ns(clockid_t clock)
{
	struct timespec now = { 0 };

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void peers_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	container_of(watch, struct loop_peers, watch)->ready = true;
}

/* Peers wake the loop only while 'events' is EPOLLIN. */
static void wait_for_peers(struct loop_peers *peers, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = &peers->watch };

	epoll_ctl(peers->watch.epoll_fd, EPOLL_CTL_MOD, peers->watch.fd, &ev);
}

static void peers_rested(struct timer *timer)
{
	struct loop_peers *peers = container_of(timer, struct loop_peers, rested);

	peers->since_ns = now_ns(CLOCK_MONOTONIC);
	wait_for_peers(peers, EPOLLIN);
}

/* Pauses all peers until the CPU time they used is 1/LOOP_PEER_SHARE of the elapsed time. */
static void rest(struct loop_peers *peers)
{
	int64_t now = now_ns(CLOCK_MONOTONIC);
	int64_t left_ns = peers->since_ns + peers->used_ns * LOOP_PEER_SHARE - now;
	int64_t left_ms = (left_ns + 999999) / 1000000;

	peers->used_ns = 0;
	peers->since_ns = now;
	if (left_ms <= 0)
		return;
	wait_for_peers(peers, 0);
	timer_arm(&peers->rested,
		  left_ms < LOOP_PEER_REST_MS ? (unsigned)left_ms : LOOP_PEER_REST_MS, 0);
}

static void serve_peer(struct loop_peers *peers)
{
	int64_t began = now_ns(CLOCK_THREAD_CPUTIME_ID);
	struct epoll_event ev;

	peers->ready = false;
	/* Take only one: the kernel then moves it to the end of its ready list. */
	if (epoll_wait(peers->watch.fd, &ev, 1, 0) == 1) {
		struct watch *watch = ev.data.ptr;

		watch->fn(watch, ev.events);
	}
	peers->used_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - began;
	if (peers->used_ns >= LOOP_PEER_US * 1000LL)
		rest(peers);
}

static int open_peers(struct loop *loop)
{
	int rc = timer_init(&loop->peers.rested, loop, peers_rested);

	return rc ? rc
		  : watch_own(&loop->peers.watch, loop, epoll_create1(EPOLL_CLOEXEC), peers_ready);
}

/* --- both levels --------------------------------------------------------------------------- */

int loop_init(struct loop *loop)
{
	int rc;

	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	if (loop->epoll_fd < 0)
		return -errno;
	rc = open_peers(loop);
	if (rc < 0)
		loop_fini(loop);
	return rc;
}

void loop_fini(struct loop *loop)
{
	if (loop->epoll_fd < 0)
		return;
	timer_fini(&loop->peers.rested);
	watch_close(&loop->peers.watch);
	close_fd(&loop->epoll_fd);
}

static int start(struct watch *watch, struct loop *loop, int epoll_fd, int fd, uint32_t events,
		 watch_fn fn)
{
	struct epoll_event ev = { .events = events, .data.ptr = watch };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	*watch = (struct watch){ .loop = loop, .fd = fd, .epoll_fd = epoll_fd, .fn = fn };
	return 0;
}

int watch_start(struct watch *watch, struct loop *loop, int fd, uint32_t events, watch_fn fn)
{
	return start(watch, loop, loop->epoll_fd, fd, events, fn);
}

int watch_start_peer(struct watch *watch, struct loop *loop, int fd, uint32_t events, watch_fn fn)
{
	return start(watch, loop, loop->peers.watch.fd, fd, events, fn);
}

void watch_stop(struct watch *watch)
{
	struct loop *loop = watch->loop;

	if (!loop)
		return;
	/* Explicitly: close(fd) does not remove it while another process has a duplicate. */
	epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	for (int i = loop->next_ready; i < loop->n_ready; i++)
		if (loop->ready[i].data.ptr == watch)
			loop->ready[i].data.ptr = NULL;
	watch->loop = NULL;
}

void watch_close(struct watch *watch)
{
	if (!watch->loop)
		return;
	watch_stop(watch);
	close_fd(&watch->fd);
}

/* Only this thread writes it. */
static void count_turn(struct loop *loop)
{
	uint32_t turns;

	if (!loop->turns)
		return;
	turns = atomic_load_explicit(loop->turns, memory_order_relaxed);
	atomic_store_explicit(loop->turns, turns + 1, memory_order_relaxed);
}

int loop_turn(struct loop *loop, int timeout_ms)
{
	int n;

	count_turn(loop);
	n = hot_wait(loop->epoll_fd, loop->ready, LOOP_BATCH, timeout_ms);
	count_turn(loop);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	loop->n_ready = n;
	for (loop->next_ready = 0; loop->next_ready < loop->n_ready;) {
		struct epoll_event *ev = &loop->ready[loop->next_ready++];
		struct watch *watch = ev->data.ptr;

		if (watch)
			watch->fn(watch, ev->events);
	}
	loop->n_ready = 0;
	if (loop->peers.ready)
		serve_peer(&loop->peers);
	return 0;
}

/* --- timers and signals -------------------------------------------------------------------- */

static void timer_ready(struct watch *watch, uint32_t events)
{
	struct timer *timer = container_of(watch, struct timer, watch);
	uint64_t expirations;

	(void)events;
	/* An earlier callback of this turn may have re-armed it: then there is nothing to read. */
	if (read(watch->fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		timer->fn(timer);
}

int timer_init(struct timer *timer, struct loop *loop, timer_fn fn)
{
	timer->fn = fn;
	return watch_own(&timer->watch, loop,
			 timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), timer_ready);
}

static struct timespec timespec_ms(unsigned ms)
{
	return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
}

void timer_arm(struct timer *timer, unsigned first_ms, unsigned period_ms)
{
	struct itimerspec spec = { .it_value = timespec_ms(first_ms),
				   .it_interval = timespec_ms(period_ms) };

	timerfd_settime(timer->watch.fd, 0, &spec, NULL);
}

void timer_fini(struct timer *timer)
{
	watch_close(&timer->watch);
}

static void signals_ready(struct watch *watch, uint32_t events)
{
	struct signals *signals = container_of(watch, struct signals, watch);
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->fd, &info, sizeof(info)) == sizeof(info))
		signals->fn(signals, (int)info.ssi_signo);
}

int signals_init(struct signals *signals, struct loop *loop, const int *sigs, signal_fn fn)
{
	sigset_t set;

	sigemptyset(&set);
	while (*sigs)
		sigaddset(&set, *sigs++);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signals->fn = fn;
	return watch_own(&signals->watch, loop, signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC),
			 signals_ready);
}

void signals_fini(struct signals *signals)
{
	watch_close(&signals->watch);
}
