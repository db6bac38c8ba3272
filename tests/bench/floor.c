/* SPDX-License-Identifier: MIT */
/*
 * The least that a forwarder on epoll can do, as the measure of evswitch's latency: one epoll_wait,
 * one read and one write per frame, everything that is read goes out unseen. "floor NODE PHYS LIKE
 * [NODE PHYS LIKE]": grabs each NODE and writes to a device of its own, which gets PHYS and the
 * capabilities of the node LIKE: the source again, or what evswitch makes for a guest.
 */
#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "evdev/uinput.h"

struct pair {
	int from;
	struct uinput to;
};

static int pair_open(struct pair *pair, int epoll_fd, char **arg)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = pair };
	int like = open(arg[2], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct libevdev *evdev;

	pair->from = open(arg[0], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (pair->from < 0 || like < 0 || libevdev_new_from_fd(like, &evdev) < 0)
		return -1;
	close(like);
	if (uinput_open(&pair->to, evdev, arg[1]) < 0 || ioctl(pair->from, EVIOCGRAB, 1) < 0)
		return -1;
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pair->from, &ev);
}

static int run(int epoll_fd)
{
	struct epoll_event ready[16];
	struct input_event batch[64];

	for (;;) {
		int n = epoll_wait(epoll_fd, ready, 16, -1);

		for (int i = 0; i < n; i++) {
			const struct pair *pair = ready[i].data.ptr;
			ssize_t size = read(pair->from, batch, sizeof(batch));

			if (size <= 0 || write(pair->to.fd, batch, (size_t)size) != size)
				return 1;
		}
	}
}

int main(int argc, char **argv)
{
	static struct pair pairs[2];
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	for (int i = 0; i < 2 && argc > 3 * i + 3; i++) {
		if (pair_open(&pairs[i], epoll_fd, &argv[3 * i + 1]) < 0) {
			perror(argv[3 * i + 1]);
			return 1;
		}
	}
	fputs("ready\n", stderr);
	return run(epoll_fd);
}
