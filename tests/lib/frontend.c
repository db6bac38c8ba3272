/* SPDX-License-Identifier: MIT */
/* QEMU's part: the guest's memory, the connection and its messages. */
#include "frontend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "now.h"
#include "base/util.h"

#define PAGE 4096U

/* --- the guest's memory ------------------------------------------------------------------ */

static size_t pages(size_t size)
{
	return (size + PAGE - 1) / PAGE * PAGE;
}

/* Two regions whose addresses have nothing to do with each other; QEMU's order is by gpa. */
static void lay_out_regions(struct frontend *fe, size_t low, size_t high)
{
	struct vhost_user_region *region = fe->memory.region;

	region[0] = (struct vhost_user_region){ 0x3fe4d000, low, 0x7f31deadb000, 3 * PAGE };
	region[1] = (struct vhost_user_region){ 0x100007000, high, 0x5577c0de1000,
						3 * PAGE + low + 5 * PAGE };
	fe->memory.n = 2;
	fe->size = region[1].offset + high;
	if (fe->play.kind == FRONTEND_UML) {
		region[0] = (struct vhost_user_region){ 0, fe->size, 0, 0 };
		fe->memory.n = 1;
	}
}

static void make_memory(struct frontend *fe)
{
	fe->memfd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fe->memfd >= 0);
	assert_int_equal(ftruncate(fe->memfd, (off_t)fe->size), 0);
	/* As memory-backend-memfd does; other back ends of QEMU's memory, and UML, do not. */
	if (fe->play.kind == FRONTEND_QEMU_10)
		fcntl(fe->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	fe->ram = mmap(NULL, fe->size, PROT_READ | PROT_WRITE, MAP_SHARED, fe->memfd, 0);
	assert_true(fe->ram != MAP_FAILED);
}

static void *take(uint8_t **at, size_t size, size_t align)
{
	uint8_t *taken = *at + (align - (uintptr_t)*at % align) % align;

	*at = taken + size;
	return taken;
}

static void lay_out_rings(struct frontend *fe, uint8_t *low, uint8_t *high)
{
	unsigned num = fe->play.num;

	for (unsigned i = 0; i < RINGS; i++) {
		struct frontend_ring *ring = &fe->ring[i];

		high++; /* no more aligned than the specification says */
		ring->vring.num = num;
		ring->vring.desc = take(&high, 16UL * num, 16);
		ring->vring.avail = take(&high, 6 + 2UL * num, 2);
		ring->vring.used = take(&high, 6 + 8UL * num, 4);
		ring->kick = ring->call = ring->err = -1;
	}
	fe->slots[0] = take(&low, 16UL * num, 1);
	fe->slots[1] = take(&high, 16UL * num, 1);
	fe->indirect = take(&low, 32UL * num, 16);
	fe->status = take(&low, 8UL * num, 1);
}

void frontend_init(struct frontend *fe, const struct frontend_play *play)
{
	size_t low = pages(56UL * play->num + PAGE), high = pages(70UL * play->num + PAGE);

	*fe = (struct frontend){ .play = *play, .sock = -1 };
	lay_out_regions(fe, low, high);
	make_memory(fe);
	lay_out_rings(fe, fe->ram + 3 * PAGE, fe->ram + 3 * PAGE + low + 5 * PAGE);
	guest_reset(fe);
}

static uint64_t offset_in_region(const struct frontend *fe, const void *at,
				 const struct vhost_user_region **region)
{
	uint64_t offset = (uint64_t)((const uint8_t *)at - fe->ram);

	*region = &fe->memory.region[0];
	if (fe->memory.n > 1 && offset >= fe->memory.region[1].offset)
		(*region)++;
	return offset - (*region)->offset;
}

uint64_t frontend_gpa(const struct frontend *fe, const void *at)
{
	const struct vhost_user_region *region;
	uint64_t offset = offset_in_region(fe, at, &region);

	return region->gpa + offset;
}

uint64_t frontend_user(const struct frontend *fe, const void *at)
{
	const struct vhost_user_region *region;
	uint64_t offset = offset_in_region(fe, at, &region);

	return region->user + offset;
}

/* --- the connection ---------------------------------------------------------------------- */

void frontend_connect(struct frontend *fe, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = BACKEND_MS / 1000 };
	long deadline = now_ms() + BACKEND_MS;

	fe->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fe->sock >= 0);
	setsockopt(fe->sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	memcpy(address.sun_path, path, strlen(path) + 1);
	while (connect(fe->sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if ((errno != ENOENT && errno != ECONNREFUSED) || now_ms() > deadline)
			fail_msg("%s: %s", path, strerror(errno));
		usleep(1000); /* the file of the last one is no sign; nothing tells */
	}
}

static void close_ring(struct frontend_ring *ring)
{
	close_fd(&ring->kick);
	close_fd(&ring->call);
}

void frontend_close(struct frontend *fe)
{
	close_fd(&fe->sock);
	for (unsigned i = 0; i < RINGS; i++) {
		close_ring(&fe->ring[i]);
		close_fd(&fe->ring[i].err);
	}
	fe->started = false;
}

void frontend_fini(struct frontend *fe)
{
	if (!fe->ram)
		return;
	frontend_close(fe);
	munmap(fe->ram, fe->size);
	close_fd(&fe->memfd);
	free(fe->guest.log);
	free(fe->guest.kept);
	free(fe->guest.given);
	*fe = (struct frontend){ .sock = -1, .memfd = -1 };
}

static bool has_ended(int error)
{
	return error == EPIPE || error == ECONNRESET;
}

bool frontend_write(struct frontend *fe, const void *bytes, size_t size, const int *fds, unsigned n)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int[VHOST_FDS_MAX]))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
	}
	if (sendmsg(fe->sock, &msg, MSG_NOSIGNAL) == (ssize_t)size)
		return true;
	if (!has_ended(errno))
		fail_msg("the back end takes no message: %s", strerror(errno));
	return false;
}

bool frontend_message(struct frontend *fe, uint32_t request, uint32_t flags, const void *payload,
		      size_t size, const int *fds, unsigned n)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[8192];
	} message = { .header = { request, VHOST_USER_VERSION | flags, (uint32_t)size } };

	assert_true(size <= sizeof(message.payload));
	if (size)
		memcpy(message.payload, payload, size);
	return frontend_write(fe, &message, sizeof(message.header) + size, fds, n);
}

bool frontend_read(struct frontend *fe, void *bytes, size_t size)
{
	struct pollfd wait = { .fd = fe->sock, .events = POLLIN };

	for (size_t used = 0; used < size;) {
		ssize_t got;

		if (poll(&wait, 1, BACKEND_MS) != 1)
			fail_msg("the back end does not answer");
		got = recv(fe->sock, (char *)bytes + used, size - used, 0);
		if (got < 0 && !has_ended(errno))
			fail_msg("the connection: %s", strerror(errno));
		if (got <= 0)
			return false;
		used += (size_t)got;
	}
	return true;
}

/* QEMU takes nothing but these very flags for an answer. */
static size_t read_answer(struct frontend *fe, uint32_t request, void *reply, size_t reply_max)
{
	struct vhost_user_header header;

	if (!frontend_read(fe, &header, sizeof(header)))
		fail_msg("the back end has closed the connection instead of answering %u", request);
	assert_int_equal(header.request, request);
	assert_int_equal(header.flags, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK);
	assert_in_range(header.size, 0, reply_max);
	assert_true(frontend_read(fe, reply, header.size));
	return header.size;
}

size_t frontend_ask(struct frontend *fe, uint32_t request, const void *payload, size_t size,
		    void *reply, size_t reply_max)
{
	if (!frontend_message(fe, request, 0, payload, size, NULL, 0))
		fail_msg("the back end has closed the connection before %u", request);
	return read_answer(fe, request, reply, reply_max);
}

static bool wants_ack(const struct frontend *fe, uint32_t request)
{
	if (!(fe->protocol & BIT_ULL(VHOST_USER_PROTOCOL_F_REPLY_ACK)))
		return false;
	switch (request) {
	case VHOST_USER_SET_MEM_TABLE:
	case VHOST_USER_SET_CONFIG:
		return true;
	case VHOST_USER_SET_VRING_ENABLE:
		return fe->play.kind == FRONTEND_QEMU_10 || fe->play.kind == FRONTEND_UML;
	default:
		return fe->play.kind == FRONTEND_UML;
	}
}

void frontend_tell(struct frontend *fe, uint32_t request, const void *payload, size_t size,
		   const int *fds, unsigned n)
{
	bool ack = wants_ack(fe, request);
	uint64_t status = 1;

	if (!frontend_message(fe, request, ack ? VHOST_USER_NEED_REPLY_MASK : 0, payload, size, fds,
			      n))
		fail_msg("the back end has closed the connection before %u", request);
	if (!ack)
		return;
	assert_int_equal(read_answer(fe, request, &status, sizeof(status)), sizeof(status));
	if (status != 0)
		fail_msg("the back end refuses %u", request);
}

void frontend_expect_closed(struct frontend *fe)
{
	uint8_t rest[4096];

	while (frontend_read(fe, rest, 1))
		;
}

void frontend_expect_refused(struct frontend *fe)
{
	struct vhost_user_header header;
	uint64_t status = 0;

	if (!frontend_read(fe, &header, sizeof(header)))
		return;
	/* QEMU takes an empty configuration for an error. */
	if (header.request == VHOST_USER_GET_CONFIG && header.size == 0)
		return;
	assert_int_equal(header.size, sizeof(status));
	if (frontend_read(fe, &status, sizeof(status)))
		assert_int_not_equal(status, 0);
}

/* --- what QEMU says ---------------------------------------------------------------------- */

static uint64_t ask_u64(struct frontend *fe, uint32_t request)
{
	uint64_t value = 0;

	assert_int_equal(frontend_ask(fe, request, NULL, 0, &value, sizeof(value)), sizeof(value));
	return value;
}

static void tell_u64(struct frontend *fe, uint32_t request, uint64_t value)
{
	frontend_tell(fe, request, &value, sizeof(value), NULL, 0);
}

static void tell_state(struct frontend *fe, uint32_t request, unsigned ring, unsigned num)
{
	struct vhost_vring_state state = { ring, num };

	frontend_tell(fe, request, &state, sizeof(state), NULL, 0);
}

static void tell_fd(struct frontend *fe, uint32_t request, unsigned ring, int fd)
{
	uint64_t value = ring | (fd < 0 ? VHOST_USER_VRING_NOFD_MASK : 0);

	frontend_tell(fe, request, &value, sizeof(value), &fd, fd >= 0);
}

static void tell_addr(struct frontend *fe, unsigned i)
{
	const struct vring *vring = &fe->ring[i].vring;
	struct vhost_vring_addr addr = {
		.index = i,
		.desc_user_addr = frontend_user(fe, vring->desc),
		.avail_user_addr = frontend_user(fe, vring->avail),
		.used_user_addr = frontend_user(fe, vring->used),
		.log_guest_addr = fe->play.kind == FRONTEND_UML ? ~0ULL : 0,
	};

	frontend_tell(fe, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
}

static void tell_memory(struct frontend *fe)
{
	unsigned n = fe->memory.n;
	/* UML sends the size of a table for two. */
	unsigned sent = fe->play.kind == FRONTEND_UML ? 2 : n;
	const int fds[] = { fe->memfd, fe->memfd };

	frontend_tell(fe, VHOST_USER_SET_MEM_TABLE, &fe->memory,
		      8 + sent * sizeof(struct vhost_user_region), fds, n);
}

static int new_eventfd(unsigned value)
{
	int fd = eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

/* QEMU has notifiers of its own there until the guest's driver has set up its interrupts. */
static void tell_masked_call(struct frontend *fe, unsigned ring)
{
	autoclose int masked = new_eventfd(0);

	tell_fd(fe, VHOST_USER_SET_VRING_CALL, ring, masked);
}

static void get_features(struct frontend *fe)
{
	fe->offered = ask_u64(fe, VHOST_USER_GET_FEATURES);
	assert_true(fe->offered & BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES));
	assert_true(fe->offered & BIT_ULL(VIRTIO_F_VERSION_1));
	assert_false(fe->offered & (BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
				    BIT_ULL(VIRTIO_F_RING_PACKED) | BIT_ULL(VHOST_F_LOG_ALL)));
}

static void negotiate_protocol(struct frontend *fe, uint64_t known)
{
	fe->protocol = ask_u64(fe, VHOST_USER_GET_PROTOCOL_FEATURES) & known;
	assert_true(fe->protocol & BIT_ULL(VHOST_USER_PROTOCOL_F_CONFIG));
	tell_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, fe->protocol);
}

static void realize_qemu(struct frontend *fe)
{
	get_features(fe);
	negotiate_protocol(fe, BIT_ULL(VHOST_USER_PROTOCOL_F_MQ) |
				       BIT_ULL(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
				       BIT_ULL(VHOST_USER_PROTOCOL_F_CONFIG));
	if (fe->protocol & BIT_ULL(VHOST_USER_PROTOCOL_F_MQ))
		assert_in_range(ask_u64(fe, VHOST_USER_GET_QUEUE_NUM), RINGS, 1024);
	frontend_tell(fe, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0);
	get_features(fe);
	for (unsigned i = 0; i < RINGS; i++) {
		tell_masked_call(fe, i);
		fe->ring[i].err = new_eventfd(0);
		tell_fd(fe, VHOST_USER_SET_VRING_ERR, i, fe->ring[i].err);
	}
}

static void realize_uml(struct frontend *fe)
{
	frontend_tell(fe, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0);
	get_features(fe);
	negotiate_protocol(fe, BIT_ULL(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
				       BIT_ULL(VHOST_USER_PROTOCOL_F_CONFIG));
}

static uint16_t get_base(struct frontend *fe, unsigned i)
{
	struct vhost_vring_state state = { i, 0 }, reply;

	assert_int_equal(frontend_ask(fe, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), &reply,
				      sizeof(reply)),
			 sizeof(reply));
	assert_int_equal(reply.index, i);
	return (uint16_t)reply.num;
}

/* The stop of a driver that another back end had; what was negotiated with it counts on. */
static void realize_midsession(struct frontend *fe)
{
	fe->protocol = BIT_ULL(VHOST_USER_PROTOCOL_F_MQ) |
		       BIT_ULL(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		       BIT_ULL(VHOST_USER_PROTOCOL_F_CONFIG);
	fe->offered = BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
		      BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES) | BIT_ULL(VIRTIO_F_VERSION_1);
	for (unsigned i = 0; i < RINGS; i++)
		tell_state(fe, VHOST_USER_SET_VRING_ENABLE, i, 0);
	for (unsigned i = 0; i < RINGS; i++)
		get_base(fe, i);
}

void frontend_realize(struct frontend *fe)
{
	if (fe->play.kind == FRONTEND_UML)
		realize_uml(fe);
	else if (fe->play.kind == FRONTEND_MIDSESSION)
		realize_midsession(fe);
	else
		realize_qemu(fe);
}

static void choose_features(struct frontend *fe)
{
	bool asks = fe->play.kind == FRONTEND_QEMU_10 || fe->play.kind == FRONTEND_UML;

	fe->features = BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES) |
		       (fe->play.want & (asks ? fe->offered : ~0ULL));
	if (!asks)
		fe->features |= BIT_ULL(VIRTIO_F_RING_RESET);
}

static void make_eventfds(struct frontend_ring *ring)
{
	/* QEMU's are readable once, whatever the guest has done. */
	ring->kick = new_eventfd(1);
	ring->call = new_eventfd(0);
	ring->calls = 0;
}

static void start_ring_qemu(struct frontend *fe, unsigned i)
{
	struct frontend_ring *ring = &fe->ring[i];

	make_eventfds(ring);
	tell_state(fe, VHOST_USER_SET_VRING_NUM, i, ring->vring.num);
	tell_state(fe, VHOST_USER_SET_VRING_BASE, i, ring->base);
	tell_addr(fe, i);
	tell_fd(fe, VHOST_USER_SET_VRING_KICK, i, ring->kick);
	if (fe->play.kind == FRONTEND_QEMU_10)
		tell_masked_call(fe, i);
}

static void start_qemu(struct frontend *fe)
{
	for (unsigned i = 0; i < RINGS; i++)
		start_ring_qemu(fe, i);
	for (unsigned i = 0; i < RINGS; i++)
		tell_state(fe, VHOST_USER_SET_VRING_ENABLE, i, 1);
	for (unsigned i = 0; i < RINGS; i++)
		tell_fd(fe, VHOST_USER_SET_VRING_CALL, i, fe->ring[i].call);
}

static void start_uml(struct frontend *fe)
{
	for (unsigned i = 0; i < RINGS; i++) {
		make_eventfds(&fe->ring[i]);
		tell_fd(fe, VHOST_USER_SET_VRING_CALL, i, fe->ring[i].call);
		tell_state(fe, VHOST_USER_SET_VRING_NUM, i, fe->ring[i].vring.num);
		tell_state(fe, VHOST_USER_SET_VRING_BASE, i, fe->ring[i].base);
		tell_addr(fe, i);
	}
	for (unsigned i = 0; i < RINGS; i++) {
		tell_fd(fe, VHOST_USER_SET_VRING_KICK, i, fe->ring[i].kick);
		tell_state(fe, VHOST_USER_SET_VRING_ENABLE, i, 1);
	}
}

void frontend_start(struct frontend *fe)
{
	choose_features(fe);
	tell_u64(fe, VHOST_USER_SET_FEATURES, fe->features);
	tell_memory(fe);
	if (fe->play.kind == FRONTEND_UML)
		start_uml(fe);
	else
		start_qemu(fe);
	fe->started = true;
}

void frontend_stop(struct frontend *fe)
{
	for (unsigned i = 0; i < RINGS; i++)
		tell_state(fe, VHOST_USER_SET_VRING_ENABLE, i, 0);
	for (unsigned i = 0; i < RINGS; i++) {
		if (fe->play.kind != FRONTEND_UML)
			fe->ring[i].base = get_base(fe, i);
		guest_calls(fe, i);
		close_ring(&fe->ring[i]);
	}
	fe->started = false;
}

void frontend_session(struct frontend *fe, const char *path, const struct frontend_play *play,
		      const struct vinput_model *model)
{
	frontend_init(fe, play);
	frontend_connect(fe, path);
	frontend_realize(fe);
	guest_probe(fe, model);
	frontend_start(fe);
	guest_give(fe, fe->guest.buffers);
}

void frontend_sync(struct frontend *fe)
{
	uint8_t bytes[128];

	guest_config(fe, 0, 0, bytes);
}
