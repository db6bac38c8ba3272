/* SPDX-License-Identifier: MIT */
/* --probe without devices: activity, kinds, grouping, the choice of a match, sections and JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "probe/probe-node.h"
#include "probe/probe-report.h"
#include "base/util.h"

#define KEYBOARD_LINK "/dev/input/by-id/usb-Acme_Board-event-kbd"

static struct probe_node *add(struct probe_list *list, const char *name, uint16_t bus,
			      unsigned uses)
{
	struct probe_node *node = malloc(sizeof(*node));

	assert_non_null(node);
	probe_node_init(node);
	snprintf(node->devnode, sizeof(node->devnode), "/dev/input/event%u", list->n);
	snprintf(node->group, sizeof(node->group), "group of event%u", list->n);
	probe_node_set_name(node, name);
	node->info.bustype = bus;
	node->info.vendor = 0x46d;
	node->info.product = 0xc52b;
	node->info.uses = uses;
	list->node[list->n++] = node;
	return node;
}

static void link_to(struct probe_node *node, const char *link, bool leads_here)
{
	unsigned n = 0;

	while (node->links[n])
		n++;
	assert_true(n < PROBE_LINKS_MAX);
	node->links[n] = strdup(link);
	if (leads_here && strstr(link, "/by-id/"))
		node->by_id = node->links[n];
	if (leads_here && strstr(link, "/by-path/"))
		node->by_path = node->links[n];
}

static void recognise(struct probe_list *list, struct probe_node *node, unsigned did)
{
	node->did = did;
	node->order = ++list->recognised;
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct probe_list));
	return 0;
}

static int teardown(void **state)
{
	struct probe_list *list = *state;

	for (unsigned i = 0; i < list->n; i++) {
		for (char **link = list->node[i]->links; *link; link++)
			free(*link);
		free(list->node[i]);
	}
	free(list);
	return 0;
}

static unsigned feed(struct probe_motion *motion, int ms, unsigned type, unsigned code, int value)
{
	struct input_event ev = { .type = (uint16_t)type, .code = (uint16_t)code, .value = value };

	ev.input_event_sec = 1000 + ms / 1000;
	ev.input_event_usec = ms % 1000 * 1000;
	return probe_activity(motion, &ev);
}

static void test_only_a_press_counts(void **state)
{
	struct probe_motion motion = { 0 };

	(void)state;
	assert_int_equal(feed(&motion, 0, EV_KEY, KEY_ENTER, 0), 0);
	assert_int_equal(feed(&motion, 0, EV_KEY, KEY_ENTER, 2), 0);
	assert_int_equal(feed(&motion, 0, EV_KEY, KEY_ENTER, 1), PROBE_DID_KEY);
	assert_int_equal(feed(&motion, 0, EV_KEY, KEY_MICMUTE, 1), PROBE_DID_KEY);
	assert_int_equal(feed(&motion, 0, EV_KEY, KEY_OK, 1), PROBE_DID_KEY);
	assert_int_equal(feed(&motion, 0, EV_KEY, BTN_LEFT, 1), PROBE_DID_BUTTON);
	assert_int_equal(feed(&motion, 0, EV_KEY, BTN_DPAD_UP, 1), PROBE_DID_BUTTON);
	assert_int_equal(feed(&motion, 0, EV_KEY, BTN_LEFT, 0), 0);
	assert_int_equal(feed(&motion, 0, EV_SYN, SYN_DROPPED, 1), 0);
	assert_int_equal(feed(&motion, 0, EV_MSC, MSC_SCAN, 1), 0);
	assert_int_equal(feed(&motion, 0, EV_LED, LED_CAPSL, 1), 0);
	assert_int_equal(feed(&motion, 0, EV_SW, SW_LID, 1), 0);
}

static void test_jitter_is_no_motion(void **state)
{
	struct probe_motion motion = { 0 };

	(void)state;
	for (int ms = 0; ms < 60000; ms += 100)
		assert_int_equal(feed(&motion, ms, EV_REL, REL_X, ms % 200 ? 1 : -1), 0);
}

static void test_a_moved_mouse(void **state)
{
	struct probe_motion motion = { 0 };
	unsigned did = 0;

	(void)state;
	for (int ms = 0; ms < 80 && !did; ms += 8)
		did = feed(&motion, ms, EV_REL, REL_Y, -5);
	assert_int_equal(did, PROBE_DID_MOVE);
	assert_int_equal(feed(&motion, 5000, EV_REL, REL_X, INT32_MIN), PROBE_DID_MOVE);
	assert_int_equal(feed(&motion, 5001, EV_REL, REL_X, INT32_MAX), PROBE_DID_MOVE);
	/* the clock set back begins a new window */
	assert_int_equal(feed(&motion, 6000, EV_REL, REL_X, 20), 0);
	assert_int_equal(feed(&motion, 100, EV_REL, REL_X, 20), 0);
}

static void test_two_notches_of_the_wheel(void **state)
{
	struct probe_motion motion = { 0 };

	(void)state;
	assert_int_equal(feed(&motion, 0, EV_REL, REL_WHEEL, 1), 0);
	assert_int_equal(feed(&motion, 10, EV_REL, REL_WHEEL_HI_RES, 120), 0);
	assert_int_equal(feed(&motion, 300, EV_REL, REL_WHEEL, -1), PROBE_DID_MOVE);
	assert_int_equal(feed(&motion, 2000, EV_REL, REL_WHEEL, 1), 0);
	assert_int_equal(feed(&motion, 4000, EV_REL, REL_WHEEL, 1), 0);
}

static void test_absolute_motion(void **state)
{
	struct probe_motion motion = { .range = { 1000, 0 } };

	(void)state;
	assert_int_equal(feed(&motion, 0, EV_ABS, ABS_X, 500), 0);
	assert_int_equal(feed(&motion, 10, EV_ABS, ABS_X, 520), 0);
	assert_int_equal(feed(&motion, 20, EV_ABS, ABS_X, 450), PROBE_DID_MOVE_ABS);
	assert_int_equal(feed(&motion, 2000, EV_ABS, ABS_X, 0), 0);
	/* an axis without a range says nothing, and extremes do not overflow */
	assert_int_equal(feed(&motion, 2001, EV_ABS, ABS_Y, 0), 0);
	assert_int_equal(feed(&motion, 2002, EV_ABS, ABS_Y, 900), 0);
	assert_int_equal(feed(&motion, 2003, EV_ABS, ABS_PRESSURE, 900), 0);
	assert_int_equal(feed(&motion, 2004, EV_ABS, ABS_X, INT32_MIN), PROBE_DID_MOVE_ABS);
}

static void test_names_lose_their_blanks(void **state)
{
	struct probe_node *node = add(*state, "  Acme Board\t ", BUS_USB, 0);

	assert_string_equal(node->name, "Acme Board");
	probe_node_set_name(node, "   ");
	assert_string_equal(node->name, "");
	probe_node_set_name(node, NULL);
	assert_string_equal(node->name, "");
}

static void test_own_devices(void **state)
{
	const char *virtual = "/sys/devices/virtual/input/input7/event7";

	(void)state;
	assert_int_equal(match_own("evswitch/host/keyboard", virtual), MATCH_OWN_HOST);
	assert_int_equal(match_own("evswitch/win10/pointer", virtual), MATCH_OWN_GUEST);
	assert_int_equal(match_own("evswitch", virtual), MATCH_FOREIGN);
	assert_int_equal(match_own("", virtual), MATCH_FOREIGN);
	assert_int_equal(match_own("evswitch/host/keyboard", "/sys/devices/pci0000:00/input7"),
			 MATCH_FOREIGN);
}

static const char *group(struct probe_node *node, const char *phys, const char *uniq,
			 const struct probe_origin *origin)
{
	probe_node_set_text(node->phys, phys);
	probe_node_set_text(node->uniq, uniq);
	probe_node_set_group(node, origin);
	return node->group;
}

static void test_groups(void **state)
{
	struct probe_node *usb = add(*state, "a", BUS_USB, 0);
	struct probe_node *bt = add(*state, "b", BUS_BLUETOOTH, 0);
	struct probe_origin board = { "/s/1", "/s/usb1-2", "/s/hid3", false };
	struct probe_origin paired = { "/s/2", "/s/usb1-2", "/s/hid3/hid4", true };
	struct probe_origin adapter = { "/s/3", "/s/usb1-9", "/s/hid5", false };
	struct probe_origin bare = { "/s/4", NULL, NULL, false };
	struct probe_origin hid = { "/s/4", NULL, "/s/hid6", false };

	assert_string_equal(group(usb, "usb-1/input0", "", &board), "/s/usb1-2");
	assert_string_equal(group(usb, "usb-1/input2:1", "", &paired), "/s/hid3/hid4");
	assert_string_equal(group(usb, "x/input0", "", &hid), "/s/hid6");
	assert_string_equal(group(usb, "isa0060/serio0/input0", "", &bare), "phys isa0060/serio0");
	assert_string_equal(group(usb, "a/input1/input12", "", &bare), "phys a/input1");
	assert_string_equal(group(usb, "ALSA", "", &bare), "phys ALSA");
	assert_string_equal(group(usb, "", "", &bare), "/s/4");
	assert_string_equal(group(usb, "/input0", "", &bare), "/s/4");
	assert_string_equal(group(bt, "00:11", "aa:bb", &adapter), "bluetooth aa:bb");
	assert_string_equal(group(bt, "00:11", "", &adapter), "/s/hid5");
}

static void test_kinds(void **state)
{
	static const struct {
		unsigned uses, did;
		enum probe_kind kind;
	} cases[] = {
		{ NODE_USE_KEYBOARD, PROBE_DID_KEY, PROBE_KEYBOARD },
		{ 0, PROBE_DID_KEY, PROBE_KEYBOARD },
		{ 0, PROBE_DID_BUTTON, PROBE_MOUSE },
		{ NODE_USE_KEYS, PROBE_DID_KEY, PROBE_MEDIA },
		{ NODE_USE_KEYS | NODE_USE_MOUSE, PROBE_DID_KEY, PROBE_MOUSE },
		{ NODE_USE_KEYBOARD | NODE_USE_MOUSE, PROBE_DID_KEY, PROBE_KEYBOARD },
		{ NODE_USE_KEYBOARD | NODE_USE_MOUSE, PROBE_DID_MOVE, PROBE_MOUSE },
		{ NODE_USE_MOUSE, PROBE_DID_MOVE_ABS, PROBE_TABLET },
		{ NODE_USE_TABLET, PROBE_DID_BUTTON, PROBE_TABLET },
		{ NODE_USE_KEYBOARD, 0, PROBE_KEYBOARD },
		{ NODE_USE_KEYS, 0, PROBE_MEDIA },
		{ NODE_USE_MOUSE | NODE_USE_KEYS, 0, PROBE_MOUSE },
		{ NODE_USE_SWITCH, 0, PROBE_OTHER },
		{ 0, 0, PROBE_OTHER },
	};
	struct probe_node *node = add(*state, "n", BUS_USB, 0);

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		node->info.uses = cases[i].uses;
		node->did = cases[i].did;
		assert_int_equal(probe_kind(node), cases[i].kind);
	}
}

static void test_refusals(void **state)
{
	struct probe_node *node = add(*state, "n", BUS_USB, NODE_USE_MOUSE);

	assert_null(match_refusal(node->info.uses));
	node->info.uses = NODE_USE_TOUCHPAD;
	assert_non_null(strstr(match_refusal(node->info.uses), "touchpads cannot be switched"));
	node->info.uses = NODE_USE_JOYSTICK;
	assert_non_null(match_refusal(node->info.uses));
	node->info.uses = NODE_USE_JOYSTICK | NODE_USE_KEYBOARD;
	assert_null(match_refusal(node->info.uses));
}

/* Of every kind of node that udev can tell: a section where the daemon takes it, and nowhere else. */
static void test_a_section_where_the_daemon_takes_it(void **state)
{
	struct probe_list *list = *state;
	unsigned kinds = NODE_USE_SWITCH << 1, refused = 0;
	struct probe_plan plan;

	for (unsigned uses = 0; uses < kinds; uses++) {
		char name[16];

		snprintf(name, sizeof(name), "kind %u", uses);
		recognise(list, add(list, name, BUS_USB, uses), PROBE_DID_BUTTON);
	}
	probe_plan_make(list, &plan);
	for (unsigned uses = 0; uses < kinds; uses++) {
		bool taken = !match_refusal(uses);

		refused += !taken;
		assert_int_equal(probe_plan_find(&plan, list->node[uses]) != NULL, taken);
	}
	assert_int_equal(plan.n, kinds - refused);
	assert_true(refused > 0 && plan.n > 0);
}

static void test_complete_needs_both(void **state)
{
	struct probe_list *list = *state;
	struct probe_node *board = add(list, "k", BUS_USB, NODE_USE_KEYBOARD);
	struct probe_node *pad = add(list, "t", BUS_I2C, NODE_USE_TOUCHPAD);
	struct probe_node *mouse = add(list, "m", BUS_USB, NODE_USE_MOUSE);

	pad->did = PROBE_DID_BUTTON;
	assert_false(probe_complete(list));
	board->did = PROBE_DID_KEY;
	assert_false(probe_complete(list));
	mouse->did = PROBE_DID_MOVE;
	assert_true(probe_complete(list));
	mouse->did = 0;
	board->did |= PROBE_DID_MOVE;
	assert_true(probe_complete(list));
}

/* What the section for 'node' says, one "key=value" after the other. */
static const char *matched(const struct probe_list *list, const struct probe_node *node,
			   char text[512])
{
	struct probe_match match;
	struct probe_line line[PROBE_LINES_MAX];
	unsigned n;

	probe_match_choose(list, node, &match);
	n = probe_match_lines(&match, line);
	text[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		char part[300];

		snprintf(part, sizeof(part), "%s%s=%.250s", i ? " " : "", line[i].key,
			 line[i].value);
		strncat(text, part, 511 - strlen(text));
	}
	if (match.others)
		strncat(text, " ambiguous", 511 - strlen(text));
	return text;
}

static void test_by_id_is_preferred(void **state)
{
	struct probe_list *list = *state;
	struct probe_node *node = add(list, "Acme", BUS_USB, NODE_USE_KEYBOARD);
	char text[512];

	probe_node_set_text(node->uniq, "123");
	link_to(node, "/dev/input/by-path/pci-1-event-kbd", true);
	link_to(node, KEYBOARD_LINK, true);
	assert_string_equal(matched(list, node, text), "path=" KEYBOARD_LINK);
}

static void test_a_by_id_link_of_two_is_not_used(void **state)
{
	struct probe_list *list = *state;
	struct probe_node *a = add(list, "Acme", BUS_USB, NODE_USE_MOUSE);
	struct probe_node *b = add(list, "Acme", BUS_USB, NODE_USE_MOUSE);
	struct probe_match match;
	char text[512];

	link_to(a, "/dev/input/by-id/usb-Acme-event-mouse", false);
	link_to(b, "/dev/input/by-id/usb-Acme-event-mouse", true);
	link_to(a, "/dev/input/by-path/pci-1-event-mouse", true);
	link_to(b, "/dev/input/by-path/pci-2-event-mouse", true);
	assert_string_equal(matched(list, a, text), "path=/dev/input/by-path/pci-1-event-mouse");
	assert_string_equal(matched(list, b, text), "path=/dev/input/by-path/pci-2-event-mouse");
	probe_match_choose(list, b, &match);
	assert_non_null(
		strstr(probe_match_note(b, &match), "another node has the same by-id link"));
	/* the other one is unplugged: its name is free again */
	a->gone = true;
	assert_string_equal(matched(list, b, text), "path=/dev/input/by-id/usb-Acme-event-mouse");
}

static void test_nodes_of_one_interface_share_their_links(void **state)
{
	struct probe_list *list = *state;
	struct probe_node *a = add(list, "Acme Consumer Control", BUS_USB, NODE_USE_KEYS);
	struct probe_node *b = add(list, "Acme System Control", BUS_USB, NODE_USE_KEYS);
	char text[512];

	for (unsigned i = 0; i < list->n; i++) {
		link_to(list->node[i], "/dev/input/by-id/usb-Acme-event-if01", i == 0);
		link_to(list->node[i], "/dev/input/by-path/pci-1-event", i == 0);
		probe_node_set_text(list->node[i]->phys, "usb-1/input1");
		probe_node_set_text(list->node[i]->uniq, "S123");
	}
	assert_string_equal(matched(list, a, text), "uniq=S123 name=Acme Consumer Control");
	assert_string_equal(matched(list, b, text), "uniq=S123 name=Acme System Control");
	a->uniq[0] = b->uniq[0] = '\0';
	assert_string_equal(matched(list, b, text), "phys=usb-1/input1 name=Acme System Control");
}

static void test_bluetooth_goes_by_uniq(void **state)
{
	struct probe_list *list = *state;
	struct probe_node *a = add(list, "BT Keyboard", BUS_BLUETOOTH, NODE_USE_KEYBOARD);
	char text[512];

	/* phys and by-path are those of the adapter */
	probe_node_set_text(a->phys, "00:11:22:33:44:55");
	probe_node_set_text(a->uniq, "aa:bb:cc:dd:ee:ff");
	link_to(a, "/dev/input/by-path/pci-1-event-kbd", true);
	assert_string_equal(matched(list, a, text), "uniq=aa:bb:cc:dd:ee:ff");
	probe_node_set_text(add(list, "BT Mouse", BUS_BLUETOOTH, NODE_USE_MOUSE)->uniq,
			    "aa:bb:cc:dd:ee:ff");
	assert_string_equal(matched(list, a, text), "uniq=aa:bb:cc:dd:ee:ff name=BT Keyboard");
	a->uniq[0] = '\0';
	assert_string_equal(matched(list, a, text), "name=BT Keyboard id=046d:c52b");
}

static void test_names_that_no_file_can_hold(void **state)
{
	static const char *const bad[] = {
		"a\nb", "a\x1b[31mb", "a ;b", ";a", "a\t;b", "\xff\xfe", "\xe2\x80\xae!", "",
	};
	struct probe_list *list = *state;
	struct probe_node *node = add(list, "x", BUS_USB, NODE_USE_KEYBOARD);
	char text[512];

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		probe_node_set_name(node, bad[i]);
		probe_node_set_text(node->phys, "usb-1/input0");
		assert_string_equal(matched(list, node, text), "phys=usb-1/input0");
		probe_node_set_text(node->phys, bad[i]);
		assert_string_equal(matched(list, node, text), "id=046d:c52b");
	}
	probe_node_set_name(node, "a;b # \"c\" = \\x20 ü");
	assert_string_equal(matched(list, node, text), "name=a;b # \"c\" = \\x20 ü id=046d:c52b");
}

static void test_uniq_with_blanks_is_not_used(void **state)
{
	struct probe_list *list = *state;
	struct probe_node *node = add(list, "x", BUS_USB, NODE_USE_KEYBOARD);
	char text[512];

	probe_node_set_text(node->uniq, "0001 ");
	assert_string_equal(matched(list, node, text), "name=x id=046d:c52b");
}

static void test_twins_are_told_to_be_ambiguous(void **state)
{
	struct probe_list *list = *state;
	struct probe_node *a = add(list, "x", BUS_USB, NODE_USE_KEYBOARD);
	struct probe_node *b = add(list, "x", BUS_USB, NODE_USE_KEYBOARD);
	struct probe_match match;
	char text[512];

	assert_string_equal(matched(list, a, text), "name=x id=046d:c52b ambiguous");
	probe_match_choose(list, a, &match);
	assert_non_null(strstr(probe_match_note(a, &match), "matches other nodes too"));
	/* evswitch's own clone of it is no other node */
	b->info.own = MATCH_OWN_HOST;
	assert_string_equal(matched(list, a, text), "name=x id=046d:c52b");
}

/* A keyboard with a second keyboard node and media keys, two mice, a touchpad: all recognised but
 * two. */
static void fill(struct probe_list *list)
{
	struct probe_node *board = add(list, "Acme Board", BUS_USB, NODE_USE_KEYBOARD);
	struct probe_node *second = add(list, "Acme Board NKRO", BUS_USB, NODE_USE_KEYBOARD);
	struct probe_node *media = add(list, "Acme Board Media", BUS_USB, NODE_USE_KEYS);
	struct probe_node *mouse = add(list, "Mouse\x1b[2J", BUS_USB, NODE_USE_MOUSE);
	struct probe_node *pad = add(list, "Pad", BUS_I2C, NODE_USE_TOUCHPAD);
	struct probe_node *other = add(list, "Mouse B", BUS_USB, NODE_USE_MOUSE);

	link_to(board, KEYBOARD_LINK, true);
	snprintf(second->group, sizeof(second->group), "%s", board->group);
	snprintf(media->group, sizeof(media->group), "%s", board->group);
	probe_node_set_text(mouse->phys, "usb-2/input0");
	board->classes = PROBE_CLASS_KEYBOARD;
	mouse->classes = PROBE_CLASS_POINTER;
	recognise(list, mouse, PROBE_DID_MOVE);
	recognise(list, board, PROBE_DID_KEY);
	recognise(list, pad, PROBE_DID_BUTTON);
	recognise(list, other, PROBE_DID_BUTTON);
}

static void test_plan(void **state)
{
	static const char *const names[] = { "mouse", "keyboard", "mouse2", "keyboard2", "media" };
	struct probe_list *list = *state;
	struct probe_plan plan;

	fill(list);
	probe_plan_make(list, &plan);
	assert_int_equal(plan.n, ARRAY_SIZE(names));
	for (unsigned i = 0; i < plan.n; i++) {
		assert_string_equal(plan.section[i].name, names[i]);
		assert_int_equal(plan.section[i].sibling_of != NULL, i >= 3);
		assert_int_equal(plan.section[i].match.others, 0);
	}
	assert_null(probe_plan_find(&plan, list->node[4]));
}

static void test_twins_share_a_section(void **state)
{
	struct probe_list *list = *state;
	struct probe_plan plan;

	recognise(list, add(list, "x", BUS_USB, NODE_USE_MOUSE), PROBE_DID_MOVE);
	recognise(list, add(list, "x", BUS_USB, NODE_USE_MOUSE), PROBE_DID_MOVE);
	probe_plan_make(list, &plan);
	assert_int_equal(plan.n, 1);
	assert_ptr_equal(probe_plan_find(&plan, list->node[1]), &plan.section[0]);
}

static char *written(void (*write)(FILE *, const struct probe_list *, const struct probe_plan *),
		     const struct probe_list *list)
{
	struct probe_plan plan;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	probe_plan_make(list, &plan);
	write(out, list, &plan);
	fclose(out);
	return text;
}

static void sections(FILE *out, const struct probe_list *list, const struct probe_plan *plan)
{
	(void)list;
	probe_report_sections(out, plan);
}

static void test_sections(void **state)
{
	autofree char *text = NULL;

	fill(*state);
	text = written(sections, *state);
	assert_non_null(strstr(text, "\n[device keyboard]\npath = " KEYBOARD_LINK "\n\n"));
	assert_non_null(strstr(text, "\n[device mouse]\nphys = usb-2/input0\n"));
	assert_non_null(strstr(text, "\n[device mouse2]\nname = Mouse B\nid = 046d:c52b\n"));
	assert_non_null(strstr(text, "\n;[device keyboard2]\n;name = Acme Board NKRO\n;id = "));
	assert_non_null(strstr(text, "; \"Mouse\\x1b[2J\", /dev/input/event3"));
	assert_null(strchr(text, '\x1b'));
	/* every line is a comment, a header, a key or empty */
	for (char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_non_null(strchr("\n;[pni", *line));
}

static void no_error(void *ctx, const char *message)
{
	(void)ctx;
	print_error("%s\n", message);
}

static struct conf *parsed(const char *text)
{
	static const struct conf_channel channel = { .name = "virtio-input" };
	static const struct conf_channel *const channels[] = { &channel, NULL };
	struct conf *conf = NULL;

	assert_int_equal(conf_parse("probe", text, strlen(text), channels, no_error, NULL, &conf),
			 0);
	return conf;
}

/* Takes the ; from the sections that are proposed, as a user would. */
static void accept_proposals(char *text)
{
	for (char *at = text; (at = strstr(at, "\n;")); at++)
		if (at[2] != ' ')
			at[1] = ' ';
}

static void test_the_configuration_takes_them(void **state)
{
	static const char odd[] = "a;b # \"c\" = [x]: \\x20 ü";
	struct probe_list *list = *state;
	autofree char *text = NULL;
	struct conf *conf;

	fill(list);
	recognise(list, add(list, odd, BUS_USB, NODE_USE_MOUSE), PROBE_DID_MOVE);
	text = written(sections, list);
	conf = parsed(text);
	assert_int_equal(conf->n_devices, 4);
	conf_free(conf);
	accept_proposals(text);
	conf = parsed(text);
	assert_int_equal(conf->n_devices, 6);
	assert_string_equal(conf->devices[3].match_name, odd);
	/* each section finds its own node among all, and no other */
	for (unsigned i = 0; i < conf->n_devices; i++) {
		unsigned found = 0;

		for (unsigned j = 0; j < list->n; j++)
			found += match_node(&conf->devices[i], &list->node[j]->info);
		assert_int_equal(found, 1);
	}
	conf_free(conf);
}

static void test_explanation(void **state)
{
	autofree char *text = NULL;

	fill(*state);
	text = written(probe_report_explain, *state);
	assert_non_null(strstr(text, "keyboard: /dev/input/event0 \"Acme Board\""));
	assert_non_null(strstr(text, "/dev/input/event1 \"Acme Board NKRO\" (keyboard): a keyboard "
				     "with n-key rollover"));
	assert_non_null(strstr(text, "touchpads cannot be switched"));
	assert_null(strchr(text, '\x1b'));
}

static void json(FILE *out, const struct probe_list *list, const struct probe_plan *plan)
{
	assert_int_equal(probe_report_json(out, list, plan), 0);
}

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, key, &value));
	return value;
}

static const char *text_of(struct json_object *object, const char *key)
{
	return json_object_get_string(member(object, key));
}

static void test_json(void **state)
{
	struct json_object *document, *devices, *mouse, *board, *pad, *siblings;
	autofree char *text = NULL;

	fill(*state);
	text = written(json, *state);
	document = json_tokener_parse(text);
	assert_non_null(document);
	devices = member(document, "devices");
	assert_int_equal(json_object_array_length(devices), 4);
	mouse = json_object_array_get_idx(devices, 0);
	board = json_object_array_get_idx(devices, 1);
	pad = json_object_array_get_idx(devices, 2);
	assert_string_equal(text_of(mouse, "name"), "Mouse\\x1b[2J");
	assert_null(member(mouse, "by_id"));
	assert_string_equal(text_of(member(mouse, "match"), "key"), "phys");
	assert_string_equal(text_of(board, "node"), "/dev/input/event0");
	assert_string_equal(text_of(board, "by_id"), KEYBOARD_LINK);
	assert_string_equal(text_of(board, "section"),
			    "[device keyboard]\npath = " KEYBOARD_LINK "\n");
	assert_string_equal(text_of(member(board, "match"), "value"), KEYBOARD_LINK);
	assert_string_equal(text_of(member(board, "id"), "vendor"), "046d");
	assert_string_equal(json_object_get_string(member(board, "class")), "[ \"keyboard\" ]");
	assert_null(member(pad, "section"));
	assert_string_equal(text_of(pad, "refused"), "touchpads cannot be switched");
	siblings = member(board, "siblings");
	assert_int_equal(json_object_array_length(siblings), 2);
	assert_string_equal(text_of(json_object_array_get_idx(siblings, 0), "device"), "keyboard2");
	json_object_put(document);
}

static void test_json_of_nothing(void **state)
{
	autofree char *text = written(json, *state);
	struct json_object *document = json_tokener_parse(text);

	assert_int_equal(json_object_array_length(member(document, "devices")), 0);
	json_object_put(document);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_only_a_press_counts),
		TEST(test_jitter_is_no_motion),
		TEST(test_a_moved_mouse),
		TEST(test_two_notches_of_the_wheel),
		TEST(test_absolute_motion),
		TEST(test_names_lose_their_blanks),
		TEST(test_own_devices),
		TEST(test_groups),
		TEST(test_kinds),
		TEST(test_refusals),
		TEST(test_a_section_where_the_daemon_takes_it),
		TEST(test_complete_needs_both),
		TEST(test_by_id_is_preferred),
		TEST(test_a_by_id_link_of_two_is_not_used),
		TEST(test_nodes_of_one_interface_share_their_links),
		TEST(test_bluetooth_goes_by_uniq),
		TEST(test_names_that_no_file_can_hold),
		TEST(test_uniq_with_blanks_is_not_used),
		TEST(test_twins_are_told_to_be_ambiguous),
		TEST(test_plan),
		TEST(test_twins_share_a_section),
		TEST(test_sections),
		TEST(test_the_configuration_takes_them),
		TEST(test_explanation),
		TEST(test_json),
		TEST(test_json_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
