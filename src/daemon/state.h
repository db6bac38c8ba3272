/* SPDX-License-Identifier: MIT */
/*
 * Describes the daemon's state for people and programs: as the State of io.evswitch, and in one
 * line. Changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/internal.h"

#define STATE_LINE_MAX 256

struct json_object;

/*
 * A State of io.evswitch.varlink, which the caller frees. May search /proc, as guest_why_down: not
 * for the path of an event.
 */
struct json_object *state_json(struct daemon *daemon);

/*
 * The state in one line, such as "focus: win10; mouse: absent". Names no guest that is down, unless
 * it has the focus: most are simply off.
 */
void state_line(const struct daemon *daemon, char line[static STATE_LINE_MAX]);
