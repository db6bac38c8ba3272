/* SPDX-License-Identifier: MIT */
/* Finds, starts and talks to a guest's keeper. */
#include "keeper/keeper-client.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/closer.h"
#include "launch/launch.h"
#include "base/log.h"
#include "base/peer-fd.h"
#include "base/text.h"
#include "base/util.h"

/* From linux/major.h and linux/miscdevice.h; the latter is not exported to user space. */
#define EVDEV_MAJOR  13
#define UINPUT_MAJOR 10
#define UINPUT_MINOR 223

static const char no_keeper[] = "the process at its keeper's socket is not a keeper";
static const char not_taken[] = "what its keeper has could not be taken over; trying again";
static const char no_room[] = "out of descriptors (the limit is LimitNOFILE= of the service, or "
			      "ulimit -n): its keeper cannot pass what it has; trying again";

static void say_once(struct keeper_client *keeper, const char *why)
{
	keeper->why = why;
	if (keeper->told != why)
		log_limited(&keeper->limit, LOG_LEVEL_WARN, "guest %s: %s", keeper->guest, why);
	keeper->told = why;
}

static void close_fds(struct keeper_client *keeper)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		peer_fd_close(&keeper->node_fd[i]);
		peer_fd_close(&keeper->guard_fd[i]);
	}
}

static void disconnect(struct keeper_client *keeper)
{
	watch_stop(&keeper->watch);
	close_later(steal_fd(&keeper->fd)); /* may close descriptors that are still unread in it */
	close_fds(keeper);
}

/* Constant reasons are logged once, until the reason changes. */
static void try_later(struct keeper_client *keeper, const char *why)
{
	bool was_attached = keeper->attached;

	disconnect(keeper);
	keeper->attached = keeper->soon = keeper->state_due = false;
	keeper->state = (struct keeper_state){ 0 };
	keeper->has_state = keeper->other = false;
	say_once(keeper, why);
	timer_arm(&keeper->timer, KEEPER_CLIENT_RETRY_MS, 0);
	if (was_attached)
		keeper->ops->lost(keeper);
}

static void connection_lost(struct keeper_client *keeper)
{
	if (keeper->attached || keeper->hurries == KEEPER_CLIENT_SOON_MAX) {
		try_later(keeper, "its keeper has ended; starting another");
		return;
	}
	disconnect(keeper);
	keeper->soon = true;
	keeper->hurries++;
	timer_arm(&keeper->timer, KEEPER_CLIENT_SOON_MS, 0);
}

/* Creates the socket here, so that connecting works at once and errors can be reported. */
static int start_keeper(const struct keeper_client *keeper, const char *path)
{
	const char *const argv[] = { "evswitch", KEEPER_OPTION, keeper->guest, NULL };
	autoclose int listener = usock_listen(path, SOCK_SEQPACKET, 0600);
	int rc = listener < 0 ? listener
			      : launch(keeper->loop->launcher, LAUNCH_KEEPER, argv, &listener, 1);

	if (listener >= 0 && rc < 0)
		unlink(path);
	return rc;
}

static int connect_or_start(struct keeper_client *keeper)
{
	char path[USOCK_PATH_MAX];
	int rc = keeper_path(keeper->guest, path), fd;

	if (rc < 0)
		return rc;
	fd = usock_connect(path, SOCK_SEQPACKET);
	if (fd != -ENOENT && fd != -ECONNREFUSED)
		return fd;
	rc = start_keeper(keeper, path);
	return rc < 0 && rc != -EADDRINUSE ? rc : usock_connect(path, SOCK_SEQPACKET);
}

/*
 * Frames are written to these descriptors and guards are read, and only genuine devices never block
 * that. AT_STATX_DONT_SYNC: without it, a FUSE file system could block this check.
 */
static bool is_device(int fd, unsigned major, bool is_uinput)
{
	struct statx status;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) == 0 &&
	       S_ISCHR(status.stx_mode) && status.stx_rdev_major == major &&
	       (!is_uinput || status.stx_rdev_minor == UINPUT_MINOR);
}

static bool take_fds(struct keeper_client *keeper, const struct keeper_hello *hello, int *fds)
{
	unsigned next = 0;
	bool ok = true;

	for (unsigned i = 0; i < SHAPE_NODES; i++)
		if (hello->nodes >> i & 1)
			keeper->node_fd[i] = steal_fd(&fds[next++]);
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		if (hello->guards >> i & 1)
			keeper->guard_fd[i] = steal_fd(&fds[next++]);
	for (unsigned i = 0; i < SHAPE_NODES && ok; i++)
		ok = (keeper->node_fd[i] < 0 ||
		      is_device(keeper->node_fd[i], UINPUT_MAJOR, true)) &&
		     (keeper->guard_fd[i] < 0 ||
		      is_device(keeper->guard_fd[i], EVDEV_MAJOR, false));
	return ok;
}

static bool take_hello(struct keeper_client *keeper, const struct keeper_hello *hello, int *fds)
{
	if (keeper->attached || !take_fds(keeper, hello, fds))
		return false;
	keeper->hello = *hello;
	timer_arm(&keeper->timer, 0, 0);
	keeper->attached = true;
	keeper->why = keeper->told = "";
	keeper->other = false;
	keeper->ops->attached(keeper);
	close_fds(keeper);
	return true;
}

/* Ignores STATE while not attached: the keeper sent it before it received RETIRE. */
static bool take_state(struct keeper_client *keeper, const struct keeper_state *state)
{
	if (!keeper->attached)
		return true;
	keeper->state = *state;
	text_print(keeper->state.why, sizeof(keeper->state.why), "%s", log_str(state->why).text);
	keeper->has_state = true;
	keeper->state_due = false;
	timer_arm(&keeper->timer, 0, 0);
	keeper->ops->changed(keeper);
	return true;
}

/* False if a correct keeper would not send this. */
static bool take_message(struct keeper_client *keeper, const struct keeper_message *message,
			 int *fds)
{
	switch (message->type) {
	case KEEPER_HELLO:
		return take_hello(keeper, &message->hello, fds);
	case KEEPER_STATE:
		return take_state(keeper, &message->state);
	case KEEPER_BUSY:
		try_later(keeper, "another evswitch is running and uses it: stop that one first");
		keeper->other = true;
		return true;
	default:
		return false;
	}
}

static void dispatch(struct keeper_client *keeper, const struct keeper_message *message, int *fds,
		     unsigned n_fds)
{
	if (!keeper_check_fds(message, n_fds) || !take_message(keeper, message, fds))
		try_later(keeper, no_keeper);
}

static void connection_ready(struct watch *watch, uint32_t events)
{
	struct keeper_client *keeper = container_of(watch, struct keeper_client, watch);
	struct keeper_message message;
	int fds[USOCK_FDS_MAX];
	unsigned n_fds;
	ssize_t size = usock_receive(keeper->fd, &message, sizeof(message), fds, &n_fds);

	(void)events;
	if (size == -EAGAIN)
		return;
	if (size == -EMSGSIZE) {
		try_later(keeper, no_room);
		return;
	}
	if (size <= 0) {
		connection_lost(keeper);
		return;
	}
	switch (keeper_check(&message, (size_t)size)) {
	case KEEPER_FITS:
		dispatch(keeper, &message, fds, n_fds);
		break;
	case KEEPER_OTHER_VERSION:
		keeper->rests = KEEPER_CLIENT_OTHER_PERIODS;
		try_later(
			keeper,
			"its keeper is from another version of evswitch: the VM keeps its devices "
			"until it ends; only then can it have the focus");
		keeper->other = true;
		break;
	default:
		try_later(keeper, no_keeper);
	}
	while (n_fds)
		peer_fd_close(&fds[--n_fds]);
}

static int connect_keeper(struct keeper_client *keeper)
{
	int rc = keeper->fd = connect_or_start(keeper);

	if (rc >= 0 && usock_peer(keeper->fd) != geteuid())
		rc = -EPERM;
	if (rc >= 0)
		rc = watch_start_peer(&keeper->watch, keeper->loop, keeper->fd, EPOLLIN,
				      connection_ready);
	if (rc < 0)
		close_later(steal_fd(&keeper->fd));
	else
		timer_arm(&keeper->timer, KEEPER_CLIENT_HELLO_MS, 0);
	return rc < 0 ? rc : 0;
}

/*
 * A keeper whose backlog is full (-EAGAIN) is still alive and owns the guest's endpoint: do not
 * start another.
 */
static int try_now(struct keeper_client *keeper)
{
	int rc = connect_keeper(keeper);

	if (rc != -EAGAIN)
		return rc;
	try_later(keeper, "its keeper does not answer");
	return 0;
}

static bool keeper_is_there(const struct keeper_client *keeper)
{
	char path[USOCK_PATH_MAX];

	return keeper_path(keeper->guest, path) == 0 && access(path, F_OK) == 0;
}

static void timer_expired(struct timer *timer)
{
	struct keeper_client *keeper = container_of(timer, struct keeper_client, timer);

	keeper->soon = false;
	if (keeper->rests > 0 && keeper_is_there(keeper)) {
		keeper->rests--;
		timer_arm(timer, KEEPER_CLIENT_RETRY_MS, 0);
		return;
	}
	keeper->rests = 0;
	if (keeper->fd >= 0)
		try_later(keeper, "its keeper does not answer");
	else if (try_now(keeper) < 0)
		try_later(keeper, "its keeper cannot be started");
}

int keeper_client_open(struct keeper_client *keeper, struct loop *loop, const char *guest,
		       const struct keeper_client_ops *ops)
{
	int rc;

	*keeper = (struct keeper_client){
		.ops = ops,
		.loop = loop,
		.guest = guest,
		.fd = -1,
		.why = "its keeper is starting",
	};
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		keeper->node_fd[i] = keeper->guard_fd[i] = -1;
	rc = timer_init(&keeper->timer, loop, timer_expired);
	if (rc == 0)
		rc = try_now(keeper);
	if (rc < 0)
		log_warn("guest %s: cannot start its keeper: %s", guest, strerror(-rc));
	return rc;
}

static int tell(struct keeper_client *keeper, const struct keeper_message *message, const int *fds,
		unsigned n_fds)
{
	return usock_send(keeper->fd, message, sizeof(*message), fds, n_fds);
}

static int tell_type(struct keeper_client *keeper, enum keeper_type type)
{
	struct keeper_message message = keeper_message(type);

	return keeper->fd < 0 ? 0 : tell(keeper, &message, NULL, 0);
}

void keeper_client_close(struct keeper_client *keeper)
{
	if (!keeper->loop)
		return;
	tell_type(keeper, KEEPER_BYE);
	disconnect(keeper);
	timer_fini(&keeper->timer);
	keeper->loop = NULL;
}

bool keeper_client_is_pending(const struct keeper_client *keeper)
{
	return keeper->soon || keeper->state_due || (keeper->fd >= 0 && !keeper->attached);
}

int keeper_client_take_node(struct keeper_client *keeper, unsigned which)
{
	return steal_fd(&keeper->node_fd[which]);
}

int keeper_client_take_guard(struct keeper_client *keeper, unsigned which)
{
	return steal_fd(&keeper->guard_fd[which]);
}

int keeper_client_keep_node(struct keeper_client *keeper, const struct keeper_identity *identity,
			    unsigned which, const struct uinput *uinput, int guard_fd)
{
	struct keeper_message message = keeper_message(KEEPER_NODE);
	int fds[] = { uinput->fd, guard_fd };

	if (!keeper->attached)
		return 0;
	message.node.identity = *identity;
	message.node.which = (uint8_t)which;
	memcpy(message.node.devnode, uinput->devnode, sizeof(message.node.devnode));
	return tell(keeper, &message, fds, guard_fd < 0 ? 1 : 2);
}

int keeper_client_drive(struct keeper_client *keeper, const struct keeper_identity *identity,
			const char *domain, int memory_fd, int doorbell_fd)
{
	struct keeper_message message = keeper_message(KEEPER_OPEN);
	int fds[] = { memory_fd, doorbell_fd };

	if (!keeper->attached)
		return -ENOTCONN;
	message.open.identity = *identity;
	snprintf(message.open.domain, sizeof(message.open.domain), "%s", domain ?: "");
	keeper->state_due = true;
	timer_arm(&keeper->timer, KEEPER_CLIENT_HELLO_MS, 0);
	return tell(keeper, &message, fds, 2);
}

void keeper_client_restart(struct keeper_client *keeper)
{
	if (!keeper->attached)
		return;
	keeper->told = not_taken; /* the caller has logged why */
	try_later(keeper, not_taken);
}

void keeper_client_retire(struct keeper_client *keeper)
{
	tell_type(keeper, KEEPER_RETIRE);
	keeper->attached = false;
	keeper->why = "its keeper is starting";
	timer_arm(&keeper->timer, KEEPER_CLIENT_HELLO_MS, 0);
}
