/* SPDX-License-Identifier: MIT */
/* Counters of devices and targets, and the histogram: every bin, percentiles, and what is in neither. */
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/tally.h"

#define SECOND UINT64_C(1000000)

/* A closed frame of motion, dated so many microseconds after the start of the clock. */
static struct frame motion(uint64_t at_us, int x, int y)
{
	const struct input_event at = { .input_event_sec = (long)(at_us / SECOND),
					.input_event_usec = (long)(at_us % SECOND) };
	struct frame frame = { 0 };

	frame_put(&frame, &at, EV_REL, REL_X, x);
	frame_put(&frame, &at, EV_REL, REL_Y, y);
	frame_close(&frame, &at);
	return frame;
}

static struct frame key(uint64_t at_us)
{
	const struct input_event at = { .input_event_sec = (long)(at_us / SECOND) };
	struct frame frame = { 0 };

	frame_put(&frame, &at, EV_KEY, KEY_A, 1);
	frame_close(&frame, &at);
	return frame;
}

static void counts_a_device(void **state)
{
	struct tally_device tally = { 0 };
	struct frame frame = motion(5 * SECOND, 1, 2);

	(void)state;
	tally_frame(&tally, &frame);
	frame = key(5 * SECOND);
	tally_frame(&tally, &frame);
	assert_int_equal(tally.frames, 2);
	assert_int_equal(tally.events, 3);
	assert_int_equal(tally.longest, 2);
	/* What a resync makes up, nobody has sent. */
	frame = motion(5 * SECOND, 1, 2);
	frame.resync = true;
	tally_frame(&tally, &frame);
	assert_int_equal(tally.frames, 2);
	assert_int_equal(tally.events, 3);
}

static void rate_of_whole_seconds(void **state)
{
	struct tally_device tally = { 0 };

	(void)state;
	assert_int_equal(tally_recent(&tally, 3 * SECOND), 0);
	for (uint64_t second = 100; second < 140; second++) {
		struct frame frame = motion(second * SECOND, 1, 1);

		tally_frame(&tally, &frame);
		/* This second is not over, and counts not yet. */
		assert_int_equal(tally_recent(&tally, second * SECOND + 5),
				 2 * (second - 100 < 10 ? second - 100 : 10));
	}
	/* Nothing came since. */
	assert_int_equal(tally_recent(&tally, 145 * SECOND), 2 * 5);
	assert_int_equal(tally_recent(&tally, 150 * SECOND), 0);
	assert_int_equal(tally_recent(&tally, 9999 * SECOND), 0);
}

static void counts_a_target(void **state)
{
	struct tally_target tally = { 0 };
	struct frame frame = motion(0, -3, 4), pressed = key(0), wheel = { 0 };
	const struct input_event at = { 0 };

	(void)state;
	frame_put(&wheel, &at, EV_REL, REL_WHEEL, -1);
	frame_close(&wheel, &at);
	tally_sent(&tally, &frame);
	tally_sent(&tally, &pressed);
	tally_sent(&tally, &wheel);
	assert_int_equal(tally.frames, 3);
	assert_int_equal(tally.motion, 7);
	frame = motion(0, INT32_MIN, INT32_MAX);
	tally_sent(&tally, &frame);
	assert_int_equal(tally.motion, 7 + UINT64_C(0xffffffff));
}

/* Every latency is in the bin whose ends are around it, and no end is further than an eighth. */
static void bins_are_seamless(void **state)
{
	(void)state;
	assert_int_equal(tally_bin_from(0), 0);
	assert_int_equal(tally_bin_from(TALLY_BINS), TALLY_LIMIT_US);
	for (uint32_t us = 0; us < TALLY_LIMIT_US; us++) {
		unsigned bin = tally_bin(us);

		if (bin >= TALLY_BINS || us < tally_bin_from(bin) || us >= tally_bin_from(bin + 1))
			fail_msg("%u us is in bin %u", us, bin);
	}
	for (unsigned bin = 0; bin < TALLY_BINS; bin++)
		assert_true(tally_bin_from(bin + 1) - tally_bin_from(bin) <=
			    1 + tally_bin_from(bin) / 8);
}

static void deliver(struct tally_latency *tally, int64_t us)
{
	struct frame frame = key(50 * SECOND);

	tally_delivered(tally, &frame, (uint64_t)((int64_t)(50 * SECOND) + us));
}

static void what_is_absurd_counts_apart(void **state)
{
	struct tally_latency tally = { 0 };
	struct frame undated = key(0);

	(void)state;
	tally_delivered(&tally, &undated, 7 * SECOND);
	assert_int_equal(tally_count(&tally) + tally.early + tally.late, 0);
	deliver(&tally, -1);
	deliver(&tally, -(int64_t)(50 * SECOND));
	deliver(&tally, TALLY_LIMIT_US);
	deliver(&tally, INT64_C(1) << 60);
	assert_int_equal(tally.early, 2);
	assert_int_equal(tally.late, 2);
	assert_int_equal(tally_count(&tally), 0);
	assert_int_equal(tally_percentile(&tally, 99), 0);
	assert_int_equal(tally.max_us, 0);
	deliver(&tally, 0);
	deliver(&tally, TALLY_LIMIT_US - 1);
	assert_int_equal(tally_count(&tally), 2);
	assert_int_equal(tally.max_us, TALLY_LIMIT_US - 1);
}

static void percentiles(void **state)
{
	struct tally_latency tally = { 0 };

	(void)state;
	deliver(&tally, 0);
	assert_int_equal(tally_percentile(&tally, 50), 0);
	tally = (struct tally_latency){ 0 };
	deliver(&tally, 9);
	assert_int_equal(tally_percentile(&tally, 1), 9);
	assert_int_equal(tally_percentile(&tally, 100), 9);
	for (unsigned i = 0; i < 98; i++)
		deliver(&tally, 5);
	deliver(&tally, 1000);
	/* Of a hundred, 98 took 5, one 9, one 1000. */
	assert_int_equal(tally_percentile(&tally, 50), 5);
	assert_int_equal(tally_percentile(&tally, 98), 5);
	assert_int_equal(tally_percentile(&tally, 99), 9);
	assert_int_equal(tally_percentile(&tally, 100), 1000);
}

static void sums(void **state)
{
	struct tally_latency a = { 0 }, b = { 0 };

	(void)state;
	deliver(&a, 5);
	deliver(&b, 7);
	deliver(&b, 0);
	deliver(&b, -1);
	deliver(&b, 5 * (int64_t)SECOND);
	tally_add(&a, &b);
	assert_int_equal(tally_count(&a), 3);
	assert_int_equal(a.bin[0], 1);
	assert_int_equal(a.max_us, 7);
	assert_int_equal(a.early, 1);
	assert_int_equal(a.late, 1);
}

static void buckets_cover_all_bins(void **state)
{
	struct tally_latency tally = { 0 };
	uint64_t sum = 0;
	unsigned bin = 0, buckets = 0;

	(void)state;
	for (unsigned i = 0; i < TALLY_BINS; i++)
		tally.bin[i] = i + 1;
	while (bin < TALLY_BINS) {
		unsigned next;

		sum += tally_bucket(&tally, bin, &next);
		assert_true(next > bin);
		bin = next;
		buckets++;
	}
	assert_int_equal(bin, TALLY_BINS);
	assert_int_equal(buckets, 40);
	assert_int_equal(sum, tally_count(&tally));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_a_device),
		cmocka_unit_test(rate_of_whole_seconds),
		cmocka_unit_test(counts_a_target),
		cmocka_unit_test(bins_are_seamless),
		cmocka_unit_test(what_is_absurd_counts_apart),
		cmocka_unit_test(percentiles),
		cmocka_unit_test(sums),
		cmocka_unit_test(buckets_cover_all_bins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
