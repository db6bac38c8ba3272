/* SPDX-License-Identifier: MIT */
/* Facts about access to a node (evdev/access.h), for tests to vary. */
#pragma once

#include "evdev/access.h"

/* A user who is in the group and logged in since: may open the node. */
static const struct access_facts access_of_member = { .allowed = true,
						      .group_may = true,
						      .rules = true,
						      .uid = 1000,
						      .group = "input",
						      .in_process = true,
						      .in_database = true,
						      .has_manager = true,
						      .in_manager = true,
						      .in_any = true };
