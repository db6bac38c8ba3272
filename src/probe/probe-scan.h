/*
 * The devices of --probe: takes the event nodes that hotplug.h tells of, opens them for reading, and
 * asks libinput what the desktop takes one for. Owns the loop, the nodes in 'list', their
 * descriptors, and the contexts of both libraries.
 */
#pragma once

#include "base/loop.h"
#include "evdev/hotplug.h"
#include "probe/probe-node.h"

struct libinput;
struct probe_scan;

/* 'did' is what a finger just did on the node (enum probe_did), which is not in node->did yet. */
typedef void (*probe_scan_fn)(struct probe_scan *scan, struct probe_node *node, unsigned did);

struct probe_scan {
	struct loop loop;
	struct hotplug hotplug;
	probe_scan_fn fn;
	struct libinput *libinput; /* NULL: classes stay unknown */
	struct probe_list list;
};

/*
 * Finds and opens all nodes there are; 'fn' is called from turns of the loop. 0 or -errno: then
 * 'scan' is clean already.
 */
int probe_scan_open(struct probe_scan *scan, probe_scan_fn fn);
void probe_scan_close(struct probe_scan *scan);

/*
 * Tries those again that could not be opened: udev may grant access a moment after it announced a
 * node.
 */
void probe_scan_retry(struct probe_scan *scan);

/* Marks a node as recognised; asks what it and its siblings are for the desktop. */
void probe_scan_recognise(struct probe_scan *scan, struct probe_node *node);
