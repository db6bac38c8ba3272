/* SPDX-License-Identifier: MIT */
/* The beginning of a helper: a process that is forked from evswitch and goes on without executing. */
#pragma once

/*
 * Names the process (at most 15 bytes count). It is not ended by the signals that end evswitch, nor
 * stopped with it by the terminal, and reads nothing from standard input.
 */
void detach(const char *name);
