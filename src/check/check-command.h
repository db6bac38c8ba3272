/* SPDX-License-Identifier: MIT */
/*
 * Other programs, such as virsh: found in PATH, run by the launcher (launch/child.h), and waited for.
 * Nothing is grabbed meanwhile.
 */
#pragma once

#include <stdbool.h>

#include "check/check-system.h"

/* How long a program may take. */
#define CHECK_COMMAND_MS 15000

/* True if PATH has a program of this name that can be executed. */
bool check_has_program(const struct check_system *system, const char *name);

/*
 * Runs a program in the C locale. Returns its exit status, 128 + signal, or -errno: -ETIMEDOUT,
 * -ENOTCONN without a launcher. *output is what it printed, on standard output and error, without
 * empty lines; the caller frees it, after an error as well, and it is never NULL but for want of
 * memory. Lines are cut at CHILD_LINE_MAX.
 */
int check_command(const struct check_system *system, const char *const *argv, char **output);

/* The same with a descriptor of the caller's as its standard input; -1: none. */
int check_command_with(const struct check_system *system, const char *const *argv, int input,
		       char **output);

/* True if the text has such a line. */
bool check_text_has_line(const char *text, const char *line);
