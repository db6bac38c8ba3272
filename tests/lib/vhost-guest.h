/*
 * A guest with via = vhost-user, up: the front ends and drivers of its three devices, as a QEMU with a
 * Linux guest has them, on the sockets of the program under test.
 */
#pragma once

#include "frontend.h"
#include "world.h"

struct vhost_guest {
	struct frontend keyboard, media, pointer;
};

/* Waits until the program's keeper has the sockets, which stand where they do by default. */
void vhost_guest_up(struct vhost_guest *guest, struct program *program, const char *name);
/* Harmless on a zeroed one. */
void vhost_guest_down(struct vhost_guest *guest);

/* The process at the other end. */
pid_t vhost_guest_keeper(const struct vhost_guest *guest);
