/* SPDX-License-Identifier: MIT */
/* Descriptors on which calls wait until the test ends them: what a peer that means harm hands over. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum stuck_kind {
	STUCK_FILE,   /* on FUSE: its server answers until it is open, and no more */
	STUCK_SOCKET, /* TCP: close waits for a peer that does not read, a minute */
	STUCK_PIPE,   /* the write end: its reader sleeps on that FUSE with the pipe's lock */
	STUCK_KINDS
};

struct stuck {
	pid_t server, holder; /* who answers nothing, and who has it open */
	int fd;               /* what is handed over */
	int other;            /* what makes it wait; -1: nothing of ours */
};

/* False where this machine has no /dev/fuse that we may use. */
bool stuck_make(struct stuck *stuck, enum stuck_kind kind);
/* Everything that waits goes on. Harmless on a zeroed one and twice. */
void stuck_end(struct stuck *stuck);
