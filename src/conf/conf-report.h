/*
 * The report of what is wrong with a configuration: collects the findings, sorts them by line and
 * bounds their number. Owns their texts. Internal to conf*.c.
 */
#pragma once

#include <stdbool.h>

#include "conf/conf.h"

struct conf_finding {
	unsigned line; /* 0 = the file as a whole */
	char *text;    /* owned; NULL where memory ran out */
};

/* Starts as { .file = FILE }; conf_report_end ends it. */
struct conf_report {
	const char *file;            /* the caller's */
	unsigned n, more, more_line; /* found and kept; not kept, and the first line of those */
	bool no_memory;
	struct conf_finding finding[CONF_ERRORS_MAX]; /* by rising line */
};

/* False where a finding at this line would only be counted: its details need not be worked out. */
bool conf_report_wants(const struct conf_report *report, unsigned line);

/*
 * Adds a finding. 'format' says what is wrong, then after "; " what would be right; text from the
 * file among its arguments has gone through log_str.
 */
__attribute__((format(printf, 3, 4))) void conf_report(struct conf_report *report, unsigned line,
						       const char *format, ...);

/* Hands everything to 'error' and frees it. 0 if there was nothing, else -EINVAL or -ENOMEM. */
int conf_report_end(struct conf_report *report, conf_error_fn error, void *ctx);
