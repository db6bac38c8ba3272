/* SPDX-License-Identifier: MIT */
/* The switcher: owns and connects the event loop, the devices, the guests and the router. */
#pragma once

#include <stdbool.h>

#include "conf/conf.h"

struct daemon_options {
	unsigned try_s;      /* end after this many seconds; 0: never */
	const char *path;    /* of the configuration, absolute */
	const char *version; /* of this program */
	bool is_system;      /* it serves the machine, not one user */
};

/*
 * Runs until a signal, a second panic chord, the end of the trial or a fatal error. Returns a
 * sysexits code; the cause has been logged. Takes over 'conf', and loads it again from options->path
 * when asked to; 'options' must outlive the call.
 */
int daemon_run(struct conf *conf, const struct daemon_options *options);
