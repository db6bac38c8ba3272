/* SPDX-License-Identifier: MIT */
/*
 * The least that two processes on epoll can do to hand frames on to a vhost-user front end, as the
 * measure of evswitch's latency with its keeper: the first has the devices grabbed and writes each
 * frame into a ring in shared memory and a doorbell; the second copies it out into other shared
 * memory and writes the call eventfd. No virtqueue, nothing is checked, nothing is looked at.
 * "floor-two CALL_FD NODE [NODE]".
 */
#include <fcntl.h>
#include <linux/input.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SLOTS 4096
#define BATCH 64

struct ring {
	uint32_t pushed;
	struct input_event slot[SLOTS + BATCH];
};

static const uint64_t one = 1;

static void *share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(1);
	return memory;
}

static int watch(int epoll_fd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static int push_frames(struct ring *ring, int epoll_fd, int doorbell)
{
	struct epoll_event ready[16];
	struct input_event batch[BATCH];

	for (;;) {
		int n = epoll_wait(epoll_fd, ready, 16, -1);

		for (int i = 0; i < n; i++) {
			ssize_t size = read(ready[i].data.fd, batch, sizeof(batch));

			if (size <= 0)
				return 1;
			memcpy(&ring->slot[ring->pushed % SLOTS], batch, (size_t)size);
			__atomic_store_n(&ring->pushed,
					 ring->pushed + (uint32_t)size / sizeof(*batch),
					 __ATOMIC_RELEASE);
			if (write(doorbell, &one, sizeof(one)) < 0)
				return 1;
		}
	}
}

static int pop_frames(const struct ring *ring, int doorbell, int call)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct ring *guest = share(sizeof(*guest));
	struct epoll_event ready[16];
	uint64_t rung;

	if (watch(epoll_fd, doorbell) < 0)
		return 1;
	for (;;) {
		uint32_t pushed, popped = guest->pushed;

		if (epoll_wait(epoll_fd, ready, 16, -1) < 0 ||
		    read(doorbell, &rung, sizeof(rung)) < 0)
			return 1;
		pushed = __atomic_load_n(&ring->pushed, __ATOMIC_ACQUIRE);
		memcpy(&guest->slot[popped % SLOTS], &ring->slot[popped % SLOTS],
		       (pushed - popped) * sizeof(*ring->slot));
		__atomic_store_n(&guest->pushed, pushed, __ATOMIC_RELEASE);
		if (write(call, &one, sizeof(one)) < 0)
			return 1;
	}
}

static int grab(int epoll_fd, const char *devnode)
{
	int fd = open(devnode, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, EVIOCGRAB, 1) < 0)
		return -1;
	return watch(epoll_fd, fd);
}

int main(int argc, char **argv)
{
	struct ring *ring = share(sizeof(*ring));
	int doorbell = eventfd(0, EFD_CLOEXEC);
	int epoll_fd;

	if (argc < 3 || doorbell < 0)
		return 1;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return pop_frames(ring, doorbell, atoi(argv[1]));
	}
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 2; i < argc; i++) {
		if (grab(epoll_fd, argv[i]) < 0) {
			perror(argv[i]);
			return 1;
		}
	}
	fputs("ready\n", stderr);
	return push_frames(ring, epoll_fd, doorbell);
}
