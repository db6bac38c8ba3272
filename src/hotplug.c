/* libudev: the nodes that are there, and the monitor. */
#include "hotplug.h"

#include <string.h>

#include "util.h"

#define LINKS_MAX 64

static const char *attr(struct udev_device *device, const char *name)
{
	return udev_device_get_sysattr_value(device, name) ?: "";
}

static uint16_t id(struct udev_device *device, const char *name)
{
	return (uint16_t)strtoul(attr(device, name), NULL, 16);
}

static void list_links(struct udev_device *device, const char **links)
{
	struct udev_list_entry *entry = udev_device_get_devlinks_list_entry(device);
	unsigned n = 0;

	for (; entry && n < LINKS_MAX; entry = udev_list_entry_get_next(entry))
		links[n++] = udev_list_entry_get_name(entry);
	links[n] = NULL;
}

static bool is_hidden(struct udev_device *device)
{
	return udev_device_get_property_value(device, "LIBINPUT_IGNORE_DEVICE") != NULL;
}

static void tell(struct hotplug *hotplug, struct udev_device *device)
{
	const char *devnode = udev_device_get_devnode(device);
	/* The parent is owned by the device. */
	struct udev_device *input =
		udev_device_get_parent_with_subsystem_devtype(device, "input", NULL);
	const char *links[LINKS_MAX + 1];
	enum match_own own;

	if (!devnode || !input || strncmp(devnode, "/dev/input/event", 16) != 0)
		return;
	own = match_own(attr(input, "phys"), udev_device_get_syspath(input));
	if (own != MATCH_FOREIGN) {
		hotplug->ops->own(hotplug, devnode, own == MATCH_OWN_GUEST && !is_hidden(device));
		return;
	}
	list_links(device, links);
	hotplug->ops->added(hotplug, &(struct node_info){ .devnode = devnode,
							  .links = links,
							  .name = attr(input, "name"),
							  .phys = attr(input, "phys"),
							  .uniq = attr(input, "uniq"),
							  .bustype = id(input, "id/bustype"),
							  .vendor = id(input, "id/vendor"),
							  .product = id(input, "id/product") });
}

static void hotplug_ready(struct watch *watch, uint32_t events)
{
	struct hotplug *hotplug = container_of(watch, struct hotplug, watch);
	struct udev_device *device = udev_monitor_receive_device(hotplug->monitor);
	const char *action = device ? udev_device_get_action(device) : NULL;

	(void)events;
	/* Removal is seen on the descriptor itself, and earlier. */
	if (action && strcmp(action, "remove") != 0)
		tell(hotplug, device);
	udev_device_unref(device);
}

int hotplug_init(struct hotplug *hotplug, struct loop *loop, const struct hotplug_ops *ops)
{
	*hotplug = (struct hotplug){ .ops = ops, .udev = udev_new() };
	if (!hotplug->udev)
		return -ENOMEM;
	/* "udev" and not "kernel": after the rules have run. */
	hotplug->monitor = udev_monitor_new_from_netlink(hotplug->udev, "udev");
	if (!hotplug->monitor ||
	    udev_monitor_filter_add_match_subsystem_devtype(hotplug->monitor, "input", NULL) < 0 ||
	    udev_monitor_enable_receiving(hotplug->monitor) < 0)
		return -EIO;
	return watch_start(&hotplug->watch, loop, udev_monitor_get_fd(hotplug->monitor), EPOLLIN,
			   hotplug_ready);
}

static void tell_path(struct hotplug *hotplug, const char *syspath)
{
	struct udev_device *device = udev_device_new_from_syspath(hotplug->udev, syspath);

	/* One that udev is not done with comes through the monitor. */
	if (device && udev_device_get_is_initialized(device))
		tell(hotplug, device);
	udev_device_unref(device);
}

int hotplug_scan(struct hotplug *hotplug)
{
	struct udev_enumerate *nodes = udev_enumerate_new(hotplug->udev);
	struct udev_list_entry *entry;

	if (!nodes)
		return -ENOMEM;
	udev_enumerate_add_match_subsystem(nodes, "input");
	udev_enumerate_add_match_sysname(nodes, "event*");
	udev_enumerate_scan_devices(nodes);
	for (entry = udev_enumerate_get_list_entry(nodes); entry;
	     entry = udev_list_entry_get_next(entry))
		tell_path(hotplug, udev_list_entry_get_name(entry));
	udev_enumerate_unref(nodes);
	return 0;
}

void hotplug_fini(struct hotplug *hotplug)
{
	watch_stop(&hotplug->watch);
	udev_monitor_unref(hotplug->monitor);
	udev_unref(hotplug->udev);
	hotplug->monitor = NULL;
	hotplug->udev = NULL;
}
