/* SPDX-License-Identifier: MIT */
/* Reads a message, checks it against a table, handles it and replies. */
#include "vhost/vhost.h"

#include <fcntl.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/socket.h>

#include "base/closer.h"
#include "base/log.h"
#include "base/peer-fd.h"
#include "base/util.h"
#include "vhost/stall.h"
#include "vhost/vhost-user.h"

#define CONFIG_SIZE_MAX  (VHOST_USER_CONFIG_HDR_SIZE + VHOST_USER_MAX_CONFIG_SIZE)
#define DEADLINE_MS      1000
#define MESSAGES_PER_RUN 16

#define PROTOCOL_FEATURES_OFFERED                                                                  \
	(BIT_ULL(VHOST_USER_PROTOCOL_F_MQ) | BIT_ULL(VHOST_USER_PROTOCOL_F_REPLY_ACK) |            \
	 BIT_ULL(VHOST_USER_PROTOCOL_F_CONFIG))
#define FEATURES_OFFERED                                                                           \
	(BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |                 \
	 BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES) | BIT_ULL(VIRTIO_F_VERSION_1))
/* QEMU up to 8.2 offers this to the guest regardless; it concerns QEMU alone. */
#define FEATURES_TOLERATED BIT_ULL(VIRTIO_F_RING_RESET)

/* Logs a message about the device. 'format' must be a literal. */
#define say(vhost, level, format, ...)                                                             \
	log_limited((vhost)->limit, level, "%s: vhost-user: " format, log_str((vhost)->name).text, \
		    ##__VA_ARGS__)

/* The message on the wire: the header, immediately followed by the payload. */
static uint8_t *wire(struct vhost *vhost)
{
	_Static_assert(offsetof(struct vhost_message, bytes) ==
			       offsetof(struct vhost_message, request) + VHOST_USER_HDR_SIZE,
		       "nothing between header and payload");
	return (uint8_t *)&vhost->msg + offsetof(struct vhost_message, request);
}

static bool need_reply(const struct vhost *vhost)
{
	return vhost->msg.flags & VHOST_USER_NEED_REPLY_MASK;
}

/* For CALL and ERR: can be written to without blocking, once ring_of_fd has checked it. */
static int take_writable(struct vhost *vhost, int *fd)
{
	int taken = vhost->n_fds > 0 ? steal_fd(&vhost->fds[0]) : -1;

	if (peer_fd_kind(taken) == PEER_FD_PIPE)
		taken = peer_fd_relay(&taken);
	close_fd(fd);
	*fd = taken < 0 ? -1 : taken;
	return taken < -1 ? taken : 0;
}

static void drop_fds(struct vhost *vhost)
{
	while (vhost->n_fds > 0)
		peer_fd_close(&vhost->fds[--vhost->n_fds]);
}

/* Checks every ring index from the front end. */
static struct vhost_ring *ring_at(struct vhost *vhost, uint64_t index)
{
	return index < VHOST_RINGS ? &vhost->ring[index] : NULL;
}

static struct vhost *owner_of(struct vhost_ring *ring)
{
	return container_of(ring - ring->index, struct vhost, ring[0]);
}

/*
 * A saturated eventfd already signals the peer. A descriptor that the peer made blocking again,
 * after it was set to O_NONBLOCK here, is closed.
 */
static void write_event(int *fd)
{
	static const uint64_t one = 1;

	if (*fd >= 0 && stall_write(*fd, &one, sizeof(one)) < 0 && errno == EINTR)
		close_fd(fd);
}

void vhost_signal(struct vhost *vhost, unsigned index)
{
	write_event(&vhost->ring[index].call_fd);
}

static void stop_ring(struct vhost *vhost, struct vhost_ring *ring)
{
	if (!ring->running)
		return;
	ring->running = false;
	ring->last_stop = ring->vq.last_avail;
	vhost->ops->stopped(vhost, ring->index);
}

void vhost_break(struct vhost *vhost, unsigned index)
{
	struct vhost_ring *ring = &vhost->ring[index];

	say(vhost, LOG_LEVEL_WARN,
	    "ring %u: the guest's driver, or its memory, violates the virtqueue protocol", index);
	ring->broken = true;
	write_event(&ring->err_fd);
	stop_ring(vhost, ring);
}

static bool may_run(const struct vhost *vhost, const struct vhost_ring *ring)
{
	return ring->kicked && ring->enabled && !ring->broken && !vhost->refused &&
	       vhost->mem.n > 0 && !vmem_broken(&vhost->mem);
}

/* A newly initialised driver is at index 0. A continuing one may be, too, if it stopped there. */
static bool is_fresh(const struct vhost_ring *ring)
{
	return ring->vq.last_avail == 0 && ring->last_stop != 0;
}

/* Starts or stops the ring according to its current state. */
static void update_ring(struct vhost *vhost, struct vhost_ring *ring)
{
	bool fresh = is_fresh(ring);

	if (!may_run(vhost, ring)) {
		stop_ring(vhost, ring);
		return;
	}
	if (ring->running)
		return;
	ring->vq.event_idx = vhost->features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	if (virtq_start(&ring->vq, &vhost->mem) < 0) {
		vhost_break(vhost, ring->index);
		return;
	}
	ring->running = true;
	vhost->ops->started(vhost, ring->index, fresh);
}

static void update_rings(struct vhost *vhost)
{
	for (unsigned i = 0; i < VHOST_RINGS; i++)
		update_ring(vhost, &vhost->ring[i]);
}

/*
 * Edge-triggered, so that no read is needed: each write to an eventfd wakes the loop again. A read
 * could block, since the peer can clear O_NONBLOCK, and a level-triggered descriptor that cannot be
 * drained would be ready for ever.
 */
static void kick_ready(struct watch *watch, uint32_t events)
{
	struct vhost_ring *ring = container_of(watch, struct vhost_ring, kick);
	struct vhost *vhost = owner_of(ring);

	(void)events;
	if (ring->running)
		vhost->ops->kicked(vhost, ring->index);
}

static void close_kick(struct vhost_ring *ring)
{
	watch_stop(&ring->kick);
	peer_fd_close(&ring->kick_fd);
}

static int get_features(struct vhost *vhost)
{
	vhost->msg.u64 = FEATURES_OFFERED;
	return 0;
}

static int set_features(struct vhost *vhost)
{
	uint64_t wrong = vhost->msg.u64 & ~(FEATURES_OFFERED | FEATURES_TOLERATED);

	vhost->features = vhost->msg.u64;
	vhost->refused = wrong != 0;
	if (wrong)
		say(vhost, LOG_LEVEL_WARN,
		    "the guest requests features 0x%llx, which were not offered; is packed=on or "
		    "iommu_platform=on set for its device?",
		    (unsigned long long)wrong);
	/* Without this feature, no VHOST_USER_SET_VRING_ENABLE will come. */
	for (unsigned i = 0; i < VHOST_RINGS; i++)
		if (!(vhost->features & BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES)))
			vhost->ring[i].enabled = true;
	update_rings(vhost);
	/* Do not disconnect: some versions of QEMU do not survive that. */
	return wrong && need_reply(vhost) ? -ENOTSUP : 0;
}

static int get_protocol_features(struct vhost *vhost)
{
	vhost->msg.u64 = PROTOCOL_FEATURES_OFFERED;
	return 0;
}

/* No feature needs state here: every message that asks for an acknowledgement gets one. */
static int set_protocol_features(struct vhost *vhost)
{
	return (vhost->msg.u64 & ~PROTOCOL_FEATURES_OFFERED) ? -EINVAL : 0;
}

static int get_queue_num(struct vhost *vhost)
{
	vhost->msg.u64 = VHOST_RINGS;
	return 0;
}

static int set_owner(struct vhost *vhost)
{
	(void)vhost;
	return 0;
}

static int set_mem_table(struct vhost *vhost)
{
	const struct vhost_message *msg = &vhost->msg;
	int rc;

	if (msg->mem.n != vhost->n_fds ||
	    msg->size < 8 + (uint64_t)msg->mem.n * sizeof(struct vmem_area))
		return -EINVAL;
	rc = vmem_map(&vhost->mem, msg->mem.area, vhost->fds, msg->mem.n);
	if (rc < 0) {
		say(vhost, LOG_LEVEL_WARN, "the guest's memory cannot be mapped: %s",
		    strerror(-rc));
		return rc;
	}
	for (unsigned i = 0; i < VHOST_RINGS; i++) {
		struct vhost_ring *ring = &vhost->ring[i];

		if (ring->running && virtq_map(&ring->vq, &vhost->mem) < 0)
			vhost_break(vhost, i);
	}
	update_rings(vhost);
	return 0;
}

static int set_vring_num(struct vhost *vhost)
{
	const struct vhost_vring_state *state = &vhost->msg.state;
	struct vhost_ring *ring = ring_at(vhost, state->index);

	if (!ring || ring->running || !virtq_num_ok(state->num))
		return -EINVAL;
	ring->vq.num = state->num;
	return 0;
}

static int set_vring_addr(struct vhost *vhost)
{
	const struct vhost_vring_addr *addr = &vhost->msg.addr;
	struct vhost_ring *ring = ring_at(vhost, addr->index);

	if (!ring || ring->running || addr->flags != 0)
		return -EINVAL;
	ring->vq.desc_user = addr->desc_user_addr;
	ring->vq.avail_user = addr->avail_user_addr;
	ring->vq.used_user = addr->used_user_addr;
	if (vhost->mem.n == 0 || ring->vq.num == 0)
		return 0; /* checked when it starts */
	return virtq_map(&ring->vq, &vhost->mem);
}

static int set_vring_base(struct vhost *vhost)
{
	const struct vhost_vring_state *state = &vhost->msg.state;
	struct vhost_ring *ring = ring_at(vhost, state->index);

	if (!ring || ring->running || state->num > UINT16_MAX)
		return -EINVAL;
	ring->vq.last_avail = (uint16_t)state->num;
	return 0;
}

static int get_vring_base(struct vhost *vhost)
{
	struct vhost_ring *ring = ring_at(vhost, vhost->msg.state.index);

	if (!ring)
		return -EINVAL;
	ring->kicked = ring->broken = false;
	stop_ring(vhost, ring);
	close_kick(ring);
	close_fd(&ring->call_fd);
	vhost->msg.state.num = ring->vq.last_avail;
	return 0;
}

/*
 * The ring of a KICK, CALL or ERR message, and its descriptor if the message announces one: an
 * eventfd, the end of a pipe, or a unix socket.
 */
static struct vhost_ring *ring_of_fd(struct vhost *vhost)
{
	uint64_t value = vhost->msg.u64;
	int fd = vhost->n_fds > 0 ? vhost->fds[0] : -1;
	int kind, flags;

	if (value & ~(uint64_t)(VHOST_USER_VRING_IDX_MASK | VHOST_USER_VRING_NOFD_MASK) ||
	    !(value & VHOST_USER_VRING_NOFD_MASK) != (fd >= 0))
		return NULL;
	if (fd < 0)
		return ring_at(vhost, value & VHOST_USER_VRING_IDX_MASK);
	kind = peer_fd_kind(fd);
	if (kind != PEER_FD_EVENT && kind != PEER_FD_PIPE)
		return NULL;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return NULL;
	return ring_at(vhost, value & VHOST_USER_VRING_IDX_MASK);
}

static int set_vring_kick(struct vhost *vhost)
{
	struct vhost_ring *ring = ring_of_fd(vhost);
	int rc = 0;

	if (!ring)
		return -EINVAL;
	close_kick(ring);
	if (vhost->n_fds > 0) {
		ring->kick_fd = steal_fd(&vhost->fds[0]);
		rc = watch_start_peer(&ring->kick, vhost->watch.loop, ring->kick_fd,
				      EPOLLIN | EPOLLET, kick_ready);
	}
	if (rc < 0)
		return rc;
	ring->kicked = true;
	ring->broken = false;
	update_ring(vhost, ring);
	return 0;
}

static int set_vring_call(struct vhost *vhost)
{
	struct vhost_ring *ring = ring_of_fd(vhost);
	int rc = ring ? take_writable(vhost, &ring->call_fd) : -EINVAL;

	/* Earlier interrupts may have gone to the old descriptor only. */
	if (rc == 0 && ring->running)
		write_event(&ring->call_fd);
	return rc;
}

static int set_vring_err(struct vhost *vhost)
{
	struct vhost_ring *ring = ring_of_fd(vhost);

	return ring ? take_writable(vhost, &ring->err_fd) : -EINVAL;
}

static int set_vring_enable(struct vhost *vhost)
{
	const struct vhost_vring_state *state = &vhost->msg.state;
	struct vhost_ring *ring = ring_at(vhost, state->index);

	if (!ring || state->num > 1)
		return -EINVAL;
	ring->enabled = state->num;
	if (!ring->enabled)
		ring->broken = false;
	update_ring(vhost, ring);
	return 0;
}

static bool config_is_sane(const struct vhost_message *msg)
{
	return msg->size == VHOST_USER_CONFIG_HDR_SIZE + (uint64_t)msg->config.size &&
	       msg->config.offset <= VHOST_CONFIG_MAX &&
	       msg->config.size <= VHOST_CONFIG_MAX - msg->config.offset;
}

/* In this protocol, a reply without a payload means an error. */
static int get_config(struct vhost *vhost)
{
	struct vhost_message *msg = &vhost->msg;
	uint8_t config[VHOST_CONFIG_MAX] = { 0 };

	if (!config_is_sane(msg)) {
		msg->size = 0;
		return 0;
	}
	vhost->ops->get_config(vhost, config);
	memcpy(msg->config.bytes, config + msg->config.offset, msg->config.size);
	return 0;
}

static int set_config(struct vhost *vhost)
{
	const struct vhost_message *msg = &vhost->msg;

	if (!config_is_sane(msg))
		return -EINVAL;
	vhost->ops->set_config(vhost, msg->config.offset, msg->config.bytes, msg->config.size);
	return 0;
}

static const struct request {
	int (*handle)(struct vhost *vhost); /* 0 or -errno; stores a reply in vhost->msg */
	uint16_t size_min, size_max;        /* of the payload */
	uint8_t fds_min, fds_max;
	bool answers;         /* has a reply of its own */
	uint16_t answer_size; /* of its payload; 0: vhost->msg.size */
} requests[] = {
	[VHOST_USER_GET_FEATURES] = { get_features, 0, 0, 0, 0, true, 8 },
	[VHOST_USER_SET_FEATURES] = { set_features, 8, 8, 0, 0, false, 0 },
	[VHOST_USER_SET_OWNER] = { set_owner, 0, 0, 0, 0, false, 0 },
	[VHOST_USER_SET_MEM_TABLE] = { set_mem_table, 8 + 32, VHOST_PAYLOAD_MAX, 1, 8, false, 0 },
	[VHOST_USER_SET_VRING_NUM] = { set_vring_num, 8, 8, 0, 0, false, 0 },
	[VHOST_USER_SET_VRING_ADDR] = { set_vring_addr, 40, 40, 0, 0, false, 0 },
	[VHOST_USER_SET_VRING_BASE] = { set_vring_base, 8, 8, 0, 0, false, 0 },
	[VHOST_USER_GET_VRING_BASE] = { get_vring_base, 8, 8, 0, 0, true, 8 },
	[VHOST_USER_SET_VRING_KICK] = { set_vring_kick, 8, 8, 0, 1, false, 0 },
	[VHOST_USER_SET_VRING_CALL] = { set_vring_call, 8, 8, 0, 1, false, 0 },
	[VHOST_USER_SET_VRING_ERR] = { set_vring_err, 8, 8, 0, 1, false, 0 },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { get_protocol_features, 0, 0, 0, 0, true, 8 },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { set_protocol_features, 8, 8, 0, 0, false, 0 },
	[VHOST_USER_GET_QUEUE_NUM] = { get_queue_num, 0, 0, 0, 0, true, 8 },
	[VHOST_USER_SET_VRING_ENABLE] = { set_vring_enable, 8, 8, 0, 0, false, 0 },
	[VHOST_USER_GET_CONFIG] = { get_config, VHOST_USER_CONFIG_HDR_SIZE, CONFIG_SIZE_MAX, 0, 0,
				    true, 0 },
	[VHOST_USER_SET_CONFIG] = { set_config, VHOST_USER_CONFIG_HDR_SIZE, CONFIG_SIZE_MAX, 0, 0,
				    false, 0 },
};

/* Replies are few and short: a front end that does not accept one at once is disconnected. */
static int answer(struct vhost *vhost, uint32_t size)
{
	size_t all = VHOST_USER_HDR_SIZE + size;
	ssize_t n;

	vhost->msg.flags = VHOST_USER_VERSION | VHOST_USER_REPLY_MASK;
	vhost->msg.size = size;
	n = send(vhost->watch.fd, wire(vhost), all, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return (size_t)n == all ? 0 : -EPIPE;
}

static int acknowledge(struct vhost *vhost, int rc)
{
	vhost->msg.u64 = rc < 0;
	return answer(vhost, sizeof(vhost->msg.u64));
}

static const struct request *find_request(uint32_t id)
{
	return id < ARRAY_SIZE(requests) && requests[id].handle ? &requests[id] : NULL;
}

static bool fits(const struct vhost *vhost, const struct request *request)
{
	return vhost->msg.size >= request->size_min && vhost->msg.size <= request->size_max &&
	       vhost->n_fds >= request->fds_min && vhost->n_fds <= request->fds_max;
}

/* Handles a complete message. An error ends the connection. */
static int handle(struct vhost *vhost)
{
	const struct request *request = find_request(vhost->msg.request);
	int rc;

	if (!request)
		rc = -EOPNOTSUPP;
	else if (!fits(vhost, request))
		return -EBADMSG;
	else
		rc = request->handle(vhost);
	drop_fds(vhost);
	if (rc < 0)
		say(vhost, LOG_LEVEL_DEBUG, "request %u: %s", vhost->msg.request, strerror(-rc));
	if (request && request->answers)
		return rc < 0 ? rc
			      : answer(vhost, request->answer_size ? request->answer_size
								   : vhost->msg.size);
	return need_reply(vhost) ? acknowledge(vhost, rc) : rc;
}

/* Reads at most to the end of the message. 0, -EAGAIN, -ENODATA at end of file, or an error. */
static int receive(struct vhost *vhost, size_t end)
{
	unsigned n_fds;
	ssize_t n = peer_fd_receive(vhost->watch.fd, wire(vhost) + vhost->have, end - vhost->have,
				    vhost->fds + vhost->n_fds,
				    (unsigned)ARRAY_SIZE(vhost->fds) - vhost->n_fds, &n_fds);

	if (n <= 0)
		return n == 0 ? -ENODATA : n == -EINTR ? -EAGAIN : (int)n;
	vhost->n_fds += n_fds;
	vhost->have += (size_t)n;
	return 0;
}

/* As receive, but 0 means that the message is complete. */
static int receive_message(struct vhost *vhost)
{
	int rc = 0;

	while (rc == 0 && vhost->have < VHOST_USER_HDR_SIZE)
		rc = receive(vhost, VHOST_USER_HDR_SIZE);
	if (rc == 0 && ((vhost->msg.flags & ~VHOST_USER_NEED_REPLY_MASK) != VHOST_USER_VERSION ||
			vhost->msg.size > VHOST_PAYLOAD_MAX))
		return -EBADMSG;
	while (rc == 0 && vhost->have < VHOST_USER_HDR_SIZE + vhost->msg.size)
		rc = receive(vhost, VHOST_USER_HDR_SIZE + vhost->msg.size);
	return rc;
}

static void set_deadline(struct vhost *vhost, bool late)
{
	if (vhost->late != late)
		timer_arm(&vhost->deadline, late ? DEADLINE_MS : 0, 0);
	vhost->late = late;
}

static void end(struct vhost *vhost, int rc)
{
	if (rc != -ENODATA)
		say(vhost, LOG_LEVEL_WARN, "closing the connection: %s", strerror(-rc));
	vhost_close(vhost);
	vhost->ops->closed(vhost);
}

/* Reads and handles what has come. 0 or -EAGAIN: the connection goes on. */
static int serve(struct vhost *vhost, bool *completed)
{
	int rc = 0;

	*completed = false;
	for (unsigned i = 0; i < MESSAGES_PER_RUN; i++) {
		rc = receive_message(vhost);
		if (rc < 0)
			break;
		rc = handle(vhost);
		if (rc < 0)
			break;
		vhost->have = 0;
		*completed = true;
		set_deadline(vhost, false); /* each message has its own */
	}
	return rc;
}

static void go_on(struct vhost *vhost, int rc)
{
	if (rc == 0 || rc == -EAGAIN)
		set_deadline(vhost, vhost->have > 0);
	else
		end(vhost, rc);
}

static void conn_ready(struct watch *watch, uint32_t events)
{
	struct vhost *vhost = container_of(watch, struct vhost, watch);
	bool completed;

	(void)events;
	go_on(vhost, serve(vhost, &completed));
}

/* If this process did not run for a while, the rest of the message may have come in time. */
static void deadline_passed(struct timer *timer)
{
	struct vhost *vhost = container_of(timer, struct vhost, deadline);
	bool completed;
	int rc = serve(vhost, &completed);

	if (!completed && (rc == 0 || rc == -EAGAIN))
		rc = -ETIMEDOUT;
	go_on(vhost, rc);
}

int vhost_open(struct vhost *vhost, struct loop *loop, int fd, const struct vhost_ops *ops,
	       const char *name, struct log_limit *limit)
{
	int rc;

	*vhost = (struct vhost){ .ops = ops, .open = true, .name = name, .limit = limit };
	for (unsigned i = 0; i < VHOST_RINGS; i++)
		vhost->ring[i] = (struct vhost_ring){
			.index = i, .kick_fd = -1, .call_fd = -1, .err_fd = -1, .last_stop = -1
		};
	rc = timer_init(&vhost->deadline, loop, deadline_passed);
	if (rc == 0)
		rc = watch_start_peer(&vhost->watch, loop, fd, EPOLLIN, conn_ready);
	if (rc < 0) {
		close_later(fd);
		vhost_close(vhost);
	}
	return rc;
}

void vhost_close(struct vhost *vhost)
{
	if (!vhost->open)
		return;
	vhost->open = false;
	if (vhost->watch.loop) {
		watch_stop(&vhost->watch);
		/* May close descriptors that are still unread in it. */
		close_later(steal_fd(&vhost->watch.fd));
	}
	timer_fini(&vhost->deadline);
	drop_fds(vhost);
	for (unsigned i = 0; i < VHOST_RINGS; i++) {
		struct vhost_ring *ring = &vhost->ring[i];

		ring->running = ring->kicked = false;
		close_kick(ring);
		close_fd(&ring->call_fd);
		close_fd(&ring->err_fd);
	}
	vmem_unmap(&vhost->mem);
}
