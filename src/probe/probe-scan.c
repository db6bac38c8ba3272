/*
 * libudev, libevdev and libinput behind --probe. Nodes are only ever read; libinput opens those
 * that were recognised once more, for the moment of the question.
 */
#include "probe/probe-scan.h"

#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <libinput.h>
#include <libudev.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evdev/hotplug.h"
#include "base/log.h"
#include "base/util.h"

#define BY_ID   "/dev/input/by-id/"
#define BY_PATH "/dev/input/by-path/"

static void close_node(struct probe_node *node)
{
	close_fd(&node->fd);
	for (char **link = node->links; *link; link++)
		free(*link);
	free(node);
}

/* The link may have gone to another node of the same name since udev wrote its record. */
static bool leads_to(const char *link, dev_t devnum)
{
	struct stat st;

	return stat(link, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == devnum;
}

/* Of several links of one kind the first by name, so that the answer is always the same. */
static void prefer(const char **chosen, const char *link, const char *dir, dev_t devnum)
{
	if (strncmp(link, dir, strlen(dir)) != 0 || !leads_to(link, devnum))
		return;
	if (!*chosen || strcmp(link, *chosen) < 0)
		*chosen = link;
}

static int read_links(struct probe_node *node, struct udev_device *device)
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
		prefer(&node->by_id, node->links[n], BY_ID, node->devnum);
		prefer(&node->by_path, node->links[n], BY_PATH, node->devnum);
		n++;
	}
	return 0;
}

static uint16_t read_hex(struct udev_device *input, const char *attribute)
{
	const char *value = udev_device_get_sysattr_value(input, attribute);

	return value ? (uint16_t)strtoul(value, NULL, 16) : 0;
}

/* What sysfs says, which needs no permission on the node. */
static void read_identity(struct probe_node *node, struct udev_device *device)
{
	struct udev_device *input = udev_device_get_parent(device);

	if (!input)
		return;
	probe_node_set_name(node, udev_device_get_sysattr_value(input, "name"));
	probe_node_set_text(node->phys, udev_device_get_sysattr_value(input, "phys"));
	probe_node_set_text(node->uniq, udev_device_get_sysattr_value(input, "uniq"));
	node->info.bustype = read_hex(input, "id/bustype");
	node->info.vendor = read_hex(input, "id/vendor");
	node->info.product = read_hex(input, "id/product");
	node->version = read_hex(input, "id/version");
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

/* What only the opened node tells: exact texts, for sysfs drops newlines, and the ranges of its
 * axes. */
static int read_evdev(struct probe_node *node)
{
	struct libevdev *evdev;
	int error = libevdev_new_from_fd(node->fd, &evdev);

	if (error)
		return error;
	probe_node_set_name(node, libevdev_get_name(evdev));
	probe_node_set_text(node->phys, libevdev_get_phys(evdev));
	probe_node_set_text(node->uniq, libevdev_get_uniq(evdev));
	/* an accelerometer moves by itself */
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

static void open_node(struct probe_node *node)
{
	int error;

	node->error = 0;
	node->fd = open(node->devnode, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	error = node->fd < 0 ? -errno : read_evdev(node);
	if (!error)
		return;
	node->error = -error;
	close_fd(&node->fd);
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
	close_node(node);
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

static int read_udev(struct probe_node *node, struct udev_device *device)
{
	int error;

	node->devnum = udev_device_get_devnum(device);
	node->uses = hotplug_uses(device);
	error = read_links(node, device);
	if (error)
		return error;
	read_identity(node, device);
	read_group(node, device);
	node->own = match_own(node->phys, udev_device_get_syspath(device));
	return 0;
}

static int add_device(struct probe_scan *scan, struct udev_device *device)
{
	const char *devnode = udev_device_get_devnode(device);
	struct probe_node *node;
	int error;

	if (!devnode || strncmp(devnode, "/dev/input/event", strlen("/dev/input/event")) != 0)
		return 0;
	node = find_node(&scan->list, devnode);
	if (node)
		return read_udev(node, device);
	if (scan->list.n == PROBE_NODES_MAX) {
		log_warn("%s: passed over, as there are more than %d input devices", devnode,
			 PROBE_NODES_MAX);
		return 0;
	}
	node = malloc(sizeof(*node));
	if (!node)
		return -ENOMEM;
	probe_node_init(node);
	snprintf(node->devnode, sizeof(node->devnode), "%s", devnode);
	error = read_udev(node, device);
	if (error) {
		close_node(node);
		return error;
	}
	if (node->own != MATCH_OWN_GUEST)
		open_node(node);
	list_insert(&scan->list, node);
	return 0;
}

void probe_scan_lost(struct probe_node *node)
{
	close_fd(&node->fd);
	node->error = ENODEV;
}

static void remove_device(struct probe_scan *scan, struct udev_device *device)
{
	const char *devnode = udev_device_get_devnode(device);
	struct probe_node *node = devnode ? find_node(&scan->list, devnode) : NULL;

	if (!node)
		return;
	probe_scan_lost(node);
	node->gone = true;
	if (!node->order)
		list_remove(&scan->list, node);
}

int probe_scan_fd(const struct probe_scan *scan)
{
	return udev_monitor_get_fd(scan->monitor);
}

void probe_scan_update(struct probe_scan *scan)
{
	struct udev_device *device;

	while ((device = udev_monitor_receive_device(scan->monitor))) {
		const char *action = udev_device_get_action(device);

		if (action && strcmp(action, "remove") == 0)
			remove_device(scan, device);
		else if (add_device(scan, device))
			log_warn("a new device was passed over: no memory");
		udev_device_unref(device);
	}
}

void probe_scan_retry(struct probe_scan *scan)
{
	for (unsigned i = 0; i < scan->list.n; i++) {
		struct probe_node *node = scan->list.node[i];

		if (node->error && node->error != ENODEV && !node->gone)
			open_node(node);
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
	node->fingers = libinput_device_config_tap_get_finger_count(device) > 0;
	libinput_path_remove_device(device);
}

static bool same_device(const struct probe_node *a, const struct probe_node *b)
{
	return a->info.vendor == b->info.vendor && a->info.product == b->info.product &&
	       strcmp(a->name, b->name) == 0 && strcmp(a->phys, b->phys) == 0 &&
	       strcmp(a->uniq, b->uniq) == 0;
}

/* One that was recognised, unplugged and plugged in again keeps its place. */
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

		if (!other->own && !other->gone && !other->classes && probe_siblings(node, other))
			classify(scan, other);
	}
}

/* The monitor comes first, so that nothing plugged in between is missed. */
static int start_monitor(struct probe_scan *scan)
{
	int error;

	scan->monitor = udev_monitor_new_from_netlink(scan->udev, "udev");
	if (!scan->monitor)
		return -ENOMEM;
	error = udev_monitor_filter_add_match_subsystem_devtype(scan->monitor, "input", NULL);
	if (error < 0)
		return error;
	return udev_monitor_enable_receiving(scan->monitor);
}

static int add_listed(struct probe_scan *scan, struct udev_enumerate *devices)
{
	struct udev_list_entry *entry;
	int error;

	error = udev_enumerate_add_match_subsystem(devices, "input");
	if (error >= 0)
		error = udev_enumerate_add_match_sysname(devices, "event*");
	if (error >= 0)
		error = udev_enumerate_scan_devices(devices);
	if (error < 0)
		return error;
	error = 0;
	udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(devices))
	{
		const char *syspath = udev_list_entry_get_name(entry);
		struct udev_device *device = udev_device_new_from_syspath(scan->udev, syspath);

		if (!device)
			continue; /* unplugged just now */
		if (!error)
			error = add_device(scan, device);
		udev_device_unref(device);
	}
	return error;
}

static int enumerate(struct probe_scan *scan)
{
	struct udev_enumerate *devices = udev_enumerate_new(scan->udev);
	int error;

	if (!devices)
		return -ENOMEM;
	error = add_listed(scan, devices);
	udev_enumerate_unref(devices);
	return error;
}

int probe_scan_open(struct probe_scan *scan)
{
	int error;

	*scan = (struct probe_scan){ .udev = udev_new() };
	if (!scan->udev)
		return -ENOMEM;
	error = start_monitor(scan);
	if (!error)
		error = enumerate(scan);
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
		close_node(scan->list.node[i]);
	scan->list.n = 0;
	if (scan->libinput)
		libinput_unref(scan->libinput);
	if (scan->monitor)
		udev_monitor_unref(scan->monitor);
	if (scan->udev)
		udev_unref(scan->udev);
	*scan = (struct probe_scan){ 0 };
}
