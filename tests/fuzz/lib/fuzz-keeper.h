/* SPDX-License-Identifier: MIT */
/*
 * Messages between daemon and keeper that the input composes: mostly such as one of both could send, with
 * descriptors of several kinds, else any bytes. Paths of sockets stay within fuzz_dir().
 */
#pragma once

#include "fuzz.h"
#include "keeper/evring.h"
#include "keeper/keeper-message.h"

enum { FUZZ_RING, FUZZ_BELL, FUZZ_OUT, FUZZ_IN, FUZZ_NULL, FUZZ_EVENT, FUZZ_FDS };

struct fuzz_fds {
	int fd[FUZZ_FDS];
	struct evring ring; /* the producer of FUZZ_RING and FUZZ_BELL */
};

void fuzz_fds_open(struct fuzz_fds *fds);
void fuzz_fds_close(struct fuzz_fds *fds);

/* Sends a message of this type, or of any where 'type' is 0. */
void fuzz_keeper_say(int sock, unsigned type, const struct fuzz_fds *fds, struct fuzz *fuzz);
/* Reads all that the other side has sent. Each message fits, and has its descriptors. */
void fuzz_keeper_hear(int sock);
