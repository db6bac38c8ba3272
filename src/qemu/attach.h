/* SPDX-License-Identifier: MIT */
/*
 * Attaches the guest's three nodes or sockets to a running QEMU and detaches them again, over the
 * monitor (QMP) or through virsh, as the guest is configured. One operation at a time, in steps
 * that never block.
 *
 * QEMU must have closed a node before the node is destroyed. Otherwise it reads at 100 % CPU for
 * ever, or closes a descriptor number that has been reused. So the owner of the nodes destroys them
 * only after attach_remove has reported 0, or while vm->state is RUN_STATE_OFF.
 *
 * Every operation ends: each step has a time limit, and so has the whole operation, even if the
 * monitor is closed and reopened any number of times.
 *
 * The owner embeds the struct, passes on the reports of vm (attach_told, attach_event), and closes
 * vm before attach_fini. Owns its virsh process and its timers.
 */
#pragma once

#include <stdbool.h>

#include "launch/child.h"
#include "conf/conf.h"
#include "qemu/guest-xml.h"
#include "qemu/vm.h"
#include "qemu/qemu-channel.h"
#include "base/loop.h"
#include "core/shape.h"

/* Limit for one step, for instance for the guest to release a device. */
#define ATTACH_STEP_MS 20000
/* Limit for a whole addition, for a removal, and for undoing a failed addition. */
#define ATTACH_WHOLE_MS 40000

#define ATTACH_WORDS_SIZE 512
#define ATTACH_PORTS_MAX  32 /* PCIe ports that are examined */
#define ATTACH_PORT_SIZE  64 /* of a port's id; ports with a longer id are skipped */
#define ATTACH_PLAN_MAX   (3 + QEMU_PARTS_MAX * SHAPE_NODES)

struct attach;

/*
 * Completion callback of attach_add and attach_remove: 0 and NULL, or -errno and a printable
 * explanation with a remedy. It may start another operation, or call attach_fini.
 */
typedef void (*attach_fn)(struct attach *attach, int rc, const char *words);

enum attach_doing { ATTACH_NOTHING, ATTACH_ADDS, ATTACH_REMOVES, ATTACH_UNDOES };

/* Internal: attach-steps.h has the steps. */
struct attach_step {
	int op;
	enum shape_node node;
};

struct attach {
	struct loop *loop;
	struct vm *vm;
	const struct conf_guest *guest;
	const struct qemu_channel *channel;
	const char *socket_dir;

	enum attach_doing doing;
	attach_fn done;
	struct attach_step plan[ATTACH_PLAN_MAX];
	unsigned n_steps, step;
	unsigned step_ms;   /* ATTACH_STEP_MS, unless the owner changes it */
	unsigned whole_ms;  /* ATTACH_WHOLE_MS, likewise */
	struct timer timer; /* the step's limit, or its start if it has to wait */
	struct timer whole; /* the limit of the whole operation */
	bool start_later;
	bool cancelled; /* attach_add stops after the current step */
	int rc;         /* the error of a failed addition, while it is undone */
	char words[ATTACH_WORDS_SIZE];
	unsigned added, chardevs; /* bit n: QEMU may have those of node n from attach_add */
	unsigned gone;            /* bit n: QEMU has nothing of node n any more */

	/* Over the monitor. */
	bool awaits_reply;
	unsigned stale; /* outstanding replies to steps that were abandoned */
	bool any_bus;   /* the machine has room on the bus that QEMU chooses */
	unsigned n_ports, port, n_free;
	char ports[ATTACH_PORTS_MAX][ATTACH_PORT_SIZE];
	unsigned free[SHAPE_NODES]; /* indices into ports */

	/* Through virsh. */
	struct child virsh;
	unsigned present; /* bit n: the domain has node n */
	unsigned looked;  /* how many times the domain was read and still had a node */
	char error[256];
};

/*
 * 'vm' must be open. It, its guest, the loop, the channel and 'socket_dir' (as in struct guest_env)
 * must outlive *attach. 0 or -errno; call attach_fini in any case.
 */
int attach_init(struct attach *attach, struct loop *loop, struct vm *vm,
		const struct qemu_channel *channel, const char *socket_dir);
/* No effect on a zeroed struct. 'done' is not called; QEMU keeps what it has. */
void attach_fini(struct attach *attach);

/*
 * Attaches all three nodes or none: after a failure, those already attached are removed before
 * 'done' is called. Call it while nobody has the nodes open. 0, and 'done' follows; or -errno and
 * *why. -EBUSY: another operation is running; -ENOTCONN: the guest is off or cannot be reached;
 * -EOPNOTSUPP: impossible for this channel.
 */
int attach_add(struct attach *attach, attach_fn done, const char **why);
/*
 * Detaches the nodes, whoever attached them. Absent ones count as removed, and all of them do when
 * QEMU exits. If the monitor is closed, waits until it is open again. Errors as for attach_add.
 * 'done' gets -ETIMEDOUT if the guest did not release a device; its words name what QEMU may keep.
 */
int attach_remove(struct attach *attach, attach_fn done, const char **why);
/*
 * Stops attach_add after the current step: what was attached is removed, and 'done' gets
 * -ECANCELED. No effect if attach_add is not running.
 */
void attach_cancel(struct attach *attach);
/*
 * Aborts the current operation: before this returns, 'done' gets -ECANCELED and the names of what
 * QEMU may keep. No effect if no operation is running.
 */
void attach_give_up(struct attach *attach);

/* Call it from vm_ops.told for VM_STATE and VM_MONITOR. */
void attach_told(struct attach *attach);
/* Call it from vm_ops.event. */
void attach_event(struct attach *attach, const char *name, struct json_object *data);
