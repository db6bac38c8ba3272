/* SPDX-License-Identifier: MIT */
/* Descriptors and memory that this process, or the system, has run out of, and may have again. */
#pragma once

#include <stdbool.h>

/* True for an errno value that says so: what failed may be tried again later. */
bool is_shortage(int error);

/*
 * Whether so many descriptors (16 at most) can be opened now: 0, or -EMFILE or -ENFILE. For libraries
 * that take a file that cannot be opened for one that does not exist.
 */
int shortage_check(unsigned descriptors);
