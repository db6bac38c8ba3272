/* The switcher: owns and connects the event loop, the devices, the guests and the router. */
#pragma once

#include "conf/conf.h"

struct daemon_options {
	unsigned try_s; /* end after this many seconds; 0: never */
};

/*
 * Runs until a signal, a second panic chord, the end of the trial or a fatal error. Returns a
 * sysexits code; the cause has been logged. 'conf' must outlive the call.
 */
int daemon_run(const struct conf *conf, const struct daemon_options *options);
