/* SPDX-License-Identifier: MIT */
/* libvirt, asked through virsh. Owns nothing. */
#pragma once

#include <stdbool.h>

#include "check/check-report.h"
#include "check/check-system.h"

#define CHECK_VERSION(major, minor) ((major)*1000 + (minor))

/*
 * What virsh prints, which the caller frees; NULL after it has failed, and then *error, which may be
 * NULL, is what it said, for the caller to free.
 */
char *check_virsh(const struct check_system *system, const char *const *words, char **error);
/* The same with 'input' as its standard input, or -1. */
char *check_virsh_with(const struct check_system *system, const char *const *words, int input,
		       char **error);

/* Of what virsh said, its last line, which says most. */
struct check_text check_virsh_said(const char *error);

/* The command that starts libvirt. */
const char *check_virsh_remedy(const struct check_system *system);

/* True if libvirt answers; else adds why not. */
bool check_virsh_answers(const struct check_system *system, struct check_report *report);

/* The versions of libvirt and QEMU, as CHECK_VERSION; 0: unknown. */
void check_virsh_versions(const struct check_system *system, unsigned *libvirt, unsigned *qemu);
