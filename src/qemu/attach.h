/*
 * Gives a QEMU that runs the guest's three nodes, or sockets, and takes them away again: by the
 * monitor (QMP) or by virsh, as the configuration says for that guest. One thing at a time, in steps
 * that are never waited for.
 *
 * QEMU must have let go of a node before it is destroyed: else it reads at 100 % CPU for ever, or
 * closes a descriptor that is another's by then. So the owner of the nodes destroys them only after
 * attach_remove has reported 0, or while vm->state is RUN_STATE_OFF.
 *
 * Everything ends: each step has a limit, and so has the whole, however often the monitor is closed
 * and comes back.
 *
 * The owner embeds the struct. It passes on what vm tells (attach_told, attach_event), and closes
 * vm before attach_fini. Owns its virsh and its timers.
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

/* How long a step may take; the guest's part in letting go of a device is one. */
#define ATTACH_STEP_MS 20000
/* How long adding, removing, and undoing an addition that failed may take, each as a whole. */
#define ATTACH_WHOLE_MS 40000

#define ATTACH_WORDS_SIZE 512
#define ATTACH_PORTS_MAX  32 /* PCIe ports that are looked at */
#define ATTACH_PORT_SIZE  64 /* of the id of one; a longer id is passed over */
#define ATTACH_PLAN_MAX   (3 + QEMU_PARTS_MAX * SHAPE_NODES)

struct attach;

/*
 * The end of attach_add or attach_remove: 0 and words NULL, or -errno and why, with what to do about
 * it, printable. Another may be started within, and attach_fini is legal.
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
	unsigned step_ms;   /* ATTACH_STEP_MS, if the owner does not change it */
	unsigned whole_ms;  /* ATTACH_WHOLE_MS, likewise */
	struct timer timer; /* the step's end, or its start where it must wait */
	struct timer whole; /* the end of all steps */
	bool start_later;
	bool cancelled; /* attach_add ends with the step in hand */
	int rc;         /* of what went wrong, while that is undone */
	char words[ATTACH_WORDS_SIZE];
	unsigned added, chardevs; /* QEMU may have them from attach_add; bit n for node n */
	unsigned gone;            /* bit n: QEMU has nothing of node n any more */

	/* By the monitor. */
	bool awaits_reply;
	unsigned stale; /* replies that come too late for their step */
	bool any_bus;   /* a machine that has room on the bus QEMU chooses */
	unsigned n_ports, port, n_free;
	char ports[ATTACH_PORTS_MAX][ATTACH_PORT_SIZE];
	unsigned free[SHAPE_NODES]; /* indices into ports */

	/* By virsh. */
	struct child virsh;
	unsigned present; /* bit n: the domain has node n */
	unsigned looked;  /* times that the domain was read and still had a node */
	char error[256];
};

/*
 * The vm, which has been opened, its guest, the guest's channel, the loop and the directory (of the
 * sockets, as in struct guest_place) must outlive it. 0 or -errno; attach_fini is legal, and due, after
 * a failure too.
 */
int attach_init(struct attach *attach, struct loop *loop, struct vm *vm,
		const struct qemu_channel *channel, const char *socket_dir);
/* Harmless on a zeroed struct. 'done' does not come any more; what QEMU has stays with it. */
void attach_fini(struct attach *attach);

/*
 * Gives QEMU all three, or none: what was added before something failed is removed first. To be
 * called while nobody holds the nodes. 0, and 'done' comes later; or -errno and *why: -EBUSY: it is
 * at work; -ENOTCONN: the guest is off, or cannot be asked; -EOPNOTSUPP: this cannot be done for the
 * guest's channel.
 */
int attach_add(struct attach *attach, attach_fn done, const char **why);
/*
 * Takes them away from QEMU, whoever gave them: what is not there counts as removed, and a QEMU that
 * ends has removed all. A monitor that is closed is waited for. The same errors; -ETIMEDOUT to 'done':
 * the guest did not let go. The words name what QEMU may still have.
 */
int attach_remove(struct attach *attach, attach_fn done, const char **why);
/*
 * Makes attach_add end with the step in hand: what was added is removed, and 'done' comes with
 * -ECANCELED. Harmless where it is not at work.
 */
void attach_cancel(struct attach *attach);
/*
 * Ends whatever is at work: 'done' comes within, with -ECANCELED and what QEMU may still have. Harmless
 * where nothing is.
 */
void attach_give_up(struct attach *attach);

/* To be called by vm_ops.told for VM_STATE and VM_MONITOR. */
void attach_told(struct attach *attach);
/* To be called by vm_ops.event. */
void attach_event(struct attach *attach, const char *name, struct json_object *data);
