/* Adapts qinput, which talks to QEMU's monitor, to an end. */
#include "keeper/end-qmp.h"

#include <stdio.h>

#include "qemu/qinput.h"
#include "base/util.h"

struct end_qmp {
	struct end end;
	struct qinput *qinput;
};

static struct end_qmp *to_qmp(struct end *end)
{
	return container_of(end, struct end_qmp, end);
}

static void qinput_changed(struct qinput *qinput)
{
	struct end_qmp *qmp = qinput_owner(qinput);

	qmp->end.changed(&qmp->end);
}

static const struct qinput_ops qinput_ops = { .changed = qinput_changed };

static int qmp_end_open(struct end *end, const char **why)
{
	*why = end->identity.place;
	return qinput_new(end->loop, end->guest, end->identity.place, &qinput_ops, to_qmp(end),
			  &to_qmp(end)->qinput);
}

static void qmp_end_close(struct end *end)
{
	qinput_free(steal_ptr(&to_qmp(end)->qinput));
}

/* The guest does not depend on the connection: another keeper can open a new one. */
static bool qmp_end_in_use(struct end *end)
{
	(void)end;
	return false;
}

static void qmp_end_release(struct end *end)
{
	qinput_release_all(to_qmp(end)->qinput);
}

static void qmp_end_state(struct end *end, struct keeper_state *state)
{
	const struct qinput *qinput = to_qmp(end)->qinput;
	const struct vm *vm = qinput_vm(qinput);

	state->up = qinput_up(qinput);
	state->vm = (uint8_t)vm->state;
	state->resets = vm->resets;
	state->panics = vm->panics;
	snprintf(state->why, sizeof(state->why), "%s", qinput_why(qinput));
}

static void qmp_end_send(struct end *end, unsigned node, const struct frame *frame)
{
	(void)node;
	qinput_send(to_qmp(end)->qinput, frame);
}

static const struct end_ops end_qmp_ops = { .open = qmp_end_open,
					    .close = qmp_end_close,
					    .in_use = qmp_end_in_use,
					    .release = qmp_end_release,
					    .state = qmp_end_state,
					    .send = qmp_end_send };

struct end *end_qmp_new(void)
{
	struct end_qmp *qmp = calloc(1, sizeof(*qmp));

	if (!qmp)
		return NULL;
	qmp->end.ops = &end_qmp_ops;
	return &qmp->end;
}
