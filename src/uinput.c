/* /dev/uinput: create with a phys, write frames, read LEDs back. */
#include "uinput.h"

#include <fcntl.h>
#include <libevdev/libevdev-uinput.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "util.h"

int uinput_open(struct uinput *uinput, const struct libevdev *model, const char *phys)
{
	autoclose int fd = open("/dev/uinput", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int rc;

	*uinput = (struct uinput){ .fd = -1 };
	if (fd < 0 || ioctl(fd, UI_SET_PHYS, phys) < 0)
		return -errno;
	rc = libevdev_uinput_create_from_device(model, fd, &uinput->device);
	if (rc < 0)
		return rc;
	snprintf(uinput->devnode, sizeof(uinput->devnode), "%s",
		 libevdev_uinput_get_devnode(uinput->device) ?: "");
	uinput->fd = steal_fd(&fd);
	return 0;
}

void uinput_close(struct uinput *uinput)
{
	if (uinput->fd < 0)
		return;
	/* It does not close a descriptor that it was given. */
	libevdev_uinput_destroy(steal_ptr(&uinput->device));
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
