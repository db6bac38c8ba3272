/* SPDX-License-Identifier: MIT */
/* libinput over udev, as every compositor uses it. */
#include "desktop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static int open_restricted(const char *path, int flags, void *data)
{
	int fd = open(path, flags | O_CLOEXEC);

	(void)data;
	return fd < 0 ? -errno : fd;
}

static void close_restricted(int fd, void *data)
{
	(void)data;
	close(fd);
}

static const struct libinput_interface interface = { .open_restricted = open_restricted,
						     .close_restricted = close_restricted };

void desktop_open(struct desktop *desktop)
{
	desktop->udev = udev_new();
	desktop->libinput = libinput_udev_create_context(&interface, NULL, desktop->udev);
	assert_non_null(desktop->libinput);
	assert_int_equal(libinput_udev_assign_seat(desktop->libinput, "seat0"), 0);
}

void desktop_close(struct desktop *desktop)
{
	libinput_unref(desktop->libinput);
	udev_unref(desktop->udev);
}

struct libinput_event *desktop_next(struct desktop *desktop, int timeout_ms)
{
	struct pollfd in = { .fd = libinput_get_fd(desktop->libinput), .events = POLLIN };
	struct libinput_event *event;

	libinput_dispatch(desktop->libinput);
	event = libinput_get_event(desktop->libinput);
	while (!event && poll(&in, 1, timeout_ms) == 1) {
		libinput_dispatch(desktop->libinput);
		event = libinput_get_event(desktop->libinput);
	}
	return event;
}
