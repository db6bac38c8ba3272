/* SPDX-License-Identifier: MIT */
/*
 * The event loop: level-triggered epoll in a single thread. A watch is embedded in its owner, which
 * also owns the descriptor; the loop owns only its epoll instances. Timers and signals are
 * descriptors, too. A callback may stop any watch, including its own and those that are ready in
 * the same turn.
 *
 * There are two levels. Descriptors added with watch_start (devices, and what their frames pass
 * through) are all served in each turn in which they are ready. A peer is a descriptor on which
 * another process decides how much arrives and when. Only one ready peer is served in each turn,
 * after the others and in rotation. So an event from a device waits for at most one callback of one
 * peer, which must be bounded, and all peers together use at most 1/LOOP_PEER_SHARE of a CPU.
 *
 * Re-entrancy, for these and all other callbacks: a module calls its owner back from a turn of the
 * loop, never from within a function that the owner called, unless that function's comment names the
 * callback. The owner may then call any function of the module, but must not close or free the object
 * that calls, unless the callback's comment allows it: it does so in a later turn. Slow work, and work
 * that concerns others, is noted and done once the module has returned.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_BATCH 16

#define LOOP_PEER_SHARE 8
/* CPU time that peers may use in one go before they are paused; the longest such pause. */
#define LOOP_PEER_US      100
#define LOOP_PEER_REST_MS 10

struct watch;
typedef void (*watch_fn)(struct watch *watch, uint32_t events); /* events: EPOLLIN, EPOLLHUP, ... */

struct watch {
	struct loop *loop; /* NULL while not started */
	int fd;
	int epoll_fd; /* of its level */
	watch_fn fn;
};

/* A timer on CLOCK_MONOTONIC, embedded in its owner. */
struct timer;
typedef void (*timer_fn)(struct timer *timer);

struct timer {
	struct watch watch;
	timer_fn fn;
};

/* Internal. */
struct loop_peers {
	struct watch watch;  /* watches the peers' epoll instance */
	bool ready;          /* a peer is ready in this turn */
	int64_t used_ns;     /* CPU time used since 'since_ns' */
	int64_t since_ns;    /* CLOCK_MONOTONIC */
	struct timer rested; /* while armed, no peer is served */
};

struct launcher;

struct loop {
	int epoll_fd;
	struct launcher
		*launcher; /* lets code in the loop start programs (launch.h); may be NULL */
	/*
	 * Counted up before and after each wait. It begins odd, so it is even while the loop waits. For
	 * others to read; may be NULL.
	 */
	_Atomic uint32_t *turns;
	int n_ready, next_ready;
	struct epoll_event ready[LOOP_BATCH];
	struct loop_peers peers;
};

/* 0, or -errno of epoll_create1() or timerfd_create(). */
int loop_init(struct loop *loop);
/* All watches must have been stopped. Also safe after a failed loop_init. */
void loop_fini(struct loop *loop);

/*
 * Starts watching 'fd' for 'events' (EPOLLIN, EPOLLOUT; 0: only hang-up and error). The watch must
 * not be started. 0, or -errno of epoll_ctl().
 */
int watch_start(struct watch *watch, struct loop *loop, int fd, uint32_t events, watch_fn fn);
/*
 * The same for a peer. Its callback should do a bounded amount of work; it is called again if data
 * is left.
 */
int watch_start_peer(struct watch *watch, struct loop *loop, int fd, uint32_t events, watch_fn fn);
/* Stops the watch: its callback is not called again. No effect on a watch that is not started. */
void watch_stop(struct watch *watch);
/* The same, and closes the descriptor. If the watch is not started, nothing is closed. */
void watch_close(struct watch *watch);

/*
 * One turn: waits up to timeout_ms (-1: forever), then calls back all watches that are ready, but
 * at most one peer. 0, also if a signal interrupts it, or -errno of epoll_wait().
 */
int loop_turn(struct loop *loop, int timeout_ms);

/* Creates the timer, not armed. 0, or -errno of timerfd_create() or epoll_ctl(). */
int timer_init(struct timer *timer, struct loop *loop, timer_fn fn);
/* Fires after first_ms (0 disarms), then every period_ms (0: only once). */
void timer_arm(struct timer *timer, unsigned first_ms, unsigned period_ms);
/* Also safe on a zeroed timer and after a failed timer_init. */
void timer_fini(struct timer *timer);

/* Blocks the signals in 'sigs' (terminated by 0) and calls 'fn' for each one that arrives. */
struct signals;
typedef void (*signal_fn)(struct signals *signals, int signo);

struct signals {
	struct watch watch;
	signal_fn fn;
};

/* 0, or -errno of signalfd() or epoll_ctl(). */
int signals_init(struct signals *signals, struct loop *loop, const int *sigs, signal_fn fn);
void signals_fini(struct signals *signals);
