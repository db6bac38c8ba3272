/*
 * A guest's keyboard and mouse by QEMU's own hand: frames become input-send-event on the VM's
 * monitor. It needs nothing in the guest and is slow (the monitor reads some 4.5 us a byte): motion
 * is summed to what it takes, transitions wait in order. The same connection tells of the VM (vm.h),
 * since QEMU serves one client at a time. Owned by the keeper's end; owns the vm, which connects again
 * for as long as there is none.
 */
#pragma once

#include <stdbool.h>

#include "core/frame.h"
#include "base/loop.h"
#include "qemu/vm.h"

struct qinput;

struct qinput_ops {
	/* What qinput_up, qinput_why or qinput_vm tells has changed; qinput_free is legal within. */
	void (*changed)(struct qinput *qinput);
};

/*
 * Begins to connect to the monitor's socket at 'path' for the guest of this name; both strings must
 * outlive it. 0 or -errno.
 */
int qinput_new(struct loop *loop, const char *guest, const char *path, const struct qinput_ops *ops,
	       void *owner, struct qinput **out);
/* What is down in the guest stays down: qinput_release_all comes before. NULL is ignored. */
void qinput_free(struct qinput *qinput);

void *qinput_owner(const struct qinput *qinput);

/* QEMU takes commands, and input for its VM. */
bool qinput_up(const struct qinput *qinput);
/* Why it is not up, in words for the user, and what to do; "" while it is. */
const char *qinput_why(const struct qinput *qinput);
/* The VM's state, and how often it was reset or has panicked. */
const struct vm *qinput_vm(const struct qinput *qinput);

/*
 * Hot. A whole frame. Codes that no QEMU knows are left out (qcode_carries); a key that this QEMU
 * does not know is counted, and logged by its name once. While it is not up, nothing is kept.
 */
void qinput_send(struct qinput *qinput, const struct frame *frame);
/* After what waits, releases all that is down in the guest. */
void qinput_release_all(struct qinput *qinput);

struct qinput_stats {
	unsigned long commands;  /* sent */
	unsigned long refused;   /* of them, by QEMU */
	unsigned long unknown;   /* presses of keys and buttons that QEMU has no name for */
	unsigned long overflows; /* how often all was let go because too much waited */
};

struct qinput_stats qinput_stats(const struct qinput *qinput);
