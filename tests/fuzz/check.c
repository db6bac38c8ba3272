/* SPDX-License-Identifier: MIT */
/*
 * What --check finds with names of devices and processes, links and a configuration of the input's: its
 * report is printable, and its JSON valid. Reaches the checks of the configuration, of devices, of processes
 * and of places, on a machine of files; not those that start a program (virsh.c, domain.c have their output).
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "check-machine.h"
#include "check/check-node.h"
#include "check/checks.h"
#include "fuzz.h"

static void put_link(const char *path, const char *to)
{
	struct check_path at = check_path(&machine->system, path);

	unlink(at.text);
	if (symlink(to, at.text) < 0)
		abort();
}

/* A name of a file has no '/', and is not "..". */
static void draw_name(struct fuzz *fuzz, char *name, size_t size)
{
	fuzz_text(fuzz, name, size);
	for (char *at = name; *at; at++)
		if (*at == '/' || *at == '.')
			*at = '_';
	if (!name[0])
		snprintf(name, size, "_");
}

static void furnish(struct fuzz *fuzz, char link[static 64])
{
	static const char *const uses[] = { "ID_INPUT_KEYBOARD", "ID_INPUT_MOUSE",
					    "ID_INPUT_TOUCHPAD", "ID_INPUT_JOYSTICK" };
	char text[600];

	fuzz_text(fuzz, text, 300);
	draw_name(fuzz, link, 64);
	machine_device(machine, 5, text, uses[fuzz_below(fuzz, ARRAY_SIZE(uses))], link);
	fuzz_text(fuzz, text, 64);
	machine_file(machine, "/proc/77/comm", "%s\n", text);
	fuzz_text(fuzz, text, 300);
	machine_file(machine, "/proc/77/cmdline", "%s", text);
	fuzz_text(fuzz, text, 128);
	machine_file(machine, "/proc/77/fd/0", "%s", "");
	put_link("/proc/77/fd/3", text[0] ? text : "/");
	fuzz_text(fuzz, text, sizeof(text));
	if (fuzz_u8(fuzz) & 1)
		machine_conf(machine,
			     "[device a]\nname = %s\n[device b]\npath = /dev/input/by-id/%s\n",
			     text, link);
	else
		machine_conf(machine, "%s", text);
}

static void check_printed(const struct check_report *report)
{
	autofree char *text = NULL, *json = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct json_object *findings;

	check_print(out, report);
	fclose(out);
	for (const char *at = text, *end; (end = strchr(at, '\n')); at = end + 1)
		FUZZ_CHECK(fuzz_is_printable(at, (size_t)(end - at)), "%.*s", (int)(end - at), at);
	out = open_memstream(&json, &size);
	FUZZ_CHECK(check_print_json(out, report) == 0, "no memory");
	fclose(out);
	findings = json_tokener_parse(json);
	FUZZ_CHECK(findings && fuzz_is_printable(json, strcspn(json, "\n")), "%s", json);
	json_object_put(findings);
}

static void remove_machine(void)
{
	check_machine_free(machine);
}

void fuzz_one(struct fuzz *fuzz)
{
	static struct check_nodes nodes;
	struct check_report *report;
	struct conf *conf;
	char link[64], path[96];

	if (!machine) {
		machine = check_machine_new();
		atexit(remove_machine);
	}
	report = &machine->report;
	*report = (struct check_report){ 0 };
	furnish(fuzz, link);
	conf = check_conf(&machine->system, report);
	check_nodes_scan(&machine->system, &nodes);
	if (conf) {
		check_devices(&machine->system, report, &nodes, conf);
		check_processes(&machine->system, report, &nodes, conf);
		check_places(&machine->system, report, conf);
	}
	conf_free(conf);
	check_printed(report);
	snprintf(path, sizeof(path), "/dev/input/by-id/%s", link);
	machine_remove(machine, path);
}
