/* SPDX-License-Identifier: MIT */
/* Which of the devices that were recognised are added to a configuration, and under which names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/channel.h"
#include "setup/setup-devices.h"

#define GUEST "[guest win10]\n"

struct found {
	struct probe_list list;
	struct probe_plan plan;
	char *text, *notes;
	unsigned n;
};

static struct probe_node *add(struct found *found, const char *name, unsigned uses,
			      const char *group)
{
	struct probe_node *node = malloc(sizeof(*node));

	assert_non_null(node);
	probe_node_init(node);
	snprintf(node->devnode, sizeof(node->devnode), "/dev/input/event%u", found->list.n);
	snprintf(node->group, sizeof(node->group), "%s", group);
	probe_node_set_name(node, name);
	probe_node_set_text(node->phys, name);
	node->info.uses = uses;
	node->info.bustype = BUS_USB;
	found->list.node[found->list.n++] = node;
	return node;
}

static void recognise(struct found *found, struct probe_node *node)
{
	node->did = PROBE_DID_KEY;
	node->order = ++found->list.recognised;
}

static int set_up(void **state)
{
	struct found *found = calloc(1, sizeof(*found));

	assert_non_null(found);
	recognise(found, add(found, "board", NODE_USE_KEYBOARD, "1"));
	recognise(found, add(found, "mouse", NODE_USE_MOUSE, "2"));
	*state = found;
	return 0;
}

static int tear_down(void **state)
{
	struct found *found = *state;

	for (unsigned i = 0; i < found->list.n; i++)
		free(found->list.node[i]);
	free(found->text);
	free(found->notes);
	free(found);
	return 0;
}

static void fail_on_error(void *ctx, const char *message)
{
	(void)ctx;
	fail_msg("%s", message);
}

static struct conf *parse(const char *text)
{
	struct conf *conf;

	assert_int_equal(
		conf_parse("conf", text, strlen(text), channel_table, fail_on_error, NULL, &conf),
		0);
	return conf;
}

/* Adds what was found to this configuration; the result must be one as well. */
static void print(struct found *found, const char *text)
{
	struct conf *conf = parse(text), *after;
	size_t size;
	FILE *out, *notes;
	char whole[8192];

	free(found->text);
	free(found->notes);
	out = open_memstream(&found->text, &size);
	notes = open_memstream(&found->notes, &size);
	probe_plan_make(&found->list, &found->plan);
	found->n = setup_devices_print(out, notes, &found->plan, conf);
	fclose(out);
	fclose(notes);
	snprintf(whole, sizeof(whole), "%s\n%s", text, found->text);
	after = parse(whole);
	assert_int_equal(after->n_devices, conf->n_devices + found->n);
	conf_free(after);
	conf_free(conf);
}

static void adds_both(void **state)
{
	struct found *found = *state;

	print(found, "[device other]\nname = other\n" GUEST);
	assert_int_equal(found->n, 2);
	assert_non_null(strstr(found->text, "[device keyboard]\nphys = board\n"));
	assert_non_null(strstr(found->text, "[device mouse]\nphys = mouse\n"));
	assert_string_equal(found->notes, "");
}

static void adds_nothing_twice(void **state)
{
	struct found *found = *state;

	print(found, "[device a]\nname = board\n[device b]\nphys = mouse\n" GUEST);
	assert_int_equal(found->n, 0);
	assert_string_equal(found->text, "");
	assert_non_null(strstr(found->notes, "\"board\" is [device a] already\n"));
	assert_non_null(strstr(found->notes, "\"mouse\" is [device b] already\n"));
}

static void adds_the_other_one(void **state)
{
	struct found *found = *state;

	print(found, "[device a]\nname = board\n" GUEST);
	assert_int_equal(found->n, 1);
	assert_null(strstr(found->text, "keyboard"));
	assert_non_null(strstr(found->text, "[device mouse]\n"));
}

static void numbers_names(void **state)
{
	struct found *found = *state;

	recognise(found, add(found, "second", NODE_USE_KEYBOARD, "3"));
	print(found, "[device keyboard]\nname = gone\n[device keyboard3]\nname = gone too\n" GUEST);
	assert_int_equal(found->n, 3);
	assert_non_null(strstr(found->text, "[device keyboard2]\nphys = board\n"));
	assert_non_null(strstr(found->text, "[device keyboard4]\nphys = second\n"));
	assert_non_null(strstr(found->text, "[device mouse]\n"));
}

static void siblings_are_comments(void **state)
{
	struct found *found = *state;

	add(found, "media", NODE_USE_KEYS, "1");
	print(found, "[device media]\nname = gone\n" GUEST);
	assert_int_equal(found->n, 2);
	assert_non_null(strstr(found->text, ";[device media2]\n;phys = media\n"));
	/* Not again, once the device is there. */
	print(found, "[device a]\nname = board\n[device b]\nname = mouse\n" GUEST);
	assert_string_equal(found->text, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(adds_both),     TEST(adds_nothing_twice),    TEST(adds_the_other_one),
		TEST(numbers_names), TEST(siblings_are_comments),
	};

	return cmocka_run_group_tests_name("setup-devices", tests, NULL, NULL);
}
