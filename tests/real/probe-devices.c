/* SPDX-License-Identifier: MIT */
/*
 * Devices for test-probe.sh, made through uinput and uhid, and what a hand does on them. Reads one
 * command a line from stdin and answers each with a line: "ok", "ok /dev/input/eventN", or "failed:
 * why".
 *
 *   keyboard|keys|mouse|tablet|touchpad|gamepad LABEL PHYS NAME    makes a device ("-" = no phys)
 *   bluetooth LABEL UNIQ NAME      makes a Bluetooth device with a keyboard and a mouse node
 *   tap|down|up LABEL KEY          KEY as libevdev names it: KEY_A, BTN_LEFT
 *   move|jitter|drag LABEL         moves it, trembles, moves it absolutely
 *   report LABEL                   lets a Bluetooth device press and release a key
 *   grab LABEL                     holds the node with EVIOCGRAB
 *   remove LABEL
 */
#include <errno.h>
#include <fcntl.h>
#include <libevdev/libevdev-uinput.h>
#include <libevdev/libevdev.h>
#include <linux/uhid.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICES_MAX 32

struct device {
	char label[32];
	struct libevdev_uinput *uinput;
	int fd, grabbed;
};

struct devices {
	unsigned n;
	struct device at[DEVICES_MAX];
};

static struct device *find(struct devices *devices, const char *label)
{
	for (unsigned i = 0; i < devices->n; i++)
		if (strcmp(devices->at[i].label, label) == 0)
			return &devices->at[i];
	return NULL;
}

static void enable_keys(struct libevdev *evdev, unsigned from, unsigned to)
{
	for (unsigned code = from; code <= to; code++)
		libevdev_enable_event_code(evdev, EV_KEY, code, NULL);
}

static void enable_abs(struct libevdev *evdev, unsigned from, unsigned to, int resolution)
{
	struct input_absinfo info = { .maximum = 10000, .resolution = resolution };

	for (unsigned code = from; code <= to; code++)
		libevdev_enable_event_code(evdev, EV_ABS, code, &info);
}

static void describe_touchpad(struct libevdev *evdev)
{
	struct input_absinfo slots = { .maximum = 4 };

	enable_keys(evdev, BTN_LEFT, BTN_LEFT);
	enable_keys(evdev, BTN_TOUCH, BTN_TOUCH);
	enable_keys(evdev, BTN_TOOL_FINGER, BTN_TOOL_FINGER);
	enable_keys(evdev, BTN_TOOL_DOUBLETAP, BTN_TOOL_DOUBLETAP);
	enable_abs(evdev, ABS_X, ABS_Y, 100);
	enable_abs(evdev, ABS_MT_POSITION_X, ABS_MT_POSITION_Y, 100);
	enable_abs(evdev, ABS_MT_TRACKING_ID, ABS_MT_TRACKING_ID, 0);
	libevdev_enable_event_code(evdev, EV_ABS, ABS_MT_SLOT, &slots);
	libevdev_enable_property(evdev, INPUT_PROP_POINTER);
	libevdev_enable_property(evdev, INPUT_PROP_BUTTONPAD);
}

static int describe(struct libevdev *evdev, const char *type)
{
	if (strcmp(type, "keyboard") == 0) {
		enable_keys(evdev, KEY_ESC, KEY_COMPOSE);
		libevdev_enable_event_code(evdev, EV_REP, REP_DELAY, &(int){ 250 });
		libevdev_enable_event_code(evdev, EV_REP, REP_PERIOD, &(int){ 33 });
	} else if (strcmp(type, "keys") == 0) {
		enable_keys(evdev, KEY_MUTE, KEY_VOLUMEUP);
	} else if (strcmp(type, "mouse") == 0) {
		enable_keys(evdev, BTN_LEFT, BTN_EXTRA);
		libevdev_enable_event_code(evdev, EV_REL, REL_X, NULL);
		libevdev_enable_event_code(evdev, EV_REL, REL_Y, NULL);
		libevdev_enable_event_code(evdev, EV_REL, REL_WHEEL, NULL);
	} else if (strcmp(type, "tablet") == 0) {
		enable_keys(evdev, BTN_LEFT, BTN_MIDDLE);
		enable_abs(evdev, ABS_X, ABS_Y, 0);
	} else if (strcmp(type, "touchpad") == 0) {
		describe_touchpad(evdev);
	} else if (strcmp(type, "gamepad") == 0) {
		enable_keys(evdev, BTN_GAMEPAD, BTN_THUMBR);
		enable_abs(evdev, ABS_X, ABS_RZ, 0);
	} else {
		return -EINVAL;
	}
	return 0;
}

static int make_uinput(struct device *device, const char *type, const char *phys, const char *name)
{
	struct libevdev *evdev = libevdev_new();
	int error = evdev ? describe(evdev, type) : -ENOMEM;

	if (error)
		return error;
	libevdev_set_name(evdev, name);
	libevdev_set_id_bustype(evdev, BUS_USB);
	libevdev_set_id_vendor(evdev, 0x1234);
	libevdev_set_id_product(evdev, 0x5678);
	libevdev_set_id_version(evdev, 0x0111);
	device->fd = open("/dev/uinput", O_RDWR | O_CLOEXEC);
	if (device->fd < 0)
		return -errno;
	if (strcmp(phys, "-") != 0 && ioctl(device->fd, UI_SET_PHYS, phys) < 0)
		return -errno;
	error = libevdev_uinput_create_from_device(evdev, device->fd, &device->uinput);
	libevdev_free(evdev);
	return error;
}

/* a boot keyboard as report 1 and a three-button mouse as report 2 */
static const unsigned char descriptor[] = {
	0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x85, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29,
	0xe7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x75, 0x08,
	0x95, 0x06, 0x15, 0x00, 0x25, 0x65, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0xc0,
	0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x85, 0x02, 0x09, 0x01, 0xa1, 0x00, 0x05,
	0x09, 0x19, 0x01, 0x29, 0x03, 0x15, 0x00, 0x25, 0x01, 0x95, 0x03, 0x75, 0x01,
	0x81, 0x02, 0x95, 0x01, 0x75, 0x05, 0x81, 0x03, 0x05, 0x01, 0x09, 0x30, 0x09,
	0x31, 0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x02, 0x81, 0x06, 0xc0, 0xc0,
};

static int make_bluetooth(struct device *device, const char *uniq, const char *name)
{
	struct uhid_event ev = { .type = UHID_CREATE2 };
	struct uhid_create2_req *create = &ev.u.create2;

	snprintf((char *)create->name, sizeof(create->name), "%s", name);
	snprintf((char *)create->phys, sizeof(create->phys), "00:11:22:33:44:55");
	snprintf((char *)create->uniq, sizeof(create->uniq), "%s", uniq);
	memcpy(create->rd_data, descriptor, sizeof(descriptor));
	create->rd_size = sizeof(descriptor);
	create->bus = BUS_BLUETOOTH;
	create->vendor = 0x46d;
	create->product = 0xb342;
	device->fd = open("/dev/uhid", O_RDWR | O_CLOEXEC);
	if (device->fd < 0 || write(device->fd, &ev, sizeof(ev)) < 0)
		return -errno;
	return 0;
}

static int report(const struct device *device)
{
	struct uhid_event ev = { .type = UHID_INPUT2,
				 .u.input2 = { .size = 9, .data = { 1, 0, 0, 4 } } };

	if (write(device->fd, &ev, sizeof(ev)) < 0)
		return -errno;
	ev.u.input2.data[3] = 0;
	return write(device->fd, &ev, sizeof(ev)) < 0 ? -errno : 0;
}

static int emit(const struct device *device, unsigned type, unsigned code, int value)
{
	int error = libevdev_uinput_write_event(device->uinput, type, code, value);

	return error ? error : libevdev_uinput_write_event(device->uinput, EV_SYN, SYN_REPORT, 0);
}

static int key(const struct device *device, const char *name, const char *how)
{
	int code = libevdev_event_code_from_name(EV_KEY, name);
	int error = 0;

	if (code < 0)
		return -EINVAL;
	if (strcmp(how, "up") != 0)
		error = emit(device, EV_KEY, (unsigned)code, 1);
	if (!error && strcmp(how, "down") != 0)
		error = emit(device, EV_KEY, (unsigned)code, 0);
	return error;
}

static int motion(const struct device *device, const char *how)
{
	int error = 0;

	for (int i = 0; i < 20 && !error; i++) {
		if (strcmp(how, "move") == 0)
			error = emit(device, EV_REL, i % 2 ? REL_X : REL_Y, 7);
		else if (strcmp(how, "drag") == 0)
			error = emit(device, EV_ABS, i % 2 ? ABS_X : ABS_Y, 100 + i * 200);
		else if (i < 10)
			error = emit(device, EV_REL, REL_X, i % 2 ? 1 : -1);
		usleep(8000);
	}
	return error;
}

static int grab(struct device *device)
{
	device->grabbed = open(libevdev_uinput_get_devnode(device->uinput), O_RDONLY | O_CLOEXEC);
	if (device->grabbed < 0 || ioctl(device->grabbed, EVIOCGRAB, 1) < 0)
		return -errno;
	return 0;
}

static void destroy(struct devices *devices, struct device *device)
{
	if (device->grabbed >= 0)
		close(device->grabbed);
	if (device->uinput)
		libevdev_uinput_destroy(device->uinput);
	if (device->fd >= 0)
		close(device->fd);
	*device = devices->at[--devices->n];
}

static int make(struct devices *devices, const char *type, const char *label, const char *phys,
		const char *name)
{
	struct device *device = &devices->at[devices->n];
	int error;

	if (devices->n == DEVICES_MAX || find(devices, label))
		return -EEXIST;
	*device = (struct device){ .fd = -1, .grabbed = -1 };
	snprintf(device->label, sizeof(device->label), "%s", label);
	devices->n++;
	if (strcmp(type, "bluetooth") == 0)
		error = make_bluetooth(device, phys, name);
	else
		error = make_uinput(device, type, phys, name);
	if (error)
		destroy(devices, device);
	return error;
}

static int run(struct devices *devices, char *line)
{
	char *verb = strtok(line, " \n"), *label = strtok(NULL, " \n"), *arg = strtok(NULL, " \n");
	char *name = strtok(NULL, "\n");
	struct device *device = label ? find(devices, label) : NULL;

	if (!verb || !label)
		return -EINVAL;
	if (name)
		return make(devices, verb, label, arg, name);
	if (!device)
		return -ENODEV;
	if (arg)
		return key(device, arg, verb);
	if (strcmp(verb, "report") == 0)
		return report(device);
	if (strcmp(verb, "grab") == 0)
		return grab(device);
	if (strcmp(verb, "remove") == 0)
		destroy(devices, device);
	else
		return motion(device, verb);
	return 0;
}

int main(void)
{
	struct devices devices = { 0 };
	char line[512];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned before = devices.n;
		int error = run(&devices, line);
		struct device *last = devices.n ? &devices.at[devices.n - 1] : NULL;

		if (error)
			printf("failed: %s\n", strerror(-error));
		else if (devices.n > before && last->uinput)
			printf("ok %s\n", libevdev_uinput_get_devnode(last->uinput));
		else
			printf("ok\n");
		fflush(stdout);
	}
	while (devices.n)
		destroy(&devices, &devices.at[devices.n - 1]);
	return 0;
}
