/* SPDX-License-Identifier: MIT */
/*
 * A virtio input device (virtio 1.2, section 5.8) with its own vhost-user back end: it listens on a
 * unix socket, QEMU or another front end connects, and frames go directly into the guest's event
 * queue. Frames that the guest has no room for wait in a backlog. Whatever a front end or guest
 * does, it can end only its own connection or ring. Owned by the keeper; owns its listener, its
 * connection, the guest memory mapped for it and the rings.
 *
 * The process must ignore SIGPIPE, leave SIGBUS and SIGALRM to this module (sigbus.h, stall.h), and
 * use all its devices from one thread.
 */
#pragma once

#include <linux/input.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/frame.h"
#include "base/loop.h"
#include "vhost/vinput-config.h"

struct vinput;

struct vinput_ops {
	/* True to admit the peer of 'fd'. An admitted peer receives what is typed. */
	bool (*admit)(struct vinput *vinput, int fd);
	/* The result of vinput_up, vinput_leds or vinput_connected has changed. */
	void (*changed)(struct vinput *vinput);
};

/*
 * Creates the device on a listening SOCK_STREAM socket and takes ownership of it, even on failure.
 * The loop, the ops and 'owner' must outlive it; 'model' is copied. 0 or -errno. vinput_free
 * ignores NULL.
 */
int vinput_new(struct loop *loop, int listener, const struct vinput_model *model,
	       const struct vinput_ops *ops, void *owner, struct vinput **out);
void vinput_free(struct vinput *vinput);

void *vinput_owner(const struct vinput *vinput);

/* True while the guest's driver accepts events: its ring is started, enabled and not broken. */
bool vinput_up(const struct vinput *vinput);
/* Why it is not up, for the user, with a remedy; "" while it is up. */
const char *vinput_why(const struct vinput *vinput);
/* True while a front end is connected. The device must not be destroyed before it disconnects. */
bool vinput_connected(const struct vinput *vinput);
/* The guest's lock LEDs: bit n is LED code n; 0 after a reset. */
uint16_t vinput_leds(const struct vinput *vinput);
/* The guest has set one of them since its driver started. */
bool vinput_leds_known(const struct vinput *vinput);

/*
 * Hot. Sends a whole frame, with codes of the model only. Frames that do not fit wait in the
 * backlog; while the device is not up, they are dropped.
 */
void vinput_send(struct vinput *vinput, const struct frame *frame);
/* Releases all keys that are down in the guest, after the frames that are waiting. */
void vinput_release_all(struct vinput *vinput);
