/* SPDX-License-Identifier: MIT */
/*
 * The event nodes of the machine, from /sys, /dev/input and udev's database. Not through libudev,
 * which knows one machine only. The caller owns the list; it is large, so allocate it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "check/check-system.h"
#include "conf/conf.h"
#include "evdev/match.h"

#define CHECK_NODES_MAX 256
#define CHECK_NODE_TEXT 256

struct check_node {
	struct node_info info; /* points into this struct, so never copy or move it */
	const struct check_system *system;
	char devnode[64], name[CHECK_NODE_TEXT], phys[CHECK_NODE_TEXT], uniq[CHECK_NODE_TEXT];
	char by_id[PATH_MAX]; /* a link in /dev/input/by-id, or "" */
	bool announced;       /* udev has processed it */
};

struct check_nodes {
	unsigned n;
	struct check_node node[CHECK_NODES_MAX];
};

void check_nodes_scan(const struct check_system *system, struct check_nodes *nodes);

/* The node that 'path' leads to, or NULL. */
const struct check_node *check_node_at(const struct check_nodes *nodes, const char *path);

/* The [device] section that matches the node at this path, or NULL. */
const struct conf_device *check_section_at(const struct check_nodes *nodes, const struct conf *conf,
					   const char *path);

/* The path for a configuration: its link, or the node itself. */
const char *check_node_path(const struct check_node *node);

/* The path below the root that 'path' leads to; false if it leads nowhere. */
bool check_real(const struct check_system *system, const char *path, struct check_path *real);
