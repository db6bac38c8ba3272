/* SPDX-License-Identifier: MIT */
/* Names of keys and chords. */
#include <errno.h>
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/keys.h"
#include "core/keyset.h"
#include "base/util.h"

static void codes(void **state)
{
	(void)state;
	assert_int_equal(keys_code("leftctrl"), KEY_LEFTCTRL);
	assert_int_equal(keys_code("LeftCtrl"), KEY_LEFTCTRL);
	assert_int_equal(keys_code("KEY_LEFTCTRL"), KEY_LEFTCTRL);
	assert_int_equal(keys_code("key_leftctrl"), KEY_LEFTCTRL);
	assert_int_equal(keys_code("a"), KEY_A);
	assert_int_equal(keys_code("1"), KEY_1);
	assert_int_equal(keys_code("102nd"), KEY_102ND);
	assert_int_equal(keys_code("btn_side"), BTN_SIDE);
	assert_int_equal(keys_code("BTN_LEFT"), BTN_LEFT);
	assert_int_equal(keys_code("unknown"), KEY_UNKNOWN);
}

static void names_of_nothing(void **state)
{
	static const char *const names[] = {
		"",      "KEY_",  "BTN_",     "key_key_a", "key_btn_side", "side", "leftctl",
		"a ",    " a",    "reserved", "max",       "KEY_MAX",      "cnt",  "KEY_RESERVED",
		"rel_x", "ABS_X", "EV_KEY",   "30",        "leftctrl\n",   "\xff", "btn_",
	};
	char endless[1000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (keys_code(names[i]) != -EINVAL)
			fail_msg("'%s' is no key", names[i]);
	memset(endless, 'a', sizeof(endless));
	for (size_t n = 1; n < sizeof(endless); n++) {
		endless[sizeof(endless) - 1] = '\0';
		assert_int_equal(keys_code(endless + sizeof(endless) - 1 - n),
				 n == 1 ? KEY_A : -EINVAL);
	}
}

static void names_of_codes(void **state)
{
	(void)state;
	assert_string_equal(keys_name(KEY_LEFTCTRL).text, "leftctrl");
	assert_string_equal(keys_name(BTN_SIDE).text, "btn_side");
	assert_string_equal(keys_name(KEY_102ND).text, "102nd");
	assert_string_equal(keys_name(KEY_A).text, "a");
	assert_string_equal(keys_name(KEY_Z).text, "z");
	assert_string_equal(keys_name(KEY_CNT).text, "?");
	assert_string_equal(keys_name(~0U).text, "?");
	assert_string_equal(keys_name(84).text, "?"); /* a hole in the kernel's list */
}

/* What keys_name writes can be read again, whichever key it is. */
static void names_there_and_back(void **state)
{
	unsigned named = 0;

	(void)state;
	for (unsigned code = 1; code < KEY_MAX; code++) {
		struct keys_name name = keys_name(code);

		assert_true(strlen(name.text) < KEYS_NAME_MAX - 1);
		if (strcmp(name.text, "?") == 0)
			continue;
		assert_int_equal(keys_code(name.text), code);
		named++;
	}
	assert_true(named > 400);
}

static void assert_chord(const char *text, unsigned n, const unsigned *codes)
{
	struct chord chord = { 0 };
	struct keys_name bad;

	assert_int_equal(keys_parse_chord(text, &chord, &bad), KEYS_OK);
	assert_int_equal(chord.n, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(chord.code[i], codes[i]);
}

static void chords(void **state)
{
	static const unsigned both[] = { KEY_LEFTCTRL, KEY_RIGHTCTRL };
	static const unsigned full[] = { KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G, KEY_H };

	(void)state;
	assert_chord("leftctrl", 1, both);
	assert_chord("leftctrl+rightctrl", 2, both);
	assert_chord(" KEY_LEFTCTRL\t+  RightCtrl ", 2, both);
	assert_chord("a+b+c+d+e+f+g+h", CHORD_MAX, full);
}

/* An error names its culprit and leaves the chord as it was. */
static void assert_no_chord(const char *text, enum keys_error error, const char *culprit)
{
	struct chord chord = { .n = 1, .code = { KEY_PAUSE } };
	struct keys_name bad = { "" };

	assert_int_equal(keys_parse_chord(text, &chord, &bad), error);
	assert_string_equal(bad.text, culprit);
	assert_int_equal(chord.n, 1);
	assert_int_equal(chord.code[0], KEY_PAUSE);
}

static void no_chords(void **state)
{
	(void)state;
	assert_no_chord("", KEYS_EMPTY, "");
	assert_no_chord(" \t", KEYS_EMPTY, "");
	assert_no_chord("+", KEYS_EMPTY, "");
	assert_no_chord("a+", KEYS_EMPTY, "");
	assert_no_chord("+a", KEYS_EMPTY, "");
	assert_no_chord("a+ +b", KEYS_EMPTY, "");
	assert_no_chord("a+leftctl+b", KEYS_UNKNOWN, "leftctl");
	assert_no_chord("a b", KEYS_UNKNOWN, "a b");
	assert_no_chord("a,b", KEYS_UNKNOWN, "a,b");
	assert_no_chord("a+KEY_A", KEYS_TWICE, "KEY_A");
	assert_no_chord("a+b+c+d+e+f+g+h+i", KEYS_TOO_MANY, "i");
	/* Cut to what fits, and not within a character. */
	assert_no_chord("a+a23456789012345678901234567890123456789012345", KEYS_UNKNOWN,
			"a23456789012345678901234567890123456789");
	assert_no_chord("a2345678901234567890123456789012345678\u00fcx", KEYS_UNKNOWN,
			"a2345678901234567890123456789012345678");
	assert_no_chord("a2345678901234567890123456789012345678\u00e9x", KEYS_UNKNOWN,
			"a2345678901234567890123456789012345678");
	assert_no_chord("a234567890123456789012345678901234567890", KEYS_UNKNOWN,
			"a23456789012345678901234567890123456789");
	/* Nothing but rests of characters: nothing is left. */
	assert_no_chord("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
			"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
			"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
			KEYS_EMPTY, "");
}

static void lists(void **state)
{
	struct keyset set = { 0 };
	struct keys_name bad;

	(void)state;
	assert_int_equal(keys_parse_list("mute , KEY_VOLUMEUP,btn_side", &set, &bad), KEYS_OK);
	assert_int_equal(keyset_next(&set, 0), KEY_MUTE);
	assert_int_equal(keyset_next(&set, KEY_MUTE + 1), KEY_VOLUMEUP);
	assert_int_equal(keyset_next(&set, KEY_VOLUMEUP + 1), BTN_SIDE);
	assert_int_equal(keyset_next(&set, BTN_SIDE + 1), KEY_CNT);

	assert_int_equal(keys_parse_list("a,b,c,d,e,f,g,h,i,j", &set, &bad), KEYS_OK);
	assert_true(keyset_has(&set, KEY_J));
	assert_false(keyset_has(&set, KEY_MUTE));
}

static void no_lists(void **state)
{
	struct keyset set = { 0 };
	struct keys_name bad;

	(void)state;
	assert_int_equal(keys_parse_list("", &set, &bad), KEYS_EMPTY);
	assert_int_equal(keys_parse_list("mute,", &set, &bad), KEYS_EMPTY);
	assert_int_equal(keys_parse_list("mute,loud", &set, &bad), KEYS_UNKNOWN);
	assert_string_equal(bad.text, "loud");
	assert_int_equal(keys_parse_list("mute,MUTE", &set, &bad), KEYS_TWICE);
	assert_string_equal(bad.text, "MUTE");
	assert_true(keyset_empty(&set));
}

static void has(void **state)
{
	const struct chord chord = { .n = 2, .code = { KEY_A, KEY_B, KEY_C } };

	(void)state;
	assert_true(chord_has(&chord, KEY_A));
	assert_true(chord_has(&chord, KEY_B));
	assert_false(chord_has(&chord, KEY_C));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes),
		cmocka_unit_test(names_of_nothing),
		cmocka_unit_test(names_of_codes),
		cmocka_unit_test(names_there_and_back),
		cmocka_unit_test(chords),
		cmocka_unit_test(no_chords),
		cmocka_unit_test(lists),
		cmocka_unit_test(no_lists),
		cmocka_unit_test(has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
