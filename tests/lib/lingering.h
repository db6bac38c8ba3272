/*
 * A descriptor whose close waits: a TCP socket that lingers, full of bytes that its peer does not read. After
 * LINGERING_MS the peer goes away, so that a test that waits for it fails instead of standing still.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#define LINGERING_MS 10000

struct lingering {
	int fd;   /* to be handed over: whoever closes it last waits */
	int peer; /* its other end */
	int ends[2];
	pthread_t thread;
	atomic_bool expired; /* the peer has gone away by itself */
};

void lingering_open(struct lingering *lingering);
/* Passes fd, and nothing else but this one byte, over a unix socket, and closes it here. */
void lingering_pass(struct lingering *lingering, int unix_socket, char byte);
/* Lets it go. Fails the test where somebody has waited for it. */
void lingering_close(struct lingering *lingering);
