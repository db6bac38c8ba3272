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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path),    cmocka_unit_test(name),
		cmocka_unit_test(id),      cmocka_unit_test(phys_and_uniq),
		cmocka_unit_test(several), cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
