/* Finds, starts and talks to a guest's keeper. */
#include "keeper/kept.h"

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
#include "base/util.h"

/* From linux/major.h and linux/miscdevice.h; the latter is not exported to user space. */
#define EVDEV_MAJOR  13
#define UINPUT_MAJOR 10
#define UINPUT_MINOR 223

static const char no_keeper[] = "what answers at its keeper's socket is no keeper";

static void say_once(struct kept *kept, const char *why)
{
	kept->why = why;
	if (kept->told != why)
		log_limited(&kept->limit, LOG_LEVEL_WARN, "guest %s: %s", kept->guest, why);
	kept->told = why;
}

static void close_fds(struct kept *kept)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		peer_fd_close(&kept->node_fd[i]);
		peer_fd_close(&kept->guard_fd[i]);
	}
}

static void disconnect(struct kept *kept)
{
	watch_stop(&kept->watch);
	close_later(steal_fd(&kept->fd)); /* may close descriptors that are still unread in it */
	close_fds(kept);
}

/* Constant reasons are logged once, until the reason changes. */
static void try_later(struct kept *kept, const char *why)
{
	bool was_attached = kept->attached;

	disconnect(kept);
	kept->attached = kept->soon = kept->state_due = false;
	kept->state = (struct keeper_state){ 0 };
	kept->has_state = false;
	say_once(kept, why);
	timer_arm(&kept->timer, KEPT_RETRY_MS, 0);
	if (was_attached)
		kept->ops->lost(kept);
}

static void connection_lost(struct kept *kept)
{
	if (kept->attached || kept->hurries == KEPT_SOON_MAX) {
		try_later(kept, "its keeper has ended; starting another");
		return;
	}
	disconnect(kept);
	kept->soon = true;
	kept->hurries++;
	timer_arm(&kept->timer, KEPT_SOON_MS, 0);
}

/* Creates the socket here, so that connecting works at once and errors can be reported. */
static int start_keeper(const struct kept *kept, const char *path)
{
	const char *const argv[] = { "evswitch", KEEPER_OPTION, kept->guest, NULL };
	autoclose int listener = usock_listen(path, SOCK_SEQPACKET, 0600);
	int rc = listener < 0 ? listener
			      : launch(kept->loop->launcher, LAUNCH_KEEPER, argv, &listener, 1);

	if (listener >= 0 && rc < 0)
		unlink(path);
	return rc;
}

static int connect_or_start(struct kept *kept)
{
	char path[USOCK_PATH_MAX];
	int rc = keeper_path(kept->guest, path), fd;

	if (rc < 0)
		return rc;
	fd = usock_connect(path, SOCK_SEQPACKET);
	if (fd != -ENOENT && fd != -ECONNREFUSED)
		return fd;
	rc = start_keeper(kept, path);
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

static bool take_fds(struct kept *kept, const struct keeper_hello *hello, int *fds)
{
	unsigned next = 0;
	bool ok = true;

	for (unsigned i = 0; i < SHAPE_NODES; i++)
		if (hello->nodes >> i & 1)
			kept->node_fd[i] = steal_fd(&fds[next++]);
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		if (hello->guards >> i & 1)
			kept->guard_fd[i] = steal_fd(&fds[next++]);
	for (unsigned i = 0; i < SHAPE_NODES && ok; i++)
		ok = (kept->node_fd[i] < 0 || is_device(kept->node_fd[i], UINPUT_MAJOR, true)) &&
		     (kept->guard_fd[i] < 0 || is_device(kept->guard_fd[i], EVDEV_MAJOR, false));
	return ok;
}

static bool take_hello(struct kept *kept, const struct keeper_hello *hello, int *fds)
{
	if (kept->attached || !take_fds(kept, hello, fds))
		return false;
	kept->hello = *hello;
	timer_arm(&kept->timer, 0, 0);
	kept->attached = true;
	kept->why = kept->told = "";
	kept->ops->attached(kept);
	close_fds(kept);
	return true;
}

/* Ignores STATE while not attached: the keeper sent it before it received RETIRE. */
static bool take_state(struct kept *kept, const struct keeper_state *state)
{
	if (!kept->attached)
		return true;
	kept->state = *state;
	snprintf(kept->state.why, sizeof(kept->state.why), "%.255s", log_str(state->why).text);
	kept->has_state = true;
	kept->state_due = false;
	timer_arm(&kept->timer, 0, 0);
	kept->ops->changed(kept);
	return true;
}

/* False if a correct keeper would not send this. */
static bool take_message(struct kept *kept, const struct keeper_message *message, int *fds)
{
	switch (message->type) {
	case KEEPER_HELLO:
		return take_hello(kept, &message->hello, fds);
	case KEEPER_STATE:
		return take_state(kept, &message->state);
	case KEEPER_BUSY:
		try_later(kept, "another evswitch is running and has it: end that one first");
		return true;
	default:
		return false;
	}
}

static void dispatch(struct kept *kept, const struct keeper_message *message, int *fds,
		     unsigned n_fds)
{
	if (!keeper_check_fds(message, n_fds) || !take_message(kept, message, fds))
		try_later(kept, no_keeper);
}

static void connection_ready(struct watch *watch, uint32_t events)
{
	struct kept *kept = container_of(watch, struct kept, watch);
	struct keeper_message message;
	int fds[USOCK_FDS_MAX];
	unsigned n_fds;
	ssize_t size = usock_receive(kept->fd, &message, sizeof(message), fds, &n_fds);

	(void)events;
	if (size == -EAGAIN)
		return;
	if (size <= 0) {
		connection_lost(kept);
		return;
	}
	switch (keeper_check(&message, (size_t)size)) {
	case KEEPER_FITS:
		dispatch(kept, &message, fds, n_fds);
		break;
	case KEEPER_OTHER_VERSION:
		kept->rests = KEPT_OTHER_PERIODS;
		try_later(kept,
			  "it is kept by another version of evswitch: it has its devices until "
			  "the VM ends, and can be switched to after that");
		break;
	default:
		try_later(kept, no_keeper);
	}
	while (n_fds)
		peer_fd_close(&fds[--n_fds]);
}

static int connect_keeper(struct kept *kept)
{
	int rc = kept->fd = connect_or_start(kept);

	if (rc >= 0 && usock_peer(kept->fd) != geteuid())
		rc = -EPERM;
	if (rc >= 0)
		rc = watch_start_peer(&kept->watch, kept->loop, kept->fd, EPOLLIN,
				      connection_ready);
	if (rc < 0)
		close_later(steal_fd(&kept->fd));
	else
		timer_arm(&kept->timer, KEPT_HELLO_MS, 0);
	return rc < 0 ? rc : 0;
}

/*
 * A keeper whose backlog is full (-EAGAIN) is still alive and owns the guest's end: do not start
 * another.
 */
static int try_now(struct kept *kept)
{
	int rc = connect_keeper(kept);

	if (rc != -EAGAIN)
		return rc;
	try_later(kept, "its keeper does not answer");
	return 0;
}

static bool keeper_is_there(const struct kept *kept)
{
	char path[USOCK_PATH_MAX];

	return keeper_path(kept->guest, path) == 0 && access(path, F_OK) == 0;
}

static void timer_expired(struct timer *timer)
{
	struct kept *kept = container_of(timer, struct kept, timer);

	kept->soon = false;
	if (kept->rests > 0 && keeper_is_there(kept)) {
		kept->rests--;
		timer_arm(timer, KEPT_RETRY_MS, 0);
		return;
	}
	kept->rests = 0;
	if (kept->fd >= 0)
		try_later(kept, "its keeper does not answer");
	else if (try_now(kept) < 0)
		try_later(kept, "its keeper cannot be started");
}

int kept_open(struct kept *kept, struct loop *loop, const char *guest, const struct kept_ops *ops)
{
	int rc;

	*kept = (struct kept){
		.ops = ops,
		.loop = loop,
		.guest = guest,
		.fd = -1,
		.why = "its keeper starts",
	};
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		kept->node_fd[i] = kept->guard_fd[i] = -1;
	rc = timer_init(&kept->timer, loop, timer_expired);
	if (rc == 0)
		rc = try_now(kept);
	if (rc < 0)
		log_warn("guest %s: cannot start its keeper: %s", guest, strerror(-rc));
	return rc;
}

static int tell(struct kept *kept, const struct keeper_message *message, const int *fds,
		unsigned n_fds)
{
	return usock_send(kept->fd, message, sizeof(*message), fds, n_fds);
}

static int tell_type(struct kept *kept, enum keeper_type type)
{
	struct keeper_message message = keeper_message(type);

	return kept->fd < 0 ? 0 : tell(kept, &message, NULL, 0);
}

void kept_close(struct kept *kept)
{
	if (!kept->loop)
		return;
	tell_type(kept, KEEPER_BYE);
	disconnect(kept);
	timer_fini(&kept->timer);
	kept->loop = NULL;
}

bool kept_is_pending(const struct kept *kept)
{
	return kept->soon || kept->state_due || (kept->fd >= 0 && !kept->attached);
}

int kept_take_node(struct kept *kept, unsigned which)
{
	return steal_fd(&kept->node_fd[which]);
}

int kept_take_guard(struct kept *kept, unsigned which)
{
	return steal_fd(&kept->guard_fd[which]);
}

int kept_keep_node(struct kept *kept, const struct keeper_identity *identity, unsigned which,
		   const struct uinput *uinput, int guard_fd)
{
	struct keeper_message message = keeper_message(KEEPER_NODE);
	int fds[] = { uinput->fd, guard_fd };

	if (!kept->attached)
		return 0;
	message.node.identity = *identity;
	message.node.which = (uint8_t)which;
	memcpy(message.node.devnode, uinput->devnode, sizeof(message.node.devnode));
	return tell(kept, &message, fds, guard_fd < 0 ? 1 : 2);
}

int kept_drive(struct kept *kept, const struct keeper_identity *identity, const char *domain,
	       int memory_fd, int doorbell_fd)
{
	struct keeper_message message = keeper_message(KEEPER_OPEN);
	int fds[] = { memory_fd, doorbell_fd };

	if (!kept->attached)
		return -ENOTCONN;
	message.open.identity = *identity;
	snprintf(message.open.domain, sizeof(message.open.domain), "%s", domain ?: "");
	kept->state_due = true;
	timer_arm(&kept->timer, KEPT_HELLO_MS, 0);
	return tell(kept, &message, fds, 2);
}

void kept_retire(struct kept *kept)
{
	tell_type(kept, KEEPER_RETIRE);
	kept->attached = false;
	kept->why = "its keeper starts";
	timer_arm(&kept->timer, KEPT_HELLO_MS, 0);
}
