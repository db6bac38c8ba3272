/* SPDX-License-Identifier: MIT */
/* evswitch --check: the configuration, the report and its exit status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "check-machine.h"
#include "base/util.h"
#include "conf/conf.h"

/* A machine in order. */
static void fine(void **state)
{
	(void)state;
	machine_check(machine);
	if (machine->report.n)
		check_print(stderr, &machine->report);
	assert_int_equal(machine->report.n, 0);
	assert_int_equal(check_status(&machine->report), EX_OK);
}

static void absent(void **state)
{
	(void)state;
	machine_remove(machine, machine->system.conf);
	machine_check(machine);
	assert_found(machine, "EVS001", machine->system.conf, "evswitch -c /home/me/");
	assert_not_found(machine, "EVS002");
	assert_int_equal(check_status(&machine->report), EX_CONFIG);
	machine->system.conf = CONF_SYSTEM_FILE;
	machine_check(machine);
	assert_found(machine, "EVS001", "~/.config/evswitch/", "evswitch --setup");
}

/* All errors at once, with their lines, and the remedy apart. */
static void errors(void **state)
{
	const struct check_finding *finding;

	(void)state;
	machine_file(machine, machine->system.conf,
		     "[device keyboard]\npath = event5\n[guest a]\nvia = nothing\n");
	machine_check(machine);
	assert_int_equal(machine_count(machine, "EVS002"), 2);
	finding = machine_found(machine, "EVS002");
	assert_non_null(strstr(finding->what.text, "/home/me/.config/evswitch/evswitch.conf:2: "));
	assert_ptr_equal(strstr(finding->what.text, machine->system.conf), finding->what.text);
	assert_non_null(strstr(finding->fix.text, "write /dev/input/..."));
	assert_null(strstr(finding->what.text, "write /dev/input"));
	assert_int_equal(check_status(&machine->report), EX_CONFIG);
}

static void no_guest(void **state)
{
	(void)state;
	machine_file(machine, machine->system.conf, "[device keyboard]\nname = a\n");
	machine_check(machine);
	assert_found(machine, "EVS003", machine->system.conf, "[guest win10]");
}

/* Every code has all its texts, is used once, and a status if and only if it blocks. */
static void table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CHECK_CODES; i++) {
		const struct check_entry *entry = check_entry(i);

		assert_non_null(entry->code);
		assert_int_equal(strlen(entry->code), strlen("EVS001"));
		assert_true(entry->title[strlen(entry->title) - 1] != '.');
		assert_true(entry->why[strlen(entry->why) - 1] == '.');
		assert_int_equal(entry->status != 0, entry->severity == CHECK_BLOCKS);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(entry->code, check_entry(j)->code);
	}
}

static char *printed(int (*print)(FILE *out, const struct check_report *report))
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(print(out, &machine->report), 0);
	fclose(out);
	return text;
}

static int print_human(FILE *out, const struct check_report *report)
{
	check_print(out, report);
	return 0;
}

/* What blocks comes first. */
static void for_people(void **state)
{
	autofree char *text = NULL;

	(void)state;
	check_find(&machine->report, CHECK_NO_GUEST, "add one", "there is none");
	check_find(&machine->report, CHECK_NO_CONF, "write it", "it is not there");
	check_fine(&machine->report, "the weather");
	check_fine(&machine->report, "the day");
	check_unseen(&machine->report, "the night");
	text = printed(print_human);
	assert_ptr_equal(strstr(text, "EVS001 blocks: There is no configuration\n"
				      "  what: it is not there.\n  why:  evswitch grabs only"),
			 text);
	assert_non_null(strstr(text, "  fix:  write it\n\nEVS003 warns: "));
	assert_non_null(strstr(text, "fine: the weather; the day.\nnot looked at: the night.\n"
				     "1 block, 1 warn, 0 inform.\n"));
}

static const char *member(struct json_object *object, const char *key)
{
	return json_object_get_string(json_object_object_get(object, key));
}

static void as_json(void **state)
{
	autofree char *text = printed(check_print_json);
	struct json_object *array = json_tokener_parse(text), *object;

	(void)state;
	assert_int_equal(json_object_array_length(array), 0);
	json_object_put(array);
	check_find(&machine->report, CHECK_NO_CONF, "write \"it\"", "it is not there");
	free(text);
	text = printed(check_print_json);
	array = json_tokener_parse(text);
	assert_int_equal(json_object_array_length(array), 1);
	object = json_object_array_get_idx(array, 0);
	assert_string_equal(member(object, "code"), "EVS001");
	assert_string_equal(member(object, "severity"), "blocks");
	assert_string_equal(member(object, "what"), "it is not there");
	assert_string_equal(member(object, "fix"), "write \"it\"");
	assert_non_null(strstr(member(object, "why"), "evswitch grabs only"));
	json_object_put(array);
}

/* More findings than fit are counted. */
static void too_many(void **state)
{
	autofree char *text = NULL;

	(void)state;
	for (unsigned i = 0; i < CHECK_FINDINGS_MAX + 3; i++)
		check_find(&machine->report, CHECK_NO_GUEST, "fix", "number %u", i);
	text = printed(print_human);
	assert_non_null(strstr(text, "3 more findings are left out"));
	assert_int_equal(check_status(&machine->report), EX_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_set_up, machine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(fine),     TEST(absent),  TEST(errors),
					    TEST(no_guest), TEST(table),   TEST(for_people),
					    TEST(as_json),  TEST(too_many) };

	return cmocka_run_group_tests_name("check-conf", tests, NULL, NULL);
}
