/* SPDX-License-Identifier: MIT */
/* Text and JSON (json-c) output of --probe. */
#include "probe/probe-report.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

#define SECTION_MAX 2048 /* bytes: a header and three lines with values of up to 511 */

struct word {
	unsigned bit;
	const char *text;
};

static const struct word use_words[] = {
	{ NODE_USE_KEYBOARD, "keyboard" }, { NODE_USE_KEYS, "keys" },
	{ NODE_USE_MOUSE, "mouse" },       { NODE_USE_TABLET, "tablet" },
	{ NODE_USE_TOUCHPAD, "touchpad" }, { NODE_USE_TOUCHSCREEN, "touchscreen" },
	{ NODE_USE_JOYSTICK, "joystick" }, { NODE_USE_SWITCH, "switch" },
};

static const struct word class_words[] = {
	{ PROBE_CLASS_KEYBOARD, "keyboard" },     { PROBE_CLASS_POINTER, "pointer" },
	{ PROBE_CLASS_TOUCH, "touch" },           { PROBE_CLASS_TABLET, "tablet" },
	{ PROBE_CLASS_TABLET_PAD, "tablet-pad" }, { PROBE_CLASS_GESTURE, "gesture" },
	{ PROBE_CLASS_SWITCH, "switch" },
};

/* "keyboard, pointer" */
static void write_words(FILE *out, unsigned bits, const struct word *words, unsigned n,
			const char *none)
{
	const char *separator = "";

	for (unsigned i = 0; i < n; i++) {
		if (!(bits & words[i].bit))
			continue;
		fprintf(out, "%s%s", separator, words[i].text);
		separator = ", ";
	}
	if (!*separator)
		fputs(none, out);
}

void probe_report_recognised(FILE *out, const struct probe_node *node)
{
	const char *refusal = match_refusal(node->info.uses);

	fprintf(out, "  %s: %s \"%s\"%s%s\n",
		refusal ? "not for evswitch" : probe_kind_name(probe_kind(node)), node->devnode,
		log_str(node->name).text, refusal ? ": " : "", refusal ? refusal : "");
}

/* Advice about a sibling of a recognised node. */
static const char *advice(const struct probe_node *node, const struct probe_node *sibling)
{
	const char *refusal = match_refusal(sibling->info.uses);

	if (sibling->order)
		return "recognised too";
	if (refusal)
		return refusal;
	switch (probe_kind(sibling)) {
	case PROBE_KEYBOARD:
		if (probe_kind(node) == PROBE_KEYBOARD)
			return "a keyboard with n-key rollover may send keys here: add it too";
		return "additional keys of this device: add it if you use them";
	case PROBE_MEDIA:
		return "volume, media and similar keys: add it if they should follow the focus";
	case PROBE_MOUSE:
	case PROBE_TABLET:
		return "add it if this device is also a pointer";
	case PROBE_OTHER:
		break;
	}
	return "not needed";
}

static void explain_siblings(FILE *out, const struct probe_list *list,
			     const struct probe_node *node)
{
	bool any = false;

	for (unsigned i = 0; i < list->n; i++) {
		const struct probe_node *other = list->node[i];

		if (other->info.own || other->gone || !probe_siblings(node, other))
			continue;
		if (!any)
			fputs("  other nodes of the same device:\n", out);
		any = true;
		fprintf(out, "    %s \"%s\" (", other->devnode, log_str(other->name).text);
		write_words(out, other->info.uses, use_words, ARRAY_SIZE(use_words),
			    "nothing to type or point with");
		fprintf(out, "): %s\n", advice(node, other));
	}
}

static void explain_match(FILE *out, const struct probe_match *match)
{
	struct probe_line line[PROBE_LINES_MAX];
	unsigned n = probe_match_lines(match, line);

	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s%s = %s", i ? ", " : "  found by: ", line[i].key, line[i].value);
	fputc('\n', out);
}

static void explain(FILE *out, const struct probe_list *list, const struct probe_plan *plan,
		    const struct probe_node *node)
{
	const char *refusal = match_refusal(node->info.uses);
	const struct probe_section *section = refusal ? NULL : probe_plan_find(plan, node);
	const char *note = section ? probe_match_note(node, &section->match) : NULL;

	fprintf(out, "\n%s: %s \"%s\"%s\n", section ? section->name : "not for evswitch",
		node->devnode, log_str(node->name).text, node->gone ? " (unplugged since)" : "");
	fputs("  the desktop sees it as: ", out);
	write_words(out, node->classes, class_words, ARRAY_SIZE(class_words),
		    "nothing (it ignores it)");
	fputc('\n', out);
	if (refusal)
		fprintf(out, "  %s\n", refusal);
	if (section)
		explain_match(out, &section->match);
	if (section && section->node != node)
		fprintf(out, "  the section of %s matches both\n", section->node->devnode);
	if (note)
		fprintf(out, "  %s\n", note);
	if (!refusal && probe_kind(node) == PROBE_TABLET)
		fputs("  it reports absolute positions, so it stays with the host, including its "
		      "buttons and wheel\n",
		      out);
	explain_siblings(out, list, node);
}

void probe_report_explain(FILE *out, const struct probe_list *list, const struct probe_plan *plan)
{
	for (unsigned order = 1; order <= list->recognised; order++) {
		const struct probe_node *node = probe_recognised(list, order);

		if (node)
			explain(out, list, plan, node);
	}
}

/* Formats the section with 'prefix' before each line. Always fits into SECTION_MAX. */
static void section_text(const struct probe_section *section, const char *prefix,
			 char text[SECTION_MAX])
{
	struct probe_line line[PROBE_LINES_MAX];
	unsigned n = probe_match_lines(&section->match, line);
	int used = snprintf(text, SECTION_MAX, "%s[device %s]\n", prefix, section->name);

	for (unsigned i = 0; i < n; i++)
		used += snprintf(text + used, SECTION_MAX - (size_t)used, "%s%s = %s\n", prefix,
				 line[i].key, line[i].value);
}

void probe_report_section(FILE *out, const struct probe_section *section)
{
	const struct probe_node *node = section->node;
	const char *note = probe_match_note(node, &section->match);
	char text[SECTION_MAX];

	section_text(section, section->sibling_of ? ";" : "", text);
	fprintf(out, "; \"%s\", %s at the time\n", log_str(node->name).text, node->devnode);
	if (section->sibling_of)
		fprintf(out, "; %s (remove the leading ;)\n", advice(section->sibling_of, node));
	if (note)
		fprintf(out, "; %s\n", note);
	fprintf(out, "%s\n", text);
}

void probe_report_sections(FILE *out, const struct probe_plan *plan)
{
	for (unsigned i = 0; i < plan->n; i++)
		probe_report_section(out, &plan->section[i]);
}

/*
 * json-c returns NULL when out of memory, and NULL is also the JSON null: the document would be
 * silently wrong. So every value goes through put(), which records the failure.
 */
struct json {
	bool failed;
};

static void put(struct json *json, struct json_object *object, const char *key,
		struct json_object *value)
{
	if (value && json_object_object_add(object, key, value) == 0)
		return;
	json_object_put(value);
	json->failed = true;
}

static void append(struct json *json, struct json_object *array, struct json_object *value)
{
	if (value && json_object_array_add(array, value) == 0)
		return;
	json_object_put(value);
	json->failed = true;
}

/* A string, or the JSON null if there is none. */
static void put_text(struct json *json, struct json_object *object, const char *key,
		     const char *text)
{
	if (text)
		put(json, object, key, json_object_new_string(log_str(text).text));
	else if (json_object_object_add(object, key, NULL))
		json->failed = true;
}

static struct json_object *json_words(struct json *json, unsigned bits, const struct word *words,
				      unsigned n)
{
	struct json_object *array = json_object_new_array();

	for (unsigned i = 0; array && i < n; i++)
		if (bits & words[i].bit)
			append(json, array, json_object_new_string(words[i].text));
	return array;
}

static struct json_object *json_line(struct json *json, const struct probe_line *line)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	put_text(json, object, "key", line->key);
	put_text(json, object, "value", line->value);
	return object;
}

static struct json_object *json_match(struct json *json, const struct probe_match *match)
{
	struct probe_line line[PROBE_LINES_MAX];
	unsigned n = probe_match_lines(match, line);
	struct json_object *object = json_line(json, &line[0]);
	struct json_object *also = json_object_new_array();

	if (!object || !also) {
		json_object_put(object);
		json_object_put(also);
		return NULL;
	}
	for (unsigned i = 1; i < n; i++)
		append(json, also, json_line(json, &line[i]));
	put(json, object, "also", also);
	put(json, object, "unique", json_object_new_boolean(match->others == 0));
	return object;
}

static struct json_object *json_id(struct json *json, const struct probe_node *node)
{
	const struct {
		const char *key;
		uint16_t value;
	} parts[] = {
		{ "bustype", node->info.bustype },
		{ "vendor", node->info.vendor },
		{ "product", node->info.product },
		{ "version", node->version },
	};
	struct json_object *object = json_object_new_object();
	char hex[5];

	for (unsigned i = 0; object && i < ARRAY_SIZE(parts); i++) {
		snprintf(hex, sizeof(hex), "%04x", parts[i].value);
		put_text(json, object, parts[i].key, hex);
	}
	return object;
}

/* The members that recognised nodes and siblings have in common. */
static void put_node(struct json *json, struct json_object *object, const struct probe_node *node,
		     const struct probe_plan *plan)
{
	const struct probe_section *section =
		match_refusal(node->info.uses) ? NULL : probe_plan_find(plan, node);
	char text[SECTION_MAX];

	put_text(json, object, "node", node->devnode);
	put_text(json, object, "name", node->name);
	put_text(json, object, "by_id", node->by_id);
	put_text(json, object, "by_path", node->by_path);
	put_text(json, object, "phys", node->phys);
	put_text(json, object, "uniq", node->uniq);
	put(json, object, "id", json_id(json, node));
	put(json, object, "class",
	    json_words(json, node->classes, class_words, ARRAY_SIZE(class_words)));
	put(json, object, "use",
	    json_words(json, node->info.uses, use_words, ARRAY_SIZE(use_words)));
	put_text(json, object, "refused", match_refusal(node->info.uses));
	if (!section) {
		put_text(json, object, "device", NULL);
		put_text(json, object, "match", NULL);
		put_text(json, object, "section", NULL);
		return;
	}
	section_text(section, "", text);
	put_text(json, object, "device", section->name);
	put(json, object, "match", json_match(json, &section->match));
	put(json, object, "section", json_object_new_string(text));
}

static struct json_object *json_sibling(struct json *json, const struct probe_node *node,
					const struct probe_node *sibling,
					const struct probe_plan *plan)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	put_node(json, object, sibling, plan);
	put(json, object, "recognised", json_object_new_boolean(sibling->order != 0));
	put_text(json, object, "advice", advice(node, sibling));
	return object;
}

static struct json_object *json_device(struct json *json, const struct probe_list *list,
				       const struct probe_plan *plan, const struct probe_node *node)
{
	struct json_object *object = json_object_new_object();
	struct json_object *siblings = json_object_new_array();

	if (!object || !siblings) {
		json_object_put(object);
		json_object_put(siblings);
		return NULL;
	}
	put_node(json, object, node, plan);
	for (unsigned i = 0; i < list->n; i++) {
		const struct probe_node *other = list->node[i];

		if (!other->info.own && !other->gone && probe_siblings(node, other))
			append(json, siblings, json_sibling(json, node, other, plan));
	}
	put(json, object, "siblings", siblings);
	return object;
}

int probe_report_json(FILE *out, const struct probe_list *list, const struct probe_plan *plan)
{
	struct json json = { false };
	struct json_object *document = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	int error = -ENOMEM;

	for (unsigned order = 1; devices && order <= list->recognised; order++) {
		const struct probe_node *node = probe_recognised(list, order);

		if (node)
			append(&json, devices, json_device(&json, list, plan, node));
	}
	if (document)
		put(&json, document, "devices", devices);
	else
		json_object_put(devices);
	if (document && !json.failed)
		error = json_print(out, document);
	json_object_put(document);
	return error;
}
