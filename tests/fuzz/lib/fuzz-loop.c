/* SPDX-License-Identifier: MIT */
/* The functions of base/loop.h, with a clock of its own. */
#include "fuzz-loop.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "fuzz.h"

#define TIMERS_MAX 64
/* More than any input asks for: what is still ready then is ready for ever. */
#define TURNS_MAX 20000

static struct {
	uint64_t now_ms;
	unsigned n;
	struct alarm {
		struct timer *timer;
		uint64_t due_ms; /* 0: not armed */
		unsigned period_ms;
	} alarm[TIMERS_MAX];
} clock_;

/* ---- the functions of base/loop.h ---- */

int loop_init(struct loop *loop)
{
	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_fini(struct loop *loop)
{
	FUZZ_CHECK(clock_.n == 0, "%u timers were not ended", clock_.n);
	close_fd(&loop->epoll_fd);
}

int watch_start(struct watch *watch, struct loop *loop, int fd, uint32_t events, watch_fn fn)
{
	struct epoll_event ev = { .events = events, .data.ptr = watch };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	*watch = (struct watch){ .loop = loop, .fd = fd, .epoll_fd = loop->epoll_fd, .fn = fn };
	return 0;
}

int watch_start_peer(struct watch *watch, struct loop *loop, int fd, uint32_t events, watch_fn fn)
{
	return watch_start(watch, loop, fd, events, fn);
}

void watch_stop(struct watch *watch)
{
	if (watch->loop)
		epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->loop = NULL;
}

void watch_close(struct watch *watch)
{
	if (!watch->loop)
		return;
	watch_stop(watch);
	close_fd(&watch->fd);
}

static struct alarm *alarm_of(const struct timer *timer)
{
	for (unsigned i = 0; i < clock_.n; i++)
		if (clock_.alarm[i].timer == timer)
			return &clock_.alarm[i];
	return NULL;
}

int timer_init(struct timer *timer, struct loop *loop, timer_fn fn)
{
	FUZZ_CHECK(!alarm_of(timer) && clock_.n < TIMERS_MAX, "a timer is made twice");
	*timer = (struct timer){ .watch = { .loop = loop, .fd = -1 }, .fn = fn };
	clock_.alarm[clock_.n++] = (struct alarm){ .timer = timer };
	return 0;
}

void timer_arm(struct timer *timer, unsigned first_ms, unsigned period_ms)
{
	struct alarm *alarm = alarm_of(timer);

	FUZZ_CHECK(alarm, "a timer is armed that is not there");
	alarm->due_ms = first_ms ? clock_.now_ms + first_ms : 0;
	alarm->period_ms = period_ms;
}

void timer_fini(struct timer *timer)
{
	struct alarm *alarm = alarm_of(timer);

	if (alarm)
		*alarm = clock_.alarm[--clock_.n];
	timer->watch.loop = NULL;
}

/* One at a time, so that none is served that was stopped meanwhile. False if nothing is ready. */
static bool turn(struct loop *loop)
{
	struct epoll_event ev;
	struct watch *watch;

	if (epoll_wait(loop->epoll_fd, &ev, 1, 0) != 1)
		return false;
	watch = ev.data.ptr;
	watch->fn(watch, ev.events);
	return true;
}

int loop_turn(struct loop *loop, int timeout_ms)
{
	(void)timeout_ms;
	turn(loop);
	return 0;
}

/* ---- what a target does with it ---- */

void fuzz_settle(struct loop *loop)
{
	unsigned turns = 0;

	while (turn(loop))
		FUZZ_CHECK(++turns < TURNS_MAX, "the loop does not come to rest");
}

static struct alarm *next_alarm(void)
{
	struct alarm *next = NULL;

	for (unsigned i = 0; i < clock_.n; i++) {
		struct alarm *alarm = &clock_.alarm[i];

		if (alarm->due_ms && (!next || alarm->due_ms < next->due_ms))
			next = alarm;
	}
	return next;
}

void fuzz_pass(struct loop *loop, unsigned ms)
{
	uint64_t until = clock_.now_ms + ms;
	struct alarm *alarm;

	fuzz_settle(loop);
	while ((alarm = next_alarm()) && alarm->due_ms <= until) {
		struct timer *timer = alarm->timer;

		clock_.now_ms = alarm->due_ms;
		alarm->due_ms = alarm->period_ms ? alarm->due_ms + alarm->period_ms : 0;
		timer->fn(timer);
		fuzz_settle(loop);
	}
	clock_.now_ms = until;
}
