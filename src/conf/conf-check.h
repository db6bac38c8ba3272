/* SPDX-License-Identifier: MIT */
/* Checks a configuration across sections that are valid on their own. Internal to conf*.c. */
#pragma once

#include "conf/conf.h"

struct conf_report;

/* The lines of settings; 0 if the default applies. */
struct conf_origin {
	unsigned toggle, panic, host_hotkey, always;
	unsigned host_part[CONF_PARTS];
	unsigned guest_hotkey[CONF_GUESTS_MAX];
	unsigned guest_part[CONF_GUESTS_MAX][CONF_PARTS];
};

/* Reports chords that conflict and devices that match the same nodes. */
void conf_check(const struct conf *conf, const struct conf_origin *origin,
		struct conf_report *report);
