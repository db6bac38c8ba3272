/* SPDX-License-Identifier: MIT */
/* What is pure beside the messages: line ends, and names of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "clipboard/convert.h"
#include "clipboard/transfer.h"

static void expect(char *(*convert)(const char *text, size_t *size), const char *from,
		   size_t from_size, const char *to)
{
	size_t size = from_size;
	char *copy = convert(from, &size);

	assert_non_null(copy);
	assert_int_equal(size, strlen(to));
	assert_memory_equal(copy, to, size);
	free(copy);
}

static void test_line_ends(void **state)
{
	(void)state;
	expect(convert_to_lf, "a\r\nb\r\n", 6, "a\nb\n");
	expect(convert_to_lf, "a\rb\n\r", 5, "a\rb\n\r");
	expect(convert_to_lf, "\r\r\n", 3, "\r\n");
	expect(convert_to_lf, "", 0, "");
	expect(convert_to_lf, "x\0\0", 3, "x");
	expect(convert_to_crlf, "a\nb\n", 4, "a\r\nb\r\n");
	expect(convert_to_crlf, "a\r\nb\n", 5, "a\r\nb\r\n");
	expect(convert_to_crlf, "\n\n", 2, "\r\n\r\n");
	expect(convert_to_crlf, "\0", 1, "");
}

/* Within an allocation of its size, which the sanitizers watch. */
static void test_no_byte_beyond(void **state)
{
	char *one = malloc(1);

	(void)state;
	assert_non_null(one);
	*one = '\r';
	expect(convert_to_lf, one, 1, "\r");
	expect(convert_to_crlf, one, 1, "\r");
	*one = '\n';
	expect(convert_to_crlf, one, 1, "\r\n");
	free(one);
}

static void test_safe_names(void **state)
{
	static const struct {
		const char *name, *safe;
	} cases[] = {
		{ "photo 1.jpg", "photo 1.jpg" },
		{ "/etc/passwd", "passwd" },
		{ "../../x", "x" },
		{ "a/", "file" },
		{ "", "file" },
		{ ".", "file" },
		{ "..", "file" },
		{ "C:\\x", "C__x" },
		{ "a\nname=b", "a_name=b" },
		{ "what?*\"<>|", "what______" },
		{ "end. . ", "end" },
		{ "  begin", "begin" },
		{ "con", "_con" },
		{ "NUL.txt", "_NUL.txt" },
		{ "com1", "_com1" },
		{ "LPT9.x", "_LPT9.x" },
		{ "com", "com" },
		{ "coma", "coma" },
		{ "console", "console" },
		{ ".hidden", ".hidden" },
		{ "gr\303\274n", "gr\303\274n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char safe[TRANSFER_NAME_MAX + 1];

		transfer_safe_name(cases[i].name, safe);
		assert_string_equal(safe, cases[i].safe);
	}
}

/* Cut between characters. */
static void test_long_name(void **state)
{
	char name[1001] = "", safe[TRANSFER_NAME_MAX + 1];

	(void)state;
	for (int i = 0; i < 500; i++)
		strcat(name, "\303\274");
	transfer_safe_name(name, safe);
	assert_int_equal(strlen(safe), 254);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_no_byte_beyond),
		cmocka_unit_test(test_safe_names),
		cmocka_unit_test(test_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
