/* SPDX-License-Identifier: MIT */
/* Three virtio-input devices on sockets, and who may connect to them. */
#include "keeper/endpoint-vhost.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/admission.h"
#include "base/log.h"
#include "base/util.h"
#include "vhost/vinput.h"

struct endpoint_vhost {
	struct endpoint endpoint;
	struct vinput *device[SHAPE_NODES];
	char path[SHAPE_NODES][USOCK_PATH_MAX];
	struct admission admission;
};

static struct endpoint_vhost *to_vhost(struct endpoint *endpoint)
{
	return container_of(endpoint, struct endpoint_vhost, endpoint);
}

/* A peer receives keystrokes. Only a change is reported, so one that connects again and again causes none. */
static bool admit(struct vinput *device, int fd)
{
	struct endpoint_vhost *vhost = vinput_owner(device);
	bool before = vhost->admission.refused_domain;
	bool admitted = admission_admits(&vhost->admission, fd, vhost->endpoint.guest,
					 vhost->endpoint.domain);

	if (vhost->admission.refused_domain != before)
		vhost->endpoint.changed(&vhost->endpoint);
	return admitted;
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

	admission_init(&vhost->admission);
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
	state->other_domain = vhost->admission.refused_domain && !vhost_in_use(endpoint);
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
