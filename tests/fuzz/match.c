/* SPDX-License-Identifier: MIT */
/*
 * What follows from the properties that udev reports of a node: which section matches it, what it is used
 * for, whether it is evswitch's own, and which earlier node it is. A section with a node's own properties
 * matches it, and likeness has no order. Does not reach uevents, which libudev alone parses, nor sysfs.
 */
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "evdev/match.h"
#include "fuzz.h"

#define TEXT 80

struct texts {
	char devnode[TEXT], name[TEXT], phys[TEXT], uniq[TEXT];
};

static bool leads_here(const struct node_info *node, const char *path)
{
	return strcmp(path, node->name) == 0;
}

static bool has(void *ctx, const char *property)
{
	const char *properties = ctx;

	return strstr(properties, property) != NULL;
}

static void draw_text(struct fuzz *fuzz, char text[TEXT])
{
	text[0] = '\0';
	if (fuzz_u8(fuzz) & 1)
		fuzz_text(fuzz, text, TEXT);
}

static struct node_info draw(struct fuzz *fuzz, struct texts *texts)
{
	snprintf(texts->devnode, sizeof(texts->devnode), "/dev/input/event%u", fuzz_u8(fuzz));
	draw_text(fuzz, texts->name);
	draw_text(fuzz, texts->phys);
	draw_text(fuzz, texts->uniq);
	return (struct node_info){ .devnode = texts->devnode,
				   .name = texts->name,
				   .phys = texts->phys,
				   .uniq = texts->uniq,
				   .bustype = fuzz_u8(fuzz),
				   .vendor = fuzz_u8(fuzz),
				   .product = fuzz_u8(fuzz),
				   .capabilities = fuzz_u8(fuzz),
				   .leads_here = leads_here };
}

/* The section that lists these properties of the node. */
static struct conf_device section_of(const struct node_info *node, unsigned by)
{
	return (struct conf_device){ .path = by & 1 ? (char *)node->devnode : NULL,
				     .match_name = by & 2 ? (char *)node->name : NULL,
				     .phys = by & 4 ? (char *)node->phys : NULL,
				     .uniq = by & 8 ? (char *)node->uniq : NULL,
				     .has_id = by & 16,
				     .vendor = node->vendor,
				     .product = node->product };
}

void fuzz_one(struct fuzz *fuzz)
{
	struct texts texts, other_texts;
	struct node_info node = draw(fuzz, &texts), other = draw(fuzz, &other_texts);
	struct match_traits a = match_traits(&node), b = match_traits(&other);
	char properties[256];
	unsigned uses;

	for (unsigned by = 0; by < 32; by++) {
		struct conf_device section = section_of(&node, by);
		bool matches = match_node(&section, &other);

		FUZZ_CHECK(match_node(&section, &node) == !!by, "by %x", by);
		section = section_of(&other, by);
		/* Paths differ in what leads there. */
		FUZZ_CHECK(by & 1 || matches == match_node(&section, &node), "by %x", by);
	}
	FUZZ_CHECK(match_likeness(&a, &a) == 16 && match_likeness(&a, &b) == match_likeness(&b, &a),
		   "%u", match_likeness(&a, &b));
	fuzz_text(fuzz, properties, sizeof(properties));
	uses = match_uses(has, properties);
	FUZZ_CHECK(!(uses & NODE_USE_KEYBOARD && uses & NODE_USE_KEYS), "uses %x", uses);
	FUZZ_CHECK(!match_refusal(uses) || uses & ~(unsigned)NODE_USE_KEYBOARD, "uses %x", uses);
	FUZZ_CHECK(match_own(texts.phys, properties) == MATCH_FOREIGN ||
			   strncmp(texts.phys, MATCH_OWN_PHYS, strlen(MATCH_OWN_PHYS)) == 0,
		   "%s is ours", texts.phys);
	match_own(NULL, properties);
}
