/* SPDX-License-Identifier: MIT */
/* Which [device] a node belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "conf/conf.h"
#include "evdev/match.h"

static const char *const links[] = {
	"/dev/input/by-id/usb-Logitech_USB_Receiver-event-kbd",
	"/dev/input/by-path/pci-0000:00:14.0-usb-0:1:1.0-event-kbd",
	NULL,
};

static bool has_links(const struct node_info *node, const char *to)
{
	(void)node;
	for (const char *const *link = links; *link; link++)
		if (strcmp(*link, to) == 0)
			return true;
	return false;
}

static bool has_no_links(const struct node_info *node, const char *to)
{
	(void)node;
	(void)to;
	return false;
}

static const struct node_info receiver = {
	.devnode = "/dev/input/event5",
	.leads_here = has_links,
	.name = "Logitech USB Receiver ",
	.phys = "usb-0000:00:14.0-1/input0",
	.uniq = "",
	.bustype = 3,
	.vendor = 0x046d,
	.product = 0xc52b,
};

static const struct node_info bluetooth = {
	.devnode = "/dev/input/event50",
	.leads_here = has_no_links,
	.name = "BT Keyboard",
	.phys = "00:1f:20:11:22:33",
	.uniq = "aa:bb:cc:dd:ee:ff",
	.bustype = 5,
	.vendor = 0x05ac,
	.product = 0x0256,
};

/* Sections hold non-const text, for they own it. */
static char *text(const char *literal)
{
	return (char *)(uintptr_t)literal;
}

static bool by_path(const char *path, const struct node_info *node)
{
	const struct conf_device section = { .path = text(path) };

	return match_node(&section, node);
}

static bool by_name(const char *name, const struct node_info *node)
{
	const struct conf_device section = { .match_name = text(name) };

	return match_node(&section, node);
}

static bool by_id(uint16_t vendor, uint16_t product, const struct node_info *node)
{
	const struct conf_device section = { .has_id = true, .vendor = vendor, .product = product };

	return match_node(&section, node);
}

static void path(void **state)
{
	(void)state;
	assert_true(by_path("/dev/input/event5", &receiver));
	assert_true(by_path(links[0], &receiver));
	assert_true(by_path(links[1], &receiver));
	assert_false(by_path("/dev/input/event50", &receiver));
	assert_false(by_path("/dev/input/event5", &bluetooth));
	assert_false(by_path("/dev/input/event", &receiver));
	assert_false(by_path("/dev/input/by-id", &receiver));
	assert_false(by_path("", &receiver));
	assert_false(by_path(links[0], &bluetooth));
}

/* Blanks at the ends do not count: a line of the configuration cannot hold them. */
static void name(void **state)
{
	static const struct node_info blank = {
		.devnode = "", .leads_here = has_no_links, .name = "  ", .phys = "", .uniq = ""
	};

	(void)state;
	assert_true(by_name("Logitech USB Receiver", &receiver));
	assert_true(by_name(" Logitech USB Receiver\t", &receiver));
	assert_true(by_name("BT Keyboard", &bluetooth));
	assert_false(by_name("logitech usb receiver", &receiver));
	assert_false(by_name("Logitech USB", &receiver));
	assert_false(by_name("Logitech USB Receiver 2", &receiver));
	assert_false(by_name("Logitech  USB Receiver", &receiver));
	assert_false(by_name("BT Keyboard", &blank));
	assert_true(by_name("", &blank));
}

static void id(void **state)
{
	(void)state;
	assert_true(by_id(0x046d, 0xc52b, &receiver));
	assert_false(by_id(0x046d, 0xc52c, &receiver));
	assert_false(by_id(0x046e, 0xc52b, &receiver));
	assert_false(by_id(0, 0, &receiver));
}

static void phys_and_uniq(void **state)
{
	const struct conf_device phys = { .phys = text("usb-0000:00:14.0-1/input0") };
	const struct conf_device uniq = { .uniq = text("aa:bb:cc:dd:ee:ff") };
	const struct conf_device capitals = { .uniq = text("AA:BB:CC:DD:EE:FF") };
	const struct conf_device phys_capitals = { .phys = text("USB-0000:00:14.0-1/input0") };

	(void)state;
	assert_true(match_node(&phys, &receiver));
	assert_false(match_node(&phys, &bluetooth));
	assert_false(match_node(&phys_capitals, &receiver));
	assert_true(match_node(&uniq, &bluetooth));
	assert_true(match_node(&capitals, &bluetooth));
	assert_false(match_node(&uniq, &receiver));
}

/* All that the section gives must hold. */
static void several(void **state)
{
	struct conf_device section = { .path = text(links[0]),
				       .match_name = text("Logitech USB Receiver"),
				       .phys = text("usb-0000:00:14.0-1/input0"),
				       .has_id = true,
				       .vendor = 0x046d,
				       .product = 0xc52b };

	(void)state;
	assert_true(match_node(&section, &receiver));
	section.product++;
	assert_false(match_node(&section, &receiver));
	section.product--;
	section.uniq = text("x");
	assert_false(match_node(&section, &receiver));
	section.uniq = NULL;
	section.path = text("/dev/input/event6");
	assert_false(match_node(&section, &receiver));
	section.path = NULL;
	section.phys = text("usb-0000:00:14.0-1/input1");
	assert_false(match_node(&section, &receiver));
	section.phys = NULL;
	section.match_name = text("Other");
	assert_false(match_node(&section, &receiver));
}

static void nothing(void **state)
{
	const struct conf_device section = { .name = "keyboard" };

	(void)state;
	assert_false(match_node(&section, &receiver));
	assert_false(match_node(&section, &bluetooth));
}

/* The first of the configuration's sections that does. */
static void first_section(void **state)
{
	static struct conf conf = { .n_devices = 2 };
	struct conf_device *sections = conf.devices;

	sections[0].path = text("/dev/input/event50");
	sections[1].uniq = text("aa:bb:cc:dd:ee:ff");
	sections[2].path = text("/dev/input/event5");
	(void)state;
	assert_ptr_equal(match_section(&conf, &bluetooth), &sections[0]);
	assert_null(match_section(&conf, &receiver));
	conf.n_devices = 3;
	assert_ptr_equal(match_section(&conf, &receiver), &sections[2]);
}

static bool is_listed(void *ctx, const char *property)
{
	for (const char *const *name = ctx; *name; name++)
		if (strcmp(*name, property) == 0)
			return true;
	return false;
}

static unsigned uses_of(const char *first, const char *second)
{
	const char *names[] = { first, second, NULL };

	return match_uses(is_listed, names);
}

static void uses(void **state)
{
	(void)state;
	assert_int_equal(uses_of(NULL, NULL), 0);
	assert_int_equal(uses_of("ID_INPUT", "ID_INPUT_ACCELEROMETER"), 0);
	assert_int_equal(uses_of("ID_INPUT_KEYBOARD", NULL), NODE_USE_KEYBOARD);
	assert_int_equal(uses_of("ID_INPUT_KEY", NULL), NODE_USE_KEYS);
	assert_int_equal(uses_of("ID_INPUT_KEY", "ID_INPUT_KEYBOARD"), NODE_USE_KEYBOARD);
	assert_int_equal(uses_of("ID_INPUT_KEY", "ID_INPUT_MOUSE"), NODE_USE_KEYS | NODE_USE_MOUSE);
	assert_int_equal(uses_of("ID_INPUT_POINTINGSTICK", NULL), NODE_USE_MOUSE);
	assert_int_equal(uses_of("ID_INPUT_TABLET", "ID_INPUT_TOUCHPAD"),
			 NODE_USE_TABLET | NODE_USE_TOUCHPAD);
	assert_int_equal(uses_of("ID_INPUT_TOUCHSCREEN", "ID_INPUT_JOYSTICK"),
			 NODE_USE_TOUCHSCREEN | NODE_USE_JOYSTICK);
	assert_int_equal(uses_of("ID_INPUT_SWITCH", NULL), NODE_USE_SWITCH);
}

static void refusals(void **state)
{
	const unsigned fine = NODE_USE_KEYBOARD | NODE_USE_KEYS | NODE_USE_MOUSE | NODE_USE_TABLET |
			      NODE_USE_SWITCH;

	(void)state;
	assert_null(match_refusal(0));
	assert_null(match_refusal(fine));
	assert_null(match_refusal(NODE_USE_JOYSTICK | NODE_USE_KEYBOARD));
	assert_null(match_refusal(NODE_USE_JOYSTICK | NODE_USE_MOUSE));
	assert_string_equal(match_refusal(fine | NODE_USE_TOUCHPAD),
			    "touchpads cannot be switched");
	assert_string_equal(match_refusal(fine | NODE_USE_TOUCHSCREEN),
			    "touch screens cannot be switched");
	assert_string_equal(match_refusal(NODE_USE_JOYSTICK | NODE_USE_KEYS),
			    "game pads cannot be switched");
}

/* FNV-1a of the text and its terminator. */
static void hashes(void **state)
{
	(void)state;
	assert_true(match_hash(0, "") == 0xaf63bd4c8601b7df);
	assert_true(match_hash(0, "a") == 0x89be207b544f1e4);
	assert_true(match_hash(0, "foobar") == 0x34531ca7168b8f38);
	assert_true(match_hash(match_hash(0, "a"), "b") != match_hash(match_hash(0, "b"), "a"));
}

static unsigned likeness(const struct node_info *a, const struct node_info *b)
{
	const struct match_traits traits[] = { match_traits(a), match_traits(b) };

	return match_likeness(&traits[0], &traits[1]);
}

/* Name and ids decide; of the rest, what says more outweighs all that says less. */
static void likenesses(void **state)
{
	struct node_info node = receiver, low = receiver, high = receiver;

	(void)state;
	for (unsigned same = 0; same < 16; same++) {
		node.capabilities = same & 8 ? receiver.capabilities : 1;
		node.uniq = same & 4 ? receiver.uniq : "other";
		node.phys = same & 2   ? receiver.phys
			    : same & 1 ? "usb-0000:00:14.0-2/input0"
				       : "usb-0000:00:14.0-2/input1";
		/* The same phys has the same interface. */
		assert_int_equal(likeness(&receiver, &node), 1 + (same | (same & 2) >> 1));
	}
	node = receiver;
	node.name = "Logitech USB Receiver";
	assert_int_equal(likeness(&receiver, &node), 0);
	node = receiver;
	node.bustype++;
	assert_int_equal(likeness(&receiver, &node), 0);
	node = receiver;
	node.vendor++;
	assert_int_equal(likeness(&receiver, &node), 0);
	node = receiver;
	node.product++;
	assert_int_equal(likeness(&receiver, &node), 0);
	/* The ids are not confused with each other. */
	low.bustype = 0, low.vendor = 0x8000, low.product = 0;
	high.bustype = 1, high.vendor = 0, high.product = 0;
	assert_int_equal(likeness(&low, &high), 0);
	low.vendor = 0, low.product = 0x8000;
	high.bustype = 0, high.vendor = 1;
	assert_int_equal(likeness(&low, &high), 0);
	high.vendor = 0, high.product = 1;
	assert_int_equal(likeness(&low, &high), 0);
	/* A phys without an interface is like another such. */
	low.phys = "one";
	high = low;
	high.phys = "two";
	assert_int_equal(likeness(&low, &high), 1 + 1 + 4 + 8);
}

static void own(void **state)
{
	static const char virtual[] = "/sys/devices/virtual/input/input7";

	(void)state;
	assert_int_equal(match_own("evswitch/host/mouse", virtual), MATCH_OWN_HOST);
	assert_int_equal(match_own("evswitch/win/keyboard", virtual), MATCH_OWN_GUEST);
	assert_int_equal(match_own("evswitch/hostess/keyboard", virtual), MATCH_OWN_GUEST);
	assert_int_equal(match_own("evswitch", virtual), MATCH_FOREIGN);
	assert_int_equal(match_own("", virtual), MATCH_FOREIGN);
	assert_int_equal(match_own(NULL, virtual), MATCH_FOREIGN);
	assert_int_equal(match_own("evswitch/host/mouse", "/sys/devices/pci0000:00/input/input7"),
			 MATCH_FOREIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path),
		cmocka_unit_test(name),
		cmocka_unit_test(id),
		cmocka_unit_test(phys_and_uniq),
		cmocka_unit_test(several),
		cmocka_unit_test(nothing),
		cmocka_unit_test(first_section),
		cmocka_unit_test(uses),
		cmocka_unit_test(refusals),
		cmocka_unit_test(hashes),
		cmocka_unit_test(likenesses),
		cmocka_unit_test(own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
