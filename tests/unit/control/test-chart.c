/* SPDX-License-Identifier: MIT */
/* What --stats prints: numbers for people, one screen, and nothing that a peer may send breaks it. */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/util.h"
#include "control/chart.h"

typedef void (*words_fn)(char text[static CHART_NUMBER_MAX], int64_t number);

static void expect(words_fn fn, int64_t number, const char *text)
{
	char got[CHART_NUMBER_MAX];

	fn(got, number);
	assert_string_equal(got, text);
}

static void numbers(void **state)
{
	(void)state;
	expect(chart_number, 0, "0");
	expect(chart_number, -1, "0"); /* what json_number says of what is no number */
	expect(chart_number, 999, "999");
	expect(chart_number, 1000, "1,000");
	expect(chart_number, 1234567, "1,234,567");
	expect(chart_number, INT64_MAX, "9,223,372,036,854,775,807");
	expect(chart_time, 0, "0 us");
	expect(chart_time, 999, "999 us");
	expect(chart_time, 1024, "1.0 ms");
	expect(chart_time, 1536, "1.5 ms");
	expect(chart_time, 24576, "25 ms");
	expect(chart_time, 10499, "10 ms");
	expect(chart_time, 10500, "11 ms");
	expect(chart_time, INT64_MAX, "9223372036854776 ms");
	expect(chart_span, 59, "59 s");
	expect(chart_span, 60, "1 min");
	expect(chart_span, 2 * 3600 + 5 * 60, "2 h 5 min");
	expect(chart_span, 4 * 86400 + 3601, "4 d 1 h");
}

/* What is printed for this JSON, which the caller frees. */
static char *print(const char *json)
{
	const char *fault;
	struct json_object *stats = json_parse_object(json, strlen(json), &fault);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_null(fault);
	chart_print(out, stats);
	fclose(out);
	json_object_put(stats);
	return text;
}

static const char some[] =
	"{\"seconds\":3700,\"timed_every\":17,\"devices\":[{\"name\":\"mouse\",\"frames\":1234,"
	"\"events\":2345678,\"events_per_second\":993,\"losses\":2,\"longest\":4}],\"targets\":["
	"{\"name\":\"host\",\"frames\":12,\"motion\":1000,\"refused\":0,\"led_changes\":3,"
	"\"latency\":{\"frames\":0,\"median_us\":0,\"p99_us\":0}},"
	"{\"name\":\"win10\",\"frames\":99,\"motion\":0,\"refused\":5,\"led_changes\":0,"
	"\"latency\":{\"frames\":99,\"median_us\":21,\"p99_us\":1200}}],"
	"\"latency\":{\"frames\":1000,\"median_us\":21,\"p99_us\":47,\"max_us\":1200,\"late\":1,"
	"\"early\":2},\"buckets\":[{\"from_us\":16,\"below_us\":24,\"frames\":900},"
	"{\"from_us\":24,\"below_us\":32,\"frames\":0},"
	"{\"from_us\":32,\"below_us\":48,\"frames\":99},"
	"{\"from_us\":1024,\"below_us\":1536,\"frames\":1}]}";

static void a_screen(void **state)
{
	static const char expected[] =
		"since evswitch started, 1 h 1 min ago\n"
		"\n"
		"device                    frames          events  events/s  SYN_DROPPED  longest\n"
		"mouse                      1,234       2,345,678       993            2        4\n"
		"\n"
		"target                    frames        motion  refused   LEDs   median      p99\n"
		"host                          12         1,000        0      3        -        -\n"
		"win10                         99             0        5      0    21 us   1.2 ms\n"
		"\n"
		"latency, from the kernel's time stamp until written, of 1,000 frames (1 in 17):\n"
		"  below   24 us          900  ########################  median 21 us\n"
		"  below   32 us            0  \n"
		"  below   48 us           99  ###  p99 47 us\n"
		"  below  1.5 ms            1  #  max 1.2 ms\n"
		"  not in this: 1 that took more than a second\n"
		"  not in this: 2 dated in the future\n";
	autofree char *text = print(some);

	(void)state;
	assert_string_equal(text, expected);
}

/* For a terminal of 80 columns. */
static void no_line_is_too_long(void **state)
{
	autofree char *text = print(some);

	(void)state;
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		assert_in_range(strcspn(line, "\n"), 0, 80);
}

static void nothing_and_nonsense(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"devices\":[1,{}],\"targets\":[null,{\"latency\":7}],\"buckets\":[[],{}]}",
		"{\"devices\":[{\"name\":\"\\u001b[2J\",\"frames\":-9223372036854775808}]}",
		"{\"buckets\":[{\"frames\":9223372036854775807},{\"frames\":-5}]}",
		"{\"buckets\":[{\"from_us\":0,\"below_us\":1}],\"latency\":{\"median_us\":-1}}",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		autofree char *text = print(bad[i]);

		assert_null(strchr(text, '\033'));
		assert_non_null(strstr(text, "device "));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(a_screen),
		cmocka_unit_test(no_line_is_too_long),
		cmocka_unit_test(nothing_and_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
