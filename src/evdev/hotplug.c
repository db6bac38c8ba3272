/* SPDX-License-Identifier: MIT */
/* libudev enumeration and monitor; inotify for the symlinks in configured paths. */
#include "evdev/hotplug.h"

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/seat.h"
#include "base/shortage.h"
#include "base/text.h"
#include "base/util.h"

#define DEV_INPUT  "/dev/input/"
#define EVENT_NODE DEV_INPUT "event"

#define NEEDS_FDS 16 /* of libudev, and of a device that ops->added opens */

static const char *attr(struct udev_device *device, const char *name)
{
	return udev_device_get_sysattr_value(device, name) ?: "";
}

static uint16_t id(struct udev_device *device, const char *name)
{
	return (uint16_t)strtoul(attr(device, name), NULL, 16);
}

/* 'ctx' is a struct udev_device. */
static bool has_property(void *ctx, const char *name)
{
	const char *value = udev_device_get_property_value(ctx, name);

	return value && strcmp(value, "1") == 0;
}

/*
 * udev classifies a mouse with more than 16 buttons as a joystick: BTN_JOYSTICK follows the mouse
 * codes.
 */
static bool moves_like_a_mouse(struct udev_device *device)
{
	/* The parent is owned by the device. */
	struct udev_device *input =
		udev_device_get_parent_with_subsystem_devtype(device, "input", NULL);
	unsigned long axes = input ? strtoul(attr(input, "capabilities/rel"), NULL, 16) : 0;

	return (axes & 3) == 3;
}

/*
 * udev's classification as a mask of enum node_use, plus NODE_USE_MOUSE if the node moves like one.
 */
static unsigned read_uses(struct udev_device *device)
{
	unsigned uses = match_uses(has_property, device);

	if (uses & NODE_USE_JOYSTICK && moves_like_a_mouse(device))
		uses |= NODE_USE_MOUSE;
	return uses;
}

static uint64_t hash_capabilities(struct udev_device *input)
{
	static const char *const names[] = { "capabilities/ev",  "capabilities/key",
					     "capabilities/rel", "capabilities/abs",
					     "capabilities/msc", "capabilities/sw",
					     "capabilities/led", "properties" };
	uint64_t hash = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		hash = match_hash(hash, attr(input, names[i]));
	return hash;
}

static bool leads_here(const struct node_info *node, const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == node->devnum;
}

/* udev's rules pass it on from the hub or the adapter that is attached to another seat. */
static const char *seat_of(struct udev_device *device)
{
	return udev_device_get_property_value(device, "ID_SEAT") ?: SEAT_DEFAULT;
}

static bool is_hidden(struct udev_device *device)
{
	return udev_device_get_property_value(device, "LIBINPUT_IGNORE_DEVICE") != NULL;
}

/* The current time if udev does not know when it was done. */
static uint64_t done_us(struct udev_device *device)
{
	return now_us() - udev_device_get_usec_since_initialized(device);
}

/* 'devnode' may be NULL. */
static bool is_event_node(const char *devnode)
{
	return devnode && text_starts_with(devnode, EVENT_NODE);
}

static void tell(struct hotplug *hotplug, struct udev_device *device)
{
	const char *devnode = udev_device_get_devnode(device);
	/* The parent is owned by the device. */
	struct udev_device *input =
		udev_device_get_parent_with_subsystem_devtype(device, "input", NULL);
	enum match_own own;

	if (!input || !is_event_node(devnode))
		return;
	own = match_own(attr(input, "phys"), udev_device_get_syspath(input));
	if (own != MATCH_FOREIGN && hotplug->ops->own) {
		hotplug->ops->own(hotplug, devnode, done_us(device),
				  own == MATCH_OWN_GUEST && !is_hidden(device));
		return;
	}
	hotplug->ops->added(hotplug, &(struct node_info){ .devnode = devnode,
							  .name = attr(input, "name"),
							  .phys = attr(input, "phys"),
							  .uniq = attr(input, "uniq"),
							  .bustype = id(input, "id/bustype"),
							  .vendor = id(input, "id/vendor"),
							  .product = id(input, "id/product"),
							  .devnum = udev_device_get_devnum(device),
							  .capabilities = hash_capabilities(input),
							  .uses = read_uses(device),
							  .own = own,
							  .seat = seat_of(device),
							  .leads_here = leads_here });
}

void hotplug_miss(struct hotplug *hotplug, int error)
{
	if (!hotplug->misses && hotplug->ops->missed)
		hotplug->ops->missed(hotplug, error);
	hotplug->misses = hotplug->again_due = true;
	timer_arm(&hotplug->again, HOTPLUG_AGAIN_MS, 0);
}

/*
 * libudev reads a device's attributes from files. Without a descriptor for these, it would seem to be
 * another device, without name and phys. What ops do with it takes some, too.
 */
static bool can_look(struct hotplug *hotplug)
{
	int rc = shortage_check(NEEDS_FDS);

	if (rc < 0)
		hotplug_miss(hotplug, -rc);
	return rc == 0;
}

static void removed(struct hotplug *hotplug, const char *devnode)
{
	if (hotplug->ops->removed && is_event_node(devnode))
		hotplug->ops->removed(hotplug, devnode);
	/* a link shared by several devices now leads to another one */
	if (hotplug->ops->links && can_look(hotplug))
		hotplug->ops->links(hotplug);
}

static void hotplug_ready(struct watch *watch, uint32_t events)
{
	struct hotplug *hotplug = container_of(watch, struct hotplug, watch);
	struct udev_device *device = udev_monitor_receive_device(hotplug->monitor);
	const char *action = device ? udev_device_get_action(device) : NULL;

	(void)events;
	if (action && strcmp(action, "remove") != 0 && can_look(hotplug))
		tell(hotplug, device);
	else if (action && strcmp(action, "remove") == 0)
		removed(hotplug, udev_device_get_devnode(device));
	udev_device_unref(device);
}

static void links_ready(struct watch *watch, uint32_t events)
{
	struct hotplug *hotplug = container_of(watch, struct hotplug, links);
	char buf[4096];

	(void)events;
	if (read(hotplug->inotify, buf, sizeof(buf)) > 0 && can_look(hotplug))
		hotplug->ops->links(hotplug);
}

/* Watches the deepest existing directory of the path; returns the length of its name. */
static size_t watch_deepest(struct hotplug *hotplug, const char *path)
{
	char dir[HOTPLUG_PATH_MAX * 4];
	char *slash;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return 0;
	while ((slash = strrchr(dir, '/')) && slash > dir) {
		*slash = '\0';
		if (inotify_add_watch(hotplug->inotify, dir,
				      IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF) >= 0)
			return (size_t)(slash - dir);
	}
	return 0;
}

/* Repeats, since a directory may be created just before the watch on its parent begins. */
static void watch_path(struct hotplug *hotplug, const char *path)
{
	size_t before, depth = 0;

	do {
		before = depth;
		depth = watch_deepest(hotplug, path);
	} while (depth > before);
}

/* Prefers the node's link in the same directory as 'path', else names the node itself. */
static void name_like(struct udev_device *device, const char *path, char event[HOTPLUG_PATH_MAX])
{
	size_t dir = (size_t)(strrchr(path, '/') - path) + 1;
	struct udev_list_entry *link;

	snprintf(event, HOTPLUG_PATH_MAX, "%s", udev_device_get_devnode(device) ?: "");
	udev_list_entry_foreach(link, udev_device_get_devlinks_list_entry(device))
	{
		if (strncmp(udev_list_entry_get_name(link), path, dir) != 0)
			continue;
		snprintf(event, HOTPLUG_PATH_MAX, "%s", udev_list_entry_get_name(link));
		return;
	}
}

/* The event node that belongs to a mouse* or js* node: a sibling below the same input device. */
static void name_event_node(struct hotplug *hotplug, struct udev_device *other, const char *path,
			    char event[HOTPLUG_PATH_MAX])
{
	struct udev_device *input =
		udev_device_get_parent_with_subsystem_devtype(other, "input", NULL);
	struct udev_enumerate *nodes = input ? udev_enumerate_new(hotplug->udev) : NULL;
	struct udev_list_entry *entry;
	struct udev_device *device;

	if (!nodes)
		return;
	udev_enumerate_add_match_parent(nodes, input);
	udev_enumerate_add_match_sysname(nodes, "event*");
	udev_enumerate_scan_devices(nodes);
	entry = udev_enumerate_get_list_entry(nodes);
	device =
		entry ? udev_device_new_from_syspath(hotplug->udev, udev_list_entry_get_name(entry))
		      : NULL;
	if (device)
		name_like(device, path, event);
	udev_device_unref(device);
	udev_enumerate_unref(nodes);
}

int hotplug_look(struct hotplug *hotplug, const char *path, char event[HOTPLUG_PATH_MAX])
{
	struct udev_device *device = NULL;
	struct stat st;
	int rc = 0;

	*event = '\0';
	watch_path(hotplug, path);
	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISCHR(st.st_mode))
		device = udev_device_new_from_devnum(hotplug->udev, 'c', st.st_rdev);
	if (!device || !is_event_node(udev_device_get_devnode(device)))
		rc = -ENOTTY;
	if (rc < 0 && device)
		name_event_node(hotplug, device, path, event);
	if (rc == 0 && udev_device_get_is_initialized(device))
		tell(hotplug, device);
	udev_device_unref(device);
	return rc;
}

static bool is_foreign(struct udev_device *device)
{
	struct udev_device *input =
		udev_device_get_parent_with_subsystem_devtype(device, "input", NULL);

	return input &&
	       match_own(attr(input, "phys"), udev_device_get_syspath(input)) == MATCH_FOREIGN;
}

/* Devices that udev is still processing are reported by the monitor later. 'device' may be NULL. */
static void tell_if_done(struct hotplug *hotplug, struct udev_device *device)
{
	if (!device)
		return;
	if (udev_device_get_is_initialized(device))
		tell(hotplug, device);
	else
		hotplug->undone += is_foreign(device);
}

static void tell_path(struct hotplug *hotplug, const char *syspath)
{
	struct udev_device *device = udev_device_new_from_syspath(hotplug->udev, syspath);

	tell_if_done(hotplug, device);
	udev_device_unref(device);
}

static void scan_next(struct timer *timer)
{
	struct hotplug *hotplug = container_of(timer, struct hotplug, turn);

	if (hotplug->next && can_look(hotplug)) {
		tell_path(hotplug, udev_list_entry_get_name(hotplug->next));
		hotplug->next = udev_list_entry_get_next(hotplug->next);
	}
	if (hotplug->next && !hotplug->again_due)
		return;
	hotplug->misses = hotplug->again_due;
	timer_arm(timer, 0, 0);
	udev_enumerate_unref(hotplug->nodes);
	hotplug->nodes = NULL;
}

static void try_again(struct timer *timer)
{
	struct hotplug *hotplug = container_of(timer, struct hotplug, again);
	int rc;

	hotplug->again_due = false;
	if (!can_look(hotplug))
		return;
	rc = hotplug_rescan(hotplug);
	if (rc < 0)
		hotplug_miss(hotplug, -rc);
	else if (hotplug->ops->links)
		hotplug->ops->links(hotplug);
}

int hotplug_init(struct hotplug *hotplug, struct loop *loop, const struct hotplug_ops *ops)
{
	int rc;

	*hotplug = (struct hotplug){ .ops = ops, .udev = udev_new(), .inotify = -1 };
	if (!hotplug->udev)
		return -ENOMEM;
	/* "udev", not "kernel": reported after the rules have run. */
	hotplug->monitor = udev_monitor_new_from_netlink(hotplug->udev, "udev");
	if (!hotplug->monitor ||
	    udev_monitor_filter_add_match_subsystem_devtype(hotplug->monitor, "input", NULL) < 0 ||
	    udev_monitor_enable_receiving(hotplug->monitor) < 0)
		return shortage_check(NEEDS_FDS) ?: -EIO; /* libudev does not say */
	hotplug->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (hotplug->inotify < 0)
		return -errno;
	rc = timer_init(&hotplug->turn, loop, scan_next);
	if (rc == 0)
		rc = timer_init(&hotplug->again, loop, try_again);
	if (rc == 0)
		rc = watch_start_peer(&hotplug->links, loop, hotplug->inotify, EPOLLIN,
				      links_ready);
	if (rc < 0)
		return rc;
	return watch_start_peer(&hotplug->watch, loop, udev_monitor_get_fd(hotplug->monitor),
				EPOLLIN, hotplug_ready);
}

void hotplug_ask(struct hotplug *hotplug, const char *devnode)
{
	struct udev_device *device;

	if (!hotplug->udev || !text_starts_with(devnode, DEV_INPUT) || !can_look(hotplug))
		return;
	device = udev_device_new_from_subsystem_sysname(hotplug->udev, "input",
							devnode + strlen(DEV_INPUT));
	tell_if_done(hotplug, device);
	udev_device_unref(device);
}

/* NULL: no memory. */
static struct udev_enumerate *list_nodes(struct hotplug *hotplug)
{
	struct udev_enumerate *nodes = udev_enumerate_new(hotplug->udev);

	hotplug->undone = 0;
	if (!nodes)
		return NULL;
	udev_enumerate_add_match_subsystem(nodes, "input");
	udev_enumerate_add_match_sysname(nodes, "event*");
	udev_enumerate_scan_devices(nodes);
	return nodes;
}

int hotplug_scan(struct hotplug *hotplug)
{
	struct udev_enumerate *nodes = list_nodes(hotplug);
	struct udev_list_entry *entry;

	if (!nodes)
		return -ENOMEM;
	for (entry = udev_enumerate_get_list_entry(nodes); entry && can_look(hotplug);
	     entry = udev_list_entry_get_next(entry))
		tell_path(hotplug, udev_list_entry_get_name(entry));
	udev_enumerate_unref(nodes);
	return 0;
}

int hotplug_rescan(struct hotplug *hotplug)
{
	udev_enumerate_unref(hotplug->nodes);
	hotplug->nodes = list_nodes(hotplug);
	if (!hotplug->nodes)
		return -ENOMEM;
	hotplug->next = udev_enumerate_get_list_entry(hotplug->nodes);
	timer_arm(&hotplug->turn, 1, 1);
	return 0;
}

void hotplug_fini(struct hotplug *hotplug)
{
	timer_fini(&hotplug->turn);
	timer_fini(&hotplug->again);
	udev_enumerate_unref(hotplug->nodes);
	hotplug->nodes = NULL;
	watch_stop(&hotplug->watch);
	watch_stop(&hotplug->links);
	if (hotplug->udev)
		close_fd(&hotplug->inotify);
	udev_monitor_unref(hotplug->monitor);
	udev_unref(hotplug->udev);
	hotplug->monitor = NULL;
	hotplug->udev = NULL;
}
