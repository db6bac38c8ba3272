/* SPDX-License-Identifier: MIT */
/* Reads the agent's messages, writes ours, and keeps the deadlines of both sides. */
#include "clipboard/agent.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"

#define READ_SIZE      65536
#define CAP(name)      (1u << VD_AGENT_CAP_##name)
#define SELECTION      VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD
#define GRAB_TYPES_MAX 64 /* looked at in a VDAgentClipboardGrab */

/*
 * Unsent bytes: one answer of the largest size waits while another is made. A guest that has us send
 * more and reads nothing is disconnected.
 */
#define QUEUE_MAX (2 * AGENT_CLIPBOARD_MAX + 4 * 1024 * 1024)

/* What we announce. Line ends are the guest's matter alone. */
static const uint32_t our_caps = CAP(REPLY) | CAP(CLIPBOARD_BY_DEMAND) | CAP(CLIPBOARD_SELECTION) |
				 CAP(FILE_XFER_DETAILED_ERRORS) |
				 CAP(CLIPBOARD_NO_RELEASE_ON_REGRAB) | CAP(CLIPBOARD_GRAB_SERIAL);

static const uint32_t wire_types[CLIP_TYPES] = {
	[CLIP_TEXT] = VD_AGENT_CLIPBOARD_UTF8_TEXT,
	[CLIP_PNG] = VD_AGENT_CLIPBOARD_IMAGE_PNG,
	[CLIP_BMP] = VD_AGENT_CLIPBOARD_IMAGE_BMP,
};

/* CLIP_TYPES: a type that we do not know. */
static enum clip_type clip_type(uint32_t wire)
{
	enum clip_type type = 0;

	while (type < CLIP_TYPES && wire_types[type] != wire)
		type++;
	return type;
}

static int64_t now_ms(void)
{
	return (int64_t)(now_us() / 1000);
}

/* The layout of a message depends on what both sides have announced. */
static bool has(const struct agent *agent, uint32_t cap)
{
	return agent->caps & our_caps & cap;
}

/* --- the connection ------------------------------------------------------------------------ */

static void readable(struct watch *watch, uint32_t events);

/* Forgets what concerns the agent, but not the connection. */
static void forget_agent(struct agent *agent)
{
	agent->caps = 0;
	agent->crlf = agent->files = false;
	agent->n_requests = 0;
	agent->asked = 0;
	timer_arm(&agent->answer, 0, 0);
	timer_arm(&agent->stall, 0, 0);
}

static void disconnect(struct agent *agent)
{
	watch_close(&agent->watch);
	agent_reader_reset(&agent->reader);
	agent_queue_free(&agent->queue);
	forget_agent(agent);
	agent->state = AGENT_AWAY;
}

static void tell_changed(struct agent *agent)
{
	agent->ops->changed(agent);
	if (agent->sender)
		agent->sender->ops->changed(agent->sender);
}

static void end(struct agent *agent, enum log_level level, const char *why)
{
	log_limited(&agent->limit, level, "guest %s: the connection to its clipboard ends: %s",
		    agent->guest, why);
	disconnect(agent);
	tell_changed(agent);
}

/* 0 or -errno of epoll_ctl(). */
static int watch_again(struct agent *agent, int fd)
{
	watch_stop(&agent->watch);
	agent->wants_output = agent_queue_size(&agent->queue) > 0;
	return watch_start(&agent->watch, agent->loop, fd,
			   EPOLLIN | (agent->wants_output ? EPOLLOUT : 0), readable);
}

/* Sends what the socket takes. 0, or -errno of send() and of epoll_ctl(). */
static int flush(struct agent *agent)
{
	struct agent_queue *queue = &agent->queue;

	while (agent_queue_size(queue) > 0) {
		ssize_t sent = send(agent->watch.fd, queue->bytes + queue->start,
				    agent_queue_size(queue), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			return -errno;
		if (sent < 0)
			break;
		agent_queue_sent(queue, (size_t)sent);
	}
	if (agent->wants_output != (agent_queue_size(queue) > 0))
		return watch_again(agent, agent->watch.fd);
	return 0;
}

/*
 * Queues a message, which goes out in the next turn: an error of the connection is then found where
 * callbacks are allowed. What has no memory is left out, as if the guest had not heard it.
 */
static int post(struct agent *agent, uint32_t type, const struct agent_part *parts, unsigned n)
{
	int rc = agent->state == AGENT_AWAY ? -ENOTCONN
					    : agent_queue_put(&agent->queue, type, parts, n);

	if (rc == 0 && !agent->wants_output)
		rc = watch_again(agent, agent->watch.fd);
	if (rc < 0 && rc != -ENOTCONN)
		log_limited(&agent->limit, LOG_LEVEL_WARN,
			    "guest %s: its clipboard misses a message: %s", agent->guest,
			    strerror(-rc));
	return rc;
}

static int announce(struct agent *agent, bool request)
{
	const uint32_t message[] = { htole32(request), htole32(our_caps) };

	if (request) {
		agent->unanswered = true;
		agent->serial = 0; /* the agent begins anew, too */
	}
	return post(agent, VD_AGENT_ANNOUNCE_CAPABILITIES,
		    &(struct agent_part){ message, sizeof(message) }, 1);
}

int agent_connect(struct agent *agent, int fd)
{
	int rc;

	disconnect(agent);
	rc = watch_again(agent, fd);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	agent->state = AGENT_SILENT;
	rc = announce(agent, true);
	if (rc < 0)
		disconnect(agent);
	return rc;
}

/* --- the guest's clipboard ----------------------------------------------------------------- */

/* The data of a message from the agent, cut off from the front. */
struct payload {
	const uint8_t *data;
	size_t size;
};

static bool take_u32(struct payload *payload, uint32_t *value)
{
	if (payload->size < sizeof(*value))
		return false;
	memcpy(value, payload->data, sizeof(*value));
	*value = le32toh(*value);
	payload->data += sizeof(*value);
	payload->size -= sizeof(*value);
	return true;
}

/* False for a message that is too short, or about another selection than the clipboard. */
static bool take_selection(const struct agent *agent, struct payload *payload)
{
	uint32_t selection;

	if (!has(agent, CAP(CLIPBOARD_SELECTION)))
		return true;
	return take_u32(payload, &selection) && (selection & 0xff) == SELECTION;
}

/*
 * Each grab of either side takes the next number. If both grab at once, the number is taken, and ours
 * counts on both sides.
 */
static bool take_serial(struct agent *agent, struct payload *payload)
{
	uint32_t serial;

	if (!has(agent, CAP(CLIPBOARD_GRAB_SERIAL)))
		return true;
	if (!take_u32(payload, &serial) || (int32_t)(serial - agent->serial) < 0)
		return false;
	agent->serial = serial + 1;
	return true;
}

static void on_grab(struct agent *agent, struct payload payload)
{
	unsigned types = 0;
	uint32_t wire;

	if (agent->unanswered || !take_selection(agent, &payload) || !take_serial(agent, &payload))
		return;
	for (unsigned i = 0; i < GRAB_TYPES_MAX && take_u32(&payload, &wire); i++)
		types |= 1u << clip_type(wire);
	agent->ops->grabbed(agent, types & ((1u << CLIP_TYPES) - 1));
}

static void arm_answer(struct agent *agent)
{
	int64_t left = agent->n_requests ? agent->requests[0].until_ms - now_ms() : 0;

	timer_arm(&agent->answer, !agent->n_requests ? 0 : left < 1 ? 1 : (unsigned)left, 0);
}

/* Sends VDAgentClipboard. 'size' is at most CLIP_SIZE_MAX. */
static void send_clipboard(struct agent *agent, uint32_t wire, const void *data, size_t size)
{
	const uint32_t selection = htole32(SELECTION), type = htole32(wire);
	const struct agent_part parts[] = { { &selection, sizeof(selection) },
					    { &type, sizeof(type) },
					    { data, size } };
	unsigned first = has(agent, CAP(CLIPBOARD_SELECTION)) ? 0 : 1;

	post(agent, VD_AGENT_CLIPBOARD, parts + first, ARRAY_SIZE(parts) - first);
}

static void refuse(struct agent *agent)
{
	send_clipboard(agent, VD_AGENT_CLIPBOARD_NONE, NULL, 0);
}

static void on_request(struct agent *agent, struct payload payload)
{
	enum clip_type type;
	uint32_t wire;

	/* A request for another selection waits for an answer, too. */
	if (!take_selection(agent, &payload) || !take_u32(&payload, &wire)) {
		refuse(agent);
		return;
	}
	type = clip_type(wire);
	if (type == CLIP_TYPES || agent->n_requests == AGENT_REQUESTS_MAX) {
		refuse(agent);
		return;
	}
	agent->requests[agent->n_requests++] =
		(struct agent_wait){ .type = type, .until_ms = now_ms() + AGENT_ANSWER_MS };
	arm_answer(agent);
	agent->ops->requested(agent, type);
}

static void answer_is_due(struct timer *timer)
{
	struct agent *agent = container_of(timer, struct agent, answer);
	int64_t now = now_ms();
	unsigned due = 0;

	while (due < agent->n_requests && agent->requests[due].until_ms <= now) {
		refuse(agent);
		due++;
	}
	agent->n_requests -= due;
	memmove(agent->requests, agent->requests + due,
		agent->n_requests * sizeof(agent->requests[0]));
	arm_answer(agent);
}

bool agent_give(struct agent *agent, enum clip_type type, const void *data, size_t size)
{
	unsigned i = 0;

	while (i < agent->n_requests && agent->requests[i].type != type)
		i++;
	if (i == agent->n_requests)
		return false;
	agent->n_requests--;
	memmove(agent->requests + i, agent->requests + i + 1,
		(agent->n_requests - i) * sizeof(agent->requests[0]));
	arm_answer(agent);
	/* A guest that does not read what it has asked for does not get it twice. */
	if (!data || size > CLIP_SIZE_MAX || agent_queue_size(&agent->queue) > AGENT_CLIPBOARD_MAX)
		refuse(agent);
	else
		send_clipboard(agent, wire_types[type], data, size);
	return true;
}

void agent_grab(struct agent *agent, unsigned types)
{
	const uint32_t selection = htole32(SELECTION), serial = htole32(agent->serial);
	struct agent_part parts[2 + CLIP_TYPES];
	uint32_t wire[CLIP_TYPES];
	unsigned n = 0;

	if (agent->state != AGENT_READY)
		return;
	if (has(agent, CAP(CLIPBOARD_SELECTION)))
		parts[n++] = (struct agent_part){ &selection, sizeof(selection) };
	if (!types) {
		post(agent, VD_AGENT_CLIPBOARD_RELEASE, parts, n);
		return;
	}
	if (has(agent, CAP(CLIPBOARD_GRAB_SERIAL))) {
		parts[n++] = (struct agent_part){ &serial, sizeof(serial) };
		agent->serial++;
	}
	for (unsigned type = 0; type < CLIP_TYPES; type++) {
		wire[type] = htole32(wire_types[type]);
		if (types & 1u << type)
			parts[n++] = (struct agent_part){ &wire[type], sizeof(wire[type]) };
	}
	post(agent, VD_AGENT_CLIPBOARD_GRAB, parts, n);
}

/* --- data from the guest ------------------------------------------------------------------- */

static void arm_stall(struct agent *agent)
{
	bool waits = agent->asked || agent_reader_is_within(&agent->reader);

	timer_arm(&agent->stall, waits ? CLIP_STALL_MS : 0, 0);
}

/* Answers whoever waits for this type. */
static void receive(struct agent *agent, unsigned types, const void *data, size_t size)
{
	types &= agent->asked;
	agent->asked &= ~types;
	for (enum clip_type type = 0; type < CLIP_TYPES; type++)
		if (types & 1u << type)
			agent->ops->received(agent, type, data, size);
}

/* The VM may be paused in the middle of a message: the connection stays, the memory does not. */
static void stalled(struct timer *timer)
{
	struct agent *agent = container_of(timer, struct agent, stall);

	agent_reader_skip(&agent->reader);
	receive(agent, agent->asked, NULL, 0);
}

/* "None" answers the oldest request; since it does not say of which type, all that wait. */
static void on_clipboard(struct agent *agent, struct payload payload)
{
	uint32_t wire;
	enum clip_type type;

	if (!payload.data) {
		log_limited(&agent->limit, LOG_LEVEL_WARN,
			    "guest %s: what was copied there has more than %d MiB", agent->guest,
			    CLIP_SIZE_MAX >> 20);
		receive(agent, agent->asked, NULL, 0);
		return;
	}
	if (!take_selection(agent, &payload) || !take_u32(&payload, &wire))
		return;
	type = clip_type(wire);
	if (type == CLIP_TYPES || payload.size > CLIP_SIZE_MAX)
		receive(agent, agent->asked, NULL, 0);
	else
		receive(agent, 1u << type, payload.data, payload.size);
}

int agent_request(struct agent *agent, enum clip_type type)
{
	const uint32_t selection = htole32(SELECTION), wire = htole32(wire_types[type]);
	const struct agent_part parts[] = { { &selection, sizeof(selection) },
					    { &wire, sizeof(wire) } };
	unsigned first = has(agent, CAP(CLIPBOARD_SELECTION)) ? 0 : 1;
	int rc;

	if (agent->state != AGENT_READY)
		return -ENOTCONN;
	if (agent->asked & 1u << type)
		return -EBUSY;
	rc = post(agent, VD_AGENT_CLIPBOARD_REQUEST, parts + first, ARRAY_SIZE(parts) - first);
	if (rc == 0) {
		agent->asked |= 1u << type;
		arm_stall(agent);
	}
	return rc;
}

/* --- files --------------------------------------------------------------------------------- */

/*
 * The text is a key file of GLib's, in which a backslash begins an escape. The name has no control
 * characters.
 */
int agent_file_start(struct agent *agent, uint32_t id, const char *name, uint64_t size)
{
	static const char begin[] = "[vdagent-file-xfer]\nname=";
	const uint32_t wire = htole32(id);
	char end_of_it[64];
	int length =
		snprintf(end_of_it, sizeof(end_of_it), "\nsize=%llu\n", (unsigned long long)size);
	const struct agent_part parts[] = { { &wire, sizeof(wire) },
					    { begin, sizeof(begin) - 1 },
					    { name, strlen(name) },
					    { end_of_it, (size_t)length + 1 } };

	if (agent->state < AGENT_OLD)
		return -ENOTCONN;
	return post(agent, VD_AGENT_FILE_XFER_START, parts, ARRAY_SIZE(parts));
}

int agent_file_data(struct agent *agent, uint32_t id, const void *data, size_t size)
{
	const uint32_t wire = htole32(id);
	const uint64_t wire_size = htole64(size);
	const struct agent_part parts[] = { { &wire, sizeof(wire) },
					    { &wire_size, sizeof(wire_size) },
					    { data, size } };

	return post(agent, VD_AGENT_FILE_XFER_DATA, parts, ARRAY_SIZE(parts));
}

int agent_file_cancel(struct agent *agent, uint32_t id)
{
	const uint32_t wire[] = { htole32(id), htole32(VD_AGENT_FILE_XFER_STATUS_CANCELLED) };

	return post(agent, VD_AGENT_FILE_XFER_STATUS, &(struct agent_part){ wire, sizeof(wire) },
		    1);
}

static void on_file_status(struct agent *agent, struct payload payload)
{
	uint32_t id, result;
	uint64_t space;
	int64_t disk_free = -1;

	if (!take_u32(&payload, &id) || !take_u32(&payload, &result))
		return;
	if (result == VD_AGENT_FILE_XFER_STATUS_NOT_ENOUGH_SPACE && payload.size >= sizeof(space)) {
		memcpy(&space, payload.data, sizeof(space));
		space = le64toh(space);
		disk_free = space > INT64_MAX ? INT64_MAX : (int64_t)space;
	}
	if (agent->sender)
		agent->sender->ops->file_status(agent->sender, id, result, disk_free);
}

bool agent_is_drained(const struct agent *agent)
{
	return agent_queue_size(&agent->queue) == 0;
}

/* --- messages ------------------------------------------------------------------------------ */

static void limit_clipboard(struct agent *agent)
{
	const int32_t max = (int32_t)htole32(CLIP_SIZE_MAX);

	if (agent->caps & CAP(MAX_CLIPBOARD))
		post(agent, VD_AGENT_MAX_CLIPBOARD, &(struct agent_part){ &max, sizeof(max) }, 1);
}

/*
 * An agent announces itself when it starts, and asks for ours; then we ask in return, so that it begins
 * its count of grabs when we do. It is ready once it has answered the last of our announcements.
 */
static void on_announce(struct agent *agent, struct payload payload)
{
	uint32_t request, caps;

	if (!take_u32(&payload, &request) || !take_u32(&payload, &caps))
		return;
	if (request) {
		forget_agent(agent);
		agent->state = AGENT_SILENT;
		announce(agent, true);
	} else if (!agent->unanswered) {
		return;
	} else {
		agent->unanswered = false;
		agent->caps = caps;
		agent->crlf = caps & CAP(GUEST_LINEEND_CRLF);
		agent->files = !(caps & CAP(FILE_XFER_DISABLED));
		agent->state = (caps & CAP(CLIPBOARD_BY_DEMAND)) ? AGENT_READY : AGENT_OLD;
		limit_clipboard(agent);
	}
	tell_changed(agent);
}

static void handle(struct agent *agent, const struct agent_message *message)
{
	const struct payload payload = { message->data, message->data ? message->size : 0 };

	if (message->type == VD_AGENT_ANNOUNCE_CAPABILITIES)
		on_announce(agent, payload);
	else if (message->type == VD_AGENT_FILE_XFER_STATUS)
		on_file_status(agent, payload);
	else if (agent->state != AGENT_READY)
		return; /* it does not know yet how its peer reads it */
	else if (message->type == VD_AGENT_CLIPBOARD_GRAB)
		on_grab(agent, payload);
	else if (message->type == VD_AGENT_CLIPBOARD_REQUEST)
		on_request(agent, payload);
	else if (message->type == VD_AGENT_CLIPBOARD)
		on_clipboard(agent, payload);
	else if (message->type == VD_AGENT_CLIPBOARD_RELEASE &&
		 take_selection(agent, &(struct payload){ payload.data, payload.size }))
		agent->ops->released(agent);
}

static const char closed_by_qemu[] = "QEMU has closed it";

/* Handles one piece of what has arrived. NULL, or why the connection has to end. */
static const char *read_messages(struct agent *agent)
{
	uint8_t piece[READ_SIZE];
	const uint8_t *bytes = piece;
	ssize_t got = recv(agent->watch.fd, piece, sizeof(piece), MSG_DONTWAIT);
	struct agent_message message;
	size_t size;
	int rc;

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
	if (got == 0)
		return closed_by_qemu;
	size = (size_t)got;
	while ((rc = agent_reader_next(&agent->reader, &bytes, &size, &message)) > 0)
		handle(agent, &message);
	arm_stall(agent);
	if (rc == -EPROTO)
		return "these are not the messages of an agent";
	return rc < 0 ? strerror(-rc) : NULL;
}

static void readable(struct watch *watch, uint32_t events)
{
	struct agent *agent = container_of(watch, struct agent, watch);
	bool was_drained = agent_is_drained(agent);
	const char *why = NULL;
	int rc;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		why = read_messages(agent);
	if (!why && (rc = flush(agent)) < 0)
		why = strerror(-rc);
	if (!why && agent_queue_size(&agent->queue) > QUEUE_MAX)
		why = "the guest does not read what it has asked for";
	if (why)
		end(agent, why == closed_by_qemu ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, why);
	else if (!was_drained && agent_is_drained(agent) && agent->sender)
		agent->sender->ops->drained(agent->sender);
}

int agent_init(struct agent *agent, struct loop *loop, const char *guest,
	       const struct agent_ops *ops)
{
	int rc;

	*agent = (struct agent){ .ops = ops, .loop = loop, .guest = guest };
	rc = timer_init(&agent->stall, loop, stalled);
	return rc < 0 ? rc : timer_init(&agent->answer, loop, answer_is_due);
}

static void send_rest(struct agent *agent)
{
	struct pollfd ready = { .fd = agent->watch.fd, .events = POLLOUT };
	int64_t until_ms = now_ms() + AGENT_END_MS, left;

	while (flush(agent) == 0 && !agent_is_drained(agent) && (left = until_ms - now_ms()) > 0)
		poll(&ready, 1, (int)left);
}

void agent_disconnect(struct agent *agent)
{
	if (agent->state != AGENT_AWAY && post(agent, VD_AGENT_CLIENT_DISCONNECTED, NULL, 0) == 0)
		send_rest(agent);
	disconnect(agent);
	if (agent->sender)
		agent->sender->ops->changed(agent->sender);
}

void agent_fini(struct agent *agent)
{
	agent_disconnect(agent);
	timer_fini(&agent->stall);
	timer_fini(&agent->answer);
}
