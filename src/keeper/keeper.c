/* SPDX-License-Identifier: MIT */
/* The keeper process: its daemon connection, its endpoint, and when it exits. */
#include "keeper/keeper.h"

#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>

#include "keeper/confinement.h"
#include "keeper/endpoint-nodes.h"
#include "keeper/evring.h"
#include "launch/launch.h"
#include "base/listener.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

/* Limits a turn, so that the loop handles the guest's own messages in between. */
#define FRAMES_PER_TURN 256
/* Checks before the last one, while waiting for a daemon. */
#define PATIENCE (KEEPER_WAIT_MS / KEEPER_LOOK_MS - 1)

struct keeper {
	struct loop loop;
	const char *guest;
	endpoint_find_fn find_endpoint;
	char path[USOCK_PATH_MAX];
	int listener_fd, daemon_fd; /* -1: none */
	bool is_confined;
	bool has_daemon; /* the client has sent NODE or OPEN; else it only queries */
	struct listener listener;
	struct watch daemon;
	struct timer look; /* while there is no daemon: checks whether the endpoint is in use */
	unsigned patience; /* checks left before the keeper exits if the endpoint is not in use */
	struct log_limit limit;
	bool quit;
	bool state_due; /* not sent yet: the daemon's socket was full */
	struct keeper_state state;
	struct evring ring;
	bool frames_left; /* in the ring, after FRAMES_PER_TURN of them */
	struct endpoint_nodes nodes;
	struct endpoint *endpoint; /* driven by the keeper; NULL: 'nodes' is the endpoint */
};

static struct endpoint *endpoint_of(struct keeper *keeper)
{
	return keeper->endpoint ? keeper->endpoint : &keeper->nodes.endpoint;
}

/* --- the endpoint's state --------------------------------------------------------------------- */

static void watch_daemon(struct keeper *keeper, uint32_t events);
static void daemon_gone(struct keeper *keeper, bool in_good_order);

static void send_state(struct keeper *keeper)
{
	struct keeper_message message = keeper_message(KEEPER_STATE);
	bool was_due = keeper->state_due;

	message.state = keeper->state;
	keeper->state_due =
		usock_send(keeper->daemon_fd, &message, sizeof(message), NULL, 0) == -EAGAIN;
	if (keeper->state_due != was_due)
		watch_daemon(keeper, keeper->state_due ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void update_state(struct keeper *keeper)
{
	struct keeper_state state = { .generation = keeper->state.generation };

	keeper->endpoint->ops->state(keeper->endpoint, &state);
	state.in_use = keeper->endpoint->ops->in_use(keeper->endpoint);
	if (state.up && !keeper->state.up)
		state.generation++;
	keeper->state = state;
	if (keeper->has_daemon)
		send_state(keeper);
}

static void endpoint_changed(struct endpoint *endpoint)
{
	update_state(container_of(endpoint->loop, struct keeper, loop));
}

/* --- frames ----------------------------------------------------------------------------------- */

/* The daemon is not trusted: checks what an endpoint assumes about a frame. */
static bool frame_ok(const struct frame *frame)
{
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		if (ev->type == EV_KEY ? ev->code >= KEY_CNT || ev->value < 0 || ev->value > 2
				       : ev->type != EV_REL || ev->code >= REL_CNT)
			return false;
	}
	return true;
}

static void deliver(struct keeper *keeper, const struct evring_frame *in)
{
	if (in->release)
		keeper->endpoint->ops->release(keeper->endpoint);
	/*
	 * Drop frames from before the guest went down and up: the guest has forgotten those keys.
	 */
	if (in->generation == keeper->state.generation && in->node < SHAPE_NODES &&
	    frame_ok(&in->frame))
		keeper->endpoint->ops->send(keeper->endpoint, in->node, &in->frame);
}

/* False if frames are left in the ring. */
static bool take_frames(struct keeper *keeper)
{
	struct evring_frame in;

	for (unsigned n = 0; n < FRAMES_PER_TURN; n++) {
		if (!evring_pop(&keeper->ring, &in)) {
			if (evring_take_release(&keeper->ring))
				keeper->endpoint->ops->release(keeper->endpoint);
			return true;
		}
		deliver(keeper, &in);
	}
	return false;
}

static void close_ring(struct keeper *keeper)
{
	evring_close(&keeper->ring);
	keeper->frames_left = false;
}

static int open_ring(struct keeper *keeper, int *fds)
{
	int rc;

	close_ring(keeper);
	rc = evring_attach(&keeper->ring, steal_fd(&fds[0]), steal_fd(&fds[1]));
	if (rc == 0)
		rc = evring_join(&keeper->ring, keeper->loop.epoll_fd);
	if (rc < 0)
		close_ring(keeper);
	else
		keeper->frames_left = true; /* the bell may have rung before the join */
	return rc;
}

/* --- the daemon ------------------------------------------------------------------------------- */

static void stop_keeping(struct keeper *keeper)
{
	/* Unlink before closing: a daemon that finds no socket starts a new keeper. */
	if (keeper->listener_fd >= 0)
		unlink(keeper->path);
	listener_stop(&keeper->listener);
	close_fd(&keeper->listener_fd);
	keeper->quit = true;
}

static void end_if_unused(struct keeper *keeper)
{
	if (endpoint_of(keeper)->ops->in_use(endpoint_of(keeper)))
		return;
	if (keeper->patience == 0)
		stop_keeping(keeper);
	else
		keeper->patience--;
}

static void look(struct timer *timer)
{
	end_if_unused(container_of(timer, struct keeper, look));
}

static void disconnect(struct keeper *keeper)
{
	watch_stop(&keeper->daemon);
	close_fd(&keeper->daemon_fd);
	keeper->state_due = keeper->has_daemon = false; /* the next connection starts afresh */
}

static void daemon_gone(struct keeper *keeper, bool in_good_order)
{
	bool was_daemon = keeper->has_daemon;

	disconnect(keeper);
	if (!was_daemon)
		return;
	/* First deliver what the daemon pushed before it ended. */
	if (keeper->ring.memory)
		take_frames(keeper);
	close_ring(keeper);
	endpoint_of(keeper)->ops->release(endpoint_of(keeper));
	keeper->patience = in_good_order ? 0 : PATIENCE;
	timer_arm(&keeper->look, KEEPER_LOOK_MS, KEEPER_LOOK_MS);
	/* An endpoint driven here may still be sending, so give it time. */
	if (in_good_order && !keeper->endpoint)
		end_if_unused(keeper);
}

/* The endpoint is there. No guest has been able to send anything yet. */
static void confine(struct keeper *keeper)
{
	struct endpoint *endpoint = endpoint_of(keeper);
	char dir[USOCK_PATH_MAX];
	struct confinement confinement = { .keeper_dir = dirname(strcpy(dir, keeper->path)),
					   .connects = endpoint->ops->connects };

	if (keeper->is_confined)
		return;
	keeper->is_confined = true;
	if (endpoint->ops->listens)
		confinement.socket_dir = endpoint->identity.socket_path;
	keeper_confine(&confinement, keeper->guest);
}

/* The client has sent its first valid NODE or OPEN. */
static void daemon_came(struct keeper *keeper)
{
	keeper->has_daemon = true;
	timer_arm(&keeper->look, 0, 0);
}

static void refuse(struct keeper *keeper, int fd)
{
	struct keeper_message busy = keeper_message(KEEPER_BUSY);

	log_limited(&keeper->limit, LOG_LEVEL_DEBUG, "guest %s: a second daemon connected",
		    keeper->guest);
	usock_send(fd, &busy, sizeof(busy), NULL, 0);
}

static int say_hello(struct keeper *keeper)
{
	struct keeper_message message = keeper_message(KEEPER_HELLO);
	struct endpoint *endpoint = endpoint_of(keeper);
	int fds[USOCK_FDS_MAX];
	unsigned n = 0;

	message.hello.identity = endpoint->identity;
	message.hello.in_use = endpoint->ops->in_use(endpoint);
	if (!keeper->endpoint)
		n = endpoint_nodes_describe(&keeper->nodes, &message.hello, fds);
	return usock_send(keeper->daemon_fd, &message, sizeof(message), fds, n);
}

/*
 * False if the endpoint cannot be created: a STATE then explains why, and the daemon may try again.
 */
static bool make_endpoint(struct keeper *keeper, const struct keeper_open *open,
			  endpoint_new_fn new_endpoint)
{
	const char *what = open->identity.via;
	struct endpoint *endpoint = new_endpoint();
	int rc = -ENOMEM;

	if (endpoint) {
		endpoint->loop = &keeper->loop;
		endpoint->guest = keeper->guest;
		endpoint->identity = open->identity;
		endpoint->changed = endpoint_changed;
		rc = endpoint->ops->open(endpoint, &what);
	}
	if (rc == 0) {
		keeper->endpoint = endpoint;
		confine(keeper);
		return true;
	}
	text_print(keeper->state.why, sizeof(keeper->state.why), "%s: %s", log_str(what).text,
		   strerror(-rc));
	log_limited(&keeper->limit, LOG_LEVEL_ERROR, "guest %s: %s", keeper->guest,
		    keeper->state.why);
	if (endpoint)
		endpoint->ops->close(endpoint);
	free(endpoint);
	return false;
}

/*
 * Refuses a different endpoint: a daemon compares HELLO with what it wants, and would send RETIRE.
 */
static bool take_open(struct keeper *keeper, const struct keeper_open *open, int *fds)
{
	const struct keeper_identity *identity = &open->identity;
	endpoint_new_fn new_endpoint = keeper->find_endpoint(identity->via);

	if (!new_endpoint || keeper->nodes.endpoint.identity.via[0] ||
	    (keeper->endpoint && !keeper_same(&keeper->endpoint->identity, identity)) ||
	    open_ring(keeper, fds) < 0)
		return false;
	daemon_came(keeper);
	if (!keeper->endpoint && !make_endpoint(keeper, open, new_endpoint)) {
		close_ring(keeper);
		send_state(keeper);
		return true;
	}
	memcpy(keeper->endpoint->domain, open->domain, sizeof(open->domain));
	update_state(keeper);
	return true;
}

static bool take_node(struct keeper *keeper, const struct keeper_node *message, int *fds,
		      unsigned n_fds)
{
	if (keeper->endpoint || !endpoint_nodes_take(&keeper->nodes, message, steal_fd(&fds[0]),
						     n_fds > 1 ? steal_fd(&fds[1]) : -1))
		return false;
	confine(keeper);
	daemon_came(keeper);
	return true;
}

/* False if a correct daemon would not send this. */
static bool take_message(struct keeper *keeper, const struct keeper_message *message, int *fds,
			 unsigned n_fds)
{
	switch (message->type) {
	case KEEPER_NODE:
		return take_node(keeper, &message->node, fds, n_fds);
	case KEEPER_OPEN:
		return take_open(keeper, &message->open, fds);
	case KEEPER_RETIRE:
		stop_keeping(keeper);
		return true;
	case KEEPER_BYE:
		daemon_gone(keeper, true);
		return true;
	default:
		return false;
	}
}

static void daemon_ready(struct watch *watch, uint32_t events)
{
	struct keeper *keeper = container_of(watch, struct keeper, daemon);
	struct keeper_message message;
	int fds[USOCK_FDS_MAX];
	unsigned n_fds = 0;
	ssize_t size;

	if (keeper->state_due && events & EPOLLOUT)
		send_state(keeper);
	size = usock_receive(keeper->daemon_fd, &message, sizeof(message), fds, &n_fds);
	if (size == -EAGAIN)
		return;
	if (size <= 0 || keeper_check(&message, (size_t)size) != KEEPER_FITS ||
	    !keeper_check_fds(&message, n_fds) || !take_message(keeper, &message, fds, n_fds))
		daemon_gone(keeper, false);
	while (n_fds)
		close_fd(&fds[--n_fds]);
}

static void watch_daemon(struct keeper *keeper, uint32_t events)
{
	watch_stop(&keeper->daemon);
	if (watch_start(&keeper->daemon, &keeper->loop, keeper->daemon_fd, events, daemon_ready) <
	    0)
		daemon_gone(keeper, false);
}

/* Makes room for a new daemon if the old one is gone but its last messages are still unread. */
static void see_off(struct keeper *keeper)
{
	struct pollfd daemon = { .fd = keeper->daemon_fd };

	while (keeper->daemon_fd >= 0 && poll(&daemon, 1, 0) == 1 && daemon.revents & POLLHUP)
		daemon_ready(&keeper->daemon, EPOLLIN);
}

static void connected(struct listener *listener, int accepted)
{
	struct keeper *keeper = container_of(listener, struct keeper, listener);
	autoclose int fd = accepted;

	if (usock_peer(fd) != geteuid() && usock_peer(fd) != 0)
		return;
	see_off(keeper);
	if (keeper->quit)
		return;
	if (keeper->daemon_fd >= 0) {
		refuse(keeper, fd);
		return;
	}
	keeper->daemon_fd = steal_fd(&fd);
	if (say_hello(keeper) < 0)
		daemon_gone(keeper, false);
	else
		watch_daemon(keeper, EPOLLIN);
}

/* --- start and end ---------------------------------------------------------------------------- */

static int start(struct keeper *keeper)
{
	int rc = keeper_path(keeper->guest, keeper->path);

	if (rc == 0)
		rc = loop_init(&keeper->loop);
	if (rc == 0)
		rc = timer_init(&keeper->look, &keeper->loop, look);
	if (rc == 0)
		rc = listener_start(&keeper->listener, &keeper->loop, keeper->listener_fd,
				    keeper->path, connected);
	keeper->patience = PATIENCE;
	if (rc == 0)
		timer_arm(&keeper->look, KEEPER_LOOK_MS, KEEPER_LOOK_MS);
	return rc;
}

static void stop(struct keeper *keeper)
{
	close_ring(keeper);
	if (keeper->endpoint)
		keeper->endpoint->ops->close(keeper->endpoint);
	free(keeper->endpoint);
	keeper->nodes.endpoint.ops->close(&keeper->nodes.endpoint);
	listener_stop(&keeper->listener);
	watch_stop(&keeper->daemon);
	close_fd(&keeper->daemon_fd);
	timer_fini(&keeper->look);
	loop_fini(&keeper->loop);
}

/* Waits at the doorbell rather than in the loop, so that frames take the shortest path. */
static int turn(struct keeper *keeper)
{
	bool loop_ready;
	int rc;

	if (!keeper->ring.memory)
		return loop_turn(&keeper->loop, -1);
	rc = evring_wait(&keeper->ring, keeper->frames_left ? 0 : -1, &loop_ready);
	if (rc < 0)
		daemon_gone(keeper, false);
	else
		keeper->frames_left = !take_frames(keeper);
	return loop_ready ? loop_turn(&keeper->loop, 0) : 0;
}

int keeper_run(const char *guest, endpoint_find_fn find_endpoint)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	socklen_t size = sizeof(int);
	int listens = 0;
	int rc;

	if (!keeper)
		return EX_OSERR;
	if (getsockopt(LAUNCH_LISTENER_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 ||
	    !listens) {
		log_error(KEEPER_OPTION " is internal: evswitch starts keepers itself");
		free(keeper);
		return EX_USAGE;
	}
	/*
	 * Not "evswitch": pkill evswitch must not end keepers, and with them their guests' input.
	 */
	prctl(PR_SET_NAME, "evs-keeper");
	/* Keystrokes pass through here: no core dumps, no ptrace by the user's other programs. */
	prctl(PR_SET_DUMPABLE, 0);
	close_range(LAUNCH_LISTENER_FD + 1, ~0U, 0);
	signal(SIGPIPE, SIG_IGN);
	log_start();
	*keeper = (struct keeper){ .guest = guest,
				   .find_endpoint = find_endpoint,
				   .loop.epoll_fd = -1,
				   .listener_fd = LAUNCH_LISTENER_FD,
				   .daemon_fd = -1,
				   .ring = EVRING_INIT };
	endpoint_nodes_init(&keeper->nodes);
	rc = start(keeper);
	while (rc == 0 && !keeper->quit)
		rc = turn(keeper);
	if (rc < 0)
		log_error("guest %s: its keeper ends: %s", guest, strerror(-rc));
	stop(keeper);
	free(keeper);
	log_stop();
	return rc < 0 ? EX_OSERR : EX_OK;
}
