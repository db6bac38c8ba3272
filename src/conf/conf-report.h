/* SPDX-License-Identifier: MIT */
/*
 * Collects the errors in a configuration, sorted by line and limited in number. Owns their texts.
 * Internal to conf*.c.
 */
#pragma once

#include <stdbool.h>

#include "conf/conf.h"

struct conf_finding {
	unsigned line; /* 0 = the file as a whole */
	char *text;    /* owned; NULL if out of memory */
};

/* Initialise with { .file = FILE }, release with conf_report_end. */
struct conf_report {
	const char *file;            /* owned by the caller */
	unsigned n, more, more_line; /* findings kept; findings dropped, and their first line */
	bool no_memory;
	struct conf_finding finding[CONF_ERRORS_MAX]; /* in ascending order of lines */
};

/* False if a finding at this line would only be counted, so the caller can skip its details. */
bool conf_report_wants(const struct conf_report *report, unsigned line);

/*
 * Adds a finding. 'format' describes the problem, then "; " and the remedy. Pass text from the file
 * through log_str.
 */
__attribute__((format(printf, 3, 4))) void conf_report(struct conf_report *report, unsigned line,
						       const char *format, ...);

/* Passes all findings to 'error' and frees them. 0 if there were none, else -EINVAL or -ENOMEM. */
int conf_report_end(struct conf_report *report, conf_error_fn error, void *ctx);
