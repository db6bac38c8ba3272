/* SPDX-License-Identifier: MIT */
/*
 * evswitch --setup: a conversation on the terminal that ends with a working configuration. Each step
 * shows the command that does the same, and changes nothing without a yes. Owns nothing.
 */
#pragma once

struct setup_options {
	const char *conf;  /* the file; NULL: as setup_file_read */
	const char *guest; /* the guest, and its domain if there is one of that name; NULL: asks */
};

/* Returns an exit status: EX_USAGE without a terminal, EX_UNAVAILABLE if it was broken off. */
int setup_run(const struct setup_options *options);
