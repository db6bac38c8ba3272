/* SPDX-License-Identifier: MIT */
/*
 * Derives kinds, groups and matches from what udev, libinput and events report. Uniqueness is
 * checked with match_node, so the result holds for the daemon as well.
 */
#include "probe/probe-node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

#define WINDOW_US    1000000 /* motion counts if it adds up within this time */
#define TRAVEL_MIN   30 /* counts: less than a finger's breadth on any mouse, more than jitter */
#define WHEEL_TRAVEL 15 /* for each wheel click: two clicks are not accidental */
#define ABS_FRACTION 20 /* absolute motion counts from 1/20 of the axis's range */

/*
 * Trusts udev rather than the symlink: if two nodes claim it, it may lead to either after a reboot.
 */
static bool leads_here(const struct node_info *info, const char *path)
{
	const struct probe_node *node = container_of(info, const struct probe_node, info);

	for (char *const *link = node->links; *link; link++)
		if (strcmp(*link, path) == 0)
			return true;
	return false;
}

static void set_info(struct probe_node *node, struct node_info info)
{
	info.devnode = node->devnode;
	info.leads_here = leads_here;
	info.name = node->name;
	info.phys = node->phys;
	info.uniq = node->uniq;
	node->info = info;
}

void probe_node_init(struct probe_node *node)
{
	*node = (struct probe_node){ .fd = -1 };
	set_info(node, (struct node_info){ 0 });
}

void probe_node_set_info(struct probe_node *node, const struct node_info *info)
{
	snprintf(node->devnode, sizeof(node->devnode), "%s", info->devnode);
	probe_node_set_name(node, info->name);
	probe_node_set_text(node->phys, info->phys);
	probe_node_set_text(node->uniq, info->uniq);
	set_info(node, *info);
}

void probe_node_set_text(char text[PROBE_TEXT_MAX], const char *value)
{
	snprintf(text, PROBE_TEXT_MAX, "%s", value ? value : "");
}

void probe_node_set_name(struct probe_node *node, const char *name)
{
	size_t size = name ? strlen(name) : 0;

	name = size ? text_trim(name, &size) : "";
	snprintf(node->name, PROBE_TEXT_MAX, "%.*s", (int)size, name);
}

/* The length of "usb-0000:00:14.0-1/input1" without "/input1"; 0 if phys names no device. */
static size_t phys_device(const char *phys)
{
	const char *last = NULL;

	for (const char *at = phys; (at = strstr(at, "/input")); at++)
		last = at;
	return last ? (size_t)(last - phys) : strlen(phys);
}

void probe_node_set_group(struct probe_node *node, const struct probe_origin *origin)
{
	size_t prefix = phys_device(node->phys);
	char *group = node->group;

	/* phys and USB ancestor of a Bluetooth device belong to the adapter */
	if (node->info.bustype == BUS_BLUETOOTH && *node->uniq)
		snprintf(group, PROBE_GROUP_MAX, "bluetooth %s", node->uniq);
	else if (origin->hid && (node->info.bustype == BUS_BLUETOOTH || origin->behind_receiver))
		snprintf(group, PROBE_GROUP_MAX, "%s", origin->hid);
	else if (origin->usb_device)
		snprintf(group, PROBE_GROUP_MAX, "%s", origin->usb_device);
	else if (origin->hid)
		snprintf(group, PROBE_GROUP_MAX, "%s", origin->hid);
	else if (prefix > 0)
		snprintf(group, PROBE_GROUP_MAX, "phys %.*s", (int)prefix, node->phys);
	else
		snprintf(group, PROBE_GROUP_MAX, "%s", origin->syspath);
}

bool probe_siblings(const struct probe_node *a, const struct probe_node *b)
{
	return a != b && strcmp(a->group, b->group) == 0;
}

static bool is_button(unsigned code)
{
	return (code >= BTN_MISC && code < KEY_OK) ||
	       (code >= BTN_DPAD_UP && code <= BTN_DPAD_RIGHT) || code >= BTN_TRIGGER_HAPPY;
}

static void follow_window(struct probe_motion *motion, const struct input_event *ev)
{
	int64_t now = (int64_t)ev->input_event_sec * 1000000 + ev->input_event_usec;

	/* a clock that was set back also ends the window */
	if (motion->start_us && now >= motion->start_us && now - motion->start_us <= WINDOW_US)
		return;
	motion->start_us = now;
	motion->travel = 0;
	motion->has_origin[0] = motion->has_origin[1] = false;
}

/* |a - b|, saturated. */
static int distance(int64_t a, int64_t b)
{
	int64_t d = a > b ? a - b : b - a;

	return d > TRAVEL_MIN ? TRAVEL_MIN : (int)d;
}

static unsigned relative(struct probe_motion *motion, const struct input_event *ev)
{
	int travel = distance(ev->value, 0);

	if (ev->code == REL_WHEEL || ev->code == REL_HWHEEL)
		travel = travel ? WHEEL_TRAVEL : 0;
	else if (ev->code != REL_X && ev->code != REL_Y)
		return 0;
	follow_window(motion, ev);
	motion->travel += travel;
	if (motion->travel < TRAVEL_MIN)
		return 0;
	motion->travel = 0;
	return PROBE_DID_MOVE;
}

static unsigned absolute(struct probe_motion *motion, const struct input_event *ev)
{
	unsigned axis = ev->code == ABS_X ? 0 : 1;
	int64_t away;

	if ((ev->code != ABS_X && ev->code != ABS_Y) || motion->range[axis] <= 0)
		return 0;
	follow_window(motion, ev);
	if (!motion->has_origin[axis]) {
		motion->has_origin[axis] = true;
		motion->origin[axis] = ev->value;
		return 0;
	}
	away = (int64_t)ev->value - motion->origin[axis];
	return llabs(away) * ABS_FRACTION >= motion->range[axis] ? PROBE_DID_MOVE_ABS : 0;
}

unsigned probe_activity(struct probe_motion *motion, const struct input_event *ev)
{
	if (ev->type == EV_REL)
		return relative(motion, ev);
	if (ev->type == EV_ABS)
		return absolute(motion, ev);
	/* value 2 repeats a key that may have been down before --probe started */
	if (ev->type != EV_KEY || ev->value != 1)
		return 0;
	return is_button(ev->code) ? PROBE_DID_BUTTON : PROBE_DID_KEY;
}

/* Some mice have keys among their buttons; that does not make them keyboards. */
static bool acts_as_keyboard(const struct probe_node *node)
{
	if (!(node->info.uses & NODE_USE_KEYBOARD) && node->info.uses & NODE_USE_MOUSE)
		return false;
	if (node->did)
		return node->did & PROBE_DID_KEY;
	return node->info.uses & (NODE_USE_KEYBOARD | NODE_USE_KEYS);
}

enum probe_kind probe_kind(const struct probe_node *node)
{
	if (acts_as_keyboard(node))
		return node->info.uses & NODE_USE_KEYS ? PROBE_MEDIA : PROBE_KEYBOARD;
	if (node->did & PROBE_DID_MOVE_ABS || node->info.uses & NODE_USE_TABLET)
		return PROBE_TABLET;
	if (node->did || node->info.uses & NODE_USE_MOUSE)
		return PROBE_MOUSE;
	return PROBE_OTHER;
}

bool probe_complete(const struct probe_list *list)
{
	bool keyboard = false, pointer = false;

	for (unsigned i = 0; i < list->n; i++) {
		const struct probe_node *node = list->node[i];
		enum probe_kind kind = probe_kind(node);

		if (!node->did || match_refusal(node->info.uses))
			continue;
		keyboard |= kind == PROBE_KEYBOARD;
		pointer |= kind == PROBE_MOUSE || kind == PROBE_TABLET;
		/* a single node that is both */
		pointer |= kind == PROBE_KEYBOARD && node->did & PROBE_DID_MOVE;
	}
	return keyboard && pointer;
}

/* Properties that a match can list, and the orders in which to try them. */
enum by { BY_ID_LINK = 1, BY_PATH_LINK = 2, BY_UNIQ = 4, BY_PHYS = 8, BY_NAME = 16, BY_ID = 32 };

static const unsigned char wired_orders[] = {
	BY_ID_LINK,      BY_PATH_LINK,    BY_UNIQ, BY_UNIQ | BY_NAME, BY_PHYS, BY_PHYS | BY_NAME,
	BY_NAME | BY_ID, BY_PHYS | BY_ID, BY_ID,
};

/* by-path and phys of a Bluetooth device name the adapter, so they are not tried */
static const unsigned char bluetooth_orders[] = {
	BY_ID_LINK, BY_UNIQ, BY_UNIQ | BY_NAME, BY_NAME | BY_ID, BY_ID,
};

/* True if the configuration can express the value: printable, without outer blanks or " ;". */
static bool can_be_written(const char *value)
{
	size_t size = value ? strlen(value) : 0, trimmed = size;

	if (size == 0 || (text_trim(value, &trimmed), trimmed != size))
		return false;
	if (value[0] == ';' || strstr(value, " ;") || strstr(value, "\t;"))
		return false;
	return strcmp(log_str(value).text, value) == 0;
}

/* Fills *match with the properties in 'by'; false if the node lacks one. */
static bool match_by(const struct probe_node *node, unsigned by, struct probe_match *match)
{
	*match = (struct probe_match){ .id = by & BY_ID,
				       .vendor = node->info.vendor,
				       .product = node->info.product };
	if (by & BY_ID_LINK)
		match->path = node->by_id;
	if (by & BY_PATH_LINK)
		match->path = node->by_path;
	if (by & BY_UNIQ)
		match->uniq = node->uniq;
	if (by & BY_PHYS)
		match->phys = node->phys;
	if (by & BY_NAME)
		match->name = node->name;
	return (!(by & (BY_ID_LINK | BY_PATH_LINK)) || can_be_written(match->path)) &&
	       (!(by & BY_UNIQ) || can_be_written(match->uniq)) &&
	       (!(by & BY_PHYS) || can_be_written(match->phys)) &&
	       (!(by & BY_NAME) || can_be_written(match->name));
}

/* the cast is safe: match_node does not modify the borrowed strings */
static bool matches(const struct probe_match *match, const struct probe_node *node)
{
	struct conf_device section = {
		.path = (char *)match->path,
		.match_name = (char *)match->name,
		.phys = (char *)match->phys,
		.uniq = (char *)match->uniq,
		.has_id = match->id,
		.vendor = match->vendor,
		.product = match->product,
	};

	return match_node(&section, &node->info);
}

static unsigned count_others(const struct probe_list *list, const struct probe_node *node,
			     const struct probe_match *match)
{
	unsigned others = 0;

	for (unsigned i = 0; i < list->n; i++) {
		const struct probe_node *other = list->node[i];

		if (other != node && !other->gone && !other->info.own && matches(match, other))
			others++;
	}
	return others;
}

void probe_match_choose(const struct probe_list *list, const struct probe_node *node,
			struct probe_match *match)
{
	bool bluetooth = node->info.bustype == BUS_BLUETOOTH;
	const unsigned char *orders = bluetooth ? bluetooth_orders : wired_orders;
	unsigned n = bluetooth ? ARRAY_SIZE(bluetooth_orders) : ARRAY_SIZE(wired_orders);

	match->others = PROBE_NODES_MAX;
	for (unsigned i = 0; i < n && match->others > 0; i++) {
		struct probe_match candidate;

		if (!match_by(node, orders[i], &candidate))
			continue;
		candidate.others = count_others(list, node, &candidate);
		if (candidate.others < match->others)
			*match = candidate;
	}
}

static bool claims_by_id(const struct probe_node *node)
{
	for (char *const *link = node->links; *link; link++)
		if (text_starts_with(*link, "/dev/input/by-id/"))
			return true;
	return false;
}

const char *probe_match_note(const struct probe_node *node, const struct probe_match *match)
{
	bool port = (match->path && match->path == node->by_path) || match->phys;

	if (match->others)
		return "this matches other nodes too: no permanent property distinguishes them";
	if (port && claims_by_id(node))
		return "another node has the same by-id link, so this one is found by its port: "
		       "keep it there";
	if (port && node->info.bustype == BUS_USB)
		return "it has no by-id link, so this is found by its port: keep it there";
	return NULL;
}

unsigned probe_match_lines(const struct probe_match *match, struct probe_line line[PROBE_LINES_MAX])
{
	const struct {
		const char *key, *value;
	} text[] = {
		{ "path", match->path },
		{ "uniq", match->uniq },
		{ "phys", match->phys },
		{ "name", match->name },
	};
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(text) && n < PROBE_LINES_MAX; i++) {
		if (!text[i].value)
			continue;
		line[n].key = text[i].key;
		snprintf(line[n++].value, sizeof(line->value), "%s", text[i].value);
	}
	if (!match->id || n == PROBE_LINES_MAX)
		return n;
	line[n].key = "id";
	snprintf(line[n++].value, sizeof(line->value), "%04x:%04x", match->vendor, match->product);
	return n;
}

const char *probe_kind_name(enum probe_kind kind)
{
	static const char *const names[] = {
		[PROBE_KEYBOARD] = "keyboard", [PROBE_MEDIA] = "media",  [PROBE_MOUSE] = "mouse",
		[PROBE_TABLET] = "tablet",     [PROBE_OTHER] = "device",
	};

	return names[kind];
}

/* Picks an unused name: "mouse", "mouse2", ... */
static void name_section(const struct probe_plan *plan, struct probe_section *section)
{
	enum probe_kind kind = probe_kind(section->node);
	unsigned before = 0;

	for (unsigned i = 0; i < plan->n; i++)
		before += probe_kind(plan->section[i].node) == kind;
	if (before == 0)
		snprintf(section->name, sizeof(section->name), "%s", probe_kind_name(kind));
	else
		snprintf(section->name, sizeof(section->name), "%s%u", probe_kind_name(kind),
			 before + 1);
}

static void plan_add(const struct probe_list *list, struct probe_plan *plan,
		     const struct probe_node *node, const struct probe_node *sibling_of)
{
	struct probe_section *section = &plan->section[plan->n];

	if (node->info.own || match_refusal(node->info.uses) || probe_plan_find(plan, node))
		return;
	*section = (struct probe_section){ .node = node, .sibling_of = sibling_of };
	probe_match_choose(list, node, &section->match);
	name_section(plan, section);
	plan->n++;
}

const struct probe_node *probe_recognised(const struct probe_list *list, unsigned order)
{
	for (unsigned i = 0; i < list->n; i++)
		if (list->node[i]->order == order)
			return list->node[i];
	return NULL;
}

static void plan_siblings(const struct probe_list *list, struct probe_plan *plan,
			  const struct probe_node *node)
{
	for (unsigned i = 0; i < list->n; i++) {
		const struct probe_node *other = list->node[i];

		if (!other->order && probe_siblings(node, other) &&
		    probe_kind(other) != PROBE_OTHER)
			plan_add(list, plan, other, node);
	}
}

void probe_plan_make(const struct probe_list *list, struct probe_plan *plan)
{
	plan->n = 0;
	for (unsigned order = 1; order <= list->recognised; order++) {
		const struct probe_node *node = probe_recognised(list, order);

		if (node)
			plan_add(list, plan, node, NULL);
	}
	for (unsigned i = 0, n = plan->n; i < n; i++)
		plan_siblings(list, plan, plan->section[i].node);
}

const struct probe_section *probe_plan_find(const struct probe_plan *plan,
					    const struct probe_node *node)
{
	for (unsigned i = 0; i < plan->n; i++)
		if (plan->section[i].node == node || matches(&plan->section[i].match, node))
			return &plan->section[i];
	return NULL;
}
