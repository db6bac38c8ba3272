/* SPDX-License-Identifier: MIT */
/*
 * The steps of --setup, each in the file of its name, and what one leaves for the next. setup.c owns
 * the struct. A step returns EX_OK if the next is to follow, or SETUP_ENOUGH, or the exit status; it may
 * also leave setup->ask.ended.
 */
#pragma once

#include <stdio.h>

#include "check/check-report.h"
#include "check/check-system.h"
#include "conf/conf.h"
#include "setup/setup-ask.h"
#include "setup/setup-domain.h"
#include "setup/setup-write.h"
#include "setup/setup.h"

#define SETUP_ENOUGH      (-1) /* the user wants no more */
#define SETUP_DOMAINS_MAX 64
#define SETUP_UNDO_MAX    16

struct setup {
	const struct setup_options *options;
	struct ask ask;
	struct check_system system;
	struct setup_file file;
	struct conf *conf;  /* what the file has */
	char *devices;      /* sections to be added; owned; NULL: none */
	unsigned n_devices; /* in them */

	/* libvirt; without a domain, 'domain' is "". */
	bool has_libvirt;
	unsigned libvirt;         /* CHECK_VERSION */
	struct check_text domain; /* its name, or its UUID where the name is special */
	char *xml;                /* of the domain as it is at its next start; owned */
	struct setup_domain facts;

	/* The guest. */
	char guest[CONF_NAME_MAX + 1];
	const struct conf_channel *via;
	enum conf_os os;
	const struct conf_guest *old; /* it has a section already */
	bool clipboard;               /* it is to have one with the host */

	unsigned n_undo;
	struct check_text undo[SETUP_UNDO_MAX]; /* what was done, and how to undo it */
};

int setup_access(struct setup *setup);
int setup_devices(struct setup *setup);
int setup_guest(struct setup *setup);
int setup_save(struct setup *setup);
int setup_attach(struct setup *setup);
int setup_try(struct setup *setup);
int setup_service(struct setup *setup);

/* Prints what a finding says, and its remedy. */
void setup_tell(const struct check_finding *finding);

/* Prints a command that does the same. */
__attribute__((format(printf, 1, 2))) void setup_command(const char *format, ...);

/* Notes what has been done, with the command that undoes it. */
__attribute__((format(printf, 2, 3))) void setup_done(struct setup *setup, const char *format, ...);

/*
 * Whether the guest is to have a clipboard with the host; without evswitch-clipboard it is not asked. The
 * channel's part of setup_attach, for a domain, and the service's of setup_service.
 */
void setup_ask_clipboard(struct setup *setup);
void setup_clipboard_channel(struct setup *setup);
void setup_clipboard_service(const struct setup *setup);

/* Prints the command by which virsh changes the domain ("attach-device"), with the element. */
void setup_show_change(const struct setup *setup, const char *what, const char *xml);
/* Does it. False after printing why it failed. */
bool setup_change(const struct setup *setup, const char *what, const char *xml);

/* "virsh --connect URI" */
struct check_text setup_virsh(void);

/* " -c FILE", or "" if evswitch finds the file by itself. */
struct check_text setup_conf_option(const struct setup *setup);

/* Runs this program on the file, with an option and its value; see ask_run_self. */
int setup_run_self(struct setup *setup, const char *option, const char *value);
