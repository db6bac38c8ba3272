/* SPDX-License-Identifier: MIT */
/*
 * Enumerates evdev nodes and monitors additions and removals, through udev and so only once it has
 * set links and permissions. Our own virtual devices are recognised by their phys, never by their
 * name. Embedded in the daemon or the probe; owns its udev objects and its inotify instance.
 */
#pragma once

#include <libudev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "evdev/match.h"

struct hotplug;

struct hotplug_ops {
	/*
	 * A node was added or its properties changed, so this may be called again for a known node.
	 */
	void (*added)(struct hotplug *hotplug, const struct node_info *node);
	/* May be NULL: an open device notices its removal earlier. */
	void (*removed)(struct hotplug *hotplug, const char *devnode);
	/*
	 * udev finished processing one of our own nodes at 'done_us' (CLOCK_MONOTONIC,
	 * microseconds; an earlier node may have had the same name). 'exposed': it is a guest's,
	 * and no udev rule hides it from the desktop. NULL: own nodes are reported to 'added', too,
	 * with node->own set.
	 */
	void (*own)(struct hotplug *hotplug, const char *devnode, uint64_t done_us, bool exposed);
	/* Symlinks may have changed: call hotplug_look for every path of interest. May be NULL. */
	void (*links)(struct hotplug *hotplug);
	/*
	 * Out of descriptors or memory: nodes that have come or will come are reported later. Called
	 * once for each time that this happens. May be NULL.
	 */
	void (*missed)(struct hotplug *hotplug, int error);
};

struct hotplug {
	const struct hotplug_ops *ops;
	struct udev *udev;
	struct udev_monitor *monitor;
	unsigned undone; /* real devices that udev had not finished processing at the scan */
	struct watch watch;
	struct udev_enumerate *nodes; /* of hotplug_rescan; NULL: none is going on */
	struct udev_list_entry *next; /* the next of them */
	struct timer turn;
	bool misses;        /* since ops->missed, until all nodes have been looked at */
	bool again_due;     /* the timer is armed */
	struct timer again; /* looks at all of them again */
	int inotify;        /* watches the directories that hotplug_look visited */
	struct watch links;
};

/* Starts monitoring. 0 or -errno (-EIO: udev cannot be reached). */
int hotplug_init(struct hotplug *hotplug, struct loop *loop, const struct hotplug_ops *ops);
/* Calls ops for every node that exists now. 0 or -errno. */
int hotplug_scan(struct hotplug *hotplug);

/*
 * The same, but one node in each turn of the loop, so that events of devices do not wait. Starts again
 * if one is going on.
 */
int hotplug_rescan(struct hotplug *hotplug);
/* What ops->added was told cannot be used yet, for lack of descriptors or memory: tells it again. */
void hotplug_miss(struct hotplug *hotplug, int error);

static inline bool hotplug_is_scanning(const struct hotplug *hotplug)
{
	return hotplug->nodes != NULL;
}

/* How often it tries, while out of descriptors or memory. */
#define HOTPLUG_AGAIN_MS 1000

#define HOTPLUG_PATH_MAX 256

/*
 * Calls ops->added for the node that 'path' leads to, and watches the path from now on. 0, also if
 * udev has not finished processing the node; -errno of stat() if the path leads nowhere; -ENOTTY if
 * it leads to something else: 'event' is then the path of the same device's event node, or "".
 */
int hotplug_look(struct hotplug *hotplug, const char *path, char event[HOTPLUG_PATH_MAX]);

/* Calls ops for this node if udev has finished processing it: its uevent may have been lost. */
void hotplug_ask(struct hotplug *hotplug, const char *devnode);
/* Stops monitoring. Also safe on a zeroed struct and after a failed init. */
void hotplug_fini(struct hotplug *hotplug);
