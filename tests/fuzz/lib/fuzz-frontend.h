/* SPDX-License-Identifier: MIT */
/*
 * A vhost-user front end and its guest, as far as a fuzz target needs them: honest messages as a short way to
 * rings that run, any message with descriptors of many kinds, and guest memory. Nothing waits: the loop is
 * served after each honest message. The memory is written through its descriptor, so it may be truncated.
 * While a run lasts, a thread writes what the input says into the memory, as the guest's other processors
 * can; how both interleave is the scheduler's, so a finding may need several runs.
 */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "fuzz-loop.h"
#include "fuzz.h"
#include "vhost/vhost.h"

#define FRONTEND_REGION 0x4000 /* bytes; there are two */

enum { RAM, KICK, CALL, ERR, PIPE_OUT, PIPE_IN, NOTHING, ANY_FILE, FRONTEND_FDS };

struct fuzz_frontend {
	struct loop *loop;
	struct sockaddr_un addr;
	socklen_t addr_size;
	int sock; /* -1: not connected */
	int fd[FRONTEND_FDS];
	uint16_t avail[VHOST_RINGS];
};

/* Opens the descriptors and starts the thread with the next of the input. Returns a listening socket. */
int fuzz_frontend_open(struct fuzz_frontend *fe, struct loop *loop, struct fuzz *fuzz);
/* Hangs up, ends the thread, and closes all. */
void fuzz_frontend_close(struct fuzz_frontend *fe);

/* Hangs up, and connects to where it listened, or to 'path'; false if nobody listens there. */
bool fuzz_frontend_connect(struct fuzz_frontend *fe, const char *path);
/* From the features to VHOST_USER_SET_VRING_ENABLE; GET_VRING_BASE. */
void fuzz_frontend_start(struct fuzz_frontend *fe, uint32_t ring, uint64_t features);
void fuzz_frontend_stop(struct fuzz_frontend *fe, uint32_t ring);
/* Any message of the input's, and any bytes. */
void fuzz_frontend_say(struct fuzz_frontend *fe, struct fuzz *fuzz);
void fuzz_frontend_write(struct fuzz_frontend *fe, struct fuzz *fuzz);
/* Reads the answers, which are well formed. */
void fuzz_frontend_hear(struct fuzz_frontend *fe);

/* n buffers, one of 8 bytes each; those of the status queue set the LED that 'what' says. Kicks. */
void fuzz_guest_give(struct fuzz_frontend *fe, uint32_t ring, unsigned n, uint8_t what);
void fuzz_guest_kick(struct fuzz_frontend *fe);
void fuzz_guest_poke(struct fuzz_frontend *fe, uint64_t at, const void *bytes, size_t size);
