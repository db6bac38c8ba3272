/*
 * Which evdev nodes there are, and which come and go, as udev tells once it has set links and
 * permissions. Our own virtual devices are told apart by their phys, never by a name.
 */
#pragma once

#include <libudev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "evdev/match.h"

struct hotplug;

struct hotplug_ops {
	/* A node is there, or its properties changed: may come again for one already known. */
	void (*added)(struct hotplug *hotplug, const struct node_info *node);
	/* NULL where nobody asks: a device that is open says so itself, and earlier. */
	void (*removed)(struct hotplug *hotplug, const char *devnode);
	/*
	 * udev is done with a node that has a phys of ours, since 'done_us' (CLOCK_MONOTONIC): one of
	 * the same name may have been there before. 'exposed': it is a guest's and no rule hides it from
	 * the desktop. NULL: those come to 'added' too, where node->own tells.
	 */
	void (*own)(struct hotplug *hotplug, const char *devnode, uint64_t done_us, bool exposed);
	/* Links may lead elsewhere now: hotplug_look is due for every path of interest. NULL: of none. */
	void (*links)(struct hotplug *hotplug);
};

struct hotplug {
	const struct hotplug_ops *ops;
	struct udev *udev;
	struct udev_monitor *monitor;
	unsigned undone; /* real devices that udev was not done with at the scan */
	struct watch watch;
	int inotify; /* of the directories that hotplug_look met */
	struct watch links;
};

/* Starts to listen. 0 or -errno (-EIO where udev cannot be reached). */
int hotplug_init(struct hotplug *hotplug, struct loop *loop, const struct hotplug_ops *ops);
/* Calls ops for every node that is there now. 0 or -errno. */
int hotplug_scan(struct hotplug *hotplug);

#define HOTPLUG_PATH_MAX 256

/*
 * Calls ops->added for the node that this path leads to, and watches the path from now on. 0 too where
 * udev is not done with the node; -errno of stat where it leads nowhere; -ENOTTY where it leads to
 * something else: 'event' then has the path of the same device's event node, or "".
 */
int hotplug_look(struct hotplug *hotplug, const char *path, char event[HOTPLUG_PATH_MAX]);

/* Calls ops for this node if udev is done with it: an announcement can get lost. */
void hotplug_ask(struct hotplug *hotplug, const char *devnode);
/* Harmless on a zeroed struct, and after a failed init. */
void hotplug_fini(struct hotplug *hotplug);
