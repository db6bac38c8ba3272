/* SPDX-License-Identifier: MIT */
/* Which device each [device] section means, or why it means none. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "check/check-nearest.h"
#include "check/checks.h"

#define EVENT "/dev/input/event"

struct device_check {
	const struct check_system *system;
	struct check_report *report;
	const struct check_nodes *nodes;
	const struct conf_device *section;
};

static bool matches(const struct conf_device *section, const struct check_node *node)
{
	return node->info.own == MATCH_FOREIGN && match_node(section, &node->info);
}

static const struct check_node *first_match(const struct device_check *check,
					    const struct conf_device *section)
{
	for (unsigned i = 0; i < check->nodes->n; i++)
		if (matches(section, &check->nodes->node[i]))
			return &check->nodes->node[i];
	return NULL;
}

/* The line that the section should have instead. */
static struct check_text line(const char *key, const char *value)
{
	return check_text("%s = %s", key, log_str(value).text);
}

/* --- a section that means nothing ----------------------------------------------------------- */

static void find_absent(const struct device_check *check, const char *key, const char *value)
{
	check_find(check->report, CHECK_NOT_HERE,
		   "plug it in; or find what it is called: evswitch --probe",
		   "[device %s]: no device here has %s = %s", check->section->name, key,
		   log_str(value).text);
}

/* Neither a '#' nor quotes end a value: both are part of it. True if that is what is wrong. */
static bool find_decoration(const struct device_check *check, const char *key, const char *value)
{
	const char *comment = strstr(value, " #");
	size_t size = comment ? (size_t)(comment - value) : strlen(value);
	bool quoted =
		size > 1 && (value[0] == '"' || value[0] == '\'') && value[size - 1] == value[0];
	char bare[CONF_LINE_MAX + 1];

	if (!comment && !quoted)
		return false;
	value = text_trim(value, &size);
	snprintf(bare, sizeof(bare), "%.*s", (int)(quoted ? size - 2 : size), value + quoted);
	check_find(check->report, quoted ? CHECK_QUOTES : CHECK_COMMENT, line(key, bare).text,
		   "[device %s]: the %s part of the value of %s", check->section->name,
		   quoted ? "quotes are" : "comment is", key);
	return true;
}

/* The kind of a link's device, as "-event-kbd"; a link to another kind is another device's. */
static const char *kind_of(const char *link)
{
	return strrchr(link, '-') ?: "";
}

static bool offer_link(void *ctx, const char *name)
{
	struct check_nearest *nearest = ctx;

	if (strcmp(kind_of(name), kind_of(nearest->typed)) == 0)
		check_nearest_offer(nearest, name);
	else if (strlen(name) > strlen(nearest->typed) && text_starts_with(name, nearest->typed) &&
		 !nearest->word[0])
		snprintf(nearest->word, sizeof(nearest->word), "%s", name);
	return true;
}

static void explain_absent_path(const struct device_check *check, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	struct check_text dir = check_text("%.*s", (int)(name - path), path);
	struct check_nearest nearest;

	check_nearest_init(&nearest, name, 1 + (unsigned)strlen(name) / 10);
	if (!text_starts_with(path, EVENT))
		check_list(check->system, dir.text, offer_link, &nearest);
	if (nearest.word[0])
		check_find(check->report, CHECK_TYPO,
			   line("path", check_text("%s%s", dir.text, nearest.word).text).text,
			   "[device %s]: there is no %s, but there is %s", check->section->name,
			   log_str(path).text, log_str(nearest.word).text);
	else
		find_absent(check, "path", path);
}

struct sibling {
	char name[64];
};

static bool take_event(void *ctx, const char *name)
{
	struct sibling *sibling = ctx;

	if (!text_starts_with(name, "event"))
		return true;
	snprintf(sibling->name, sizeof(sibling->name), "%.60s", name);
	return false;
}

/* A mouse* or js* node has the event node of its device beside it in sysfs. */
static void explain_other_node(const struct device_check *check, const char *path,
			       const struct check_path *real)
{
	const char *name = strrchr(real->text, '/') + 1;
	struct sibling sibling = { "" };
	const struct check_node *node = NULL;

	check_list(check->system, check_text("/sys/class/input/%s/device", name).text, take_event,
		   &sibling);
	if (sibling.name[0])
		node = check_node_at(check->nodes, check_text("/dev/input/%s", sibling.name).text);
	if (node)
		check_find(check->report, CHECK_NOT_EVENT, line("path", check_node_path(node)).text,
			   "[device %s]: %s leads to %s, which is not an event node",
			   check->section->name, log_str(path).text, log_str(name).text);
	else
		check_find(check->report, CHECK_NOT_A_NODE,
			   "evswitch --probe prints the right path",
			   "[device %s]: %s is not an input device", check->section->name,
			   log_str(path).text);
}

static void explain_path(const struct device_check *check, const char *path)
{
	struct check_path real;

	if (find_decoration(check, "path", path))
		return;
	if (check_real(check->system, path, &real))
		explain_other_node(check, path, &real);
	else
		explain_absent_path(check, path);
}

static void explain_name(const struct device_check *check, const char *name)
{
	struct check_nearest nearest;

	if (find_decoration(check, "name", name))
		return;
	check_nearest_init(&nearest, name, 1 + (unsigned)strlen(name) / 6);
	for (unsigned i = 0; i < check->nodes->n; i++) {
		const struct check_node *node = &check->nodes->node[i];

		if (node->info.own != MATCH_FOREIGN)
			continue;
		check_nearest_offer(&nearest, node->name);
		if (!nearest.word[0] && check_is_part(name, node->name))
			snprintf(nearest.word, sizeof(nearest.word), "%s", node->name);
	}
	if (nearest.word[0])
		check_find(check->report, CHECK_PART, line("name", nearest.word).text,
			   "[device %s]: no device is called %s, but one is called %s",
			   check->section->name, log_str(name).text, log_str(nearest.word).text);
	else
		find_absent(check, "name", name);
}

static void explain_value(const struct device_check *check, const char *key, const char *value)
{
	if (!find_decoration(check, key, value))
		find_absent(check, key, value);
}

/* Each property alone: the first that no device has is the one to explain. */
static void explain(const struct device_check *check)
{
	const struct conf_device *section = check->section;
	struct check_text id = check_text("%04x:%04x", section->vendor, section->product);
	const struct conf_device path = { .path = section->path },
				 name = { .match_name = section->match_name },
				 phys = { .phys = section->phys }, uniq = { .uniq = section->uniq },
				 ids = { .has_id = section->has_id,
					 .vendor = section->vendor,
					 .product = section->product };

	if (section->path && !first_match(check, &path))
		explain_path(check, section->path);
	else if (section->match_name && !first_match(check, &name))
		explain_name(check, section->match_name);
	else if (section->phys && !first_match(check, &phys))
		explain_value(check, "phys", section->phys);
	else if (section->uniq && !first_match(check, &uniq))
		explain_value(check, "uniq", section->uniq);
	else if (section->has_id && !first_match(check, &ids))
		find_absent(check, "id", id.text);
	else
		check_find(check->report, CHECK_NO_SINGLE,
			   "keep one of them, that of evswitch --probe, and remove the others",
			   "[device %s]: each of its properties fits a device, but no device has "
			   "them all",
			   section->name);
}

/* --- a section that means something --------------------------------------------------------- */

/* A link that udev made is in its database. */
static bool is_made_by_hand(const struct device_check *check, const struct check_node *node)
{
	const char *path = check->section->path;
	struct check_text file =
		check_text("/run/udev/data/c%u:%u", (unsigned)(node->info.devnum >> 8 & 0xfff),
			   (unsigned)(node->info.devnum & 0xff));
	struct check_text entry = check_text("S:%s", path + strlen("/dev/"));

	return text_starts_with(path, "/dev/") && strcmp(path, node->devnode) != 0 &&
	       node->announced && !check_has_line(check->system, file.text, entry.text);
}

static void check_path_lasts(const struct device_check *check, const struct check_node *node)
{
	const char *path = check->section->path;

	if (text_starts_with(path, EVENT))
		check_find(check->report, CHECK_NUMBER,
			   node->by_id[0] ? line("path", node->by_id).text
					  : line("name", node->name).text,
			   "[device %s]: %s is a number that the kernel gives out anew",
			   check->section->name, path);
	else if (is_made_by_hand(check, node))
		check_find(check->report, CHECK_BY_HAND, line("path", check_node_path(node)).text,
			   "[device %s]: %s is a link that udev does not know",
			   check->section->name, log_str(path).text);
}

static bool check_match(const struct device_check *check, const struct check_node *node)
{
	const char *refusal = match_refusal(node->info.uses);
	struct check_text whose = check_text("[device %s]", check->section->name);

	if (refusal)
		check_find(check->report, CHECK_REFUSED,
			   "remove the section; another node of the same device may serve: "
			   "evswitch --probe",
			   "[device %s]: %s (%s): %s", check->section->name, node->devnode,
			   log_str(node->name).text, refusal);
	if (check->section->path)
		check_path_lasts(check, node);
	return check_may_open(check->system, check->report, node->devnode, whose.text) && !refusal;
}

/* The uses of all nodes that the section means. */
static unsigned check_section(const struct device_check *check)
{
	unsigned uses = 0, found = 0;

	for (unsigned i = 0; i < check->nodes->n; i++) {
		const struct check_node *node = &check->nodes->node[i];

		if (!matches(check->section, node))
			continue;
		uses |= node->info.uses;
		if (check_match(check, node) && found++ == 0)
			check_fine(check->report, "[device %s], which is %s (%s)",
				   check->section->name, node->devnode, log_str(node->name).text);
	}
	if (!first_match(check, check->section))
		explain(check);
	return uses;
}

/* True if there is none. */
static bool find_no_nodes(struct check_report *report, const struct check_nodes *nodes)
{
	for (unsigned i = 0; i < nodes->n; i++)
		if (nodes->node[i].announced)
			return false;
	if (nodes->n)
		check_find(report, CHECK_NO_NODES,
			   "sudo systemctl start systemd-udevd && sudo udevadm trigger",
			   "udev has announced none of the %u input devices", nodes->n);
	else
		check_find(report, CHECK_NO_NODES,
			   "run evswitch on the machine itself, not in a container",
			   "/sys/class/input has no event nodes");
	return true;
}

void check_devices(const struct check_system *system, struct check_report *report,
		   const struct check_nodes *nodes, const struct conf *conf)
{
	struct device_check check = { .system = system, .report = report, .nodes = nodes };
	unsigned uses = 0;

	if (find_no_nodes(report, nodes))
		return;
	for (unsigned i = 0; i < conf->n_devices; i++) {
		check.section = &conf->devices[i];
		uses |= check_section(&check);
	}
	/* A node of media keys or of switches is no hint. */
	if (uses & ~(unsigned)(NODE_USE_KEYS | NODE_USE_SWITCH) && !(uses & NODE_USE_KEYBOARD))
		check_find(report, CHECK_NO_KEYBOARD, "evswitch --probe, and press a key on it",
			   "none of the devices that are here is a keyboard");
}
