/* SPDX-License-Identifier: MIT */
/*
 * Splits a configuration into section headers and "setting = value" pairs. inih does the parsing; a
 * line reader in front of it rejects whatever inih would truncate or skip silently. Internal to
 * conf*.c. Owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct conf_report;

/* Receives the lines. Strings are valid during the call only. */
struct conf_lines {
	struct conf_report *report;
	void *ctx;
	/*
	 * For "[device a ]" the title is "device a". NULL: the header is invalid and was reported.
	 */
	void (*section)(void *ctx, unsigned line, const char *title);
	/* 'value' may be empty. 'cut': a comment (" ;") followed it. */
	void (*pair)(void *ctx, unsigned line, const char *name, const char *value, bool cut);
};

/* Trims blanks at both ends in place. Returns the start of the rest. */
char *conf_trim(char *text);

/* Reads all lines; reports errors in to->report. 0, -ENOMEM, or -EIO if inih rejects a line. */
int conf_read_lines(const char *text, size_t size, const struct conf_lines *to);
