/* Checks a configuration across sections that are valid on their own. Internal to conf*.c. */
#pragma once

#include "conf/conf.h"

struct conf_report;

/* The lines of settings; 0 if the default applies. */
struct conf_origin {
	unsigned toggle, panic, host_hotkey, always;
	unsigned guest_hotkey[CONF_GUESTS_MAX];
};

/* Reports chords that conflict and devices that match the same nodes. */
void conf_check(const struct conf *conf, const struct conf_origin *origin,
		struct conf_report *report);
