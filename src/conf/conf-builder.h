/* SPDX-License-Identifier: MIT */
/*
 * State of parsing, shared by conf-parse.c (sections) and conf-settings.c (settings). Internal to
 * conf*.c. The parser owns the builder and everything in it.
 */
#pragma once

#include <stdbool.h>

#include "conf/conf-check.h"
#include "conf/conf-report.h"
#include "conf/conf.h"

/* SECTION_BROKEN: the header was invalid, so the lines below it cannot be checked. */
enum conf_section { SECTION_NONE, SECTION_BROKEN, EVSWITCH, DEVICE, HOST, GUEST };

#define CONF_SETTINGS_MAX 32

struct conf_builder {
	struct conf *conf;
	struct conf_report report;
	struct conf_origin origin;
	const struct conf_channel *const *channels;

	/* The current section, and the lines of its settings (0: not given). */
	enum conf_section section;
	char title[CONF_NAME_MAX + sizeof("evswitch ")]; /* from its header, for messages */
	unsigned section_line;
	unsigned found_before; /* number of findings when the section began */
	unsigned line;         /* of the current setting */
	unsigned seen[CONF_SETTINGS_MAX];
	struct conf_device *device;
	struct conf_guest *guest;

	/* For sections that were rejected: their settings are still checked. */
	struct conf_device spare_device;
	struct conf_guest spare_guest;

	unsigned evswitch_line, host_line; /* line of the header; 0 = none yet */
	bool device_seen, guest_refused;
	char *start; /* a target's name, resolved once all guests are known */
	unsigned start_line;
	/* Likewise of each device; NULL: not given. */
	char *device_target[CONF_DEVICES_MAX];
	unsigned device_target_line[CONF_DEVICES_MAX];
};

/* Handles "name = value" in the current section, at builder->line. 'cut': a comment followed. */
void conf_setting(struct conf_builder *builder, const char *name, const char *value, bool cut);

/* Free the strings of a section and zero it. */
void conf_clear_device(struct conf_device *device);
void conf_clear_guest(struct conf_guest *guest);
