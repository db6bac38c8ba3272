/* SPDX-License-Identifier: MIT */
/*
 * Hotplug, libevdev and libinput for --probe. Nodes are only read. libinput opens recognised nodes
 * a second time, briefly, to classify them.
 */
#include "probe/probe-scan.h"

#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <libinput.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

#define BY_ID      "/dev/input/by-id/"
#define BY_PATH    "/dev/input/by-path/"
#define EVENTS_MAX 64

/* The device was unplugged: stops reading it. */
static void lose(struct probe_node *node)
{
	watch_stop(&node->watch);
	close_fd(&node->fd);
	node->error = ENODEV;
}

static void free_node(struct probe_node *node)
{
	lose(node);
	for (char **link = node->links; *link; link++)
		free(*link);
	free(node);
}

/*
 * Prefers the first link by name, so that the result is deterministic. Skips a link that leads to
 * another node since udev wrote its record.
 */
static void prefer(const char **chosen, const char *link, const char *dir,
		   const struct node_info *info)
{
	if (!text_starts_with(link, dir) || !info->leads_here(info, link))
		return;
	if (!*chosen || strcmp(link, *chosen) < 0)
		*chosen = link;
}

static int read_links(struct probe_node *node, struct udev_device *device,
		      const struct node_info *info)
{
	struct udev_list_entry *entry;
	unsigned n = 0;

	node->by_id = node->by_path = NULL;
	for (char **link = node->links; *link; link++)
		free_ptr_(link), *link = NULL;
	udev_list_entry_foreach(entry, udev_device_get_devlinks_list_entry(device))
	{
		if (n == PROBE_LINKS_MAX)
			break;
		node->links[n] = strdup(udev_list_entry_get_name(entry));
		if (!node->links[n])
			return -ENOMEM;
		prefer(&node->by_id, node->links[n], BY_ID, info);
		prefer(&node->by_path, node->links[n], BY_PATH, info);
		n++;
	}
	return 0;
}

static void read_group(struct probe_node *node, struct udev_device *device)
{
	struct udev_device *usb, *hid;
	struct probe_origin origin = { .syspath = udev_device_get_syspath(device) };

	usb = udev_device_get_parent_with_subsystem_devtype(device, "usb", "usb_device");
	hid = udev_device_get_parent_with_subsystem_devtype(device, "hid", NULL);
	if (usb)
		origin.usb_device = udev_device_get_syspath(usb);
	if (hid) {
		struct udev_device *above = udev_device_get_parent(hid);
		const char *subsystem = above ? udev_device_get_subsystem(above) : NULL;

		origin.hid = udev_device_get_syspath(hid);
		origin.behind_receiver = subsystem && strcmp(subsystem, "hid") == 0;
	}
	probe_node_set_group(node, &origin);
}

/*
 * Reads the ranges of the absolute axes, unless it is an accelerometer, which moves without a user.
 */
static int read_ranges(struct probe_node *node)
{
	struct libevdev *evdev;
	int error = libevdev_new_from_fd(node->fd, &evdev);

	if (error)
		return error;
	for (unsigned i = 0; i < 2 && !libevdev_has_property(evdev, INPUT_PROP_ACCELEROMETER);
	     i++) {
		const struct input_absinfo *abs = libevdev_get_abs_info(evdev, ABS_X + i);

		if (abs && abs->maximum > abs->minimum)
			node->motion.range[i] =
				(int)((unsigned)abs->maximum - (unsigned)abs->minimum);
	}
	libevdev_free(evdev);
	return 0;
}

static void node_ready(struct watch *watch, uint32_t ready)
{
	struct probe_node *node = container_of(watch, struct probe_node, watch);
	struct probe_scan *scan = container_of(watch->loop, struct probe_scan, loop);
	struct input_event events[EVENTS_MAX];
	ssize_t size = read(node->fd, events, sizeof(events));

	(void)ready;
	if (size < 0 && errno != EAGAIN && errno != EINTR)
		lose(node);
	for (ssize_t i = 0; i < size / (ssize_t)sizeof(events[0]); i++) {
		unsigned did = probe_activity(&node->motion, &events[i]);

		if (did)
			scan->fn(scan, node, did);
	}
}

static void open_node(struct probe_scan *scan, struct probe_node *node)
{
	int error;

	node->fd = open(node->devnode, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	error = node->fd < 0 ? -errno : read_ranges(node);
	if (!error)
		error = watch_start(&node->watch, &scan->loop, node->fd, EPOLLIN, node_ready);
	if (error)
		close_fd(&node->fd);
	node->error = -error;
}

static struct probe_node *find_node(const struct probe_list *list, const char *devnode)
{
	for (unsigned i = 0; i < list->n; i++)
		if (!list->node[i]->gone && strcmp(list->node[i]->devnode, devnode) == 0)
			return list->node[i];
	return NULL;
}

static void list_remove(struct probe_list *list, struct probe_node *node)
{
	unsigned i = 0;

	while (i < list->n && list->node[i] != node)
		i++;
	if (i == list->n)
		return;
	list->n--;
	memmove(&list->node[i], &list->node[i + 1], (list->n - i) * sizeof(list->node[0]));
	free_node(node);
}

/* "event10" after "event9". */
static unsigned node_number(const struct probe_node *node)
{
	return (unsigned)strtoul(node->devnode + strcspn(node->devnode, "0123456789"), NULL, 10);
}

static void list_insert(struct probe_list *list, struct probe_node *node)
{
	unsigned i = list->n;

	while (i > 0 && node_number(list->node[i - 1]) > node_number(node))
		i--;
	memmove(&list->node[i + 1], &list->node[i], (list->n - i) * sizeof(list->node[0]));
	list->node[i] = node;
	list->n++;
}

static int read_node(struct probe_scan *scan, struct probe_node *node, const struct node_info *info)
{
	struct udev_device *device =
		udev_device_new_from_devnum(scan->hotplug.udev, 'c', info->devnum);
	const char *version;
	int error;

	if (!device)
		return -errno;
	probe_node_set_info(node, info);
	/* The device owns its parent. */
	version = udev_device_get_sysattr_value(udev_device_get_parent(device), "id/version");
	node->version = version ? (uint16_t)strtoul(version, NULL, 16) : 0;
	error = read_links(node, device, info);
	read_group(node, device);
	udev_device_unref(device);
	return error;
}

static int add_node(struct probe_scan *scan, const struct node_info *info)
{
	struct probe_node *node = find_node(&scan->list, info->devnode);
	int error;

	if (node)
		return read_node(scan, node, info);
	if (scan->list.n == PROBE_NODES_MAX)
		return -E2BIG;
	node = malloc(sizeof(*node));
	if (!node)
		return -ENOMEM;
	probe_node_init(node);
	error = read_node(scan, node, info);
	if (error) {
		free_node(node);
		return error;
	}
	if (info->own != MATCH_OWN_GUEST)
		open_node(scan, node);
	list_insert(&scan->list, node);
	return 0;
}

static void node_added(struct hotplug *hotplug, const struct node_info *info)
{
	struct probe_scan *scan = container_of(hotplug, struct probe_scan, hotplug);
	int error = add_node(scan, info);

	if (error == -E2BIG)
		log_warn("%s: skipped: more than %d input devices", info->devnode, PROBE_NODES_MAX);
	else if (error && error != -ENODEV && error != -ENOENT)
		log_warn("%s: skipped: %s", info->devnode, strerror(-error));
}

static void node_removed(struct hotplug *hotplug, const char *devnode)
{
	struct probe_scan *scan = container_of(hotplug, struct probe_scan, hotplug);
	struct probe_node *node = find_node(&scan->list, devnode);

	if (!node)
		return;
	lose(node);
	node->gone = true;
	if (!node->order)
		list_remove(&scan->list, node);
}

static const struct hotplug_ops hotplug_ops = { .added = node_added, .removed = node_removed };

void probe_scan_retry(struct probe_scan *scan)
{
	for (unsigned i = 0; i < scan->list.n; i++) {
		struct probe_node *node = scan->list.node[i];

		if (node->error && node->error != ENODEV && !node->gone)
			open_node(scan, node);
	}
}

static int open_restricted(const char *path, int flags, void *user_data)
{
	int fd = open(path, flags | O_CLOEXEC);

	(void)user_data;
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		fd = open(path, (flags & ~O_ACCMODE) | O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void close_restricted(int fd, void *user_data)
{
	(void)user_data;
	close(fd);
}

static const struct libinput_interface libinput_interface = {
	.open_restricted = open_restricted,
	.close_restricted = close_restricted,
};

__attribute__((format(printf, 3, 0))) static void ignore_log(struct libinput *libinput,
							     enum libinput_log_priority priority,
							     const char *format, va_list args)
{
	(void)libinput;
	(void)priority;
	(void)format;
	(void)args;
}

static void classify(struct probe_scan *scan, struct probe_node *node)
{
	static const struct {
		enum libinput_device_capability capability;
		unsigned class;
	} known[] = {
		{ LIBINPUT_DEVICE_CAP_KEYBOARD, PROBE_CLASS_KEYBOARD },
		{ LIBINPUT_DEVICE_CAP_POINTER, PROBE_CLASS_POINTER },
		{ LIBINPUT_DEVICE_CAP_TOUCH, PROBE_CLASS_TOUCH },
		{ LIBINPUT_DEVICE_CAP_TABLET_TOOL, PROBE_CLASS_TABLET },
		{ LIBINPUT_DEVICE_CAP_TABLET_PAD, PROBE_CLASS_TABLET_PAD },
		{ LIBINPUT_DEVICE_CAP_GESTURE, PROBE_CLASS_GESTURE },
		{ LIBINPUT_DEVICE_CAP_SWITCH, PROBE_CLASS_SWITCH },
	};
	struct libinput_device *device;

	device = scan->libinput ? libinput_path_add_device(scan->libinput, node->devnode) : NULL;
	if (!device)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
		if (libinput_device_has_capability(device, known[i].capability))
			node->classes |= known[i].class;
	libinput_path_remove_device(device);
}

static bool same_device(const struct probe_node *a, const struct probe_node *b)
{
	return a->info.vendor == b->info.vendor && a->info.product == b->info.product &&
	       strcmp(a->name, b->name) == 0 && strcmp(a->phys, b->phys) == 0 &&
	       strcmp(a->uniq, b->uniq) == 0;
}

/* A recognised node that is unplugged and plugged in again keeps its order. */
static bool take_over(struct probe_list *list, struct probe_node *node)
{
	for (unsigned i = 0; i < list->n; i++) {
		struct probe_node *old = list->node[i];

		if (!old->gone || !same_device(old, node))
			continue;
		node->order = old->order;
		node->did |= old->did;
		list_remove(list, old);
		return true;
	}
	return false;
}

void probe_scan_recognise(struct probe_scan *scan, struct probe_node *node)
{
	if (!take_over(&scan->list, node))
		node->order = ++scan->list.recognised;
	classify(scan, node);
	for (unsigned i = 0; i < scan->list.n; i++) {
		struct probe_node *other = scan->list.node[i];

		if (!other->info.own && !other->gone && !other->classes &&
		    probe_siblings(node, other))
			classify(scan, other);
	}
}

int probe_scan_open(struct probe_scan *scan, probe_scan_fn fn)
{
	int error;

	*scan = (struct probe_scan){ .fn = fn };
	error = loop_init(&scan->loop);
	if (error)
		return error;
	error = hotplug_init(&scan->hotplug, &scan->loop, &hotplug_ops);
	if (!error)
		error = hotplug_scan(&scan->hotplug);
	if (error) {
		probe_scan_close(scan);
		return error;
	}
	scan->libinput = libinput_path_create_context(&libinput_interface, NULL);
	if (scan->libinput)
		libinput_log_set_handler(scan->libinput, ignore_log);
	return 0;
}

void probe_scan_close(struct probe_scan *scan)
{
	for (unsigned i = 0; i < scan->list.n; i++)
		free_node(scan->list.node[i]);
	scan->list.n = 0;
	if (scan->libinput)
		libinput_unref(scan->libinput);
	hotplug_fini(&scan->hotplug);
	loop_fini(&scan->loop);
}
