/* SPDX-License-Identifier: MIT */
/*
 * evswitch --check: looks at everything between the user's finger and the guest, and says what is
 * wrong, why that matters and what mends it. Changes nothing. Owns nothing.
 */
#pragma once

#include <stdbool.h>

#include "check/check-report.h"
#include "check/check-system.h"

struct check_options {
	const char *conf; /* the configuration file; NULL = conf_default_path */
	bool json;
};

/* Prints the report on standard output. Returns a sysexits code: check_status, or of an error. */
int check_run(const struct check_options *options);

/* All checks, on any machine. */
void check_all(const struct check_system *system, struct check_report *report);
