/* What must hold between the parts of a configuration that are right by themselves. Internal to
 * conf*.c. */
#pragma once

#include "conf/conf.h"

struct conf_report;

/* The lines at which the settings were given; 0 where the default is in force. */
struct conf_origin {
	unsigned toggle, panic, host_hotkey, always;
	unsigned guest_hotkey[CONF_GUESTS_MAX];
};

/* Reports chords that get in each other's way and devices that ask for the same. */
void conf_check(const struct conf *conf, const struct conf_origin *origin,
		struct conf_report *report);
