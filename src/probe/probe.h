/*
 * evswitch --probe: "press a key, move the mouse", and it says which event node that was and prints
 * the [device] sections for it. Grabs nothing, writes to no device, never says which key was
 * pressed.
 */
#pragma once

#include <stdbool.h>

#define PROBE_SECONDS_DEFAULT 20
#define PROBE_SECONDS_MAX     600

struct probe_options {
	unsigned seconds; /* how long to wait, 1 to PROBE_SECONDS_MAX; 0 takes the default */
	bool json;        /* one JSON document on stdout instead of the sections */
};

/*
 * Asks and explains on stderr, prints the result on stdout. Ends when the time is up, on SIGINT,
 * SIGTERM, SIGHUP or SIGQUIT (with what was recognised so far), and soon after a keyboard and a
 * mouse were recognised. Returns EX_OK, EX_UNAVAILABLE (no nodes, nobody pressed anything, or
 * evswitch holds the devices), EX_NOPERM or EX_SOFTWARE.
 */
int probe_run(const struct probe_options *options);
