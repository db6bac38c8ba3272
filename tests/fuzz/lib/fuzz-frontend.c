/* SPDX-License-Identifier: MIT */
/* Messages by their layout; the rings stand at fixed places in the first region. */
#include "fuzz-frontend.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/usock.h"
#include "base/util.h"
#include "vhost/vhost-user.h"
#include "vhost/vinput.h"

#define USER      UINT64_C(0x7f0000000000)
#define HIGH      0x100000u /* the second region, from the first */
#define RING(r)   ((r)*0x1000u)
#define AVAIL     0x400u
#define USED      0x800u
#define BUFFERS   0x2000u
#define RING_SIZE 16
/* Descriptors with a message: more than the back end takes. */
#define PASSED_MAX 12

struct message {
	uint32_t request, flags, size;
	uint8_t payload[512];
};

/* ---- the front end ---- */

bool fuzz_frontend_connect(struct fuzz_frontend *fe, const char *path)
{
	int rc;

	if (path) {
		snprintf(fe->addr.sun_path, sizeof(fe->addr.sun_path), "%s", path);
		fe->addr_size = sizeof(fe->addr);
	}
	close_fd(&fe->sock);
	memset(fe->avail, 0, sizeof(fe->avail));
	fe->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	rc = connect(fe->sock, (struct sockaddr *)&fe->addr, fe->addr_size);
	fuzz_settle(fe->loop);
	return rc == 0;
}

static void say(struct fuzz_frontend *fe, uint32_t request, const void *payload, uint32_t size,
		const int *fds, unsigned n)
{
	struct message message = { request, VHOST_USER_VERSION, size, { 0 } };

	memcpy(message.payload, payload, size);
	usock_send(fe->sock, &message, VHOST_USER_HDR_SIZE + size, fds, n);
	fuzz_settle(fe->loop);
}

static void say_state(struct fuzz_frontend *fe, uint32_t request, uint32_t index, uint32_t num)
{
	say(fe, request, &(struct vhost_vring_state){ index, num }, 8, NULL, 0);
}

static void set_memory(struct fuzz_frontend *fe)
{
	const struct {
		uint32_t n, padding;
		struct vmem_area area[2];
	} table = { 2,
		    0,
		    { { 0, FRONTEND_REGION, USER, 0 },
		      { HIGH, FRONTEND_REGION, USER + HIGH, FRONTEND_REGION } } };

	say(fe, VHOST_USER_SET_MEM_TABLE, &table, sizeof(table),
	    (int[]){ fe->fd[RAM], fe->fd[RAM] }, 2);
}

void fuzz_frontend_start(struct fuzz_frontend *fe, uint32_t r, uint64_t features)
{
	const struct vhost_vring_addr addr = { .index = r,
					       .desc_user_addr = USER + RING(r),
					       .avail_user_addr = USER + RING(r) + AVAIL,
					       .used_user_addr = USER + RING(r) + USED };
	const uint64_t index = r;

	say(fe, VHOST_USER_SET_FEATURES, &features, 8, NULL, 0);
	set_memory(fe);
	say_state(fe, VHOST_USER_SET_VRING_NUM, r, RING_SIZE);
	say_state(fe, VHOST_USER_SET_VRING_BASE, r, fe->avail[r]);
	say(fe, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
	say(fe, VHOST_USER_SET_VRING_CALL, &index, 8, &fe->fd[CALL], 1);
	say(fe, VHOST_USER_SET_VRING_ERR, &index, 8, &fe->fd[ERR], 1);
	say(fe, VHOST_USER_SET_VRING_KICK, &index, 8, &fe->fd[KICK], 1);
	say_state(fe, VHOST_USER_SET_VRING_ENABLE, r, 1);
}

void fuzz_frontend_stop(struct fuzz_frontend *fe, uint32_t r)
{
	say_state(fe, VHOST_USER_GET_VRING_BASE, r, 0);
}

void fuzz_frontend_write(struct fuzz_frontend *fe, struct fuzz *fuzz)
{
	size_t size = fuzz_u8(fuzz);
	const uint8_t *bytes = fuzz_take(fuzz, &size);

	usock_send(fe->sock, bytes, size, NULL, 0);
}

/* As usock_send, with more descriptors than that allows. */
static void send_with(int sock, const void *bytes, size_t size, const int *fds, unsigned n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(PASSED_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n > 0) {
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	}
	sendmsg(sock, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Any message; its size is that of its payload, mostly, and so is what follows. */
void fuzz_frontend_say(struct fuzz_frontend *fe, struct fuzz *fuzz)
{
	struct message message = { fuzz_u8(fuzz) % 48, VHOST_USER_VERSION, 0, { 0 } };
	uint8_t how = fuzz_u8(fuzz);
	size_t size = fuzz_u8(fuzz);
	const uint8_t *payload = fuzz_take(fuzz, &size);
	int fds[PASSED_MAX];
	unsigned n = how % 16 <= PASSED_MAX ? how % 16 : how % 2;

	for (unsigned i = 0; i < n; i++)
		fds[i] = fe->fd[fuzz_below(fuzz, FRONTEND_FDS)];
	memcpy(message.payload, payload, size);
	message.size = how & 16 ? fuzz_u32(fuzz) : (uint32_t)size;
	message.flags = how & 32 ? fuzz_u32(fuzz) : VHOST_USER_VERSION | (how >> 6 & 1) << 3;
	send_with(fe->sock, &message, VHOST_USER_HDR_SIZE + size, fds, n);
}

void fuzz_frontend_hear(struct fuzz_frontend *fe)
{
	uint8_t bytes[4096];
	ssize_t size = recv(fe->sock, bytes, sizeof(bytes), MSG_DONTWAIT);

	for (ssize_t at = 0; at < size;) {
		struct message message;

		FUZZ_CHECK(size - at >= VHOST_USER_HDR_SIZE, "%zd of %zd bytes", at, size);
		memcpy(&message, bytes + at, VHOST_USER_HDR_SIZE);
		FUZZ_CHECK(message.flags == (VHOST_USER_VERSION | VHOST_USER_REPLY_MASK),
			   "flags %x", message.flags);
		at += VHOST_USER_HDR_SIZE + message.size;
		FUZZ_CHECK(at <= size, "%zd bytes of %zd", at, size);
	}
}

/* ---- the guest ---- */

void fuzz_guest_poke(struct fuzz_frontend *fe, uint64_t at, const void *bytes, size_t size)
{
	if (pwrite(fe->fd[RAM], bytes, size, (off_t)at) < 0)
		abort();
}

void fuzz_guest_kick(struct fuzz_frontend *fe)
{
	if (write(fe->fd[KICK], &(uint64_t){ 1 }, 8) < 0 && errno != EAGAIN)
		abort();
}

void fuzz_guest_give(struct fuzz_frontend *fe, uint32_t r, unsigned n, uint8_t what)
{
	for (; n > 0; n--, fe->avail[r]++) {
		uint16_t head = fe->avail[r] % RING_SIZE;
		uint64_t buffer = BUFFERS + 8u * head + (what & 1 ? HIGH : 0) + r * 0x400u;
		struct vring_desc desc = { buffer, 8, r ? 0 : VRING_DESC_F_WRITE, 0 };
		struct input_event led = { .type = EV_LED, .code = what % 4, .value = what >> 7 };

		fuzz_guest_poke(fe, RING(r) + sizeof(desc) * head, &desc, sizeof(desc));
		fuzz_guest_poke(fe, RING(r) + AVAIL + 4 + 2u * head, &head, 2);
		if (r)
			fuzz_guest_poke(fe,
					buffer % FRONTEND_REGION + (what & 1 ? FRONTEND_REGION : 0),
					&led.type, 8);
	}
	fuzz_guest_poke(fe, RING(r) + AVAIL + 2, &fe->avail[r], 2);
	fuzz_guest_kick(fe);
}

/* ---- the guest's other processors ---- */

static struct {
	pthread_t thread;
	atomic_bool over;
	int ram;
	const uint8_t *at; /* places and values */
	size_t left;
} writer;

static void *write_bytes(void *unused)
{
	(void)unused;
	while (!atomic_load(&writer.over))
		for (size_t i = 0; i + 3 <= writer.left; i += 3) {
			off_t at = (writer.at[i] | writer.at[i + 1] << 8) % (2 * FRONTEND_REGION);

			if (pwrite(writer.ram, &writer.at[i + 2], 1, at) < 0)
				abort();
		}
	return NULL;
}

static void start_writer(struct fuzz_frontend *fe, struct fuzz *fuzz)
{
	writer.left = 3u * (fuzz_u8(fuzz) % 16u);
	writer.at = fuzz_take(fuzz, &writer.left);
	writer.ram = fe->fd[RAM];
	atomic_store(&writer.over, false);
	if (writer.left > 0)
		pthread_create(&writer.thread, NULL, write_bytes, NULL);
}

static void end_writer(void)
{
	atomic_store(&writer.over, true);
	if (writer.left > 0)
		pthread_join(writer.thread, NULL);
}

/* ---- a run ---- */

static void open_fds(struct fuzz_frontend *fe)
{
	int ends[2];

	FUZZ_CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe");
	fe->fd[PIPE_OUT] = ends[0];
	fe->fd[PIPE_IN] = ends[1];
	fe->fd[RAM] = memfd_create("guest-ram", MFD_CLOEXEC);
	FUZZ_CHECK(ftruncate(fe->fd[RAM], 2 * FRONTEND_REGION) == 0, "memory");
	for (int i = KICK; i <= ERR; i++)
		fe->fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fe->fd[NOTHING] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fe->fd[ANY_FILE] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
}

int fuzz_frontend_open(struct fuzz_frontend *fe, struct loop *loop, struct fuzz *fuzz)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*fe = (struct fuzz_frontend){ .loop = loop, .addr.sun_family = AF_UNIX, .sock = -1 };
	fe->addr_size = sizeof(fe->addr);
	/* The kernel chooses the address. */
	FUZZ_CHECK(bind(listener, (struct sockaddr *)&fe->addr, sizeof(sa_family_t)) == 0 &&
			   listen(listener, 8) == 0 &&
			   getsockname(listener, (struct sockaddr *)&fe->addr, &fe->addr_size) == 0,
		   "listen");
	open_fds(fe);
	start_writer(fe, fuzz);
	return listener;
}

void fuzz_frontend_close(struct fuzz_frontend *fe)
{
	end_writer();
	close_fd(&fe->sock);
	for (unsigned i = 0; i < FRONTEND_FDS; i++)
		close_fd(&fe->fd[i]);
}
