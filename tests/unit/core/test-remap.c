/* SPDX-License-Identifier: MIT */
/* Looking codes up in a device's remap. */
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/keyset.h"
#include "core/remap.h"

/* Two keys swapped, one moved away, two that become the same. */
static const struct remap remap = {
	.n = 5,
	.entry = {
		{ KEY_A, KEY_B },
		{ KEY_B, KEY_A },
		{ KEY_CAPSLOCK, KEY_LEFTCTRL },
		{ BTN_SIDE, KEY_LEFTMETA },
		{ BTN_EXTRA, KEY_LEFTMETA },
	},
};

static struct keyset keys(unsigned one, unsigned other)
{
	struct keyset set = { 0 };

	keyset_add(&set, one);
	keyset_add(&set, other);
	return set;
}

static void code(void **state)
{
	static const struct remap none;

	(void)state;
	assert_int_equal(remap_code(&remap, KEY_CAPSLOCK), KEY_LEFTCTRL);
	assert_int_equal(remap_code(&remap, BTN_SIDE), KEY_LEFTMETA);
	assert_int_equal(remap_code(&remap, KEY_LEFTCTRL), KEY_LEFTCTRL);
	assert_int_equal(remap_code(&remap, KEY_Z), KEY_Z);
	assert_int_equal(remap_code(&none, KEY_A), KEY_A);
	assert_int_equal(remap_code(&none, 0), 0);
	assert_int_equal(remap_code(&remap, KEY_MAX), KEY_MAX);
}

/* A result is not looked up again, or a swap would be none. */
static void swap(void **state)
{
	(void)state;
	assert_int_equal(remap_code(&remap, KEY_A), KEY_B);
	assert_int_equal(remap_code(&remap, KEY_B), KEY_A);
}

static void full(void **state)
{
	struct remap many = { .n = REMAP_MAX };

	(void)state;
	for (unsigned i = 0; i < REMAP_MAX; i++)
		many.entry[i] = (struct remap_entry){ (uint16_t)(i + 1), (uint16_t)(i + 101) };
	for (unsigned i = 0; i < REMAP_MAX; i++)
		assert_int_equal(remap_code(&many, i + 1), i + 101);
	assert_int_equal(remap_code(&many, REMAP_MAX + 1), REMAP_MAX + 1);
}

static void any(void **state)
{
	const struct keyset none = { 0 };
	struct keyset raw = keys(KEY_CAPSLOCK, KEY_Z);

	(void)state;
	assert_true(remap_any(&remap, &raw, KEY_LEFTCTRL));
	assert_true(remap_any(&remap, &raw, KEY_Z));
	assert_false(remap_any(&remap, &raw, KEY_CAPSLOCK)); /* it has become another */
	assert_false(remap_any(&remap, &raw, KEY_A));
	assert_false(remap_any(&remap, &none, KEY_LEFTCTRL));
	raw = keys(KEY_LEFTCTRL, KEY_LEFTCTRL);
	assert_true(remap_any(&remap, &raw, KEY_LEFTCTRL));
	raw = keys(BTN_EXTRA, BTN_EXTRA);
	assert_true(remap_any(&remap, &raw, KEY_LEFTMETA));
}

/* remap_any is what remap_code gives, asked for every member. */
static void any_agrees_with_code(void **state)
{
	(void)state;
	for (unsigned raw = 0; raw < KEY_CNT; raw++) {
		struct keyset set = keys(raw, raw);

		for (unsigned wanted = 0; wanted < KEY_CNT; wanted++)
			assert_int_equal(remap_any(&remap, &set, wanted),
					 remap_code(&remap, raw) == wanted);
	}
}

/* What stands behind the last entry counts for nothing. */
static void no_more_than_n(void **state)
{
	static const struct remap one = { 1, { { KEY_A, KEY_B }, { KEY_C, KEY_D } } };
	const struct keyset raw = keys(KEY_C, KEY_C);

	(void)state;
	assert_int_equal(remap_code(&one, KEY_A), KEY_B);
	assert_int_equal(remap_code(&one, KEY_C), KEY_C);
	assert_false(remap_any(&one, &raw, KEY_D));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code),
		cmocka_unit_test(swap),
		cmocka_unit_test(full),
		cmocka_unit_test(any),
		cmocka_unit_test(any_agrees_with_code),
		cmocka_unit_test(no_more_than_n),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
