/* SPDX-License-Identifier: MIT */
/*
 * The commands that speak to a running evswitch: they print what it answers. Each returns a
 * sysexits code: EX_UNAVAILABLE if none runs or it refuses, EX_USAGE for a name that does not
 * exist. Errors have been logged.
 */
#pragma once

#include <stdbool.h>

/*
 * Moves the focus, or only this device (NULL: the focus), to "host", a guest, or "next", and prints
 * the target that has it now.
 */
int command_switch(const char *target, const char *device);
/*
 * Makes evswitch take its configuration file into use again, and prints the state in one line. Also
 * EX_CONFIG if the file has errors, which are printed, and EX_TEMPFAIL if a key stays down.
 */
int command_reload(void);
/* Prints the state: as text, or with 'json' as one JSON object. */
int command_status(bool json);
/* Prints what was counted: as tables and a histogram, or with 'json' as one JSON object. */
int command_stats(bool json);
/*
 * Prints the state in one line (with 'json', as an object in one line) now and after each change,
 * until standard output is closed or evswitch ends.
 */
int command_monitor(bool json);
