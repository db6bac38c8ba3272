/* SPDX-License-Identifier: MIT */
/* Makes plans and carries them out step by step; undoes them if a step fails. */
#include "qemu/attach.h"

#include <stdio.h>
#include <string.h>

#include "qemu/attach-steps.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

/* Of the reason in words that also name what QEMU keeps. */
#define WHY_SIZE 201

/* --- plans --------------------------------------------------------------------------------- */

static void plan(struct attach *attach, enum attach_op op, enum shape_node node)
{
	attach->plan[attach->n_steps++] = (struct attach_step){ op, node };
}

static void plan_each(struct attach *attach, enum attach_op op, unsigned nodes)
{
	for (enum shape_node node = 0; node < SHAPE_NODES; node++)
		if (nodes & (1u << node))
			plan(attach, op, node);
}

/* Over QEMU's monitor. */
static const struct {
	enum attach_op add, remove;
} part_ops[] = {
	[QEMU_CHARDEV] = { ATTACH_CHARDEV_ADD, ATTACH_CHARDEV_REMOVE },
	[QEMU_OBJECT] = { ATTACH_OBJECT_ADD, ATTACH_OBJECT_DEL },
	[QEMU_DEVICE] = { ATTACH_DEVICE_ADD, ATTACH_DEVICE_DEL },
};

static void plan_add(struct attach *attach)
{
	const enum qemu_part *parts = attach->channel->parts;

	attach->n_steps = attach->step = 0;
	if (attach->guest->libvirt) {
		plan_each(attach, ATTACH_VIRSH_ATTACH, QEMU_EACH_NODE);
		return;
	}
	if (qemu_has(attach->channel, QEMU_DEVICE)) {
		plan(attach, ATTACH_MACHINE, 0);
		plan(attach, ATTACH_PORTS, 0);
		plan(attach, ATTACH_FREE_PORTS, 0);
	}
	for (enum shape_node node = 0; node < SHAPE_NODES; node++)
		for (unsigned i = 0; i < QEMU_PARTS_MAX && parts[i]; i++)
			plan(attach, part_ops[parts[i]].add, node);
}

/* Last part first: QEMU aborts if a device loses its chardev, so remove that after the device. */
static void plan_remove(struct attach *attach, unsigned nodes, unsigned chardevs)
{
	attach->n_steps = attach->step = 0;
	attach->gone = QEMU_EACH_NODE & ~nodes;
	attach->looked = 0;
	if (attach->guest->libvirt) {
		plan_each(attach, ATTACH_VIRSH_DETACH, nodes);
		if (nodes)
			plan(attach, ATTACH_VIRSH_GONE, 0);
		return;
	}
	for (unsigned i = QEMU_PARTS_MAX; i-- > 0;) {
		enum qemu_part part = attach->channel->parts[i];

		if (part)
			plan_each(attach, part_ops[part].remove,
				  part == QEMU_CHARDEV ? chardevs : nodes);
		if (part == QEMU_DEVICE)
			plan(attach, ATTACH_AWAIT_DELETED, 0);
	}
}

/* --- steps --------------------------------------------------------------------------------- */

static void finish(struct attach *attach, int rc, const char *words)
{
	char copy[ATTACH_WORDS_SIZE] = "";

	if (words)
		text_print(copy, sizeof(copy), "%s", words);
	attach->doing = ATTACH_NOTHING;
	attach->start_later = attach->cancelled = false;
	timer_arm(&attach->timer, 0, 0);
	timer_arm(&attach->whole, 0, 0);
	child_stop(&attach->virsh);
	attach->done(attach, rc, rc ? copy : NULL);
}

static void start_step(struct attach *attach)
{
	const struct attach_step *step = &attach->plan[attach->step];
	int rc;

	if (attach->step == attach->n_steps) {
		finish(attach, attach->rc, attach->words);
		return;
	}
	timer_arm(&attach->timer, attach->step_ms, 0);
	rc = attach->guest->libvirt ? attach_virsh_start(attach, step)
				    : attach_qmp_start(attach, step);
	if (rc == -EAGAIN)
		attach_step_again(attach, ATTACH_AGAIN_MS);
	else if (rc)
		attach_step_failed(attach, rc, strerror(-rc));
}

void attach_step_again(struct attach *attach, unsigned ms)
{
	attach->start_later = true;
	timer_arm(&attach->timer, ms, 0);
}

static void begin_whole(struct attach *attach, enum attach_doing doing)
{
	attach->doing = doing;
	timer_arm(&attach->whole, attach->whole_ms, 0);
}

/* Removes what was added. 'words' explains the original failure. */
static void undo(struct attach *attach, int rc, const char *words)
{
	begin_whole(attach, ATTACH_UNDOES);
	attach->rc = rc;
	text_print(attach->words, sizeof(attach->words), "%s", words);
	plan_remove(attach, attach->added, attach->chardevs);
	start_step(attach);
}

void attach_step_done(struct attach *attach)
{
	attach->step++;
	if (attach->cancelled && attach->doing == ATTACH_ADDS)
		undo(attach, -ECANCELED, "evswitch is exiting");
	else
		start_step(attach);
}

static const char *how_to_remove(const struct attach *attach)
{
	if (attach->guest->libvirt)
		return "virsh detach-device";
	return qemu_has(attach->channel, QEMU_OBJECT) ? "object-del on QEMU's monitor"
						      : "device_del on QEMU's monitor";
}

/* Explains why a removal failed, what QEMU may still have, and the remedy. */
static void name_kept(const struct attach *attach, const char *why,
		      char words[static ATTACH_WORDS_SIZE])
{
	size_t used = text_print(words, WHY_SIZE, "%s", why);

	if (attach->gone == QEMU_EACH_NODE)
		return;
	used += text_print(words + used, ATTACH_WORDS_SIZE - used, "; not removed:");
	for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
		char id[GUEST_ID_SIZE];

		if (attach->gone & (1u << node))
			continue;
		guest_id(attach->guest, node, id);
		used += text_print(words + used, ATTACH_WORDS_SIZE - used, " %s", id);
	}
	text_print(words + used, ATTACH_WORDS_SIZE - used,
		   ": shut the VM down, or remove them with %s", how_to_remove(attach));
}

void attach_step_failed(struct attach *attach, int rc, const char *words)
{
	char kept[ATTACH_WORDS_SIZE];

	if (attach->doing == ATTACH_ADDS) {
		undo(attach, rc, words);
		return;
	}
	name_kept(attach, words, kept);
	if (attach->doing == ATTACH_UNDOES) {
		log_limited(&attach->vm->limit, LOG_LEVEL_WARN,
			    "guest %s: QEMU keeps some of its devices: %s", attach->guest->name,
			    kept);
		finish(attach, attach->rc, attach->words);
	} else {
		finish(attach, rc, kept);
	}
}

/* Stops waiting for the current step. */
static void abandon_step(struct attach *attach)
{
	attach->start_later = false;
	if (attach->awaits_reply) {
		attach->awaits_reply = false;
		attach->stale++;
	}
	child_stop(&attach->virsh);
}

static void time_is_up(struct timer *timer)
{
	struct attach *attach = container_of(timer, struct attach, timer);

	if (attach->start_later) {
		attach->start_later = false;
		start_step(attach);
		return;
	}
	abandon_step(attach);
	attach_step_failed(attach, -ETIMEDOUT,
			   attach->doing == ATTACH_ADDS
				   ? "QEMU does not answer"
				   : "the guest, or QEMU, does not release the devices");
}

static void whole_time_is_up(struct timer *timer)
{
	struct attach *attach = container_of(timer, struct attach, whole);

	abandon_step(attach);
	attach_step_failed(attach, -ETIMEDOUT,
			   attach->doing == ATTACH_ADDS
				   ? "QEMU takes too long"
				   : "the guest, or QEMU, takes too long to release the devices");
}

/* --- for the owner ------------------------------------------------------------------------- */

int attach_init(struct attach *attach, struct loop *loop, struct vm *vm,
		const struct qemu_channel *channel, const char *socket_dir)
{
	*attach = (struct attach){ .loop = loop,
				   .vm = vm,
				   .guest = vm->guest,
				   .channel = channel,
				   .socket_dir = socket_dir,
				   .step_ms = ATTACH_STEP_MS,
				   .whole_ms = ATTACH_WHOLE_MS,
				   .virsh = CHILD_INIT };
	int rc = timer_init(&attach->timer, loop, time_is_up);

	return rc ? rc : timer_init(&attach->whole, loop, whole_time_is_up);
}

void attach_fini(struct attach *attach)
{
	if (!attach->loop)
		return;
	child_stop(&attach->virsh);
	timer_fini(&attach->timer);
	timer_fini(&attach->whole);
	attach->loop = NULL;
}

static int begin(struct attach *attach, enum attach_doing doing, attach_fn done, const char **why)
{
	bool waits = doing == ATTACH_REMOVES && attach->guest->qmp;
	bool deaf =
		attach->guest->qmp ? !vm_qmp(attach->vm) : attach->vm->state == RUN_STATE_UNKNOWN;

	if (attach->doing) {
		*why = "the last change to the guest's devices has not ended";
		return -EBUSY;
	}
	*why = attach->guest->libvirt ? attach->channel->not_by_virsh
				      : attach->channel->not_by_monitor;
	if (*why)
		return -EOPNOTSUPP;
	if (attach->vm->state == RUN_STATE_OFF || (deaf && !waits)) {
		*why = "the guest is off, or cannot be asked";
		return -ENOTCONN;
	}
	begin_whole(attach, doing);
	attach->done = done;
	attach->rc = 0;
	attach->words[0] = '\0';
	attach->added = attach->chardevs = 0;
	attach_step_again(attach, 1);
	return 0;
}

int attach_add(struct attach *attach, attach_fn done, const char **why)
{
	int rc = begin(attach, ATTACH_ADDS, done, why);

	if (!rc)
		plan_add(attach);
	return rc;
}

void attach_cancel(struct attach *attach)
{
	attach->cancelled = attach->doing == ATTACH_ADDS;
}

void attach_give_up(struct attach *attach)
{
	if (!attach->doing)
		return;
	abandon_step(attach);
	if (attach->doing == ATTACH_ADDS) {
		attach->doing = ATTACH_REMOVES;
		attach->gone = QEMU_EACH_NODE & ~attach->added;
	}
	attach_step_failed(attach, -ECANCELED, "interrupted");
}

/*
 * QEMU may still run although its monitor is closed: once it is open again, check what QEMU has.
 * Wait at most until the limit of the whole operation: every reopening would restart a step's
 * limit.
 */
static void monitor_lost(struct attach *attach)
{
	attach->awaits_reply = false;
	attach->stale = 0;
	if (attach->doing == ATTACH_ADDS) {
		finish(attach, -ENOTCONN, "QEMU's monitor was closed");
		return;
	}
	attach->start_later = false;
	timer_arm(&attach->timer, 0, 0);
	if (attach->doing == ATTACH_REMOVES)
		plan_remove(attach, QEMU_EACH_NODE, QEMU_EACH_NODE);
	else
		plan_remove(attach, attach->added, attach->chardevs);
	attach->step = attach->n_steps;
}

int attach_remove(struct attach *attach, attach_fn done, const char **why)
{
	int rc = begin(attach, ATTACH_REMOVES, done, why);

	if (rc)
		return rc;
	plan_remove(attach, QEMU_EACH_NODE, QEMU_EACH_NODE);
	if (attach->guest->qmp && !vm_qmp(attach->vm))
		monitor_lost(attach);
	return 0;
}

void attach_told(struct attach *attach)
{
	if (attach->vm->state == RUN_STATE_OFF)
		attach->added = attach->chardevs = 0;
	if (!attach->doing)
		return;
	if (attach->vm->state == RUN_STATE_OFF) {
		attach->awaits_reply = false;
		attach->stale = 0;
		if (attach->doing == ATTACH_REMOVES)
			finish(attach, 0, NULL);
		else
			finish(attach, -ENOTCONN, "the guest was shut down meanwhile");
		return;
	}
	if (!attach->guest->qmp)
		return;
	if (!vm_qmp(attach->vm)) {
		monitor_lost(attach);
	} else if (attach->step == attach->n_steps) {
		attach->step = 0;
		start_step(attach);
	}
}
