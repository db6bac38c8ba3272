/* SPDX-License-Identifier: MIT */
/* What keeper and daemon say to each other: each field that a broken one may have got wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper/keeper-message.h"
#include "base/util.h"

static struct keeper_identity an_identity(void)
{
	return (struct keeper_identity){ .via = "vhost-user",
					 .socket_path = "/run/evswitch",
					 .rules.step_max = 127 };
}

/* A good one of each type. */
static struct keeper_message a_message(enum keeper_type type)
{
	struct keeper_message message = keeper_message(type);

	if (type == KEEPER_HELLO) {
		message.hello.identity = an_identity();
		message.hello.nodes = 7;
		message.hello.guards = 5;
		for (unsigned i = 0; i < SHAPE_NODES; i++)
			snprintf(message.hello.devnode[i], UINPUT_DEVNODE_MAX, "/dev/input/event%u",
				 i);
	} else if (type == KEEPER_NODE) {
		message.node.identity = an_identity();
		snprintf(message.node.devnode, UINPUT_DEVNODE_MAX, "/dev/input/event300");
	} else if (type == KEEPER_OPEN) {
		message.open.identity = an_identity();
	} else if (type == KEEPER_STATE) {
		snprintf(message.state.why, KEEPER_WHY_MAX, "it is off");
	}
	return message;
}

static enum keeper_fit check(const struct keeper_message *message)
{
	return keeper_check(message, sizeof(*message));
}

static void test_good_ones(void **state)
{
	(void)state;
	struct keeper_message message;

	for (unsigned type = KEEPER_HELLO; type <= KEEPER_BYE; type++) {
		message = a_message(type);
		assert_int_equal(check(&message), KEEPER_FITS);
	}
	/* A type that there is not. */
	message = a_message(0);
	assert_int_equal(check(&message), KEEPER_NONSENSE);
	message = a_message(KEEPER_BYE + 1);
	assert_int_equal(check(&message), KEEPER_NONSENSE);
	/* A name of one letter is one. */
	message = a_message(KEEPER_HELLO);
	strcpy(message.hello.identity.via, "q");
	assert_int_equal(check(&message), KEEPER_FITS);
	message = a_message(KEEPER_NODE);
	strcpy(message.node.identity.via, "q");
	assert_int_equal(check(&message), KEEPER_FITS);
	message = a_message(KEEPER_OPEN);
	strcpy(message.open.identity.via, "q");
	assert_int_equal(check(&message), KEEPER_FITS);
}

static void test_nothing_is_kept(void **state)
{
	struct keeper_message hello = keeper_message(KEEPER_HELLO);

	(void)state;
	assert_int_equal(check(&hello), KEEPER_FITS);
	hello.hello.nodes = 1; /* of no channel */
	assert_int_equal(check(&hello), KEEPER_NONSENSE);
}

#define FIELD(type, field)                                                                         \
	{                                                                                          \
		type, #field, offsetof(struct keeper_message, field),                              \
			sizeof(((struct keeper_message *)NULL)->field)                             \
	}

struct field {
	enum keeper_type type;
	const char *name;
	size_t offset, size;
};

static void expect_refused(const struct field *field, int byte)
{
	struct keeper_message message = a_message(field->type);

	memset((char *)&message + field->offset, byte, field->size);
	if (check(&message) != KEEPER_NONSENSE)
		fail_msg("%s: bytes of 0x%02x are taken", field->name, (unsigned)byte);
}

/* Neither 0 nor 1. */
static void test_bools(void **state)
{
	static const struct field fields[] = {
		FIELD(KEEPER_HELLO, hello.in_use),
		FIELD(KEEPER_HELLO, hello.identity.rules.one_of_pair),
		FIELD(KEEPER_HELLO, hello.identity.rules.wheel_clicks),
		FIELD(KEEPER_HELLO, hello.identity.rules.no_hires_wheel),
		FIELD(KEEPER_NODE, node.identity.rules.one_of_pair),
		FIELD(KEEPER_NODE, node.identity.rules.wheel_clicks),
		FIELD(KEEPER_NODE, node.identity.rules.no_hires_wheel),
		FIELD(KEEPER_OPEN, open.identity.rules.one_of_pair),
		FIELD(KEEPER_OPEN, open.identity.rules.wheel_clicks),
		FIELD(KEEPER_OPEN, open.identity.rules.no_hires_wheel),
		FIELD(KEEPER_STATE, state.up),
		FIELD(KEEPER_STATE, state.in_use),
		FIELD(KEEPER_STATE, state.other_domain),
		FIELD(KEEPER_STATE, state.leds_known),
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		struct keeper_message message = a_message(fields[i].type);

		expect_refused(&fields[i], 2);
		expect_refused(&fields[i], 0xff);
		memset((char *)&message + fields[i].offset, 1, fields[i].size);
		assert_int_equal(check(&message), KEEPER_FITS);
	}
}

static void test_run_state(void **state)
{
	struct keeper_message message = a_message(KEEPER_STATE);

	(void)state;
	for (unsigned vm = 0; vm < 256; vm++) {
		message.state.vm = (uint8_t)vm;
		assert_int_equal(check(&message), vm < RUN_STATES ? KEEPER_FITS : KEEPER_NONSENSE);
	}
}

/* Without an end, and of letters that no keeper would send. */
static void test_strings(void **state)
{
	static const struct field fields[] = {
		FIELD(KEEPER_HELLO, hello.identity.via),
		FIELD(KEEPER_HELLO, hello.identity.socket_path),
		FIELD(KEEPER_HELLO, hello.devnode[0]),
		FIELD(KEEPER_HELLO, hello.devnode[2]),
		FIELD(KEEPER_NODE, node.identity.via),
		FIELD(KEEPER_NODE, node.identity.socket_path),
		FIELD(KEEPER_NODE, node.devnode),
		FIELD(KEEPER_OPEN, open.identity.via),
		FIELD(KEEPER_OPEN, open.identity.socket_path),
		FIELD(KEEPER_OPEN, open.domain),
		FIELD(KEEPER_STATE, state.why),
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		expect_refused(&fields[i], 'x');
		expect_refused(&fields[i], '/');
		expect_refused(&fields[i], 0xff);
	}
}

static void test_numbers(void **state)
{
	static const struct field fields[] = {
		FIELD(KEEPER_HELLO, hello.nodes),
		FIELD(KEEPER_HELLO, hello.guards),
		FIELD(KEEPER_HELLO, hello.identity.rules.step_max),
		FIELD(KEEPER_NODE, node.which),
		FIELD(KEEPER_NODE, node.identity.rules.step_max),
		FIELD(KEEPER_OPEN, open.identity.rules.step_max),
	};
	struct keeper_message hello = a_message(KEEPER_HELLO), node = a_message(KEEPER_NODE);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		expect_refused(&fields[i], 0x88);
	node.node.which = SHAPE_NODES;
	assert_int_equal(check(&node), KEEPER_NONSENSE);
	hello.hello.nodes = 1U << SHAPE_NODES;
	hello.hello.guards = 0;
	assert_int_equal(check(&hello), KEEPER_NONSENSE);
	hello = a_message(KEEPER_HELLO);
	hello.hello.nodes = 3; /* a guard of a node that it has not */
	assert_int_equal(check(&hello), KEEPER_NONSENSE);
}

/* From the root, or none. */
static void test_socket_paths(void **state)
{
	static const char *const wrong[] = { "x", "run/evswitch", "./x", " /run" };
	struct keeper_message open = a_message(KEEPER_OPEN);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		strcpy(open.open.identity.socket_path, wrong[i]);
		assert_int_equal(check(&open), KEEPER_NONSENSE);
	}
	strcpy(open.open.identity.socket_path, "/");
	assert_int_equal(check(&open), KEEPER_FITS);
	open.open.identity.socket_path[0] = '\0';
	assert_int_equal(check(&open), KEEPER_FITS);
}

static void test_devnodes(void **state)
{
	static const char *const wrong[] = { "/dev/input/event",   "/dev/input/event1x",
					     "/dev/input/event/1", "/dev/input/mouse0",
					     "/etc/passwd",        "event1",
					     "/dev/input/event-1", "/dev/input/../../event1" };
	struct keeper_message node = a_message(KEEPER_NODE);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(node.node.devnode, UINPUT_DEVNODE_MAX, "%s", wrong[i]);
		assert_int_equal(check(&node), KEEPER_NONSENSE);
	}
	node.node.devnode[0] = '\0'; /* its node was not found */
	assert_int_equal(check(&node), KEEPER_FITS);
}

static void test_descriptors(void **state)
{
	static const struct {
		enum keeper_type type;
		unsigned least, most;
	} counts[] = { { KEEPER_HELLO, 5, 5 }, { KEEPER_BUSY, 0, 0 }, { KEEPER_STATE, 0, 0 },
		       { KEEPER_NODE, 1, 2 },  { KEEPER_OPEN, 2, 2 }, { KEEPER_RETIRE, 0, 0 },
		       { KEEPER_BYE, 0, 0 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		struct keeper_message message = a_message(counts[i].type);

		for (unsigned n = 0; n <= USOCK_FDS_MAX; n++)
			assert_int_equal(keeper_check_fds(&message, n),
					 n >= counts[i].least && n <= counts[i].most);
	}
}

static void test_versions(void **state)
{
	struct keeper_message message = a_message(KEEPER_STATE);

	(void)state;
	for (size_t size = 0; size < sizeof(message); size++)
		assert_int_equal(keeper_check(&message, size), KEEPER_NONSENSE);
	message.version++;
	message.type = 0xffffffff;
	assert_int_equal(check(&message), KEEPER_OTHER_VERSION);
	assert_int_equal(keeper_check(&message, offsetof(struct keeper_message, type)),
			 KEEPER_OTHER_VERSION);
	message = a_message(KEEPER_STATE);
	message.size += 8;
	assert_int_equal(check(&message), KEEPER_OTHER_VERSION);
	message = a_message(KEEPER_STATE);
	message.magic++;
	assert_int_equal(check(&message), KEEPER_NONSENSE);
}

/* What differs in anything is another endpoint. */
static void test_same(void **state)
{
	const struct keeper_identity a = an_identity();
	struct keeper_identity other[6];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(other); i++)
		other[i] = a;
	assert_true(keeper_same(&a, &other[0]));
	other[0].via[0] = 'w';
	other[1].socket_path[1] = 'x';
	other[2].rules.one_of_pair = true;
	other[3].rules.wheel_clicks = true;
	other[4].rules.no_hires_wheel = true;
	other[5].rules.step_max++;
	for (unsigned i = 0; i < ARRAY_SIZE(other); i++)
		assert_false(keeper_same(&a, &other[i]));
}

/* A path as long as it may be, and one byte more; and a directory that cannot be made. */
static void test_path(void **state)
{
	char path[USOCK_PATH_MAX], wanted[2 * USOCK_PATH_MAX], guest[USOCK_PATH_MAX + 1] = "";
	char dir[] = "/tmp/evswitch-test-XXXXXX";
	size_t fits;

	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("XDG_RUNTIME_DIR", dir, 1);
	fits = USOCK_PATH_MAX - 1 - strlen(dir) - strlen("/evswitch/.keeper");
	memset(guest, 'g', fits);
	snprintf(wanted, sizeof(wanted), "%s/evswitch/%s.keeper", dir, guest);
	assert_int_equal(keeper_path(guest, path), 0);
	assert_string_equal(path, wanted);
	guest[fits] = 'g';
	assert_int_equal(keeper_path(guest, path), -ENAMETOOLONG);
	assert_int_equal(keeper_path("win", path), 0);
	snprintf(wanted, sizeof(wanted), "%s/evswitch", dir);
	assert_int_equal(rmdir(wanted), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(keeper_path("win", path), -ENOENT);
	unsetenv("XDG_RUNTIME_DIR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_ones), cmocka_unit_test(test_nothing_is_kept),
		cmocka_unit_test(test_bools),     cmocka_unit_test(test_run_state),
		cmocka_unit_test(test_strings),   cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_devnodes),  cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_versions),  cmocka_unit_test(test_same),
		cmocka_unit_test(test_path),      cmocka_unit_test(test_socket_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
