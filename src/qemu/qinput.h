/* SPDX-License-Identifier: MIT */
/*
 * A guest's keyboard and mouse over QEMU's monitor: sends frames as input-send-event commands.
 * Needs nothing in the guest, but is slow (the monitor reads a byte in about 4.5 us): motion that
 * has to wait is summed up, and transitions wait in order. The same connection follows the VM's
 * state (vm.h), since QEMU serves one client at a time. Owned by the keeper's endpoint; owns the
 * vm, which reconnects automatically.
 */
#pragma once

#include <stdbool.h>

#include "core/frame.h"
#include "base/loop.h"
#include "qemu/vm.h"

struct qinput;

struct qinput_ops {
	/* The result of qinput_up, qinput_why or qinput_vm has changed. May call qinput_free. */
	void (*changed)(struct qinput *qinput);
};

/*
 * Starts to connect to the monitor's socket at 'path' for the guest called 'guest'. Both strings
 * must outlive it. 0 or -errno; *out is set on success only.
 */
int qinput_new(struct loop *loop, const char *guest, const char *path, const struct qinput_ops *ops,
	       void *owner, struct qinput **out);
/* Keys that are down in the guest stay down: call qinput_release_all first. NULL is ignored. */
void qinput_free(struct qinput *qinput);

void *qinput_owner(const struct qinput *qinput);

/* True while QEMU accepts commands and input for its VM. */
bool qinput_up(const struct qinput *qinput);
/* Why it is not up, for the user, with a remedy; "" while it is up. */
const char *qinput_why(const struct qinput *qinput);
/* The VM's state, and its numbers of resets and panics. */
const struct vm *qinput_vm(const struct qinput *qinput);

/*
 * Hot. Sends a whole frame. Codes that no QEMU knows are dropped (qcode_carries); a key that this
 * QEMU does not know is counted, and its name is logged once. While it is not up, frames are
 * dropped.
 */
void qinput_send(struct qinput *qinput, const struct frame *frame);
/* Releases all keys that are down in the guest, after the frames that are waiting. */
void qinput_release_all(struct qinput *qinput);

struct qinput_stats {
	unsigned long commands;  /* sent */
	unsigned long refused;   /* rejected by QEMU */
	unsigned long unknown;   /* presses of keys and buttons that QEMU has no name for */
	unsigned long overflows; /* how often all keys were released because the backlog was full */
};

struct qinput_stats qinput_stats(const struct qinput *qinput);
