/* SPDX-License-Identifier: MIT */
/* Comparison of node properties. */
#include "evdev/match.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "conf/conf.h"

/* True if 'wanted' is NULL or equals 'actual', ignoring blanks around both. */
static bool same_text(const char *wanted, const char *actual,
		      int (*compare)(const char *, const char *, size_t))
{
	size_t wanted_size = wanted ? strlen(wanted) : 0, actual_size = strlen(actual);

	if (!wanted)
		return true;
	wanted = text_trim(wanted, &wanted_size);
	actual = text_trim(actual, &actual_size);
	return wanted_size == actual_size && compare(wanted, actual, wanted_size) == 0;
}

static bool same_path(const char *wanted, const struct node_info *node)
{
	return !wanted || strcmp(wanted, node->devnode) == 0 || node->leads_here(node, wanted);
}

static bool same_id(const struct conf_device *section, const struct node_info *node)
{
	if (!section->has_id)
		return true;
	return section->vendor == node->vendor && section->product == node->product;
}

bool match_node(const struct conf_device *section, const struct node_info *node)
{
	return !conf_device_is_blank(section) && same_path(section->path, node) &&
	       same_id(section, node) && same_text(section->match_name, node->name, strncmp) &&
	       same_text(section->phys, node->phys, strncmp) &&
	       same_text(section->uniq, node->uniq, strncasecmp);
}

const struct conf_device *match_section(const struct conf *conf, const struct node_info *node)
{
	for (unsigned i = 0; i < conf->n_devices; i++)
		if (match_node(&conf->devices[i], node))
			return &conf->devices[i];
	return NULL;
}

unsigned match_uses(bool (*has)(void *ctx, const char *property), void *ctx)
{
	static const struct {
		const char *property;
		unsigned use;
	} known[] = {
		{ "ID_INPUT_KEYBOARD", NODE_USE_KEYBOARD },
		{ "ID_INPUT_KEY", NODE_USE_KEYS },
		{ "ID_INPUT_MOUSE", NODE_USE_MOUSE },
		{ "ID_INPUT_POINTINGSTICK", NODE_USE_MOUSE },
		{ "ID_INPUT_TABLET", NODE_USE_TABLET },
		{ "ID_INPUT_TOUCHPAD", NODE_USE_TOUCHPAD },
		{ "ID_INPUT_TOUCHSCREEN", NODE_USE_TOUCHSCREEN },
		{ "ID_INPUT_JOYSTICK", NODE_USE_JOYSTICK },
		{ "ID_INPUT_SWITCH", NODE_USE_SWITCH },
	};
	unsigned uses = 0;

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (has(ctx, known[i].property))
			uses |= known[i].use;
	/* udev sets both properties for every keyboard */
	return uses & NODE_USE_KEYBOARD ? uses & ~(unsigned)NODE_USE_KEYS : uses;
}

const char *match_refusal(unsigned uses)
{
	if (uses & NODE_USE_TOUCHPAD)
		return "touchpads cannot be switched";
	if (uses & NODE_USE_TOUCHSCREEN)
		return "touch screens cannot be switched";
	if (uses & NODE_USE_JOYSTICK && !(uses & (NODE_USE_KEYBOARD | NODE_USE_MOUSE)))
		return "game pads cannot be switched";
	return NULL;
}

/* FNV-1a. */
uint64_t match_hash(uint64_t hash, const char *text)
{
	hash ^= 0xcbf29ce484222325;
	do
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	while (*text++);
	return hash;
}

struct match_traits match_traits(const struct node_info *node)
{
	const char *interface = strrchr(node->phys, '/');
	const uint64_t ids =
		(uint64_t)node->bustype << 32 | (uint64_t)node->vendor << 16 | node->product;

	return (struct match_traits){ .make = match_hash(ids, node->name),
				      .capabilities = node->capabilities,
				      .uniq = match_hash(0, node->uniq),
				      .phys = match_hash(0, node->phys),
				      .interface = match_hash(0, interface ? interface : "") };
}

unsigned match_likeness(const struct match_traits *a, const struct match_traits *b)
{
	if (a->make != b->make)
		return 0;
	return 1U + (a->interface == b->interface) + 2U * (a->phys == b->phys) +
	       4U * (a->uniq == b->uniq) + 8U * (a->capabilities == b->capabilities);
}

enum match_own match_own(const char *phys, const char *syspath)
{
	if (!phys || !text_starts_with(phys, MATCH_OWN_PHYS) ||
	    !text_starts_with(syspath, "/sys/devices/virtual/input/"))
		return MATCH_FOREIGN;
	return text_starts_with(phys, MATCH_OWN_HOST_PHYS) ? MATCH_OWN_HOST : MATCH_OWN_GUEST;
}
