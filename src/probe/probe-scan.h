/* SPDX-License-Identifier: MIT */
/*
 * Watches the devices for --probe: opens the event nodes that hotplug.h reports for reading, and
 * asks libinput how the desktop classifies them. Owns the loop, the nodes in 'list', their
 * descriptors, and the udev and libinput contexts.
 */
#pragma once

#include "base/loop.h"
#include "evdev/hotplug.h"
#include "probe/probe-node.h"

struct libinput;
struct probe_scan;

/* 'did' is activity (enum probe_did) seen on the node for the first time: not yet in node->did. */
typedef void (*probe_scan_fn)(struct probe_scan *scan, struct probe_node *node, unsigned did);

struct probe_scan {
	struct loop loop;
	struct hotplug hotplug;
	probe_scan_fn fn;
	struct libinput *libinput; /* NULL: classes stay unknown */
	struct probe_list list;
};

/*
 * Opens all existing nodes; the loop calls 'fn' on activity. 0 or -errno; on failure everything has
 * been released.
 */
int probe_scan_open(struct probe_scan *scan, probe_scan_fn fn);
void probe_scan_close(struct probe_scan *scan);

/* Retries nodes that could not be opened: udev may grant access after announcing a node. */
void probe_scan_retry(struct probe_scan *scan);

/* Marks a node as recognised, and asks libinput about it and its siblings. */
void probe_scan_recognise(struct probe_scan *scan, struct probe_node *node);
