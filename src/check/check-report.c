/* SPDX-License-Identifier: MIT */
/* Findings in the order in which they were made, and how they are printed. */
#include "check/check-report.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/text.h"

struct check_text check_text(const char *format, ...)
{
	struct check_text text = { "" };
	va_list args;

	va_start(args, format);
	text_vprint(text.text, sizeof(text.text), format, args);
	va_end(args);
	return text;
}

void check_find(struct check_report *report, enum check_code code, const char *fix,
		const char *format, ...)
{
	struct check_finding *finding = &report->finding[report->n];
	va_list args;

	if (report->n == CHECK_FINDINGS_MAX) {
		report->left_out++;
		return;
	}
	report->n++;
	finding->code = code;
	va_start(args, format);
	text_vprint(finding->what.text, sizeof(finding->what.text), format, args);
	va_end(args);
	text_print(finding->fix.text, sizeof(finding->fix.text), "%s", fix);
}

bool check_has(const struct check_report *report, enum check_code code)
{
	for (unsigned i = 0; i < report->n; i++)
		if (report->finding[i].code == code)
			return true;
	return false;
}

__attribute__((format(printf, 3, 0))) static void
note(struct check_text notes[CHECK_NOTES_MAX], unsigned *n, const char *format, va_list args)
{
	if (*n < CHECK_NOTES_MAX)
		text_vprint(notes[(*n)++].text, sizeof(notes[0].text), format, args);
}

void check_fine(struct check_report *report, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note(report->fine, &report->n_fine, format, args);
	va_end(args);
}

void check_unseen(struct check_report *report, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note(report->unseen, &report->n_unseen, format, args);
	va_end(args);
}

/* How urgent an exit status is: the causes in the order in which they have to be mended. */
static unsigned urgency(int status)
{
	return status == EX_CONFIG ? 3 : status == EX_NOPERM ? 2 : status != EX_OK;
}

int check_status(const struct check_report *report)
{
	int status = EX_OK;

	for (unsigned i = 0; i < report->n; i++) {
		int its = check_entry(report->finding[i].code)->status;

		if (urgency(its) > urgency(status))
			status = its;
	}
	return status;
}

/* --- for people ----------------------------------------------------------------------------- */

static void print_finding(FILE *out, const struct check_finding *finding)
{
	const struct check_entry *entry = check_entry(finding->code);

	fprintf(out, "%s %s: %s\n  what: %s.\n  why:  %s\n  fix:  %s\n\n", entry->code,
		check_severity_name(entry->severity), entry->title, finding->what.text, entry->why,
		finding->fix.text);
}

static void print_notes(FILE *out, const char *title, const struct check_text *notes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? "; " : title, notes[i].text);
	if (n)
		fputs(".\n", out);
}

void check_print(FILE *out, const struct check_report *report)
{
	unsigned count[CHECK_INFO + 1] = { 0 };

	for (enum check_severity severity = CHECK_BLOCKS; severity <= CHECK_INFO; severity++) {
		for (unsigned i = 0; i < report->n; i++) {
			if (check_entry(report->finding[i].code)->severity != severity)
				continue;
			count[severity]++;
			print_finding(out, &report->finding[i]);
		}
	}
	print_notes(out, "fine: ", report->fine, report->n_fine);
	print_notes(out, "not looked at: ", report->unseen, report->n_unseen);
	if (report->left_out)
		fprintf(out, "%u more findings are left out: mend those above first.\n",
			report->left_out);
	fprintf(out, "%u block, %u warn, %u inform.%s\n", count[CHECK_BLOCKS], count[CHECK_WARNS],
		count[CHECK_INFO],
		count[CHECK_BLOCKS] ? "" : " Nothing keeps evswitch from working.");
}

/* --- JSON ----------------------------------------------------------------------------------- */

/* Takes 'value', which may be NULL for want of memory. */
static int put(struct json_object *object, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(object, key, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int put_finding(struct json_object *array, const struct check_finding *finding)
{
	const struct check_entry *entry = check_entry(finding->code);
	const char *const texts[][2] = {
		{ "code", entry->code },
		{ "severity", check_severity_name(entry->severity) },
		{ "what", finding->what.text },
		{ "why", entry->why },
		{ "fix", finding->fix.text },
	};
	struct json_object *object = json_object_new_object();
	int error = object ? 0 : -ENOMEM;

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]) && !error; i++)
		error = put(object, texts[i][0], json_object_new_string(texts[i][1]));
	if (!error && json_object_array_add(array, object) == 0)
		return 0;
	json_object_put(object);
	return -ENOMEM;
}

int check_print_json(FILE *out, const struct check_report *report)
{
	struct json_object *array = json_object_new_array();
	int error = array ? 0 : -ENOMEM;

	for (unsigned i = 0; i < report->n && !error; i++)
		error = put_finding(array, &report->finding[i]);
	if (!error)
		error = json_print(out, array);
	json_object_put(array);
	return error;
}
