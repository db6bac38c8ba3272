/*
 * Splits a configuration into section headers and "setting = value" pairs by inih, behind a line
 * reader that refuses, with its line number, what inih would cut or pass over. Internal to conf*.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct conf_report;

/* What the lines are told to. Strings live until the call returns. */
struct conf_lines {
	struct conf_report *report;
	void *ctx;
	/* "[device  a ]" gives "device  a"; NULL where the header is broken, which has been
	 * reported. */
	void (*section)(void *ctx, unsigned line, const char *title);
	/* 'value' may be empty; 'cut' is true where ' ;' began a comment behind it. */
	void (*pair)(void *ctx, unsigned line, const char *name, const char *value, bool cut);
};

/* Takes the blanks off both ends, in place. Returns where the rest begins. */
char *conf_trim(char *text);

/* Reads all lines; findings go to the report. 0, or -ENOMEM, or -EIO if inih refuses a line. */
int conf_read_lines(const char *text, size_t size, const struct conf_lines *to);
