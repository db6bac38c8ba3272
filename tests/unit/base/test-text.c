/* SPDX-License-Identifier: MIT */
/* Blanks around a text, and which bytes are UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "base/util.h"

static void trims(void **state)
{
	static const struct {
		const char *text, *trimmed;
	} cases[] = {
		{ "", "" },           { " \t ", "" },       { "a", "a" },
		{ "  a b\t", "a b" }, { "\na\n", "\na\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t size = strlen(cases[i].text);
		const char *start = text_trim(cases[i].text, &size);

		assert_int_equal(size, strlen(cases[i].trimmed));
		assert_memory_equal(start, cases[i].trimmed, size);
	}
}

static void begins(void **state)
{
	(void)state;
	assert_true(text_starts_with("abc", "ab"));
	assert_true(text_starts_with("abc", ""));
	assert_false(text_starts_with("ab", "abc"));
	assert_false(text_starts_with("", "a"));
}

static unsigned encode(uint32_t point, char bytes[static 4])
{
	if (point < 0x80) {
		bytes[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		bytes[0] = (char)(0xc0 | point >> 6);
		bytes[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		bytes[0] = (char)(0xe0 | point >> 12);
		bytes[1] = (char)(0x80 | (point >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	bytes[0] = (char)(0xf0 | point >> 18);
	bytes[1] = (char)(0x80 | (point >> 12 & 0x3f));
	bytes[2] = (char)(0x80 | (point >> 6 & 0x3f));
	bytes[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

/* Each is read as itself, and no beginning of it as anything. */
static void every_code_point(void **state)
{
	(void)state;
	for (uint32_t point = 0; point < 0x200000; point++) {
		bool legal = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
		uint32_t found = ~point;
		char bytes[4];
		unsigned size = encode(point, bytes);

		if (text_utf8(bytes, size, &found) != (legal ? size : 0))
			fail_msg("U+%04X", point);
		if (legal && found != point)
			fail_msg("U+%04X is read as U+%04X", point, found);
		for (unsigned cut = 1; cut < size; cut++)
			if (text_utf8(bytes, cut, &found))
				fail_msg("U+%04X, of which %u bytes are there", point, cut);
	}
}

static void broken_bytes(void **state)
{
	static const char *const cases[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xc3(",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xe2(\xa1",
		"\xe2\x82(",
		"\xed\xa0\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80",
		"\xfe",
		"\xff",
	};
	uint32_t point;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(text_utf8(cases[i], 4, &point), 0);
}

/* Whatever the size, what remains is valid, and as much as there is room for. */
static void cut_between_characters(void **state)
{
	static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
	static const size_t lengths[] = { 0, 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11 };
	char to[sizeof(lengths) / sizeof(lengths[0])];

	(void)state;
	for (size_t size = 1; size < ARRAY_SIZE(lengths); size++) {
		size_t length = text_print(to, size, "%s", text);

		assert_int_equal(length, lengths[size]);
		assert_int_equal(strlen(to), length);
		assert_memory_equal(to, text, length);
	}
}

/* What is no UTF-8 is cut somewhere. */
static void cut_within_other_bytes(void **state)
{
	char to[8];

	(void)state;
	assert_int_equal(text_print(to, sizeof(to), "\x80\x80\x80\x80\x80\x80\x80\x80"), 7);
	assert_int_equal(text_print(to, sizeof(to), "\xff\xff\xff\xff\xff\xff\xff\xff"), 6);
	assert_int_equal(text_print(to, 1, "abc"), 0);
	assert_int_equal(text_print(to, sizeof(to), "%d", 17), 2);
	assert_string_equal(to, "17");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trims),
		cmocka_unit_test(begins),
		cmocka_unit_test(every_code_point),
		cmocka_unit_test(broken_bytes),
		cmocka_unit_test(cut_between_characters),
		cmocka_unit_test(cut_within_other_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
