/* SPDX-License-Identifier: MIT */
/* What the daemon has counted, as the Stats of io.evswitch. Changes nothing that was counted. */
#pragma once

#include "daemon/internal.h"

struct json_object;

/*
 * One frame in so many is timed: reading the clock costs most of all that is counted, and is a
 * system call where the kernel's clock is slow. A prime, so that no pattern of presses and releases
 * hides the one or the other.
 */
#define STATS_TIMED_EVERY 17

/* A Stats of io.evswitch.varlink, which the caller frees. */
struct json_object *stats_json(struct daemon *daemon);
