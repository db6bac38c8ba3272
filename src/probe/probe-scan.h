/*
 * The devices of --probe: finds the event nodes by libudev, opens them for reading, follows what is
 * plugged in and out, and asks libinput what the desktop takes one for. Owns the nodes in 'list',
 * their descriptors, and the contexts of both libraries.
 */
#pragma once

#include "probe/probe-node.h"

struct libinput;
struct udev;
struct udev_monitor;

struct probe_scan {
	struct udev *udev;
	struct udev_monitor *monitor;
	struct libinput *libinput; /* NULL: classes stay unknown */
	struct probe_list list;
};

/* Finds and opens all nodes there are. On an error 'scan' is clean already. */
int probe_scan_open(struct probe_scan *scan);
void probe_scan_close(struct probe_scan *scan);

/* Readable when something was plugged in or out; then probe_scan_update takes it into the list. */
int probe_scan_fd(const struct probe_scan *scan);
void probe_scan_update(struct probe_scan *scan);

/* Tries those again that could not be opened: udev may grant access a moment after it announced a
 * node. */
void probe_scan_retry(struct probe_scan *scan);

/* Marks a node as recognised; asks what it and its siblings are for the desktop. */
void probe_scan_recognise(struct probe_scan *scan, struct probe_node *node);

/* A node that cannot be read any more: its device was unplugged. */
void probe_scan_lost(struct probe_node *node);
