/* SPDX-License-Identifier: MIT */
/*
 * evswitch --probe: asks the user to press a key and move the mouse, reports which event nodes
 * these were, and prints [device] sections for them. Never grabs or writes to a device, and never
 * reveals which key was pressed.
 */
#pragma once

#include <stdbool.h>

#include "probe/probe-node.h"

#define PROBE_SECONDS_DEFAULT 20
#define PROBE_SECONDS_MAX     600

struct probe_options {
	unsigned seconds; /* how long to wait, 1 to PROBE_SECONDS_MAX; 0: PROBE_SECONDS_DEFAULT */
	bool json;        /* one JSON document on stdout instead of the sections */
	/*
	 * Takes what was recognised, if anything was, instead of having the sections printed. Returns
	 * the exit status. NULL: they are printed. May change the names in the plan.
	 */
	int (*take)(void *ctx, struct probe_plan *plan);
	void *ctx;
};

/*
 * Prompts and explains on stderr, and prints the result on stdout. Ends when the time is up, on
 * SIGINT, SIGTERM, SIGHUP or SIGQUIT (with the result so far), or soon after both a keyboard and a
 * mouse were recognised. Returns EX_OK, EX_UNAVAILABLE (no nodes, no activity, or evswitch has the
 * devices grabbed), EX_NOPERM or EX_SOFTWARE.
 */
int probe_run(const struct probe_options *options);
