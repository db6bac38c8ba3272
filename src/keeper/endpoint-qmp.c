/* SPDX-License-Identifier: MIT */
/* Adapts qinput, which talks to QEMU's monitor, to an endpoint. */
#include "keeper/endpoint-qmp.h"

#include "qemu/qinput.h"
#include "base/text.h"
#include "base/util.h"

struct endpoint_qmp {
	struct endpoint endpoint;
	struct qinput *qinput;
};

static struct endpoint_qmp *to_qmp(struct endpoint *endpoint)
{
	return container_of(endpoint, struct endpoint_qmp, endpoint);
}

static void qinput_changed(struct qinput *qinput)
{
	struct endpoint_qmp *qmp = qinput_owner(qinput);

	qmp->endpoint.changed(&qmp->endpoint);
}

static const struct qinput_ops qinput_ops = { .changed = qinput_changed };

static int qmp_endpoint_open(struct endpoint *endpoint, const char **why)
{
	*why = endpoint->identity.socket_path;
	return qinput_new(endpoint->loop, endpoint->guest, endpoint->identity.socket_path,
			  &qinput_ops, to_qmp(endpoint), &to_qmp(endpoint)->qinput);
}

static void qmp_endpoint_close(struct endpoint *endpoint)
{
	qinput_free(steal_ptr(&to_qmp(endpoint)->qinput));
}

/* The guest does not depend on the connection: another keeper can open a new one. */
static bool qmp_endpoint_in_use(struct endpoint *endpoint)
{
	(void)endpoint;
	return false;
}

static void qmp_endpoint_release(struct endpoint *endpoint)
{
	qinput_release_all(to_qmp(endpoint)->qinput);
}

static void qmp_endpoint_state(struct endpoint *endpoint, struct keeper_state *state)
{
	const struct qinput *qinput = to_qmp(endpoint)->qinput;
	const struct vm *vm = qinput_vm(qinput);

	state->up = qinput_up(qinput);
	state->vm = (uint8_t)vm->state;
	state->resets = vm->resets;
	state->panics = vm->panics;
	text_print(state->why, sizeof(state->why), "%s", qinput_why(qinput));
}

static void qmp_endpoint_send(struct endpoint *endpoint, unsigned node, const struct frame *frame)
{
	(void)node;
	qinput_send(to_qmp(endpoint)->qinput, frame);
}

static const struct endpoint_ops endpoint_qmp_ops = { .open = qmp_endpoint_open,
						      .connects = true,
						      .close = qmp_endpoint_close,
						      .in_use = qmp_endpoint_in_use,
						      .release = qmp_endpoint_release,
						      .state = qmp_endpoint_state,
						      .send = qmp_endpoint_send };

struct endpoint *endpoint_qmp_new(void)
{
	struct endpoint_qmp *qmp = calloc(1, sizeof(*qmp));

	if (!qmp)
		return NULL;
	qmp->endpoint.ops = &endpoint_qmp_ops;
	return &qmp->endpoint;
}
