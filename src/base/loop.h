/*
 * The event loop: level-triggered epoll, one thread. A watch is embedded in its owner, which also
 * owns the descriptor; the loop owns nothing but its epoll instances. Timers and signals are
 * descriptors too. A callback may stop any watch, its own and those ready in the same turn included.
 *
 * It has two levels. What watch_start watches is served in each turn as it is ready: the devices,
 * and what they are passed on through. A peer is a descriptor where another process says how much
 * comes and how soon; of those one is served in a turn, the last, each in its turn. So what a device
 * says waits for one callback of one peer at most, which must be bounded; and all peers together
 * take 1/LOOP_PEER_SHARE of a processor at most.
 *
 * Re-entrancy, for these and all other callbacks. A module calls its owner back from a turn of the loop,
 * never from within a function that the owner called, unless that function's comment names the callback.
 * The owner may then call any function of the module, but must not close or free the object that calls,
 * unless the callback's comment allows it: it does so in a later turn. What is slow, or concerns others,
 * is noted, and done once the module has returned.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_BATCH 16

#define LOOP_PEER_SHARE 8
/* What peers may use at once, before they have to rest for it; and how long they rest at most. */
#define LOOP_PEER_US      100
#define LOOP_PEER_REST_MS 10

struct watch;
typedef void (*watch_fn)(struct watch *watch, uint32_t events); /* events: EPOLLIN, EPOLLHUP, ... */

struct watch {
	struct loop *loop; /* NULL while it stands in no loop */
	int fd;
	int epoll_fd; /* that of its level */
	watch_fn fn;
};

/* A timer on CLOCK_MONOTONIC. The owner embeds it; stopped while not armed. */
struct timer;
typedef void (*timer_fn)(struct timer *timer);

struct timer {
	struct watch watch;
	timer_fn fn;
};

/* Internal. */
struct loop_peers {
	struct watch watch;  /* of an epoll instance of their own */
	bool ready;          /* in this turn */
	int64_t used_ns;     /* of a processor, since then: */
	int64_t since_ns;    /* on CLOCK_MONOTONIC */
	struct timer rested; /* while it runs, none is served */
};

struct launcher;

struct loop {
	int epoll_fd;
	struct launcher
		*launcher; /* starts programs for those in the loop (launch.h); NULL: none */
	int n_ready, next_ready;
	struct epoll_event ready[LOOP_BATCH];
	struct loop_peers peers;
};

/* 0, or the error of epoll_create1 or timerfd_create. */
int loop_init(struct loop *loop);
/* Every watch has been stopped before. Harmless on a loop whose init failed. */
void loop_fini(struct loop *loop);

/*
 * Starts to watch 'fd' for 'events' (EPOLLIN, EPOLLOUT; 0 waits for hang-up and error alone). The
 * watch must not stand in a loop. 0, or epoll_ctl's error.
 */
int watch_start(struct watch *watch, struct loop *loop, int fd, uint32_t events, watch_fn fn);
/* The same for a peer: its callback does little at a time, and is called again while more is there. */
int watch_start_peer(struct watch *watch, struct loop *loop, int fd, uint32_t events, watch_fn fn);
/* Stops it at once: no callback comes after. Does nothing to a watch that is not started. */
void watch_stop(struct watch *watch);
/* The same, and closes the descriptor; where it is not started, that stays open. */
void watch_close(struct watch *watch);

/*
 * One turn: waits up to timeout_ms (-1: without end), then runs the callbacks of all that was ready,
 * but of one peer only.
 * 0, or epoll_wait's error (an interruption is none).
 */
int loop_turn(struct loop *loop, int timeout_ms);

/* Opens the timer, not armed. 0, or timerfd_create's or epoll_ctl's error. */
int timer_init(struct timer *timer, struct loop *loop, timer_fn fn);
/* Fires once after first_ms (0 disarms), then every period_ms (0: no more). */
void timer_arm(struct timer *timer, unsigned first_ms, unsigned period_ms);
/* Harmless where init was never called on a zeroed timer, or failed. */
void timer_fini(struct timer *timer);

/* Blocks the signals in sigs (0 at the end) and calls fn once for each that arrives. */
struct signals;
typedef void (*signal_fn)(struct signals *signals, int signo);

struct signals {
	struct watch watch;
	signal_fn fn;
};

int signals_init(struct signals *signals, struct loop *loop, const int *sigs, signal_fn fn);
void signals_fini(struct signals *signals);
