/*
 * A guest's VM: follows the domain (libvirt, by virsh) or the monitor (QMP) that is named for it, for as
 * long as evswitch runs, through every end and start of either, and tells its run state. It only
 * listens; the monitor is the owner's too, while it is open (vm_qmp), since QEMU serves one client at a
 * time. The daemon follows a guest by it, and so does the keeper of a guest that gets its input from the
 * monitor. The owner embeds the struct; it owns its child processes and the connection to the monitor.
 */
#pragma once

#include <stdbool.h>

#include "launch/child.h"
#include "conf/conf.h"
#include "base/log.h"
#include "base/loop.h"
#include "qemu/qmp.h"
#include "qemu/runstate.h"
#include "base/usock.h"

struct vm;

/* What vm_ops.told tells of: a mask. */
enum vm_news {
	VM_STATE = 1U << 0, /* vm->state is another */
	/*
	 * The machine was reset: the guest knows of no key and has set no LED. It may come more than
	 * once for one reset, and does not change the state.
	 */
	VM_RESET = 1U << 1,
	VM_PANICKED = 1U << 2, /* the guest's system says that it has crashed */
	VM_MONITOR = 1U << 3,  /* vm_qmp gives the monitor from now on, or no more */
	VM_WHY = 1U << 4,      /* vm->why is another */
};

struct vm_ops {
	/* vm_close is legal within; by QMP, to free the struct as well. */
	void (*told)(struct vm *vm, unsigned news);
	/*
	 * Every event of the monitor, as in qmp_ops, before what it changes is told. May be NULL. vm_close
	 * is legal within; the struct must live until it returns.
	 */
	void (*event)(struct vm *vm, const char *name, struct json_object *data);
};

struct vm {
	const struct vm_ops *ops;
	const struct conf_guest *guest;
	struct loop *loop;
	enum run_state state;
	uint32_t resets, panics; /* so often it was told of one; they wrap */
	struct timer retry;      /* connects anew */
	char why[256];  /* it cannot be followed, in words for the user; "": it can, or is off */
	char said[256]; /* the last of these that was logged, since it was last followed */
	struct log_limit limit;
	struct pace hurries; /* connections that follow soon on the one before */

	/* By libvirt. */
	struct child events, domstate;
	struct timer check; /* asks the state again */
	unsigned backoff_ms;
	bool absent;     /* virsh knows no such domain */
	char error[256]; /* the last that it said */

	/* By QMP. */
	struct usock_trust trust;
	struct qmp *qmp;
	bool ready;
	bool asks;      /* for the state, and has no answer yet */
	bool ask_again; /* when that has come: it may be older than an event */
};

/*
 * Begins to follow the guest, of which the name and 'libvirt' or 'qmp' are read. The state is
 * RUN_STATE_UNKNOWN until the first callback. The guest, the loop and the ops must outlive it. 0 or
 * -errno; vm_close is legal, and due, after a failure too.
 */
int vm_open(struct vm *vm, struct loop *loop, const struct conf_guest *guest,
	    const struct vm_ops *ops);
/* Harmless on a zeroed struct. Replies to commands on the monitor that are under way never come. */
void vm_close(struct vm *vm);

/* The monitor, where the guest is followed by QMP and it takes commands now; else NULL. */
struct qmp *vm_qmp(const struct vm *vm);

/*
 * The first words of every virsh command line: "virsh --connect URI", with the URI of
 * LIBVIRT_DEFAULT_URI, by default qemu:///system. Returns how many: VM_VIRSH_WORDS.
 */
#define VM_VIRSH_WORDS 3
unsigned vm_virsh(const char *argv[static VM_VIRSH_WORDS]);
