/*
 * A virtio input device (virtio 1.2, section 5.8) that is its own vhost-user back end: it listens on a unix
 * socket, QEMU or another front end connects, and frames go straight into the guest's event queue.
 * What the guest cannot take now waits in a backlog. Nothing that the front end or the guest does
 * ends more than this connection or this ring. Owned by the keeper; owns its listener, its
 * connection, the guest memory mapped for it and the rings.
 *
 * The process ignores SIGPIPE, leaves SIGBUS and SIGALRM to this (sigbus.h, stall.h), and uses
 * all its devices from one thread.
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
	/* May who connected at this socket stay? Whoever does is given what is typed. */
	bool (*admit)(struct vinput *vinput, int fd);
	/* 'up', 'leds' or 'connected' has changed. */
	void (*changed)(struct vinput *vinput);
};

/*
 * Makes the device on a listening SOCK_STREAM socket, which it takes over, also where it fails.
 * 0 or -errno; vinput_free is legal for NULL.
 */
int vinput_new(struct loop *loop, int listener, const struct vinput_model *model,
	       const struct vinput_ops *ops, void *owner, struct vinput **out);
void vinput_free(struct vinput *vinput);

void *vinput_owner(const struct vinput *vinput);

/* The guest's driver takes events: started, enabled, and not broken. */
bool vinput_up(const struct vinput *vinput);
/* Why it is not up, in words for the user, and what to do; "" while it is. */
const char *vinput_why(const struct vinput *vinput);
/* Somebody is connected: the device must outlive it. */
bool vinput_connected(const struct vinput *vinput);
/* The lock LEDs that the guest set; 0 after a reset. */
uint16_t vinput_leds(const struct vinput *vinput);

/* Hot. A whole frame of codes that the model has; what does not fit waits. While it is not up, nothing is kept. */
void vinput_send(struct vinput *vinput, const struct frame *frame);
/* After what waits, releases all that is down in the guest. */
void vinput_release_all(struct vinput *vinput);
