/* The configuration while it is being built: shared by conf-parse.c (sections) and conf-settings.c. */
#pragma once

#include <stdbool.h>

#include "conf/conf-check.h"
#include "conf/conf-report.h"
#include "conf/conf.h"

/* BROKEN: the header was wrong, so nothing is known of the lines below it. */
enum conf_section { SECTION_NONE, SECTION_BROKEN, EVSWITCH, DEVICE, HOST, GUEST };

#define CONF_SETTINGS_MAX 24

/* Of a device's or guest's name. */
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

struct conf_builder {
	struct conf *conf;
	struct conf_report report;
	struct conf_origin origin;
	const struct conf_channel *const *channels;

	/* The section that is open, and the lines at which its settings were given. */
	enum conf_section section;
	char title[CONF_NAME_MAX + sizeof("evswitch ")]; /* as in its header, for messages */
	unsigned section_line;
	unsigned found_before; /* findings when it began */
	unsigned line;         /* of the setting in hand */
	unsigned seen[CONF_SETTINGS_MAX];
	struct conf_device *device;
	struct conf_guest *guest;

	/* Where a section goes that is refused: its settings are checked all the same. */
	struct conf_device spare_device;
	struct conf_guest spare_guest;

	unsigned evswitch_line, host_line; /* of the header; 0 = none yet */
	bool device_seen, guest_refused;
	char *start; /* a name, resolved when all guests are known */
	unsigned start_line;
};

/* A line "name = value" in the open section, at builder->line. 'cut': a comment ended it. */
void conf_setting(struct conf_builder *builder, const char *name, const char *value, bool cut);

/* Frees what it points to, and zeroes it. */
void conf_clear_device(struct conf_device *device);
void conf_clear_guest(struct conf_guest *guest);
