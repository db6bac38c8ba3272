/* SPDX-License-Identifier: MIT */
/* Three virtio-input devices on sockets, and who may connect to them. */
#include "keeper/endpoint-vhost.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/peer.h"
#include "base/util.h"
#include "vhost/vinput.h"

struct endpoint_vhost {
	struct endpoint endpoint;
	struct vinput *device[SHAPE_NODES];
	char path[SHAPE_NODES][USOCK_PATH_MAX];
	struct usock_trust trust;
	pid_t refused;       /* the last refused peer that was logged */
	bool refused_domain; /* a peer of another domain, and none was admitted since */
	/* For messages about admitted peers: refused ones cannot exhaust this limit. */
	struct log_limit admitted, refusals;
};

static struct endpoint_vhost *to_vhost(struct endpoint *endpoint)
{
	return container_of(endpoint, struct endpoint_vhost, endpoint);
}

static const char other_domain[] = "by its cgroup it is another VM than \"libvirt =\" names";

/* Why the peer is refused, or NULL if it is admitted. */
static const char *why_refused(const struct endpoint_vhost *vhost, const struct peer *peer)
{
	const char *domain = vhost->endpoint.domain;

	if (!usock_trusts(&vhost->trust, peer->uid))
		return "only QEMU's user, root and your own may";
	if (!domain[0])
		return NULL;
	if (peer->ended)
		return "it ended as soon as it had connected";
	return peer_domain(peer->cgroup, domain) == PEER_IN_OTHER ? other_domain : NULL;
}

/* Session libvirt gives a domain no cgroup, so a process of our own user cannot be identified. */
static const char *what_is_unknown(const struct endpoint_vhost *vhost, const struct peer *peer)
{
	if (!vhost->endpoint.domain[0] || peer->uid == geteuid() || peer->uid == 0 ||
	    peer_domain(peer->cgroup, vhost->endpoint.domain) == PEER_IN_DOMAIN)
		return "";
	return "; its cgroup does not identify its VM: for that, set \"libvirt =\" to the domain's "
	       "name, and run systemd-machined";
}

/* Reports only changes, so a peer that connects again and again causes no message. */
static void note_domain(struct endpoint_vhost *vhost, bool refused)
{
	if (vhost->refused_domain == refused)
		return;
	vhost->refused_domain = refused;
	if (refused)
		vhost->endpoint.changed(&vhost->endpoint);
}

/*
 * A peer receives keystrokes, so only our own user, root and the system's QEMU are admitted; of the
 * latter only the configured domain, if there is one.
 */
static bool admit(struct vinput *device, int fd)
{
	struct endpoint_vhost *vhost = vinput_owner(device);
	const char *guest = vhost->endpoint.guest, *why;
	struct peer peer;

	if (peer_of(fd, &peer) < 0)
		return false;
	why = why_refused(vhost, &peer);
	if (!why)
		log_limited(&vhost->admitted, LOG_LEVEL_INFO,
			    "guest %s: process %d (%s) of user %u has connected%s", guest,
			    (int)peer.pid, log_str(peer.comm).text, (unsigned)peer.uid,
			    what_is_unknown(vhost, &peer));
	else if (peer.pid != vhost->refused)
		log_limited(&vhost->refusals, LOG_LEVEL_WARN,
			    "guest %s: process %d (%s) of user %u may not connect: %s", guest,
			    (int)peer.pid, log_str(peer.comm).text, (unsigned)peer.uid, why);
	if (why)
		vhost->refused = peer.pid;
	note_domain(vhost, why == other_domain);
	return !why;
}

static void device_changed(struct vinput *device)
{
	struct endpoint_vhost *vhost = vinput_owner(device);

	vhost->endpoint.changed(&vhost->endpoint);
}

static const struct vinput_ops vinput_ops = { .admit = admit, .changed = device_changed };

/*
 * Declares what the guest's uinput node would, plus EV_REP: the guest's kernel then repeats keys.
 */
static void fill_model(struct vinput_model *model, const struct endpoint *endpoint,
		       enum shape_node which)
{
	const struct shape_rules *rules = &endpoint->identity.rules;

	*model = (struct vinput_model){ .bustype = BUS_VIRTUAL,
					.product = (uint16_t)(which + 1),
					.version = 1,
					.repeat = which != SHAPE_POINTER,
					.step_max = rules->step_max };
	snprintf(model->name, sizeof(model->name), "evswitch-%s-%s", endpoint->guest,
		 shape_node_name(which));
	for (unsigned code = 0; code < KEY_CNT; code++)
		if (shape_carries(rules, which, EV_KEY, code))
			keyset_add(&model->keys, code);
	for (unsigned code = 0; code < REL_CNT; code++)
		if (shape_carries(rules, which, EV_REL, code))
			model->rel |= 1U << code;
	if (which == SHAPE_KEYBOARD)
		model->leds = 1U << LED_NUML | 1U << LED_CAPSL | 1U << LED_SCROLLL;
}

static int open_device(struct endpoint_vhost *vhost, enum shape_node which)
{
	struct endpoint *endpoint = &vhost->endpoint;
	char *path = vhost->path[which];
	struct vinput_model model;
	int listener;

	if (snprintf(path, USOCK_PATH_MAX, "%s/%s-%s.sock", endpoint->identity.socket_path,
		     endpoint->guest, shape_node_name(which)) >= USOCK_PATH_MAX)
		return -ENAMETOOLONG;
	fill_model(&model, endpoint, which);
	/* The directory's mode restricts who can connect, and 'admit' checks the peer. */
	listener = usock_listen(path, SOCK_STREAM, 0666);
	if (listener < 0)
		return listener;
	return vinput_new(endpoint->loop, listener, &model, &vinput_ops, vhost,
			  &vhost->device[which]);
}

static int vhost_open(struct endpoint *endpoint, const char **why)
{
	struct endpoint_vhost *vhost = to_vhost(endpoint);
	int rc = 0;

	usock_trust_init(&vhost->trust);
	for (unsigned i = 0; i < SHAPE_NODES && rc == 0; i++) {
		rc = open_device(vhost, i);
		if (rc < 0)
			*why = vhost->path[i];
		else
			log_info("guest %s: %s is %s", endpoint->guest, shape_node_name(i),
				 log_str(vhost->path[i]).text);
	}
	return rc;
}

static void vhost_close(struct endpoint *endpoint)
{
	struct endpoint_vhost *vhost = to_vhost(endpoint);

	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		if (!vhost->device[i])
			continue;
		unlink(vhost->path[i]);
		vinput_free(steal_ptr(&vhost->device[i]));
	}
}

static bool vhost_in_use(struct endpoint *endpoint)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		if (to_vhost(endpoint)->device[i] &&
		    vinput_connected(to_vhost(endpoint)->device[i]))
			return true;
	return false;
}

static void vhost_release(struct endpoint *endpoint)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		if (to_vhost(endpoint)->device[i])
			vinput_release_all(to_vhost(endpoint)->device[i]);
}

static void vhost_state(struct endpoint *endpoint, struct keeper_state *state)
{
	const struct endpoint_vhost *vhost = to_vhost(endpoint);
	const struct vinput *keyboard = vhost->device[SHAPE_KEYBOARD];

	state->up = vinput_up(keyboard) || vinput_up(vhost->device[SHAPE_POINTER]);
	state->leds = vinput_leds(keyboard);
	state->leds_known = vinput_leds_known(keyboard);
	state->other_domain = vhost->refused_domain && !vhost_in_use(endpoint);
	snprintf(state->why, sizeof(state->why), "%s", state->up ? "" : vinput_why(keyboard));
}

static void vhost_send(struct endpoint *endpoint, unsigned node, const struct frame *frame)
{
	vinput_send(to_vhost(endpoint)->device[node], frame);
}

static const struct endpoint_ops endpoint_vhost_ops = { .open = vhost_open,
							.listens = true,
							.close = vhost_close,
							.in_use = vhost_in_use,
							.release = vhost_release,
							.state = vhost_state,
							.send = vhost_send };

struct endpoint *endpoint_vhost_new(void)
{
	struct endpoint_vhost *vhost = calloc(1, sizeof(*vhost));

	if (!vhost)
		return NULL;
	vhost->endpoint.ops = &endpoint_vhost_ops;
	return &vhost->endpoint;
}
