/* SPDX-License-Identifier: MIT */
/*
 * A guest that sets its LEDs as fast as it can, over a uinput node: what the daemon spends on it, how
 * long a key takes to the host meanwhile, and how often the real keyboard's LEDs change once the guest
 * has the focus. Figures count only where the clock counts instructions: tests/vm/run --icount.
 */
#include <linux/input.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "flood.h"
#include "timing.h"

#define FOCUS_MS      2000
#define SHARE_LIMIT   5  /* percent of the processor */
#define LEDS_LIMIT    25 /* changes a second */
#define LATENCY_LIMIT 2  /* times p99 without a flood */

enum { KINDS = 2 };

static const struct timing_kind kinds[KINDS] = {
	{ "key down", false, 2, TIMING_KEY(KEY_A, 1) },
	{ "key up", false, 0, TIMING_KEY(KEY_A, 0) },
};

struct bench {
	struct stage stage;
	struct timing timing;
	unsigned passed, failed;
};

static void check(struct bench *bench, bool good, const char *what)
{
	bench->passed += good;
	bench->failed += !good;
	if (!good)
		printf("above its limit: %s\n", what);
}

static void *read_frames(void *arg)
{
	const struct bench *bench = arg;
	struct pollfd in = { .fd = bench->stage.host_keyboard.fd, .events = POLLIN };

	for (;;) {
		struct input_event batch[64];
		ssize_t size;

		if (poll(&in, 1, -1) != 1)
			continue;
		size = read(in.fd, batch, sizeof(batch));
		if (size > 0 && batch[0].type == EV_KEY)
			timing_arrived(&bench->timing, timing_now_ns());
	}
	return NULL;
}

static double max_us(const struct timing_samples *samples)
{
	return (double)samples->ns[samples->n - 1] / 1000;
}

/* Returns the larger p99. */
static double measure_keys(struct bench *bench, const char *name)
{
	struct timing_samples samples[KINDS] = { { 0 } };
	double worst = 0;

	timing_play(&bench->timing, kinds, KINDS, samples);
	for (unsigned i = 0; i < KINDS; i++) {
		double p99 = timing_us(&samples[i], 99);

		printf("%s, %s at the host: p50 %.1f us, p99 %.1f us, max %.1f us\n", name,
		       kinds[i].name, timing_us(&samples[i], 50), p99, max_us(&samples[i]));
		worst = p99 > worst ? p99 : worst;
	}
	return worst;
}

static double measure_share(const struct bench *bench, unsigned ms)
{
	unsigned long ticks = process_ticks(bench->stage.program.pid);
	int64_t from = timing_now_ns();

	usleep(ms * 1000);
	ticks = process_ticks(bench->stage.program.pid) - ticks;
	return 100.0 * (double)ticks / (double)sysconf(_SC_CLK_TCK) /
	       ((double)(timing_now_ns() - from) / 1e9);
}

static void measure(struct bench *bench)
{
	double quiet, flooded, share, rate;
	unsigned shown = 0;
	pid_t guest;

	quiet = measure_keys(bench, "quiet guest");
	guest = flood_leds(bench->stage.guest_keyboard.fd);
	flooded = measure_keys(bench, "LED flood");
	share = measure_share(bench, FOCUS_MS);
	printf("LED flood, without the focus: the daemon takes %.1f %% of the processor\n", share);
	check(bench, flooded <= LATENCY_LIMIT * quiet, "latency");
	check(bench, share <= SHARE_LIMIT, "the processor, without the focus");
	stage_drain_host(&bench->stage);
	stage_toggle(&bench->stage);
	program_expect(&bench->stage.program, "focus: one");
	share = measure_share(bench, FOCUS_MS);
	rate = flood_led_rate(&bench->stage.keyboard, FOCUS_MS, &shown);
	printf("LED flood, with the focus: the daemon takes %.1f %%, the keyboard's LEDs change "
	       "%.1f times a second\n",
	       share, rate);
	check(bench, share <= SHARE_LIMIT, "the processor, with the focus");
	check(bench, rate <= LEDS_LIMIT, "the keyboard's LEDs");
	flood_end(guest);
	while (shown != 1U << LED_CAPSL && puppet_read_leds(&bench->stage.keyboard, &shown, 1000))
		;
	check(bench, shown == 1U << LED_CAPSL, "the last state, which was lost");
}

int main(void)
{
	static struct bench bench;
	pthread_t thread;

	stage_open(&bench.stage,
		   "[device keyboard]\nname = test keyboard\n"
		   "[device mouse]\nname = test mouse\n[guest one]\nvia = virtio-input\n");
	stage_guest_up(&bench.stage);
	timing_open(&bench.timing, &bench.stage);
	assert_int_equal(pthread_create(&thread, NULL, read_frames, &bench), 0);
	measure(&bench);
	timing_close(&bench.timing);
	stage_close(&bench.stage);
	printf("%u passed, %u failed\n", bench.passed, bench.failed);
	return bench.failed > 0;
}
