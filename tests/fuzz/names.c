/* SPDX-License-Identifier: MIT */
/*
 * Names of devices, on every way out: the log, --probe on the terminal, its JSON, and the sections that
 * --probe --write adds to the configuration. Lines are printable, JSON is valid, the sections are a
 * configuration, and each device is matched by one of them. Names of domains are domain.c's.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include "fuzz.h"
#include "guest/channel.h"
#include "probe/probe-report.h"

#define NODES 3

static struct scene {
	struct probe_list list;
	struct probe_node node[NODES];
	char link[NODES][96];
	struct probe_plan plan;
} scene;

static bool leads_here(const struct node_info *info, const char *path)
{
	const struct probe_node *node = container_of(info, struct probe_node, info);

	return node->by_id && strcmp(node->by_id, path) == 0;
}

static void draw(struct fuzz *fuzz, unsigned i)
{
	static const uint16_t buses[] = { BUS_USB, BUS_BLUETOOTH, BUS_VIRTUAL };
	struct probe_node *node = &scene.node[i];
	struct node_info info = { .devnode = "/dev/input/event0", .leads_here = leads_here };
	char name[300], phys[300], uniq[96];
	uint8_t what = fuzz_u8(fuzz);

	fuzz_text(fuzz, name, sizeof(name));
	fuzz_text(fuzz, phys, what & 1 ? sizeof(phys) : 2);
	fuzz_text(fuzz, uniq, what & 2 ? sizeof(uniq) : 2);
	info.name = name;
	info.phys = what & 1 ? phys : "";
	info.uniq = what & 2 ? uniq : "";
	info.bustype = buses[what / 4 % ARRAY_SIZE(buses)];
	info.uses = fuzz_u8(fuzz);
	probe_node_init(node);
	probe_node_set_info(node, &info);
	probe_node_set_group(node,
			     &(struct probe_origin){ .syspath = what & 16 ? "/sys/a" : "/b" });
	if (what & 32) {
		int size = snprintf(scene.link[i], sizeof(scene.link[i]), "/dev/input/by-id/");

		fuzz_text(fuzz, scene.link[i] + size, sizeof(scene.link[i]) - (size_t)size);
		node->links[0] = scene.link[i];
		node->by_id = node->links[0];
	}
	node->did = fuzz_u8(fuzz) & 15;
	node->order = what & 64 ? 0 : ++scene.list.recognised;
	scene.list.node[scene.list.n++] = node;
	/* Longer than a line of the log, perhaps. */
	log_info("%s: %s: %s", log_str(name).text, log_str(phys).text, log_str(uniq).text);
}

static void check_lines(const char *text)
{
	for (const char *end; (end = strchr(text, '\n')); text = end + 1)
		FUZZ_CHECK(fuzz_is_printable(text, (size_t)(end - text)), "%.*s", (int)(end - text),
			   text);
	FUZZ_CHECK(!*text, "no end of line: %s", text);
}

static void on_error(void *ctx, const char *message)
{
	fuzz_fail(__FILE__, __LINE__, "a configuration", "%s:\n%s", message, (const char *)ctx);
}

static void check_sections(const char *text)
{
	struct conf *conf = NULL;
	bool any = false;

	for (unsigned i = 0; i < scene.plan.n; i++)
		any |= !scene.plan.section[i].sibling_of;
	if (!any)
		return;
	conf_parse("f", text, strlen(text), channel_table, on_error, (void *)text, &conf);
	for (unsigned i = 0; conf && i < scene.plan.n; i++) {
		const struct probe_section *section = &scene.plan.section[i];

		FUZZ_CHECK(section->sibling_of || match_section(conf, &section->node->info),
			   "%s is not matched:\n%s", section->name, text);
	}
	conf_free(conf);
}

static void check_json(const char *text)
{
	const char *fault;
	struct json_object *document = json_parse_object(text, strlen(text), &fault);

	/* It is longer than what a peer may send, perhaps, but not wrong. */
	FUZZ_CHECK(document || strcmp(fault, "it is too large") == 0, "%s: %s", fault, text);
	json_object_put(document);
}

void fuzz_one(struct fuzz *fuzz)
{
	autofree char *explained = NULL, *sections = NULL, *json = NULL;
	size_t size;
	FILE *out = open_memstream(&explained, &size);

	scene.list = (struct probe_list){ 0 };
	for (unsigned n = 1 + fuzz_below(fuzz, NODES), i = 0; i < n; i++)
		draw(fuzz, i);
	probe_plan_make(&scene.list, &scene.plan);
	for (unsigned i = 0; i < scene.list.n; i++)
		probe_report_recognised(out, scene.list.node[i]);
	probe_report_explain(out, &scene.list, &scene.plan);
	fclose(out);
	check_lines(explained);
	out = open_memstream(&sections, &size);
	probe_report_sections(out, &scene.plan);
	fclose(out);
	check_lines(sections);
	check_sections(sections);
	out = open_memstream(&json, &size);
	FUZZ_CHECK(probe_report_json(out, &scene.list, &scene.plan) == 0, "no memory");
	fclose(out);
	check_json(json);
}
