/* SPDX-License-Identifier: MIT */
/* What a wheel of one form makes of the other. */
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "core/wheel.h"

#define REL(code) (1U << (code))
#define CLICKS    (REL(REL_WHEEL) | REL(REL_HWHEEL))
#define HIRES     (REL(REL_WHEEL_HI_RES) | REL(REL_HWHEEL_HI_RES))

/* The value that is made of this one as that code; 0: none is. */
static int turn(struct wheel *wheel, unsigned code, int value, unsigned made_code)
{
	struct input_event ev = { .type = EV_REL, .code = (uint16_t)code, .value = value }, made;

	if (!wheel_make(wheel, &ev, &made))
		return 0;
	assert_int_equal(made.type, EV_REL);
	assert_int_equal(made.code, made_code);
	assert_int_not_equal(made.value, 0);
	return made.value;
}

static void init(struct wheel *wheel, unsigned declared, unsigned made)
{
	wheel_init(wheel, (uint16_t)declared);
	assert_int_equal(wheel->made, made);
}

/* What has both, or no wheel at all, needs nothing; each wheel is for itself. */
static void what_is_made(void **state)
{
	struct wheel wheel;

	(void)state;
	init(&wheel, 0, 0);
	init(&wheel, REL(REL_X) | REL(REL_Y), 0);
	init(&wheel, CLICKS | HIRES, 0);
	init(&wheel, CLICKS, HIRES);
	init(&wheel, HIRES, CLICKS);
	init(&wheel, REL(REL_WHEEL), REL(REL_WHEEL_HI_RES));
	init(&wheel, REL(REL_HWHEEL_HI_RES), REL(REL_HWHEEL));
	init(&wheel, REL(REL_WHEEL) | REL(REL_HWHEEL_HI_RES),
	     REL(REL_WHEEL_HI_RES) | REL(REL_HWHEEL));
	init(&wheel, CLICKS | REL(REL_WHEEL_HI_RES), REL(REL_HWHEEL_HI_RES));
	assert_int_equal(turn(&wheel, REL_WHEEL, 1, 0), 0);
	assert_int_equal(turn(&wheel, REL_WHEEL_HI_RES, 120, 0), 0);
	assert_int_equal(turn(&wheel, REL_HWHEEL, 1, REL_HWHEEL_HI_RES), 120);
}

static void only_wheels_count(void **state)
{
	struct wheel wheel;

	(void)state;
	init(&wheel, HIRES, CLICKS);
	for (unsigned code = 0; code < REL_CNT; code++)
		if (!(REL(code) & (CLICKS | HIRES)))
			assert_int_equal(turn(&wheel, code, 1200, 0), 0);
}

static void units_of_clicks(void **state)
{
	struct wheel wheel;

	(void)state;
	init(&wheel, CLICKS, HIRES);
	assert_int_equal(turn(&wheel, REL_WHEEL, 1, REL_WHEEL_HI_RES), 120);
	assert_int_equal(turn(&wheel, REL_WHEEL, -3, REL_WHEEL_HI_RES), -360);
	assert_int_equal(turn(&wheel, REL_HWHEEL, 2, REL_HWHEEL_HI_RES), 240);
	assert_int_equal(turn(&wheel, REL_WHEEL, 0, REL_WHEEL_HI_RES), 0);
	assert_int_equal(turn(&wheel, REL_WHEEL, INT32_MAX, REL_WHEEL_HI_RES), INT32_MAX);
	assert_int_equal(turn(&wheel, REL_WHEEL, INT32_MIN, REL_WHEEL_HI_RES), INT32_MIN);
	assert_int_equal(turn(&wheel, REL_WHEEL, INT32_MAX / 120, REL_WHEEL_HI_RES),
			 INT32_MAX / 120 * 120);
}

/* Units of each event, and the clicks that it makes. */
struct step {
	int units, clicks;
};

static void roll(const struct step *steps, size_t n)
{
	static const uint16_t codes[][2] = { { REL_WHEEL_HI_RES, REL_WHEEL },
					     { REL_HWHEEL_HI_RES, REL_HWHEEL } };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct wheel wheel;

		init(&wheel, HIRES, CLICKS);
		for (size_t step = 0; step < n; step++)
			assert_int_equal(turn(&wheel, codes[i][0], steps[step].units, codes[i][1]),
					 steps[step].clicks);
	}
}

static void clicks_of_units(void **state)
{
	static const struct step whole[] = { { 120, 1 }, { -120, -1 }, { 360, 3 }, { -240, -2 } };
	static const struct step parts[] = { { 30, 0 },  { 30, 0 },  { 30, 0 },  { 30, 1 },
					     { 30, 0 },  { 100, 1 }, { 109, 0 }, { 1, 1 },
					     { 119, 0 }, { 121, 2 } };
	static const struct step back[] = { { -15, 0 },  { -104, 0 }, { -1, -1 },
					    { -119, 0 }, { -2, -1 },  { -119, -1 } };

	(void)state;
	roll(whole, ARRAY_SIZE(whole));
	roll(parts, ARRAY_SIZE(parts));
	roll(back, ARRAY_SIZE(back));
}

static void turning_round_drops_the_rest(void **state)
{
	static const struct step steps[] = { { 100, 0 },   { -20, 0 }, { -99, 0 }, { -1, -1 },
					     { -119, 0 },  { 1, 0 },   { 119, 1 }, { 119, 0 },
					     { -120, -1 }, { 119, 0 }, { 1, 1 } };
	/* Standing still is no turning round. */
	static const struct step still[] = { { 119, 0 },  { 0, 0 }, { 1, 1 },
					     { -119, 0 }, { 0, 0 }, { -1, -1 } };

	(void)state;
	roll(steps, ARRAY_SIZE(steps));
	roll(still, ARRAY_SIZE(still));
}

static void any_value(void **state)
{
	static const struct step steps[] = { { INT32_MAX, INT32_MAX / 120 },
					     { 120 - INT32_MAX % 120, 1 },
					     { INT32_MIN, INT32_MIN / 120 },
					     { INT32_MIN, INT32_MIN / 120 },
					     { INT32_MAX, INT32_MAX / 120 } };

	(void)state;
	roll(steps, ARRAY_SIZE(steps));
}

/* One is not the other's rest. */
static void two_wheels(void **state)
{
	struct wheel wheel;

	(void)state;
	init(&wheel, HIRES, CLICKS);
	assert_int_equal(turn(&wheel, REL_WHEEL_HI_RES, 60, REL_WHEEL), 0);
	assert_int_equal(turn(&wheel, REL_HWHEEL_HI_RES, 60, REL_HWHEEL), 0);
	assert_int_equal(turn(&wheel, REL_HWHEEL_HI_RES, -60, REL_HWHEEL), 0);
	assert_int_equal(turn(&wheel, REL_WHEEL_HI_RES, 60, REL_WHEEL), 1);
	assert_int_equal(turn(&wheel, REL_HWHEEL_HI_RES, -60, REL_HWHEEL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_made),
		cmocka_unit_test(only_wheels_count),
		cmocka_unit_test(units_of_clicks),
		cmocka_unit_test(clicks_of_units),
		cmocka_unit_test(turning_round_drops_the_rest),
		cmocka_unit_test(any_value),
		cmocka_unit_test(two_wheels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
