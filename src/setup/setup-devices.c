/* SPDX-License-Identifier: MIT */
/* Compares what was recognised with the configuration. */
#include "setup/setup-devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/util.h"
#include "evdev/match.h"
#include "probe/probe-report.h"
#include "probe/probe.h"
#include "setup/setup-write.h"

static bool is_taken(const struct conf *conf, const struct probe_plan *plan, unsigned before,
		     const char *name)
{
	if (conf_find_device(conf, name))
		return true;
	for (unsigned i = 0; i < before; i++)
		if (strcmp(plan->section[i].name, name) == 0)
			return true;
	return false;
}

/* "mouse", "mouse2", ... */
static void name_section(const struct conf *conf, struct probe_plan *plan, unsigned i)
{
	struct probe_section *section = &plan->section[i];
	const char *kind = probe_kind_name(probe_kind(section->node));
	unsigned number = 1;

	snprintf(section->name, sizeof(section->name), "%s", kind);
	while (is_taken(conf, plan, i, section->name))
		snprintf(section->name, sizeof(section->name), "%s%u", kind, ++number);
}

/* True if the node has no section, and is not the sibling of one that has. */
static bool is_new(const struct probe_section *section, const struct conf *conf)
{
	return !match_section(conf, &section->node->info) &&
	       (!section->sibling_of || !match_section(conf, &section->sibling_of->info));
}

static void note_known(FILE *notes, const struct probe_section *section, const struct conf *conf)
{
	const struct conf_device *known = match_section(conf, &section->node->info);

	if (known && !section->sibling_of)
		fprintf(notes, "%s \"%s\" is [device %s] already\n", section->node->devnode,
			log_str(section->node->name).text, known->name);
}

unsigned setup_devices_print(FILE *out, FILE *notes, struct probe_plan *plan,
			     const struct conf *conf)
{
	unsigned n = 0;

	/* A name that is not used must not keep others from it. */
	for (unsigned i = 0; i < plan->n; i++)
		plan->section[i].name[0] = '\0';
	for (unsigned i = 0; i < plan->n; i++) {
		const struct probe_section *section = &plan->section[i];

		if (!is_new(section, conf)) {
			note_known(notes, section, conf);
			continue;
		}
		name_section(conf, plan, i);
		probe_report_section(out, section);
		n += !section->sibling_of;
	}
	return n;
}

struct writing {
	struct setup_file file;
	struct conf *conf;
};

static int print(const char *text)
{
	if (fputs(text, stdout) != EOF && fflush(stdout) != EOF)
		return EX_OK;
	log_error("standard output: %s", strerror(errno));
	return EX_IOERR;
}

static int add_devices(void *ctx, struct probe_plan *plan)
{
	const struct writing *writing = ctx;
	struct log_str path = log_str(writing->file.path);
	autofree char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	unsigned n = out ? setup_devices_print(out, stderr, plan, writing->conf) : 0;
	int error;

	if (!out || fclose(out) == EOF) {
		log_error("cannot write the sections: %s", strerror(errno));
		return EX_OSERR;
	}
	if (n == 0) {
		log_info("%s stays as it is: there is nothing to add", path.text);
		return EX_OK;
	}
	error = setup_file_add(&writing->file, text);
	if (error)
		return setup_file_status(error);
	log_info("added to %s:", path.text);
	return print(text);
}

int setup_probe_write(const char *path, unsigned seconds)
{
	struct writing writing = { .conf = NULL };
	struct probe_options options = { .seconds = seconds, .take = add_devices, .ctx = &writing };
	int error = setup_file_read(&writing.file, path);
	int status;

	if (!error)
		error = setup_file_conf(&writing.file, &writing.conf);
	status = error ? setup_file_status(error) : probe_run(&options);
	conf_free(writing.conf);
	setup_file_free(&writing.file);
	return status;
}
