/* SPDX-License-Identifier: MIT */
/*
 * A guest with via = vhost-user, up: the front ends and drivers of its three devices, as a QEMU with a
 * Linux guest has them, on the sockets of the program under test, which stand where they do by default.
 */
#pragma once

#include "frontend.h"
#include "core/shape.h"
#include "base/usock.h"

struct vhost_guest {
	struct frontend fe[SHAPE_NODES];
};

/* The socket of a device of this guest. */
void vhost_guest_path(const char *name, enum shape_node node, char path[static USOCK_PATH_MAX]);

/* Waits until somebody listens there, and brings all three up. */
void vhost_guest_up(struct vhost_guest *guest, const char *name);
/* The machine is reset and its drivers come up again, each device in its turn. */
void vhost_guest_reboot(struct vhost_guest *guest);
/* The second half of that: the drivers of a machine that was reset start the devices anew. */
void vhost_guest_boot(struct vhost_guest *guest);
/* Asks for the config space at every socket: each is answered. */
void vhost_guest_sync(struct vhost_guest *guest);
/* Harmless on a zeroed one. */
void vhost_guest_down(struct vhost_guest *guest);

/* The process at the other end. */
pid_t vhost_guest_keeper(const struct vhost_guest *guest);
