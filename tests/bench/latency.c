/* SPDX-License-Identifier: MIT */
/*
 * How much evswitch adds to every frame, beside the least that a forwarder on epoll adds
 * (tests/bench/floor.c): from the write on the source's uinput device to the SYN_REPORT that a
 * reader of the last node gets. Writer, reader and source stay the same, only what stands between
 * changes: nothing, the floor, evswitch. Figures count within one run only, and only where the
 * clock counts instructions: tests/vm/run --icount. With MONITOR in the environment, evswitch --monitor
 * is connected meanwhile.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "timing.h"

/* What stands between the write and the reader. QEMU, as a guest's reader, has the node grabbed. */
enum view { SOURCE, FLOOR, HOST, GRABBED_SOURCE, GRABBED_FLOOR, GUEST, VIEWS };

enum { KINDS = 9, PERCENTILES = 3 };

static const unsigned percentiles[PERCENTILES] = { 50, 90, 99 };

static const struct timing_kind kinds[KINDS] = {
	{ "move", true, 1, TIMING_MOVE(3, -2) },
	{ "key down", false, 2, TIMING_KEY(KEY_A, 1) },
	{ "key up", false, 0, TIMING_KEY(KEY_A, 0) },
	{ "key down, scan code", false, 2, TIMING_SCAN_KEY(0x70004, KEY_A, 1) },
	{ "key up, scan code", false, 0, TIMING_SCAN_KEY(0x70004, KEY_A, 0) },
	{ "click down", true, 2, TIMING_KEY(BTN_LEFT, 1) },
	{ "click up", true, 0, TIMING_KEY(BTN_LEFT, 0) },
	{ "click down, scan code", true, 2, TIMING_SCAN_KEY(0x90001, BTN_LEFT, 1) },
	{ "click up, scan code", true, 0, TIMING_SCAN_KEY(0x90001, BTN_LEFT, 0) },
};

/*
 * How many hundredths of what the floor adds evswitch may add. At the 50th and 90th percentile, which
 * repeat to a hundredth, 3 % more than was measured, and to the host never more than 110. Six of 600
 * frames are beyond the 99th, and a tick of the kernel's clock falls into some, or evs-watchdog, with which
 * evswitch shares the only processor here: up to 133 was seen. Who makes it faster lowers them.
 */
static const unsigned host_limits[KINDS][PERCENTILES] = {
	{ 108, 109, 140 }, { 110, 110, 140 }, { 109, 110, 140 }, { 83, 97, 140 }, { 82, 96, 140 },
	{ 110, 110, 140 }, { 110, 110, 140 }, { 101, 101, 140 }, { 83, 98, 140 },
};

static const unsigned guest_limits[KINDS][PERCENTILES] = {
	{ 110, 111, 140 }, { 112, 112, 140 }, { 112, 112, 140 }, { 86, 101, 140 }, { 86, 101, 140 },
	{ 113, 113, 140 }, { 113, 113, 140 }, { 106, 106, 140 }, { 86, 102, 140 },
};

struct bench {
	struct stage stage;
	struct timing timing;
	int epoll_fd; /* what the reader waits for */
	struct timing_samples samples[VIEWS][KINDS];
};

/* --- the reader, in its own thread ------------------------------------------------------------ */

static void *read_frames(void *arg)
{
	const struct bench *bench = arg;

	for (;;) {
		struct input_event batch[64];
		struct epoll_event ready;
		ssize_t size;

		if (epoll_wait(bench->epoll_fd, &ready, 1, -1) != 1)
			continue;
		size = read(ready.data.fd, batch, sizeof(batch));
		if (size > 0 && batch[size / (ssize_t)sizeof(*batch) - 1].type == EV_SYN)
			timing_arrived(&bench->timing, timing_now_ns());
	}
	return NULL;
}

static void start_reader(struct bench *bench)
{
	pthread_t thread;

	bench->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	assert_true(bench->epoll_fd >= 0);
	assert_int_equal(pthread_create(&thread, NULL, read_frames, bench), 0);
}

static void watch(const struct bench *bench, int op, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	assert_int_equal(epoll_ctl(bench->epoll_fd, op, fd, &ev), 0);
}

/* --- the views -------------------------------------------------------------------------------- */

static void measure(struct bench *bench, enum view view, const struct observer *keyboard,
		    const struct observer *mouse)
{
	watch(bench, EPOLL_CTL_ADD, keyboard->fd);
	watch(bench, EPOLL_CTL_ADD, mouse->fd);
	timing_play(&bench->timing, kinds, KINDS, bench->samples[view]);
	watch(bench, EPOLL_CTL_DEL, keyboard->fd);
	watch(bench, EPOLL_CTL_DEL, mouse->fd);
}

/* The same nodes as a desktop reads them, and as QEMU does. */
static void measure_both(struct bench *bench, enum view view, enum view grabbed,
			 const char *keyboard_phys, const char *mouse_phys)
{
	struct observer keyboard, mouse;

	observer_open(&keyboard, keyboard_phys);
	observer_open(&mouse, mouse_phys);
	measure(bench, view, &keyboard, &mouse);
	observer_grab(&keyboard);
	observer_grab(&mouse);
	measure(bench, grabbed, &keyboard, &mouse);
	observer_close(&keyboard);
	observer_close(&mouse);
}

static void measure_floor(struct bench *bench)
{
	const struct stage *stage = &bench->stage;
	const char *binary = getenv("EVSWITCH_FLOOR") ?: "build/tests/bench/floor";
	const char *keyboard = stage->keyboard.uinput.devnode;
	const char *mouse = stage->mouse.uinput.devnode;
	struct program floor;

	program_exec(&floor, (const char *const[]){ binary, keyboard, "floor/keyboard", keyboard,
						    mouse, "floor/mouse", mouse, NULL });
	program_expect(&floor, "ready");
	measure_both(bench, FLOOR, GRABBED_FLOOR, "floor/keyboard", "floor/mouse");
	program_signal(&floor, SIGKILL);
	program_wait(&floor);
}

/* A client that is told of each change; NULL: none is wanted. */
static FILE *start_monitor(void)
{
	char command[256], line[256];
	FILE *monitor;

	if (!getenv("MONITOR"))
		return NULL;
	snprintf(command, sizeof(command), "exec %s --monitor",
		 getenv("EVSWITCH") ?: "build/evswitch");
	monitor = popen(command, "re");
	assert_non_null(monitor);
	assert_non_null(fgets(line, sizeof(line), monitor)); /* it is connected */
	return monitor;
}

static void measure_evswitch(struct bench *bench)
{
	struct stage *stage = &bench->stage;
	FILE *monitor;

	stage_start(stage, STAGE_CONF);
	monitor = start_monitor();
	measure(bench, HOST, &stage->host_keyboard, &stage->host_mouse);
	stage_guest_up(stage);
	stage_drain_host(stage);
	stage_focus_guest(stage);
	stage_drain_guest(stage);
	measure(bench, GUEST, &stage->guest_keyboard, &stage->guest_pointer);
	program_stop(&stage->program);
	if (monitor)
		pclose(monitor);
	stage_guest_down(stage);
	observer_close(&stage->host_keyboard);
	observer_close(&stage->host_mouse);
	keeper_await_gone("one");
}

/* --- the figures ------------------------------------------------------------------------------ */

/* How much of what the floor adds evswitch adds; false where that is above the limit. */
static bool print_ratio(struct bench *bench, enum view source, unsigned kind, unsigned percent,
			unsigned limit)
{
	double base = timing_us(&bench->samples[source][kind], percent);
	double ratio = (timing_us(&bench->samples[source + 2][kind], percent) - base) /
		       (timing_us(&bench->samples[source + 1][kind], percent) - base);
	bool good = ratio <= limit / 100.0;

	printf("  %5.2f%c", ratio, good ? ' ' : '!');
	return good;
}

static void print_head(const char *name)
{
	printf("\n%-23s  %20s  %20s  %20s  %s\n%-23s", "us = 1,000 instructions", "source", "floor",
	       name, "added, of what the floor adds", "");
	for (unsigned i = 0; i < 3; i++)
		printf("  %20s", "p50    p90    p99");
	printf("  %22s\n", "p50     p90     p99");
}

/* One line per kind; returns how many of the ratios in each are above their limits. */
static unsigned print_table(struct bench *bench, enum view source, const char *name,
			    const unsigned limits[KINDS][PERCENTILES])
{
	unsigned above = 0;

	print_head(name);
	for (unsigned kind = 0; kind < KINDS; kind++) {
		printf("%-23s", kinds[kind].name);
		for (enum view view = source; view <= source + 2; view++) {
			putchar(' ');
			for (unsigned i = 0; i < PERCENTILES; i++)
				printf(" %6.2f",
				       timing_us(&bench->samples[view][kind], percentiles[i]));
		}
		for (unsigned i = 0; i < PERCENTILES; i++)
			above += !print_ratio(bench, source, kind, percentiles[i], limits[kind][i]);
		putchar('\n');
	}
	return above;
}

static int report(struct bench *bench)
{
	unsigned failed;

	failed = print_table(bench, SOURCE, "evswitch, host", host_limits);
	failed += print_table(bench, GRABBED_SOURCE, "evswitch, guest", guest_limits);
	printf("\n%u samples each; the reader of the second table has grabbed its node, as QEMU "
	       "does\n\n",
	       TIMING_SAMPLES);
	printf("%u passed, %u failed\n", 2 * PERCENTILES * KINDS - failed, failed);
	return failed ? 1 : 0;
}

int main(void)
{
	static struct bench bench;
	int rc;

	stage_plug(&bench.stage);
	timing_open(&bench.timing, &bench.stage);
	start_reader(&bench);
	for (unsigned round = 0; round < TIMING_ROUNDS; round++) {
		measure_both(&bench, SOURCE, GRABBED_SOURCE, "test/keyboard", "test/mouse");
		measure_floor(&bench);
		measure_evswitch(&bench);
	}
	rc = report(&bench);
	timing_close(&bench.timing);
	stage_unplug(&bench.stage);
	return rc;
}
