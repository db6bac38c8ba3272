/* SPDX-License-Identifier: MIT */
/* Builds struct conf from the sections of the file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf-builder.h"
#include "conf/conf-hint.h"
#include "conf/conf-reader.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

static const struct kind {
	const char *word;
	enum conf_section section;
	bool named;
} kinds[] = {
	{ "evswitch", EVSWITCH, false },
	{ "device", DEVICE, true },
	{ "host", HOST, false },
	{ "guest", GUEST, true },
};

static const struct kind *find_kind(const char *word, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i].word) == size && strncmp(kinds[i].word, word, size) == 0)
			return &kinds[i];
	return NULL;
}

static unsigned count_found(const struct conf_builder *builder)
{
	return builder->report.n + builder->report.more;
}

/* Reports missing settings. Skips sections with errors: their invalid settings count as given. */
static void end_section(struct conf_builder *builder)
{
	const struct conf_device *device = builder->device;
	const struct conf_guest *guest = builder->guest;

	if (count_found(builder) != builder->found_before)
		return;
	if (builder->section == DEVICE && conf_device_is_blank(device))
		conf_report(&builder->report, builder->section_line,
			    "[device %s] does not say which device it is; give path, name, id, "
			    "phys or uniq",
			    device->name);
	if (builder->section == GUEST && guest->via->needs_qmp && !guest->qmp)
		conf_report(&builder->report, builder->section_line,
			    "[guest %s] has via = %s but no path of QEMU's monitor; add "
			    "'qmp = /PATH/OF/SOCKET'",
			    guest->name, guest->via->name);
}

/* Checks a device's or guest's name and reports an invalid one. */
static bool is_good_name(struct conf_builder *builder, const struct kind *kind, const char *name)
{
	struct conf_report *report = &builder->report;
	unsigned line = builder->section_line;

	if (!name[0])
		conf_report(report, line, "[%s] has no name; write [%s NAME]", kind->word,
			    kind->word);
	else if (name[strspn(name, CONF_NAME_CHARS)])
		conf_report(
			report, line,
			"'%s' is not a valid name; letters A-Z a-z, digits and . _ - are allowed",
			log_str(name).text);
	else if (strlen(name) > CONF_NAME_MAX)
		conf_report(report, line, "the name '%s' has %zu characters; %d are allowed",
			    log_str(name).text, strlen(name), CONF_NAME_MAX);
	else if (kind->section == GUEST && (!strcmp(name, "host") || !strcmp(name, "next")))
		conf_report(report, line,
			    "a guest cannot be named '%s', which is reserved; choose another name",
			    name);
	else
		return true;
	return false;
}

static void report_twice(struct conf_builder *builder, unsigned first_line)
{
	conf_report(&builder->report, builder->section_line,
		    "[%s] already began at line %u; put all its settings there", builder->title,
		    first_line);
}

/* [evswitch] and [host] may appear once. */
static void begin_single(struct conf_builder *builder, const struct kind *kind, const char *name)
{
	unsigned *line = kind->section == HOST ? &builder->host_line : &builder->evswitch_line;

	if (name[0])
		conf_report(&builder->report, builder->section_line,
			    "[%s] cannot have a name ('%s'); write [%s]", kind->word,
			    log_str(name).text, kind->word);
	else if (*line > 0)
		report_twice(builder, *line);
	else
		*line = builder->section_line;
}

/* A slot for the new device, or NULL after reporting why not. */
static struct conf_device *new_device(struct conf_builder *builder, const char *name)
{
	struct conf *conf = builder->conf;
	const struct conf_device *twin = conf_find_device(conf, name);

	if (twin) {
		report_twice(builder, twin->line);
		return NULL;
	}
	if (conf->n_devices == CONF_DEVICES_MAX) {
		conf_report(&builder->report, builder->section_line,
			    "more than %d [device] sections; one section may match several nodes",
			    CONF_DEVICES_MAX);
		return NULL;
	}
	return &conf->devices[conf->n_devices++];
}

static void begin_device(struct conf_builder *builder, const struct kind *kind, const char *name)
{
	struct conf_device *device = NULL;

	builder->device_seen = true;
	if (is_good_name(builder, kind, name))
		device = new_device(builder, name);
	if (!device) {
		conf_clear_device(&builder->spare_device);
		device = &builder->spare_device;
	}
	snprintf(device->name, sizeof(device->name), "%s", name);
	device->line = builder->section_line;
	device->target = CONF_FREE;
	builder->device = device;
}

static struct conf_guest *new_guest(struct conf_builder *builder, const char *name)
{
	struct conf *conf = builder->conf;

	for (unsigned i = 0; i < conf->n_guests; i++) {
		if (strcmp(conf->guests[i].name, name) != 0)
			continue;
		report_twice(builder, conf->guests[i].line);
		return NULL;
	}
	if (conf->n_guests == CONF_GUESTS_MAX) {
		conf_report(&builder->report, builder->section_line,
			    "more than %d [guest] sections; remove those not in use",
			    CONF_GUESTS_MAX);
		return NULL;
	}
	return &conf->guests[conf->n_guests++];
}

static const struct conf_channel *default_via(const struct conf_channel *const *channels)
{
	for (const struct conf_channel *const *channel = channels; *channel; channel++)
		if ((*channel)->by_default)
			return *channel;
	return channels[0];
}

static void begin_guest(struct conf_builder *builder, const struct kind *kind, const char *name)
{
	struct conf_guest *guest = NULL;

	if (is_good_name(builder, kind, name))
		guest = new_guest(builder, name);
	if (!guest) {
		builder->guest_refused = true;
		conf_clear_guest(&builder->spare_guest);
		guest = &builder->spare_guest;
	}
	snprintf(guest->name, sizeof(guest->name), "%s", name);
	guest->line = builder->section_line;
	guest->via = default_via(builder->channels);
	builder->guest = guest;
}

static void report_unknown_section(struct conf_builder *builder, const char *title, size_t size)
{
	const char *words[ARRAY_SIZE(kinds)];
	char word[CONF_NAME_MAX];
	const char *near;

	snprintf(word, sizeof(word), "%.*s", (int)size, title);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		words[i] = kinds[i].word;
	near = conf_hint_word(word, words, ARRAY_SIZE(words));
	if (near)
		conf_report(&builder->report, builder->section_line,
			    "unknown section [%s]; did you mean [%s%s]?", log_str(title).text, near,
			    find_kind(near, strlen(near))->named ? " NAME" : "");
	else
		conf_report(&builder->report, builder->section_line,
			    "unknown section [%s]; the sections are [evswitch], [device NAME], "
			    "[host] and [guest NAME]",
			    log_str(title).text);
}

static void begin_section(struct conf_builder *builder, const char *title)
{
	size_t size = strcspn(title, TEXT_BLANKS);
	const struct kind *kind = find_kind(title, size);
	const char *name = title + size + strspn(title + size, TEXT_BLANKS);

	if (!kind) {
		report_unknown_section(builder, title, size);
		builder->section = SECTION_BROKEN;
		return;
	}
	builder->section = kind->section;
	snprintf(builder->title, sizeof(builder->title), "%s%s%s", kind->word,
		 kind->named ? " " : "", kind->named ? name : "");
	if (kind->section == DEVICE)
		begin_device(builder, kind, name);
	else if (kind->section == GUEST)
		begin_guest(builder, kind, name);
	else
		begin_single(builder, kind, name);
}

/* After an invalid header, do not report the lines below it, nor that no device is configured. */
static void on_section(void *ctx, unsigned line, const char *title)
{
	struct conf_builder *builder = ctx;

	end_section(builder);
	memset(builder->seen, 0, sizeof(builder->seen));
	builder->section_line = line;
	builder->found_before = count_found(builder);
	if (title)
		begin_section(builder, title);
	else
		builder->section = SECTION_BROKEN;
	if (builder->section == SECTION_BROKEN)
		builder->device_seen = builder->guest_refused = true;
}

static void on_pair(void *ctx, unsigned line, const char *name, const char *value, bool cut)
{
	struct conf_builder *builder = ctx;

	builder->line = line;
	if (builder->section == SECTION_NONE)
		conf_report(&builder->report, line,
			    "'%s' before any section; put it below [evswitch], [device NAME], "
			    "[host] or [guest NAME]",
			    log_str(name).text);
	else if (builder->section != SECTION_BROKEN)
		conf_setting(builder, name, value, cut);
}

/* Resolves the name of a target, given by this setting at this line. */
static void find_target(struct conf_builder *builder, const char *setting, const char *name,
			unsigned line, unsigned *target)
{
	struct conf *conf = builder->conf;
	const struct conf_guest *guest;

	if (!name)
		return;
	guest = conf_find_guest(conf, name);
	if (strcmp(name, "host") == 0)
		*target = 0;
	else if (guest)
		*target = 1 + (unsigned)(guest - conf->guests);
	else if (!builder->guest_refused)
		conf_report(&builder->report, line,
			    "'%s' names '%s', but no [guest] has that name; write host, or the "
			    "name of a [guest] in this file",
			    setting, log_str(name).text);
}

static void find_targets(struct conf_builder *builder)
{
	struct conf *conf = builder->conf;

	find_target(builder, "start", builder->start, builder->start_line, &conf->start);
	for (unsigned i = 0; i < conf->n_devices; i++)
		find_target(builder, "target", builder->device_target[i],
			    builder->device_target_line[i], &conf->devices[i].target);
}

static int build(struct conf_builder *builder, const char *text, size_t size)
{
	const struct conf_lines lines = {
		.report = &builder->report, .ctx = builder, .section = on_section, .pair = on_pair
	};
	int error = conf_read_lines(text, size, &lines);

	if (error)
		return error;
	end_section(builder);
	if (!builder->device_seen)
		conf_report(&builder->report, 1,
			    "no [device NAME] section, so there is nothing to switch; add one with "
			    "'path = /dev/input/by-id/...'");
	find_targets(builder);
	conf_check(builder->conf, &builder->origin, &builder->report);
	return 0;
}

static struct conf *new_conf(void)
{
	struct conf *conf = calloc(1, sizeof(*conf));

	if (conf) {
		conf->toggle = (struct chord){ 2, { KEY_LEFTCTRL, KEY_RIGHTCTRL } };
		conf->panic = (struct chord){ 3, { KEY_BACKSPACE, KEY_ESC, KEY_ENTER } };
	}
	return conf;
}

int conf_parse(const char *file, const char *text, size_t size,
	       const struct conf_channel *const *channels, conf_error_fn error, void *ctx,
	       struct conf **out)
{
	struct conf_builder builder = { .report.file = file, .channels = channels };
	int failed, wrong;

	builder.conf = new_conf();
	if (!builder.conf)
		return -ENOMEM;
	failed = build(&builder, text, size);
	wrong = conf_report_end(&builder.report, error, ctx);
	conf_clear_device(&builder.spare_device);
	conf_clear_guest(&builder.spare_guest);
	free(builder.start);
	for (unsigned i = 0; i < CONF_DEVICES_MAX; i++)
		free(builder.device_target[i]);
	if (failed || wrong) {
		conf_free(builder.conf);
		return failed ? failed : wrong;
	}
	builder.conf->channels = channels;
	*out = builder.conf;
	return 0;
}
