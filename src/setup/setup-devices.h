/* SPDX-License-Identifier: MIT */
/*
 * The [device] sections that the configuration lacks, and evswitch --probe --write, which adds them.
 * Owns nothing.
 */
#pragma once

#include <stdio.h>

#include "conf/conf.h"
#include "probe/probe-node.h"

/*
 * Writes the sections of those recognised devices that no section of 'conf' matches, under names that
 * it does not have, and as comments those of their siblings. Says of the others on 'notes' which
 * section they have. Returns the number of devices.
 */
unsigned setup_devices_print(FILE *out, FILE *notes, struct probe_plan *plan,
			     const struct conf *conf);

/*
 * Probes for so many seconds (0: as --probe does) and adds the devices to the file; 'path' as in
 * setup_file_read. Prints what it adds. Returns an exit status.
 */
int setup_probe_write(const char *path, unsigned seconds);
