/* SPDX-License-Identifier: MIT */
/* When a thread counts as hung: each state that it can be in, at the limit and one sample before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "watchdog/hang.h"

static struct hang hang;
static struct hang_sample now;

static int begin(void **state)
{
	(void)state;
	now = (struct hang_sample){ .time_ms = 5000, .used_ms = 300, .turn = 7, .state = 'R' };
	hang = (struct hang){ .patience = 1 };
	hang_reset(&hang, &now);
	return 0;
}

/* The next sample, in which it is in this state and has used so much CPU time since the last. */
static bool next(char state, unsigned passed_ms, unsigned used_ms)
{
	now.time_ms += passed_ms;
	now.used_ms += used_ms;
	now.state = state;
	return hang_judge(&hang, &now);
}

/* How many samples, one every HANG_SAMPLE_MS, until it counts as hung; 100: never. */
static unsigned samples(char state, unsigned used_ms)
{
	for (unsigned n = 1; n < 100; n++)
		if (next(state, HANG_SAMPLE_MS, used_ms))
			return n;
	return 100;
}

static void test_spins(void **state)
{
	(void)state;
	assert_int_equal(samples('R', HANG_SAMPLE_MS), HANG_STILL_MS / HANG_SAMPLE_MS);
}

static void test_spins_instead_of_waiting(void **state)
{
	(void)state;
	now.turn = 8;
	hang_reset(&hang, &now);
	assert_int_equal(samples('R', HANG_SAMPLE_MS), HANG_STILL_MS / HANG_SAMPLE_MS);
}

static void test_sleeps_in_a_call(void **state)
{
	(void)state;
	assert_int_equal(samples('S', 0), HANG_STILL_MS / HANG_SAMPLE_MS);
}

static void test_waits_for_work(void **state)
{
	(void)state;
	now.turn = 8;
	hang_reset(&hang, &now);
	assert_int_equal(samples('S', 0), 100);
}

static void test_waits_for_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(samples('D', 0), HANG_WAITING_MS / HANG_SAMPLE_MS);
}

static void test_unknown_state(void **state)
{
	(void)state;
	assert_int_equal(samples('?', 0), HANG_WAITING_MS / HANG_SAMPLE_MS);
}

static void test_is_stopped(void **state)
{
	(void)state;
	assert_int_equal(samples('T', 0), HANG_STOPPED_MS / HANG_SAMPLE_MS);
	begin(NULL);
	now.turn = 8;
	hang_reset(&hang, &now);
	assert_int_equal(samples('t', 0), HANG_STOPPED_MS / HANG_SAMPLE_MS);
}

/* A processor that is shared with many: it is ready to run, but hardly gets one. */
static void test_is_starved(void **state)
{
	(void)state;
	assert_int_equal(samples('R', HANG_SAMPLE_MS / 25), HANG_WAITING_MS / HANG_SAMPLE_MS);
}

static void test_patience(void **state)
{
	(void)state;
	hang.patience = 3;
	hang_reset(&hang, &now);
	assert_int_equal(samples('R', HANG_SAMPLE_MS), 3 * HANG_STILL_MS / HANG_SAMPLE_MS);
	hang_reset(&hang, &now);
	assert_int_equal(samples('S', 0), 3 * HANG_STILL_MS / HANG_SAMPLE_MS);
	hang_reset(&hang, &now);
	assert_int_equal(samples('t', 0), 3 * HANG_STOPPED_MS / HANG_SAMPLE_MS);
}

static void test_makes_progress(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 100; n++) {
		now.turn++;
		assert_false(next('R', HANG_STILL_MS, HANG_STILL_MS));
	}
}

/* It naps in a long turn, but never for long. */
static void test_naps(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 6; n++) {
		assert_false(next('S', HANG_SAMPLE_MS, 0));
		assert_false(next('S', HANG_SAMPLE_MS, 0));
		assert_false(next('D', HANG_SAMPLE_MS, 0));
	}
}

/* Suspend, or a machine that was busy: both stood still. */
static void test_late_samples(void **state)
{
	(void)state;
	for (unsigned n = 1; n < HANG_STILL_MS / HANG_CREDIT_MS; n++)
		assert_false(next('S', 3600000, 0));
	assert_true(next('S', 3600000, 0));
	begin(NULL);
	assert_false(next('T', 3600000, 0));
}

static void test_continues_after_a_stop(void **state)
{
	(void)state;
	for (unsigned n = 1; n < HANG_STOPPED_MS / HANG_SAMPLE_MS; n++)
		assert_false(next('T', HANG_SAMPLE_MS, 0));
	assert_false(next('R', HANG_SAMPLE_MS, 1));
	assert_int_equal(hang.stopped_ms, 0);
	now.turn++;
	assert_false(next('R', HANG_SAMPLE_MS, 1));
	assert_int_equal(hang.still_ms, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_spins, begin),
		cmocka_unit_test_setup(test_spins_instead_of_waiting, begin),
		cmocka_unit_test_setup(test_sleeps_in_a_call, begin),
		cmocka_unit_test_setup(test_waits_for_work, begin),
		cmocka_unit_test_setup(test_waits_for_the_kernel, begin),
		cmocka_unit_test_setup(test_unknown_state, begin),
		cmocka_unit_test_setup(test_is_stopped, begin),
		cmocka_unit_test_setup(test_is_starved, begin),
		cmocka_unit_test_setup(test_patience, begin),
		cmocka_unit_test_setup(test_makes_progress, begin),
		cmocka_unit_test_setup(test_naps, begin),
		cmocka_unit_test_setup(test_late_samples, begin),
		cmocka_unit_test_setup(test_continues_after_a_stop, begin),
	};

	return cmocka_run_group_tests_name("hang", tests, NULL, NULL);
}
