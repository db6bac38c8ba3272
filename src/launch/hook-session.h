/* SPDX-License-Identifier: MIT */
/*
 * Runs the hooks in a user's session for the system service, which runs none: follows its state over
 * the control socket, and has a launcher of its own. Waits while the service does not run, or while
 * another user is active at the seat; a guest is then left.
 */
#pragma once

#include "conf/conf.h"

/*
 * Runs the hooks of 'conf', which was loaded from 'path', until a signal ends it. Takes over 'conf'.
 * Returns EX_OSERR if that is impossible; the cause has been logged.
 */
int hook_session_run(struct conf *conf, const char *path);
