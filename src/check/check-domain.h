/* SPDX-License-Identifier: MIT */
/*
 * What a libvirt domain has that matters for input and the clipboard, read from its XML. Pure; owns nothing but its
 * texts.
 */
#pragma once

#include <stdbool.h>

#include "check/check-xml.h"
#include "core/shape.h"

#define CHECK_PORTS_MAX   64
#define CHECK_OTHERS_MAX  8
#define CHECK_DOMAIN_PATH 128

/* A <channel>. */
struct check_channel {
	char type[16];                /* "": there is none */
	bool connects;                /* mode='connect' */
	char path[CHECK_DOMAIN_PATH]; /* of its socket; "": none */
};

struct check_domain {
	bool is_kvm;
	bool runs; /* or is paused: the XML is that of a live domain */
	bool shares_memory;
	bool has_tablet; /* an absolute pointer */
	bool has_mouse;  /* on virtio or USB, beside that on PS/2, which is always there */
	bool has_spice_agent;
	/* The channel of the clipboard's port; of several, one that is in the way. */
	struct check_channel agent;
	bool agent_by_arguments;        /* the port is in <qemu:commandline> */
	unsigned nodes;                 /* bit n: it has node n */
	unsigned n_ports, n_free_ports; /* PCIe root ports */
	/* Nodes in /dev/input that are not among those looked for. */
	unsigned n_others;
	char other[CHECK_OTHERS_MAX][CHECK_DOMAIN_PATH];
};

/* 'paths': the guest's nodes or sockets; "" is none. */
void check_domain_read(struct check_domain *domain, const char *xml,
		       const char *const paths[SHAPE_NODES]);
