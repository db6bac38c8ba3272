/* SPDX-License-Identifier: MIT */
/* The command line's side of a running evswitch-clipboard: files for the guest, and its status. */
#pragma once

#include <stdbool.h>

/*
 * The guest that is meant by "-": the only one that a running evswitch-clipboard serves. Stores its name
 * and returns EX_OK; else EX_UNAVAILABLE, logged.
 */
int send_find_guest(char *guest, unsigned size);

/*
 * Sends these files, one after the other, with progress on a terminal. EX_OK if all have arrived;
 * EX_UNAVAILABLE: no evswitch-clipboard runs for the guest; EX_NOINPUT: one cannot be read; EX_IOERR: the
 * guest has not taken one. Errors are logged, and the other files are sent.
 */
int send_files(const char *guest, char *const *files, unsigned n);

/* Prints the status; 'json': as it was received. EX_OK, EX_UNAVAILABLE or EX_PROTOCOL. */
int send_status(const char *guest, bool json);
