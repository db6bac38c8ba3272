/* SPDX-License-Identifier: MIT */
/* The steps of attach.c's plans. Internal to attach*.c. */
#pragma once

#include "qemu/attach.h"

enum attach_op {
	/* Over the monitor; the first three find free PCIe ports. */
	ATTACH_MACHINE,
	ATTACH_PORTS,
	ATTACH_FREE_PORTS,
	ATTACH_CHARDEV_ADD,
	ATTACH_DEVICE_ADD,
	ATTACH_OBJECT_ADD,
	ATTACH_DEVICE_DEL,
	ATTACH_OBJECT_DEL,
	ATTACH_AWAIT_DELETED,
	ATTACH_CHARDEV_REMOVE,
	/* Through virsh. */
	ATTACH_VIRSH_ATTACH,
	ATTACH_VIRSH_DETACH,
	ATTACH_VIRSH_GONE,
};

/*
 * Start a step. 0, and attach_step_done or attach_step_failed follows, possibly before this
 * returns; or -errno. -EAGAIN: the monitor accepts no command at present.
 */
int attach_qmp_start(struct attach *attach, const struct attach_step *step);
int attach_virsh_start(struct attach *attach, const struct attach_step *step);

/* Report the result of the current step. 'words' explains the failure to the user. */
void attach_step_done(struct attach *attach);
void attach_step_failed(struct attach *attach, int rc, const char *words);

#define ATTACH_AGAIN_MS 20 /* delay before another attempt to send a command */

/* Starts the current step again after 'ms' milliseconds. */
void attach_step_again(struct attach *attach, unsigned ms);
