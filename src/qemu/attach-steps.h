/* The steps that attach.c makes its plans of. Internal to attach*.c. */
#pragma once

#include "qemu/attach.h"

enum attach_op {
	/* By the monitor; the first three find PCIe ports that are free. */
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
	/* By virsh. */
	ATTACH_VIRSH_ATTACH,
	ATTACH_VIRSH_DETACH,
	ATTACH_VIRSH_GONE,
};

/*
 * Start a step: 0, and its end is told, later or at once; or -errno, -EAGAIN: the monitor takes
 * no command now.
 */
int attach_qmp_start(struct attach *attach, const struct attach_step *step);
int attach_virsh_start(struct attach *attach, const struct attach_step *step);

/* The step in hand has succeeded; or failed, with -errno and why, in words for the user. */
void attach_step_done(struct attach *attach);
void attach_step_failed(struct attach *attach, int rc, const char *words);

#define ATTACH_AGAIN_MS 20 /* until the monitor may take a command again */

/* The step in hand is to be started anew after so many ms. */
void attach_step_again(struct attach *attach, unsigned ms);
