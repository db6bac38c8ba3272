/* SPDX-License-Identifier: MIT */
/* base/json: values of every type, and messages that are no single object. */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/util.h"

static struct json_object *parse(const char *text, const char **fault)
{
	return json_parse_object(text, strlen(text), fault);
}

static void test_reads_each_type(void **state)
{
	const char *fault;
	struct json_object *value =
		parse("{\"s\":\"text\",\"n\":7,\"t\":true,\"a\":[1,2]} \r\n", &fault);

	(void)state;
	assert_non_null(value);
	assert_null(fault);
	assert_string_equal(json_text(json_member(value, "s")), "text");
	assert_int_equal(json_number(json_member(value, "n")), 7);
	assert_true(json_is_true(json_member(value, "t")));
	assert_int_equal(json_length(json_member(value, "a")), 2);
	assert_int_equal(json_number(json_element(json_member(value, "a"), 1)), 2);
	json_object_put(value);
}

static void test_other_types_read_as_nothing(void **state)
{
	const char *fault;
	struct json_object *value = parse("{\"o\":{},\"z\":null,\"nul\":\"a\\u0000b\"}", &fault);
	const char *const keys[] = { "o", "z", "nul", "absent" };

	(void)state;
	assert_non_null(value);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct json_object *member = json_member(value, keys[i]);

		assert_string_equal(json_text(member), "");
		assert_int_equal(json_number(member), -1);
		assert_false(json_is_true(member));
		assert_int_equal(json_length(member), 0);
		assert_null(json_element(member, 0));
		assert_null(json_member(member, "x"));
	}
	assert_null(json_member(NULL, "x"));
	json_object_put(value);
}

static void test_refuses_what_is_no_single_object(void **state)
{
	static const char *const bad[] = {
		"",         "{",        "[]",     "null",       "7",    "{} {}",           "{}x",
		"{\"a\":}", "nonsense", "{\"a\"", "{\"a\":1,}", "\xff", "{\"a\":\"\xff\"}"
	};
	const char *fault;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_object *value = parse(bad[i], &fault);

		if (value || !fault)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_null(json_parse_object("{}\0", 3, &fault));
}

static void test_limits(void **state)
{
	char deep[2 * JSON_DEPTH_MAX + 2], *large = malloc(JSON_SIZE_MAX + 2);
	const char *fault;

	(void)state;
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	assert_null(json_parse_object(deep, sizeof(deep), &fault));
	assert_non_null(fault);
	assert_non_null(large);
	memset(large, ' ', JSON_SIZE_MAX + 1);
	large[0] = '{';
	large[1] = '}';
	json_object_put(json_parse_object(large, JSON_SIZE_MAX, &fault));
	assert_null(fault);
	assert_null(json_parse_object(large, JSON_SIZE_MAX + 1, &fault));
	assert_string_equal(fault, "it is too large");
	memset(large, ',', JSON_VALUES_MAX + 1);
	assert_null(json_parse_object(large, JSON_VALUES_MAX + 1, &fault));
	assert_string_equal(fault, "it is too large");
	free(large);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_each_type),
		cmocka_unit_test(test_other_types_read_as_nothing),
		cmocka_unit_test(test_refuses_what_is_no_single_object),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
