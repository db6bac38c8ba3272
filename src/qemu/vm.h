/* SPDX-License-Identifier: MIT */
/*
 * Follows a guest's VM and reports its run state: through its libvirt domain (virsh) or its monitor
 * (QMP), as configured, for as long as evswitch runs, across every stop and start of either. It
 * only observes. While the monitor is open, the owner may use it as well (vm_qmp), since QEMU
 * serves one client at a time. Used by the daemon, and by the keeper of a guest that gets its input
 * over the monitor. The owner embeds the struct; it owns its child processes and the monitor
 * connection.
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

/* What vm_ops.told reports: a mask. */
enum vm_news {
	VM_STATE = 1U << 0, /* vm->state has changed */
	/*
	 * The machine was reset: in the guest no key is down and no LED is on. May be reported more
	 * than once for one reset, and does not change the state.
	 */
	VM_RESET = 1U << 1,
	VM_PANICKED = 1U << 2, /* the guest's operating system reported a crash */
	VM_MONITOR = 1U << 3,  /* the result of vm_qmp has changed */
	VM_WHY = 1U << 4,      /* vm->why has changed */
};

struct vm_ops {
	/* May call vm_close and, if the VM is followed by QMP, free the struct as well. */
	void (*told)(struct vm *vm, unsigned news);
	/*
	 * Every event of the monitor, as in qmp_ops, before 'told' reports its effect. May be NULL.
	 * It may call vm_close, but must not free the struct.
	 */
	void (*event)(struct vm *vm, const char *name, struct json_object *data);
};

struct vm {
	const struct vm_ops *ops;
	const struct conf_guest *guest;
	struct loop *loop;
	enum run_state state;
	uint32_t resets, panics; /* counters of VM_RESET and VM_PANICKED; they wrap */
	struct timer retry;      /* reconnects */
	char why[256];  /* why it cannot be followed, for the user; "": it can, or is off */
	char said[256]; /* the last 'why' logged since it was last followed */
	struct log_limit limit;
	struct pace hurries; /* limits early reconnections */

	/* Through libvirt. */
	struct child events, domstate;
	struct timer check; /* queries the state again */
	unsigned backoff_ms;
	bool absent;     /* virsh knows no such domain */
	char error[256]; /* the last error that virsh printed */

	/* Through QMP. */
	struct usock_trust trust;
	struct qmp *qmp;
	bool ready;
	bool asks;      /* a query for the state is unanswered */
	bool ask_again; /* query once more afterwards: the answer may be older than an event */
};

/*
 * Starts to follow the guest's VM; uses its name and its 'libvirt' or 'qmp'. The state is
 * RUN_STATE_UNKNOWN until the first callback. The guest, the loop and the ops must outlive *vm. 0
 * or -errno; call vm_close in any case.
 */
int vm_open(struct vm *vm, struct loop *loop, const struct conf_guest *guest,
	    const struct vm_ops *ops);
/* No effect on a zeroed struct. Outstanding replies on the monitor are not delivered. */
void vm_close(struct vm *vm);

/* The monitor, if the guest is followed by QMP and commands can be sent; else NULL. */
struct qmp *vm_qmp(const struct vm *vm);

/*
 * Fills in the first words of a virsh command line, "virsh --connect URI", with the URI from
 * LIBVIRT_DEFAULT_URI, by default qemu:///system. Returns their number, VM_VIRSH_WORDS.
 */
#define VM_VIRSH_WORDS 3
unsigned vm_virsh(const char *argv[static VM_VIRSH_WORDS]);
