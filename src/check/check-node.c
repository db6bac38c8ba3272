/* SPDX-License-Identifier: MIT */
/* sysfs has what a device says of itself, udev's database what udev makes of it. */
#include "check/check-node.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "base/util.h"
#include "check/check-report.h"

#define CLASS "/sys/class/input"
#define BY_ID "/dev/input/by-id"

bool check_real(const struct check_system *system, const char *path, struct check_path *real)
{
	struct check_path whole;

	if (!realpath(check_path(system, path).text, whole.text) ||
	    !text_starts_with(whole.text, system->root))
		return false;
	snprintf(real->text, sizeof(real->text), "%s", whole.text + strlen(system->root));
	return true;
}

/* By what it leads to, or by the device's number if it is a node of its own. */
static bool leads_here(const struct node_info *info, const char *path)
{
	const struct check_node *node = container_of(info, struct check_node, info);
	struct check_path real;
	struct stat st;

	if (!check_real(node->system, path, &real))
		return false;
	return strcmp(real.text, node->devnode) == 0 ||
	       (stat(check_path(node->system, path).text, &st) == 0 && S_ISCHR(st.st_mode) &&
		st.st_rdev == info->devnum);
}

/* --- what sysfs and udev know --------------------------------------------------------------- */

struct attribute {
	char text[CHECK_NODE_TEXT];
};

/* Below the node's directory in /sys, without the newline; "" if there is none. */
static struct attribute attribute(const struct check_system *system, const char *event,
				  const char *name)
{
	autofree char *text = check_read(system, check_text(CLASS "/%s/%s", event, name).text);
	struct attribute value = { "" };

	snprintf(value.text, sizeof(value.text), "%.*s", (int)strcspn(text ?: "", "\n"),
		 text ?: "");
	return value;
}

static uint16_t id(const struct check_system *system, const char *event, const char *name)
{
	return (uint16_t)strtoul(attribute(system, event, name).text, NULL, 16);
}

/* 'ctx' is the text of the node in udev's database; its format has not changed since 2008. */
static bool has_property(void *ctx, const char *property)
{
	return strstr(ctx, check_text("E:%s=1\n", property).text) != NULL;
}

/* As udev sees it, see hotplug.c. */
static unsigned read_uses(char *database, bool moves)
{
	unsigned uses = match_uses(has_property, database);

	return uses & NODE_USE_JOYSTICK && moves ? uses | NODE_USE_MOUSE : uses;
}

static void read_udev(struct check_node *node, const char *event)
{
	struct attribute device = attribute(node->system, event, "dev");
	autofree char *database =
		check_read(node->system, check_text("/run/udev/data/c%s", device.text).text);
	struct attribute axes = attribute(node->system, event, "device/capabilities/rel");
	unsigned major = 0, minor = 0;

	if (sscanf(device.text, "%u:%u", &major, &minor) == 2)
		node->info.devnum = makedev(major, minor);
	node->announced = database != NULL;
	if (database)
		node->info.uses = read_uses(database, (strtoul(axes.text, NULL, 16) & 3) == 3);
}

static bool add_node(void *ctx, const char *event)
{
	struct check_nodes *nodes = ctx;
	struct check_node *node = &nodes->node[nodes->n];
	const struct check_system *system = node->system;
	struct check_path sysfs;

	if (!text_starts_with(event, "event"))
		return true;
	snprintf(node->devnode, sizeof(node->devnode), "/dev/input/%.40s", event);
	memcpy(node->name, attribute(system, event, "device/name").text, sizeof(node->name));
	memcpy(node->phys, attribute(system, event, "device/phys").text, sizeof(node->phys));
	memcpy(node->uniq, attribute(system, event, "device/uniq").text, sizeof(node->uniq));
	node->info = (struct node_info){ .devnode = node->devnode,
					 .name = node->name,
					 .phys = node->phys,
					 .uniq = node->uniq,
					 .bustype = id(system, event, "device/id/bustype"),
					 .vendor = id(system, event, "device/id/vendor"),
					 .product = id(system, event, "device/id/product"),
					 .leads_here = leads_here };
	if (check_real(system, check_text(CLASS "/%s", event).text, &sysfs))
		node->info.own = match_own(node->phys, sysfs.text);
	read_udev(node, event);
	if (++nodes->n == CHECK_NODES_MAX)
		return false;
	nodes->node[nodes->n].system = system;
	return true;
}

static bool add_link(void *ctx, const char *name)
{
	struct check_nodes *nodes = ctx;
	struct check_text path = check_text(BY_ID "/%s", name);

	for (unsigned i = 0; i < nodes->n; i++) {
		struct check_node *node = &nodes->node[i];

		if (!node->by_id[0] && leads_here(&node->info, path.text))
			snprintf(node->by_id, sizeof(node->by_id), "%s", path.text);
	}
	return true;
}

void check_nodes_scan(const struct check_system *system, struct check_nodes *nodes)
{
	nodes->n = 0;
	nodes->node[0].system = system;
	check_list(system, CLASS, add_node, nodes);
	check_list(system, BY_ID, add_link, nodes);
}

const struct check_node *check_node_at(const struct check_nodes *nodes, const char *path)
{
	for (unsigned i = 0; i < nodes->n; i++)
		if (strcmp(path, nodes->node[i].devnode) == 0 ||
		    leads_here(&nodes->node[i].info, path))
			return &nodes->node[i];
	return NULL;
}

const struct conf_device *check_section_at(const struct check_nodes *nodes, const struct conf *conf,
					   const char *path)
{
	const struct check_node *node = check_node_at(nodes, path);

	return node && node->info.own == MATCH_FOREIGN ? match_section(conf, &node->info) : NULL;
}

const char *check_node_path(const struct check_node *node)
{
	return node->by_id[0] ? node->by_id : node->devnode;
}
