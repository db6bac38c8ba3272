/* /dev/uinput: create with a phys, write frames, read LEDs back. */
#include "uinput.h"

#include <fcntl.h>
#include <libevdev/libevdev-uinput.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "util.h"

/*
 * Frees libevdev's handle and leaves the device alone: libevdev would remove it through the descriptor
 * that it was given, which is made another one first. The device is kept by duplicates of it.
 */
static int free_handle(struct libevdev_uinput *device, int fd)
{
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int rc = null < 0 || dup3(null, fd, O_CLOEXEC) < 0 ? -errno : 0;

	libevdev_uinput_destroy(device);
	return rc;
}

int uinput_open(struct uinput *uinput, const struct libevdev *model, const char *phys)
{
	autoclose int given = open("/dev/uinput", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	autoclose int fd = -1;
	struct libevdev_uinput *device;
	int rc;

	*uinput = (struct uinput){ .fd = -1 };
	if (given < 0 || ioctl(given, UI_SET_PHYS, phys) < 0)
		return -errno;
	rc = libevdev_uinput_create_from_device(model, given, &device);
	if (rc < 0)
		return rc;
	snprintf(uinput->devnode, sizeof(uinput->devnode), "%s",
		 libevdev_uinput_get_devnode(device) ?: "");
	fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
	rc = fd < 0 ? -errno : 0;
	if (free_handle(device, given) < 0 || rc < 0)
		return rc < 0 ? rc : -EIO;
	uinput->fd = steal_fd(&fd);
	return 0;
}

void uinput_close(struct uinput *uinput)
{
	close_fd(&uinput->fd);
}

int uinput_send(int fd, const struct frame *frame)
{
	size_t size = frame->n * sizeof(*frame->ev);
	ssize_t written = write(fd, frame->ev, size);

	if (written == (ssize_t)size)
		return 0;
	return written < 0 ? -errno : -EIO;
}

bool uinput_read_leds(int fd, uint16_t *leds)
{
	struct input_event ev[16];
	ssize_t size = read(fd, ev, sizeof(ev));
	unsigned mask = *leds;

	for (ssize_t i = 0; i < size / (ssize_t)sizeof(*ev); i++) {
		if (ev[i].type != EV_LED || ev[i].code > LED_MAX)
			continue;
		mask &= ~(1U << ev[i].code);
		if (ev[i].value)
			mask |= 1U << ev[i].code;
	}
	if (mask == *leds)
		return false;
	*leds = (uint16_t)mask;
	return true;
}
