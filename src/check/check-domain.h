/* SPDX-License-Identifier: MIT */
/*
 * What a libvirt domain has that matters for input, read from its XML. Pure; owns nothing but its
 * texts.
 */
#pragma once

#include <stdbool.h>

#include "check/check-xml.h"
#include "core/shape.h"

#define CHECK_PORTS_MAX   64
#define CHECK_OTHERS_MAX  8
#define CHECK_DOMAIN_PATH 128

struct check_domain {
	bool is_kvm;
	bool shares_memory;
	bool has_tablet; /* an absolute pointer */
	bool has_mouse;  /* on virtio or USB, beside that on PS/2, which is always there */
	bool has_spice_agent;
	unsigned nodes;                 /* bit n: it has node n */
	unsigned n_ports, n_free_ports; /* PCIe root ports */
	/* Nodes in /dev/input that are not among those looked for. */
	unsigned n_others;
	char other[CHECK_OTHERS_MAX][CHECK_DOMAIN_PATH];
};

/* 'paths': the guest's nodes or sockets; "" is none. */
void check_domain_read(struct check_domain *domain, const char *xml,
		       const char *const paths[SHAPE_NODES]);
