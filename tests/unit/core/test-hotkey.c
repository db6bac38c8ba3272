/* SPDX-License-Identifier: MIT */
/* Chords: which key completes which, and what prevents it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/input.h>

#include "core/hotkey.h"

static const struct hotkeys none;

/* Keys, 0 at the end. */
static struct keyset keys(const unsigned *codes)
{
	struct keyset set = { 0 };

	while (*codes)
		keyset_add(&set, *codes++);
	return set;
}

#define DOWN(...) (&(struct keyset[]){ keys((const unsigned[]){ __VA_ARGS__, 0 }) }[0])

static const struct hotkeys table = {
	.n = 6,
	.entry = {
		{ { 2, { KEY_LEFTCTRL, KEY_RIGHTCTRL } }, 16 },
		{ { 2, { KEY_LEFTCTRL, KEY_F1 } }, 0 },
		{ { 3, { KEY_LEFTCTRL, KEY_A, KEY_F1 } }, 1 },
		{ { 1, { KEY_PAUSE } }, 2 },
		{ { 2, { KEY_LEFTMETA, BTN_SIDE } }, 3 },
		{ { 0, { 0 } }, 4 },
	},
};

static void matches_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTCTRL, KEY_RIGHTCTRL), KEY_RIGHTCTRL),
			 16);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTCTRL, KEY_RIGHTCTRL), KEY_LEFTCTRL), 16);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTMETA, BTN_SIDE), BTN_SIDE), 3);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTMETA, BTN_SIDE), KEY_LEFTMETA), 3);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_PAUSE), KEY_PAUSE), 2);
}

static void is_completed_by_its_own_keys_only(void **state)
{
	(void)state;
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_B), KEY_B), -1);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_PAUSE, KEY_B), KEY_B), -1);
}

static void needs_all_of_its_keys(void **state)
{
	(void)state;
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTCTRL), KEY_LEFTCTRL), -1);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_F1), KEY_F1), -1);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_A, KEY_F1), KEY_F1), -1);
}

static void stands_back_for_every_other_modifier(void **state)
{
	static const unsigned others[] = { KEY_RIGHTCTRL, KEY_LEFTSHIFT, KEY_RIGHTSHIFT,
					   KEY_LEFTALT,   KEY_RIGHTALT,  KEY_LEFTMETA,
					   KEY_RIGHTMETA };

	(void)state;
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++) {
		assert_int_equal(
			hotkey_match(&table, DOWN(KEY_LEFTCTRL, KEY_F1, others[i]), KEY_F1), -1);
		assert_int_equal(hotkey_match(&table, DOWN(KEY_PAUSE, others[i]), KEY_PAUSE), -1);
	}
	assert_int_equal(hotkey_match(&table, DOWN(KEY_PAUSE, KEY_LEFTCTRL), KEY_PAUSE), -1);
}

static void ignores_other_keys(void **state)
{
	(void)state;
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTCTRL, KEY_F1, KEY_B), KEY_F1), 0);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTCTRL, KEY_F1, BTN_LEFT), KEY_F1), 0);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTCTRL, KEY_F1, KEY_CAPSLOCK), KEY_F1), 0);
}

static void takes_the_longest(void **state)
{
	(void)state;
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTCTRL, KEY_A, KEY_F1), KEY_F1), 1);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTCTRL, KEY_A, KEY_F1), KEY_A), 1);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_LEFTCTRL, KEY_F1), KEY_F1), 0);
}

static void nothing_matches_nothing(void **state)
{
	(void)state;
	assert_int_equal(hotkey_match(&none, DOWN(KEY_LEFTCTRL, KEY_RIGHTCTRL), KEY_LEFTCTRL), -1);
	assert_int_equal(hotkey_match(&table, DOWN(KEY_B), KEY_B), -1);
}

static void chord_down_wants_all_and_some(void **state)
{
	static const struct chord chord = { 2, { KEY_BACKSPACE, KEY_ESC } };
	static const struct chord empty;

	(void)state;
	assert_true(chord_down(&chord, DOWN(KEY_BACKSPACE, KEY_ESC, KEY_LEFTSHIFT)));
	assert_false(chord_down(&chord, DOWN(KEY_BACKSPACE)));
	assert_false(chord_down(&chord, DOWN(KEY_ESC)));
	assert_false(chord_down(&empty, DOWN(KEY_ESC)));
}

/* Of two that are equally long, the first; what stands behind the last counts for nothing. */
static void takes_the_first_of_equals(void **state)
{
	static const struct hotkeys equals = {
		.n = 2,
		.entry = {
			{ { 2, { KEY_A, KEY_F1 } }, 5 },
			{ { 2, { KEY_B, KEY_F1 } }, 6 },
			{ { 1, { KEY_C } }, 7 },
		},
	};

	(void)state;
	assert_int_equal(hotkey_match(&equals, DOWN(KEY_A, KEY_B, KEY_F1), KEY_F1), 5);
	assert_int_equal(hotkey_match(&equals, DOWN(KEY_B, KEY_F1), KEY_F1), 6);
	assert_int_equal(hotkey_match(&equals, DOWN(KEY_C), KEY_C), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_in_any_order),
		cmocka_unit_test(is_completed_by_its_own_keys_only),
		cmocka_unit_test(needs_all_of_its_keys),
		cmocka_unit_test(stands_back_for_every_other_modifier),
		cmocka_unit_test(ignores_other_keys),
		cmocka_unit_test(takes_the_longest),
		cmocka_unit_test(nothing_matches_nothing),
		cmocka_unit_test(chord_down_wants_all_and_some),
		cmocka_unit_test(takes_the_first_of_equals),
	};

	return cmocka_run_group_tests_name("hotkey", tests, NULL, NULL);
}
