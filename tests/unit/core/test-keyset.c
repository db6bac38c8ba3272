/* SPDX-License-Identifier: MIT */
/* Sets of keys: the edges of words and of the range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/keyset.h"

static const unsigned edges[] = { 0, 1, 31, 32, 63, 64, 65, 127, 128, 500, KEY_MAX - 1, KEY_MAX };

static void starts_empty(void **state)
{
	struct keyset set = { 0 };

	(void)state;
	assert_true(keyset_empty(&set));
	assert_int_equal(keyset_next(&set, 0), KEY_CNT);
	for (unsigned code = 0; code <= KEY_MAX; code++)
		assert_false(keyset_has(&set, code));
}

static void adds_and_removes_one(void **state)
{
	(void)state;
	for (unsigned code = 0; code <= KEY_MAX; code++) {
		struct keyset set = { 0 };

		keyset_add(&set, code);
		assert_false(keyset_empty(&set));
		for (unsigned other = 0; other <= KEY_MAX; other++)
			assert_int_equal(keyset_has(&set, other), other == code);
		assert_int_equal(keyset_next(&set, 0), code);
		assert_int_equal(keyset_next(&set, code), code);
		assert_int_equal(keyset_next(&set, code + 1), KEY_CNT);
		keyset_add(&set, code);
		keyset_remove(&set, code);
		assert_true(keyset_empty(&set));
		keyset_remove(&set, code);
		assert_true(keyset_empty(&set));
	}
}

static void takes_codes_out_of_range(void **state)
{
	static const unsigned beyond[] = { KEY_CNT, KEY_CNT + 1, 0xffff, 1U << 31, UINT32_MAX };
	struct keyset set = { 0 };

	(void)state;
	keyset_add(&set, KEY_MAX);
	for (unsigned i = 0; i < sizeof(beyond) / sizeof(*beyond); i++) {
		keyset_add(&set, beyond[i]);
		assert_false(keyset_has(&set, beyond[i]));
		keyset_remove(&set, beyond[i]);
		assert_int_equal(keyset_next(&set, beyond[i]), KEY_CNT);
	}
	assert_int_equal(keyset_next(&set, 0), KEY_MAX);
	keyset_remove(&set, KEY_MAX);
	assert_true(keyset_empty(&set));
}

static void walks_in_rising_order(void **state)
{
	struct keyset set = { 0 };
	unsigned n = 0;

	(void)state;
	for (unsigned i = sizeof(edges) / sizeof(*edges); i-- > 0;)
		keyset_add(&set, edges[i]);
	keyset_for_each (code, &set)
		assert_int_equal(code, edges[n++]);
	assert_int_equal(n, sizeof(edges) / sizeof(*edges));
}

static void walks_while_members_go(void **state)
{
	struct keyset set = { 0 };
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(edges) / sizeof(*edges); i++)
		keyset_add(&set, edges[i]);
	keyset_for_each (code, &set) {
		keyset_remove(&set, code);
		n++;
	}
	assert_int_equal(n, sizeof(edges) / sizeof(*edges));
	assert_true(keyset_empty(&set));
}

static void unites(void **state)
{
	struct keyset a = { 0 }, b = { 0 };

	(void)state;
	keyset_add(&a, KEY_A);
	keyset_add(&a, BTN_LEFT);
	keyset_add(&b, KEY_A);
	keyset_add(&b, KEY_ESC);
	keyset_add(&b, KEY_MAX);
	keyset_add_all(&a, &b);
	assert_true(keyset_has(&a, KEY_ESC));
	assert_true(keyset_has(&a, KEY_A) && keyset_has(&a, BTN_LEFT) && keyset_has(&a, KEY_MAX));
	assert_false(keyset_has(&b, BTN_LEFT));
}

static void is_laid_out_as_the_kernel_does(void **state)
{
	struct keyset set = { 0 };

	(void)state;
	/* EVIOCGKEY fills longs: bit n of long n / bits. */
	keyset_add(&set, BTN_LEFT);
	assert_int_equal(set.word[BTN_LEFT / KEYSET_BITS], 1UL << BTN_LEFT % KEYSET_BITS);
	assert_true(sizeof(set.word) * 8 >= KEY_CNT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_empty),
		cmocka_unit_test(adds_and_removes_one),
		cmocka_unit_test(takes_codes_out_of_range),
		cmocka_unit_test(walks_in_rising_order),
		cmocka_unit_test(walks_while_members_go),
		cmocka_unit_test(unites),
		cmocka_unit_test(is_laid_out_as_the_kernel_does),
	};

	return cmocka_run_group_tests_name("keyset", tests, NULL, NULL);
}
