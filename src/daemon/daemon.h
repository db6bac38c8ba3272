/* The switcher itself: owns the loop, the devices, the guests and the router, and wires them. */
#pragma once

#include "conf/conf.h"

struct daemon_options {
	unsigned try_s; /* end after this many seconds; 0: never */
};

/* Runs until a signal, a second panic chord or the end of the trial. Returns a sysexits code. */
int daemon_run(const struct conf *conf, const struct daemon_options *options);
