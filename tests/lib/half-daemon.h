/* SPDX-License-Identifier: MIT */
/*
 * The daemon's side of one guest with via = vhost-user, without devices and router: keeper-client.c, guest.c and
 * its sink in a loop of their own, in a process that does as it is told and can be killed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "guest/why.h"
#include "keeper/keeper-message.h"

enum order { ORDER_LOOK, ORDER_ENTER, ORDER_SEND, ORDER_RELEASE, ORDER_PLAY, ORDER_END };

struct request {
	enum order order;
	uint16_t type, code; /* to be sent, so often */
	int value;
	unsigned times;
};

/* The answer to each. */
struct report {
	bool pending, attached, up, in_use;
	unsigned downs, resets; /* how often it heard that the guest is gone, or was reset */
	bool ready;             /* by the last reset */
	uint16_t leds;
	int error;
	char why[GUEST_WHY_MAX];
};

/* In a child process: takes requests from this SOCK_SEQPACKET socket, and never returns. */
void half_daemon_run(const char *guest, int control);
