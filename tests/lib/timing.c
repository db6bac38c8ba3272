/* SPDX-License-Identifier: MIT */
/* The writer's side of it, and the figures. */
#include "timing.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"

#define WARM_UP 20
#define PACE_US 2000

void timing_open(struct timing *timing, const struct stage *stage)
{
	*timing = (struct timing){ .stage = stage,
				   .arrived_fd = eventfd(0, EFD_CLOEXEC),
				   .pace_us = PACE_US };
	assert_true(timing->arrived_fd >= 0);
	puppet_plug(&timing->stirrer, PUPPET_MOUSE, "test stirrer", "test/stirrer", 0xc003);
}

void timing_close(struct timing *timing)
{
	puppet_unplug(&timing->stirrer);
}

int64_t timing_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void timing_arrived(const struct timing *timing, int64_t at_ns)
{
	uint64_t at = (uint64_t)at_ns;

	if (write(timing->arrived_fd, &at, sizeof(at)) < 0)
		abort();
}

static int64_t play(const struct timing *timing, const struct timing_kind *kind)
{
	const struct stage *stage = timing->stage;
	const struct puppet *puppet = kind->mouse ? &stage->mouse : &stage->keyboard;
	struct pollfd arrived = { .fd = timing->arrived_fd, .events = POLLIN };
	ssize_t size = (ssize_t)(kind->n * sizeof(*kind->ev));
	int64_t written_at = timing_now_ns(), ns;
	uint64_t read_at;

	if (write(puppet->uinput.fd, kind->ev, (size_t)size) != size)
		fail_msg("%s: %s", kind->name, strerror(errno));
	if (poll(&arrived, 1, WORLD_MS) != 1)
		fail_msg("%s: it never arrived", kind->name);
	assert_int_equal(read(timing->arrived_fd, &read_at, sizeof(read_at)), sizeof(read_at));
	ns = (int64_t)read_at - written_at;
	if (ns <= 0 || ns > WORLD_MS * 1000000LL)
		fail_msg("%s: what arrived is another frame", kind->name);
	return ns;
}

/*
 * The kernel mixes every event that differs from the one before into its entropy pool, and works
 * longer on each that fills a block. Which do would depend on what was played before, and p90 on
 * that: a random number of events on a device that nobody reads makes it even.
 */
static void stir(struct timing *timing)
{
	struct input_event ev[16];
	unsigned n = (unsigned)rand_r(&timing->seed) % ARRAY_SIZE(ev);

	for (unsigned i = 0; i < n; i++)
		ev[i] = (struct input_event){ .type = EV_REL, .code = REL_X, .value = 40 + i };
	puppet_play(&timing->stirrer, ev, n);
}

static void pace(struct timing *timing)
{
	stir(timing);
	clock_nanosleep(CLOCK_MONOTONIC, 0,
			&(struct timespec){ .tv_nsec = timing->pace_us * 1000L }, NULL);
}

static void play_series(struct timing *timing, const struct timing_kind *kinds,
			struct timing_samples *samples)
{
	for (unsigned i = 0; i < WARM_UP + TIMING_PER_ROUND; i++) {
		for (unsigned kind = 0; kind < kinds->series; kind++) {
			int64_t ns = play(timing, &kinds[kind]);

			if (i >= WARM_UP)
				samples[kind].ns[samples[kind].n++] = ns;
			pace(timing);
		}
	}
}

void timing_play(struct timing *timing, const struct timing_kind *kinds, unsigned n,
		 struct timing_samples *samples)
{
	/* What a device that just came sets going is none of the frames' business. */
	if (system("udevadm settle --timeout=10 >/dev/null 2>&1") < 0)
		fail_msg("system: %s", strerror(errno));
	for (unsigned kind = 0; kind < n; kind += kinds[kind].series)
		play_series(timing, &kinds[kind], &samples[kind]);
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

double timing_us(struct timing_samples *samples, unsigned percent)
{
	qsort(samples->ns, samples->n, sizeof(*samples->ns), compare);
	return (double)samples->ns[samples->n * percent / 100] / 1000;
}
