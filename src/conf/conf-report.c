/* SPDX-License-Identifier: MIT */
/* A sorted array of findings. */
#include "conf/conf-report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/util.h"

bool conf_report_wants(const struct conf_report *report, unsigned line)
{
	return report->n < CONF_ERRORS_MAX || line < report->finding[report->n - 1].line;
}

static void count_only(struct conf_report *report, unsigned line)
{
	if (report->more == 0 || line < report->more_line)
		report->more_line = line;
	report->more++;
}

/* Inserts a slot in the order of lines. If the report is full, the last finding is dropped. */
static struct conf_finding *make_room(struct conf_report *report, unsigned line)
{
	unsigned at;

	if (report->n == CONF_ERRORS_MAX) {
		report->n--;
		count_only(report, report->finding[report->n].line);
		free(report->finding[report->n].text);
	}
	for (at = report->n; at > 0 && report->finding[at - 1].line > line; at--)
		report->finding[at] = report->finding[at - 1];
	report->n++;
	return &report->finding[at];
}

void conf_report(struct conf_report *report, unsigned line, const char *format, ...)
{
	struct conf_finding *finding;
	va_list args;

	if (!conf_report_wants(report, line)) {
		count_only(report, line);
		return;
	}
	finding = make_room(report, line);
	finding->line = line;
	va_start(args, format);
	if (vasprintf(&finding->text, format, args) < 0) {
		finding->text = NULL;
		report->no_memory = true;
	}
	va_end(args);
}

static void hand_out(struct conf_report *report, const struct conf_finding *finding,
		     conf_error_fn error, void *ctx)
{
	autofree char *message = NULL;
	struct log_str file = log_str(report->file);
	int size;

	if (!finding->text)
		return;
	if (finding->line > 0)
		size = asprintf(&message, "%s:%u: %s", file.text, finding->line, finding->text);
	else
		size = asprintf(&message, "%s: %s", file.text, finding->text);
	if (size < 0) {
		message = NULL;
		report->no_memory = true;
		return;
	}
	error(ctx, message);
}

int conf_report_end(struct conf_report *report, conf_error_fn error, void *ctx)
{
	unsigned found = report->n;

	for (unsigned i = 0; i < found; i++) {
		hand_out(report, &report->finding[i], error, ctx);
		free(report->finding[i].text);
	}
	report->n = 0;
	if (report->more > 0) {
		struct conf_finding rest = { .line = report->more_line };

		if (asprintf(&rest.text, "%u more errors from here on; fix those above first",
			     report->more) < 0)
			rest.text = NULL;
		hand_out(report, &rest, error, ctx);
		free(rest.text);
	}
	if (report->no_memory)
		return -ENOMEM;
	return found > 0 ? -EINVAL : 0;
}
