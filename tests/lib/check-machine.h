/* SPDX-License-Identifier: MIT */
/*
 * A machine for evswitch --check, made of files below a temporary directory. Each test of a check
 * makes one that is in order, breaks one thing, and expects one finding.
 */
#pragma once

#include "check/check.h"
#include "evdev/access.h"

struct check_machine {
	char root[PATH_MAX];
	struct check_system system;
	struct check_report report; /* of the last run */
	char path[PATH_MAX];        /* where its programs are */
	int instance;               /* what instance_look says, and of whom */
	uid_t holder;
	struct access_facts access; /* of /dev/uinput and of all event nodes that exist */
};

/*
 * A machine in order: a configuration, a keyboard, a mouse, and permission for both. One at a time.
 */
struct check_machine *check_machine_new(void);
void check_machine_free(struct check_machine *machine);

/* The machine of the test under way, by cmocka's setup and teardown. */
extern struct check_machine *machine;
int machine_set_up(void **state);
int machine_tear_down(void **state);

/* Makes a file and its directories, with this text. */
__attribute__((format(printf, 3, 4))) void machine_file(struct check_machine *machine,
							const char *path, const char *format, ...);
/* Makes a link; one to an absolute path leads to it below the root. */
void machine_link(struct check_machine *machine, const char *path, const char *to);
/*
 * Makes event node 'number' with this name, udev's property of its use ("ID_INPUT_MOUSE"), and a
 * link in by-id (NULL: none).
 */
void machine_device(struct check_machine *machine, unsigned number, const char *name,
		    const char *use, const char *by_id);
/* Replaces the configuration of the machine by this one, with a guest. */
__attribute__((format(printf, 2, 3))) void machine_conf(struct check_machine *machine,
							const char *format, ...);
/* A program that does this, for /bin/sh. */
void machine_program(struct check_machine *machine, const char *name, const char *script);
void machine_remove(struct check_machine *machine, const char *path);

/* Runs all checks. */
void machine_check(struct check_machine *machine);

/* The first finding with this code ("EVS001") in the report, or NULL; and how many there are. */
const struct check_finding *machine_found(const struct check_machine *machine, const char *code);
unsigned machine_count(const struct check_machine *machine, const char *code);

/* Fails unless there is one such finding, with these texts in what is wrong and what mends it. */
void assert_found(const struct check_machine *machine, const char *code, const char *what,
		  const char *fix);
void assert_not_found(const struct check_machine *machine, const char *code);
