/* SPDX-License-Identifier: MIT */
/*
 * What a libvirt domain says about its system and its input, read from its XML, to propose a section
 * for it. Pure; points into the XML.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"

#define SETUP_INPUTS_MAX 16
#define SETUP_PATH_MAX   128

/* An <input> element that gives QEMU an evdev node. */
struct setup_input {
	const char *xml; /* from "<input" on; 'size' bytes */
	size_t size;
	char path[SETUP_PATH_MAX];
	bool is_evdev; /* type='evdev', else 'passthrough' */
};

struct setup_domain {
	bool os_known; /* else 'os' is other */
	enum conf_os os;
	bool has_virtio;       /* a disk or a network card: Windows has drivers of virtio-win */
	bool has_virtio_input; /* an input device: its driver is there as well */
	unsigned n_inputs, n_arguments;
	struct setup_input input[SETUP_INPUTS_MAX];
	char argument[SETUP_INPUTS_MAX][SETUP_PATH_MAX]; /* nodes in <qemu:commandline> */
};

void setup_domain_read(struct setup_domain *domain, const char *xml);

/* True if the path is that of a node of evswitch's. */
bool setup_path_is_ours(const char *path);

/* "windows", as in "os =". */
const char *setup_os_name(enum conf_os os);

/* True if "libvirt =" accepts it as a domain's name. */
bool setup_domain_is_plain(const char *name);

/* The name for a [guest] section: the domain's, with what a section's name may not have replaced. */
void setup_guest_name(const char *domain, char name[static CONF_NAME_MAX + 1]);
