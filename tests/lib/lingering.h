/* SPDX-License-Identifier: MIT */
/*
 * A descriptor whose close waits (stuck.h). After LINGERING_MS it waits no more, so that a test in which
 * somebody waited for it fails instead of standing still.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "stuck.h"

#define LINGERING_MS 40000

struct lingering {
	int fd; /* to be handed over: whoever closes it last waits */
	struct stuck stuck;
	int ends[2];
	pthread_t thread;
	atomic_bool expired; /* it waits no more by itself */
};

void lingering_open(struct lingering *lingering);
/* Passes fd, and nothing else but this one byte, over a unix socket, and closes it here. */
void lingering_pass(struct lingering *lingering, int unix_socket, char byte);
/* Lets it go. Fails the test where somebody has waited for it. */
void lingering_close(struct lingering *lingering);
