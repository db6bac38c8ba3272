/* SPDX-License-Identifier: MIT */
/* The handshake; then sends commands and receives replies and events, which json-c parses. */
#include "qemu/qmp.h"

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/closer.h"
#include "base/log.h"
#include "base/peer-fd.h"
#include "base/usock.h"
#include "base/util.h"

#define READ_SIZE  128 /* bytes read per turn of the loop: what a key may have to wait for */
#define OUT_MAX    (2 * QMP_TEXT_MAX)
#define ID_MODULUS 10 /* more than can be in flight, but one digit: QEMU reads byte by byte */

enum state { GREETING, NEGOTIATION, READY, CLOSED };

struct pending {
	qmp_reply_fn fn;
	void *ctx;
};

struct qmp {
	const struct qmp_ops *ops;
	void *owner;
	enum state state;
	bool busy; /* a callback may be running: qmp_close must not free the memory */
	bool gone; /* qmp_close was called meanwhile */
	unsigned version;
	int fd;
	struct watch watch;
	struct timer timer; /* the handshake's limit */

	struct json_tokener *tokener;
	size_t message_size; /* bytes so far of an incomplete message */
	unsigned values;     /* in it so far */

	/* In the order of the commands, which is that of the replies, as out-of-band is off. */
	struct pending pending[QMP_IN_FLIGHT_MAX];
	unsigned oldest, in_flight;
	unsigned oldest_id;

	size_t out_size;
	char out[OUT_MAX];
};

static void end(struct qmp *qmp, const char *reason);

/* --- out ----------------------------------------------------------------------------------- */

static void socket_ready(struct watch *watch, uint32_t events);

static void watch_for(struct qmp *qmp, uint32_t events)
{
	struct loop *loop = qmp->timer.watch.loop;

	watch_stop(&qmp->watch);
	/*
	 * Cannot receive without a watch. Let the timer end it: 'closed' must not run in
	 * qmp_command.
	 */
	if (watch_start_peer(&qmp->watch, loop, qmp->fd, events, socket_ready) < 0)
		timer_arm(&qmp->timer, 1, 0);
}

static void flush(struct qmp *qmp)
{
	ssize_t sent = send(qmp->fd, qmp->out, qmp->out_size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		sent = (ssize_t)qmp->out_size; /* the socket is dead; reading will report that */
	if (sent > 0) {
		qmp->out_size -= (size_t)sent;
		memmove(qmp->out, qmp->out + sent, qmp->out_size);
	}
}

static void put(struct qmp *qmp, const char *text)
{
	size_t length = strlen(text);

	memcpy(qmp->out + qmp->out_size, text, length);
	qmp->out_size += length;
}

static void put_command(struct qmp *qmp, const char *execute, const char *arguments)
{
	unsigned id = (qmp->oldest_id + qmp->in_flight) % ID_MODULUS;

	put(qmp, "{\"execute\":\"");
	put(qmp, execute);
	put(qmp, "\",\"id\":");
	qmp->out[qmp->out_size++] = (char)('0' + id);
	if (arguments) {
		put(qmp, ",\"arguments\":");
		put(qmp, arguments);
	}
	put(qmp, "}");
}

#define COMMAND_ROOM (sizeof("{\"execute\":\"\",\"id\":0,\"arguments\":}") - 1)

static int send_command(struct qmp *qmp, const char *execute, const char *arguments,
			qmp_reply_fn reply, void *ctx)
{
	size_t size = COMMAND_ROOM + strlen(execute) + (arguments ? strlen(arguments) : 0);
	bool waited = qmp->out_size > 0;

	if (size > COMMAND_ROOM + QMP_TEXT_MAX)
		return -EMSGSIZE;
	if (qmp->in_flight == QMP_IN_FLIGHT_MAX || qmp->out_size + size > OUT_MAX)
		return -EAGAIN;
	put_command(qmp, execute, arguments);
	qmp->pending[(qmp->oldest + qmp->in_flight++) % QMP_IN_FLIGHT_MAX] =
		(struct pending){ .fn = reply, .ctx = ctx };
	flush(qmp);
	if (qmp->out_size > 0 && !waited)
		watch_for(qmp, EPOLLIN | EPOLLOUT);
	return 0;
}

int qmp_command_text(struct qmp *qmp, const char *execute, const char *arguments,
		     qmp_reply_fn reply, void *ctx)
{
	if (qmp->state != READY || qmp->gone)
		return -ENOTCONN;
	return send_command(qmp, execute, arguments, reply, ctx);
}

int qmp_command(struct qmp *qmp, const char *execute, struct json_object *arguments,
		qmp_reply_fn reply, void *ctx)
{
	const char *text = NULL;
	int rc = -ENOMEM;

	if (arguments)
		text = json_object_to_json_string_ext(arguments, JSON_C_TO_STRING_PLAIN);
	if (text || !arguments)
		rc = qmp_command_text(qmp, execute, text, reply, ctx);
	json_object_put(arguments);
	return rc;
}

/* --- in ------------------------------------------------------------------------------------ */

static void end_hostile(struct qmp *qmp, const char *what)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "the peer is not a QEMU monitor: %s", what);
	end(qmp, reason);
}

static bool read_version(struct qmp *qmp, struct json_object *greeting)
{
	struct json_object *version = json_member(json_member(greeting, "QMP"), "version");
	struct json_object *qemu = json_member(version, "qemu");
	int64_t high = json_number(json_member(qemu, "major"));
	int64_t low = json_number(json_member(qemu, "minor"));

	if (high < 1 || high > 9999 || low < 0 || low > 99)
		return false;
	qmp->version = (unsigned)(high * 100 + low);
	return true;
}

static void negotiated(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	(void)result;
	(void)ctx;
	if (error) {
		char reason[LOG_STR_MAX + 64];

		snprintf(reason, sizeof(reason), "QEMU rejected qmp_capabilities: %s", error);
		end(qmp, reason);
		return;
	}
	timer_arm(&qmp->timer, 0, 0);
	qmp->state = READY;
	qmp->ops->ready(qmp);
}

static void take_greeting(struct qmp *qmp, struct json_object *message)
{
	if (!read_version(qmp, message)) {
		end_hostile(qmp, "it sent no valid greeting");
		return;
	}
	qmp->state = NEGOTIATION;
	send_command(qmp, "qmp_capabilities", NULL, negotiated, NULL);
}

static void take_event(struct qmp *qmp, const char *name, struct json_object *message)
{
	if (qmp->state == READY && qmp->ops->event)
		qmp->ops->event(qmp, name, json_member(message, "data"));
}

/* False if it does not reply to the oldest command. */
static bool take_pending(struct qmp *qmp, struct json_object *message, struct pending *pending)
{
	if (qmp->in_flight == 0 ||
	    json_number(json_member(message, "id")) != (int64_t)qmp->oldest_id)
		return false;
	*pending = qmp->pending[qmp->oldest];
	qmp->oldest = (qmp->oldest + 1) % QMP_IN_FLIGHT_MAX;
	qmp->oldest_id = (qmp->oldest_id + 1) % ID_MODULUS;
	qmp->in_flight--;
	return true;
}

static void take_reply(struct qmp *qmp, struct json_object *message, struct json_object *error)
{
	const char *desc = json_text(json_member(error, "desc"));
	struct pending pending;
	struct log_str said;

	if (!take_pending(qmp, message, &pending)) {
		end_hostile(qmp, "it sent an unexpected reply");
		return;
	}
	said = log_str(desc[0] ? desc : "no reason given");
	if (pending.fn)
		pending.fn(qmp, error ? NULL : json_member(message, "return"),
			   error ? said.text : NULL, pending.ctx);
}

static void take_message(struct qmp *qmp, struct json_object *message)
{
	const char *event = json_text(json_member(message, "event"));
	struct json_object *error = json_member(message, "error");

	if (qmp->state == GREETING)
		take_greeting(qmp, message);
	else if (event[0])
		take_event(qmp, event, message);
	else if (error || json_member(message, "return"))
		take_reply(qmp, message, error);
	else
		end_hostile(qmp, "it sent a message that is neither a reply nor an event");
}

/* Checks the current message, of which 'used' more bytes were parsed. What is wrong, or NULL. */
static const char *find_fault(struct qmp *qmp, const char *text, size_t used)
{
	enum json_tokener_error error = json_tokener_get_error(qmp->tokener);

	qmp->message_size += used;
	qmp->values += json_count_values(text, used);
	if (qmp->message_size > JSON_SIZE_MAX)
		return "it sent a message of more than 64 KiB";
	if (qmp->values > JSON_VALUES_MAX)
		return "it sent a message of more than 1024 values";
	if (error != json_tokener_success && error != json_tokener_continue)
		return json_tokener_error_desc(error);
	return NULL;
}

/* A message ends where its JSON ends, not at a line end, so a monitor with pretty=on works, too. */
static void take_bytes(struct qmp *qmp, const char *text, size_t size)
{
	if (memchr(text, '\0', size)) {
		end_hostile(qmp, "it sent NUL bytes");
		return;
	}
	while (size > 0 && qmp->state != CLOSED && !qmp->gone) {
		struct json_object *message = json_tokener_parse_ex(qmp->tokener, text, (int)size);
		size_t used = json_tokener_get_parse_end(qmp->tokener);
		const char *fault = find_fault(qmp, text, used);

		if (fault) {
			end_hostile(qmp, fault);
		} else if (json_tokener_get_error(qmp->tokener) == json_tokener_success) {
			qmp->message_size = qmp->values = 0;
			take_message(qmp, message);
		}
		json_object_put(message);
		text += used;
		size -= used;
	}
}

static void read_socket(struct qmp *qmp)
{
	char text[READ_SIZE];
	unsigned n_fds;
	ssize_t size = peer_fd_receive(qmp->fd, text, sizeof(text), NULL, 0, &n_fds);
	char reason[128];

	if (size > 0) {
		take_bytes(qmp, text, (size_t)size);
	} else if (size == 0) {
		end(qmp, qmp->state == READY ? "QEMU closed its monitor"
					     : "QEMU closed its monitor immediately");
	} else if (size == -EBADMSG) {
		end_hostile(qmp, "it passed descriptors");
	} else if (size != -EAGAIN && size != -EINTR) {
		snprintf(reason, sizeof(reason), "cannot read from QEMU's monitor: %s",
			 strerror((int)-size));
		end(qmp, reason);
	}
}

/* --- its life ------------------------------------------------------------------------------ */

static void disconnect(struct qmp *qmp)
{
	watch_stop(&qmp->watch);
	timer_fini(&qmp->timer);
	close_later(steal_fd(&qmp->fd)); /* may close descriptors that are still unread in it */
	qmp->state = CLOSED;
	qmp->in_flight = 0;
	qmp->out_size = 0;
}

static void end(struct qmp *qmp, const char *reason)
{
	if (qmp->state == CLOSED)
		return;
	disconnect(qmp);
	qmp->ops->closed(qmp, reason);
}

static void destroy(struct qmp *qmp)
{
	json_tokener_free(qmp->tokener);
	free(qmp);
}

static void leave_callbacks(struct qmp *qmp)
{
	qmp->busy = false;
	if (qmp->gone)
		destroy(qmp);
}

static void socket_ready(struct watch *watch, uint32_t events)
{
	struct qmp *qmp = container_of(watch, struct qmp, watch);

	qmp->busy = true;
	if (events & EPOLLOUT) {
		flush(qmp);
		if (qmp->out_size == 0)
			watch_for(qmp, EPOLLIN);
	}
	if (events & ~(uint32_t)EPOLLOUT)
		read_socket(qmp);
	leave_callbacks(qmp);
}

static void time_is_up(struct timer *timer)
{
	struct qmp *qmp = container_of(timer, struct qmp, timer);

	qmp->busy = true;
	if (qmp->state == GREETING)
		end(qmp, "QEMU's monitor sends no greeting: it serves another client (QEMU serves "
			 "one at a time), or QEMU hangs");
	else if (qmp->state == NEGOTIATION)
		end(qmp, "QEMU does not answer qmp_capabilities");
	else
		end(qmp, "cannot wait for QEMU's monitor");
	leave_callbacks(qmp);
}

static bool is_admitted(const struct qmp *qmp)
{
	uid_t uid = usock_peer(qmp->fd);

	if (qmp->ops->admit)
		return qmp->ops->admit(qmp->owner, uid);
	return uid == 0 || uid == geteuid();
}

static int start(struct qmp *qmp, struct loop *loop, const char *path)
{
	int rc = path[0] ? usock_connect(path, SOCK_STREAM) : -ENOENT;

	if (rc < 0)
		return rc;
	qmp->fd = rc;
	if (!is_admitted(qmp))
		return -EPERM;
	rc = timer_init(&qmp->timer, loop, time_is_up);
	if (rc < 0)
		return rc;
	timer_arm(&qmp->timer, QMP_HANDSHAKE_MS, 0);
	return watch_start_peer(&qmp->watch, loop, qmp->fd, EPOLLIN, socket_ready);
}

int qmp_open(struct loop *loop, const char *path, const struct qmp_ops *ops, void *owner,
	     struct qmp **out)
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));
	int rc = -ENOMEM;

	*out = NULL;
	if (!qmp)
		return rc;
	qmp->ops = ops;
	qmp->owner = owner;
	qmp->fd = -1;
	qmp->tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
	if (qmp->tokener) {
		json_tokener_set_flags(qmp->tokener,
				       JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
		rc = start(qmp, loop, path);
	}
	if (rc < 0)
		qmp_close(qmp);
	else
		*out = qmp;
	return rc;
}

void qmp_close(struct qmp *qmp)
{
	if (!qmp)
		return;
	disconnect(qmp);
	qmp->gone = true;
	if (!qmp->busy)
		destroy(qmp);
}

void *qmp_owner(const struct qmp *qmp)
{
	return qmp->owner;
}

unsigned qmp_version(const struct qmp *qmp)
{
	return qmp->state == READY ? qmp->version : 0;
}

unsigned qmp_in_flight(const struct qmp *qmp)
{
	return qmp->in_flight;
}
