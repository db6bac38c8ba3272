/* SPDX-License-Identifier: MIT */
/*
 * The result of a check: findings, what was in order, and what could not be looked at. Owns its
 * texts; large, so allocate it. Texts from files and programs go through log_str before they get
 * here.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "check/check-code.h"

#define CHECK_FINDINGS_MAX 64
#define CHECK_NOTES_MAX    32
#define CHECK_TEXT_SIZE    640

struct check_text {
	char text[CHECK_TEXT_SIZE];
};

struct check_finding {
	enum check_code code;
	struct check_text what; /* what is wrong here, as a sentence without full stop */
	struct check_text fix;  /* a command, a line of a file, or what to do */
};

/* Zero-initialised. */
struct check_report {
	unsigned n, left_out; /* 'left_out' did not fit */
	struct check_finding finding[CHECK_FINDINGS_MAX];
	unsigned n_fine, n_unseen;
	struct check_text fine[CHECK_NOTES_MAX], unseen[CHECK_NOTES_MAX];
};

__attribute__((format(printf, 1, 2))) struct check_text check_text(const char *format, ...);

/* Adds a finding. 'fix' is copied. */
__attribute__((format(printf, 4, 5))) void check_find(struct check_report *report,
						      enum check_code code, const char *fix,
						      const char *format, ...);

/* True if there is such a finding already. */
bool check_has(const struct check_report *report, enum check_code code);

/* Adds what is in order, and what could not be looked at and why: a few words. */
__attribute__((format(printf, 2, 3))) void check_fine(struct check_report *report,
						      const char *format, ...);
__attribute__((format(printf, 2, 3))) void check_unseen(struct check_report *report,
							const char *format, ...);

/*
 * EX_OK if nothing blocks. Else EX_CONFIG if the configuration cannot be used, EX_NOPERM if a
 * permission is missing, or EX_UNAVAILABLE.
 */
int check_status(const struct check_report *report);

/* Writes the report for people, what blocks first. Look at ferror(out) afterwards. */
void check_print(FILE *out, const struct check_report *report);

/* Writes the findings as an array in JSON. 0 or -ENOMEM; look at ferror(out) as well. */
int check_print_json(FILE *out, const struct check_report *report);
