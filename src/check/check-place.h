/* SPDX-License-Identifier: MIT */
/* Who can enter the directory of the sockets, for each check that needs one there. Owns nothing. */
#pragma once

#include <stdbool.h>

#include "check/check-report.h"
#include "check/check-system.h"
#include "conf/conf.h"

/*
 * True if QEMU's user cannot enter a directory on the way to 'dir', and *closed is the first. False as
 * well from where one is not there yet.
 */
bool check_place_is_closed(const struct check_system *system, const char *dir,
			   struct check_path *closed);

/* True if libvirt's system connection runs the guest's QEMU, as a user of its own. */
bool check_place_is_foreign(const struct conf_guest *guest);

/* The commands that make a directory which every user can enter. */
struct check_text check_place_step(const struct check_system *system);
