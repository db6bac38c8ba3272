/* SPDX-License-Identifier: MIT */
/* The checks, each in the file of its name: they look at the system and add to the report. */
#pragma once

#include "check/check-node.h"
#include "check/check-report.h"
#include "check/check-system.h"
#include "conf/conf.h"

/* The configuration, which the caller frees with conf_free; NULL if there is none to be used. */
struct conf *check_conf(const struct check_system *system, struct check_report *report);

/* /dev/uinput, its module and its udev rules. */
void check_uinput(const struct check_system *system, struct check_report *report);

/*
 * True if the node may be opened; else adds why not, once for each cause. 'whose' is the section or
 * the like that needs it.
 */
bool check_may_open(const struct check_system *system, struct check_report *report,
		    const char *devnode, const char *whose);

/* The nodes that the [device] sections mean. */
void check_devices(const struct check_system *system, struct check_report *report,
		   const struct check_nodes *nodes, const struct conf *conf);

/* libvirt, and the domains that guests name. */
void check_libvirt(const struct check_system *system, struct check_report *report,
		   const struct check_nodes *nodes, const struct conf *conf);

/* Other programs that have the devices, and another evswitch. */
void check_processes(const struct check_system *system, struct check_report *report,
		     const struct check_nodes *nodes, const struct conf *conf);

/* The directory of sockets, and monitors. */
void check_places(const struct check_system *system, struct check_report *report,
		  const struct conf *conf);

/* The clipboards that guests ask for. */
void check_clipboards(const struct check_system *system, struct check_report *report,
		      const struct conf *conf);

/* Changes of libvirt's and AppArmor's configuration that evswitch does not need. */
void check_leftovers(const struct check_system *system, struct check_report *report);

/* Security modules, and what costs latency. */
void check_machine(const struct check_system *system, struct check_report *report,
		   const struct conf *conf);

/* The user service. */
void check_service(const struct check_system *system, struct check_report *report);
