/* SPDX-License-Identifier: MIT */
/*
 * The loop on a real epoll: who is called, and who is not any more. Nothing here depends on speed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/util.h"

struct counter {
	struct watch watch;
	int fd;
	unsigned calls;
	uint32_t events;
	struct counter *other; /* what the callback acts on */
};

static struct loop loop;

static int setup(void **state)
{
	(void)state;
	return loop_init(&loop);
}

static int teardown(void **state)
{
	(void)state;
	loop_fini(&loop);
	return 0;
}

static void turn(void)
{
	assert_int_equal(loop_turn(&loop, 0), 0);
}

static void count(struct watch *watch, uint32_t events)
{
	struct counter *counter = container_of(watch, struct counter, watch);

	counter->calls++;
	counter->events = events;
}

/* A counter on an eventfd that is ready. */
static struct counter *ready(watch_fn fn)
{
	struct counter *counter = calloc(1, sizeof(*counter));

	assert_non_null(counter);
	counter->fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(counter->fd >= 0);
	assert_int_equal(watch_start(&counter->watch, &loop, counter->fd, EPOLLIN, fn), 0);
	return counter;
}

static void end(struct counter *counter)
{
	watch_stop(&counter->watch);
	close(counter->fd);
	free(counter);
}

static void calls_while_ready(void **state)
{
	struct counter *counter = ready(count);
	uint64_t value;

	(void)state;
	turn();
	turn();
	assert_int_equal(counter->calls, 2);
	assert_int_equal(counter->events, EPOLLIN);
	assert_int_equal(read(counter->fd, &value, sizeof(value)), sizeof(value));
	turn();
	assert_int_equal(counter->calls, 2);
	end(counter);
}

static void nothing_after_a_stop(void **state)
{
	struct counter *counter = ready(count);

	(void)state;
	assert_ptr_equal(counter->watch.loop, &loop);
	watch_stop(&counter->watch);
	assert_null(counter->watch.loop);
	watch_stop(&counter->watch);
	turn();
	assert_int_equal(counter->calls, 0);
	assert_int_equal(watch_start(&counter->watch, &loop, counter->fd, EPOLLIN, count), 0);
	turn();
	assert_int_equal(counter->calls, 1);
	end(counter);
}

static void stop_other(struct watch *watch, uint32_t events)
{
	struct counter *counter = container_of(watch, struct counter, watch);

	count(watch, events);
	watch_stop(&counter->other->watch);
}

static void stopped_within_the_batch(void **state)
{
	struct counter *a = ready(stop_other), *b = ready(stop_other);

	(void)state;
	a->other = b;
	b->other = a;
	turn();
	assert_int_equal(a->calls + b->calls, 1);
	end(a);
	end(b);
}

static struct counter *survivor;

static void end_other(struct watch *watch, uint32_t events)
{
	struct counter *counter = container_of(watch, struct counter, watch);

	count(watch, events);
	if (counter->other)
		end(counter->other);
	counter->other = NULL;
	survivor = counter;
}

/* Memory and descriptor of a watch that is still to come in the batch go away. */
static void freed_within_the_batch(void **state)
{
	struct counter *a = ready(end_other), *b = ready(end_other);

	(void)state;
	a->other = b;
	b->other = a;
	turn();
	assert_int_equal(survivor->calls, 1);
	turn();
	assert_int_equal(survivor->calls, 2);
	end(survivor);
}

static unsigned ended;

static void end_self(struct watch *watch, uint32_t events)
{
	(void)events;
	ended++;
	end(container_of(watch, struct counter, watch));
}

static void freed_by_themselves(void **state)
{
	struct counter *last;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		ready(end_self);
	last = ready(count);
	turn();
	turn();
	assert_int_equal(ended, 4);
	assert_int_equal(last->calls, 2);
	end(last);
}

static void restart_other(struct watch *watch, uint32_t events)
{
	struct counter *counter = container_of(watch, struct counter, watch);
	struct counter *other = counter->other;

	count(watch, events);
	watch_stop(&other->watch);
	assert_int_equal(watch_start(&other->watch, &loop, other->fd, EPOLLIN, count), 0);
}

/* Its old readiness is void; the kernel reports it anew in the next turn. */
static void restarted_within_the_batch(void **state)
{
	struct counter *a = ready(restart_other), *b = ready(restart_other), *caller;

	(void)state;
	a->other = b;
	b->other = a;
	turn();
	assert_int_equal(a->calls + b->calls, 1);
	caller = a->calls ? a : b;
	watch_stop(&caller->watch);
	turn();
	assert_int_equal(caller->other->calls, 1);
	end(a);
	end(b);
}

static void swap_descriptors(struct watch *watch, uint32_t events)
{
	struct counter *counter = container_of(watch, struct counter, watch);
	struct counter *other = counter->other;

	count(watch, events);
	end(other);
	/* The kernel hands out the lowest free number: the new descriptor takes the old one's. */
	counter->other = ready(count);
}

static void number_used_again_within_the_batch(void **state)
{
	struct counter *a = ready(swap_descriptors), *b = ready(count), *fresh;
	int number = b->fd;

	(void)state;
	/* Whichever comes first, the new watch is not called for what the old one had. */
	a->other = b;
	turn();
	fresh = a->other;
	assert_int_equal(fresh->fd, number);
	assert_int_equal(a->calls, 1);
	assert_int_equal(fresh->calls, 0);
	watch_stop(&a->watch);
	turn();
	assert_int_equal(fresh->calls, 1);
	end(fresh);
	end(a);
}

static void restart_self(struct watch *watch, uint32_t events)
{
	struct counter *counter = container_of(watch, struct counter, watch);

	count(watch, events);
	watch_stop(watch);
	if (counter->calls < 3)
		assert_int_equal(watch_start(watch, &loop, counter->fd, EPOLLIN, restart_self), 0);
}

static void restarts_itself(void **state)
{
	struct counter *counter = ready(restart_self);

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		turn();
	assert_int_equal(counter->calls, 3);
	end(counter);
}

static void more_than_a_batch(void **state)
{
	struct counter *counters[3 * LOOP_BATCH];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(counters); i++)
		counters[i] = ready(count);
	/* epoll goes round: nobody starves behind those that are always ready. */
	for (unsigned i = 0; i < 3; i++)
		turn();
	for (unsigned i = 0; i < ARRAY_SIZE(counters); i++) {
		assert_int_equal(counters[i]->calls, 1);
		end(counters[i]);
	}
}

static void hang_up_alone(void **state)
{
	struct counter counter = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(watch_start(&counter.watch, &loop, fds[0], 0, count), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	turn();
	assert_int_equal(counter.calls, 0);
	close(fds[1]);
	turn();
	assert_int_equal(counter.calls, 1);
	assert_int_equal(counter.events, EPOLLHUP);
	watch_stop(&counter.watch);
	close(fds[0]);
}

/* A duplicate keeps the descriptor open for the kernel: the stop is what ends it. */
static void stop_then_close_with_a_duplicate(void **state)
{
	struct counter *counter = ready(count);
	int duplicate = dup(counter->fd);

	(void)state;
	end(counter);
	turn();
	close(duplicate);
}

static void start_fails_cleanly(void **state)
{
	struct watch watch = { 0 }, second = { 0 };
	struct counter *counter = ready(count);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(watch_start(&watch, &loop, -1, EPOLLIN, count), -EBADF);
	assert_int_equal(watch_start(&watch, &loop, file, EPOLLIN, count), -EPERM);
	assert_int_equal(watch_start(&second, &loop, counter->fd, EPOLLIN, count), -EEXIST);
	assert_null(watch.loop);
	watch_stop(&watch);
	watch_stop(&second);
	turn();
	assert_int_equal(counter->calls, 1);
	close(file);
	end(counter);
}

static void no_descriptors_left(void **state)
{
	struct rlimit limit, none;
	struct loop failed;
	struct timer timer = { 0 };
	int rc, timer_rc;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = loop_init(&failed);
	timer_rc = timer_init(&timer, &loop, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(rc, -EMFILE);
	assert_int_equal(timer_rc, -EMFILE);
	loop_fini(&failed);
	timer_fini(&timer);
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0 || errno == EBADF);
}

struct counted_timer {
	struct timer timer;
	unsigned calls;
	struct counted_timer *other;
};

static void count_timer(struct timer *timer)
{
	container_of(timer, struct counted_timer, timer)->calls++;
}

/* Until it has expired, however long that takes. */
static void await(struct timer *timer)
{
	struct pollfd in = { .fd = timer->watch.fd, .events = POLLIN };

	while (poll(&in, 1, -1) != 1)
		;
}

static void timer_fires_once(void **state)
{
	struct counted_timer t = { 0 };

	(void)state;
	assert_int_equal(timer_init(&t.timer, &loop, count_timer), 0);
	turn();
	timer_arm(&t.timer, 1, 0);
	await(&t.timer);
	turn();
	turn();
	assert_int_equal(t.calls, 1);
	timer_arm(&t.timer, 3600000, 0);
	turn();
	timer_arm(&t.timer, 1, 0);
	await(&t.timer);
	timer_arm(&t.timer, 0, 0);
	turn();
	assert_int_equal(t.calls, 1);
	timer_fini(&t.timer);
	timer_fini(&t.timer);
}

static void timer_fires_again(void **state)
{
	struct counted_timer t = { 0 };

	(void)state;
	assert_int_equal(timer_init(&t.timer, &loop, count_timer), 0);
	timer_arm(&t.timer, 1, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(loop_turn(&loop, -1), 0);
	assert_int_equal(t.calls, 3);
	timer_fini(&t.timer);
}

static void put_off_other(struct timer *timer)
{
	struct counted_timer *t = container_of(timer, struct counted_timer, timer);

	t->calls++;
	timer_arm(&t->other->timer, 3600000, 0);
}

static void timer_put_off_within_the_batch(void **state)
{
	struct counted_timer a = { 0 }, b = { 0 };

	(void)state;
	a.other = &b;
	b.other = &a;
	assert_int_equal(timer_init(&a.timer, &loop, put_off_other), 0);
	assert_int_equal(timer_init(&b.timer, &loop, put_off_other), 0);
	timer_arm(&a.timer, 1, 0);
	timer_arm(&b.timer, 1, 0);
	await(&a.timer);
	await(&b.timer);
	turn();
	assert_int_equal(a.calls + b.calls, 1);
	timer_fini(&a.timer);
	timer_fini(&b.timer);
}

static void end_other_timer(struct timer *timer)
{
	struct counted_timer *t = container_of(timer, struct counted_timer, timer);

	t->calls++;
	timer_fini(&t->other->timer);
	timer_fini(timer);
}

static void timer_ended_within_the_batch(void **state)
{
	struct counted_timer a = { 0 }, b = { 0 };

	(void)state;
	a.other = &b;
	b.other = &a;
	assert_int_equal(timer_init(&a.timer, &loop, end_other_timer), 0);
	assert_int_equal(timer_init(&b.timer, &loop, end_other_timer), 0);
	timer_arm(&a.timer, 1, 0);
	timer_arm(&b.timer, 1, 0);
	await(&a.timer);
	await(&b.timer);
	turn();
	turn();
	assert_int_equal(a.calls + b.calls, 1);
}

static unsigned signal_calls[NSIG];

static void count_signal(struct signals *signals, int signo)
{
	(void)signals;
	signal_calls[signo]++;
}

static void signals_come_through_the_loop(void **state)
{
	static const int sigs[] = { SIGUSR1, SIGUSR2, 0 };
	struct signals signals = { 0 };

	(void)state;
	assert_int_equal(signals_init(&signals, &loop, sigs, count_signal), 0);
	turn();
	raise(SIGUSR1);
	raise(SIGUSR2);
	turn();
	turn();
	turn();
	assert_int_equal(signal_calls[SIGUSR1], 1);
	assert_int_equal(signal_calls[SIGUSR2], 1);
	raise(SIGUSR2);
	turn();
	assert_int_equal(signal_calls[SIGUSR2], 2);
	signals_fini(&signals);
	signals_fini(&signals);
}

static void on_alarm(int signo)
{
	(void)signo;
}

/* Without SA_RESTART, which epoll_wait ignores anyway; it comes until one has hit the wait. */
static void an_interruption_is_no_error(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval every = { { 0, 1000 }, { 0, 1000 } }, never = { 0 };

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	assert_int_equal(loop_turn(&loop, -1), 0);
	setitimer(ITIMER_REAL, &never, NULL);
}

/* --- peers --------------------------------------------------------------------------------- */

/* The same for a peer. */
static struct counter *ready_peer(watch_fn fn)
{
	struct counter *counter = ready(fn);

	watch_stop(&counter->watch);
	assert_int_equal(watch_start_peer(&counter->watch, &loop, counter->fd, EPOLLIN, fn), 0);
	return counter;
}

static void one_peer_a_turn(void **state)
{
	struct counter *peer[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		peer[i] = ready_peer(count);
	for (unsigned n = 1; n <= 9; n++) {
		turn();
		assert_int_equal(peer[0]->calls + peer[1]->calls + peer[2]->calls, n);
		for (unsigned i = 0; i < 3; i++)
			assert_in_range(peer[i]->calls, n / 3, (n + 2) / 3);
	}
	for (unsigned i = 0; i < 3; i++)
		end(peer[i]);
}

static unsigned devices_before; /* the peer's callback */

static void count_after_devices(struct watch *watch, uint32_t events)
{
	struct counter *counter = container_of(watch, struct counter, watch);

	count(watch, events);
	devices_before = counter->other->calls + counter->other->other->calls;
}

static void peers_after_devices(void **state)
{
	struct counter *peer = ready_peer(count_after_devices);
	struct counter *device = ready(count);

	(void)state;
	peer->other = device;
	device->other = ready(count);
	for (unsigned n = 1; n <= 5; n++) {
		turn();
		assert_int_equal(peer->calls, n);
		assert_int_equal(devices_before, 2 * n);
	}
	end(device->other);
	end(device);
	end(peer);
}

/* More devices than fit in a batch: each is served while the peer floods. */
static void peers_do_not_hold_up_devices(void **state)
{
	struct counter *peer = ready_peer(count), *device[2 * LOOP_BATCH];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(device); i++)
		device[i] = ready(count);
	for (unsigned n = 0; n < 8; n++)
		turn();
	for (unsigned i = 0; i < ARRAY_SIZE(device); i++) {
		assert_true(device[i]->calls >= 2);
		end(device[i]);
	}
	assert_true(peer->calls >= 2);
	end(peer);
}

static void peer_stopped_by_a_device(void **state)
{
	struct counter *peer = ready_peer(count), *device = ready(stop_other);

	(void)state;
	device->other = peer;
	turn();
	assert_int_equal(device->calls, 1);
	assert_int_equal(peer->calls, 0);
	assert_int_equal(watch_start_peer(&peer->watch, &loop, peer->fd, EPOLLIN, count), 0);
	end(device);
	turn();
	assert_int_equal(peer->calls, 1);
	end(peer);
}

static void peer_freed_by_itself(void **state)
{
	struct counter *last;

	(void)state;
	ended = 0;
	ready_peer(end_self);
	last = ready_peer(count);
	for (unsigned n = 0; n < 4; n++)
		turn();
	assert_int_equal(ended, 1);
	assert_int_equal(last->calls, 3);
	end(last);
}

static int64_t ns_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int64_t used_ns;

static void use_processor(struct watch *watch, uint32_t events)
{
	int64_t began = ns_of(CLOCK_THREAD_CPUTIME_ID), used = 0;

	count(watch, events);
	while (used < 200000)
		used = ns_of(CLOCK_THREAD_CPUTIME_ID) - began;
	used_ns += used;
}

/* However busy this machine is, they use no more than their share of the time that passed. */
static void peers_use_their_share(void **state)
{
	struct counter *one = ready_peer(use_processor), *two = ready_peer(use_processor);
	int64_t began = ns_of(CLOCK_MONOTONIC), share, passed;

	(void)state;
	used_ns = 0;
	do {
		assert_int_equal(loop_turn(&loop, -1), 0);
		passed = ns_of(CLOCK_MONOTONIC) - began;
	} while (passed < 300000000);
	share = passed / LOOP_PEER_SHARE + 2 * LOOP_PEER_US * 1000LL;
	if (used_ns > share)
		fail_msg("they used %ld us of %ld", (long)used_ns / 1000, (long)share / 1000);
	assert_in_range(one->calls, two->calls - 1, two->calls + 1);
	end(one);
	end(two);
}

static void devices_while_peers_rest(void **state)
{
	struct counter *peer = ready_peer(use_processor), *device;
	unsigned calls;

	(void)state;
	do {
		calls = peer->calls;
		turn();
	} while (peer->calls > calls);
	device = ready(count);
	turn();
	assert_int_equal(device->calls, 1);
	end(device);
	/* Their rest ends by itself. */
	while (peer->calls == calls)
		assert_int_equal(loop_turn(&loop, -1), 0);
	end(peer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(calls_while_ready),
		TEST(nothing_after_a_stop),
		TEST(stopped_within_the_batch),
		TEST(freed_within_the_batch),
		TEST(freed_by_themselves),
		TEST(restarted_within_the_batch),
		TEST(number_used_again_within_the_batch),
		TEST(restarts_itself),
		TEST(more_than_a_batch),
		TEST(hang_up_alone),
		TEST(stop_then_close_with_a_duplicate),
		TEST(start_fails_cleanly),
		TEST(no_descriptors_left),
		TEST(timer_fires_once),
		TEST(timer_fires_again),
		TEST(timer_put_off_within_the_batch),
		TEST(timer_ended_within_the_batch),
		TEST(signals_come_through_the_loop),
		TEST(an_interruption_is_no_error),
		TEST(one_peer_a_turn),
		TEST(peers_after_devices),
		TEST(peers_do_not_hold_up_devices),
		TEST(peer_stopped_by_a_device),
		TEST(peer_freed_by_itself),
		TEST(peers_use_their_share),
		TEST(devices_while_peers_rest),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
