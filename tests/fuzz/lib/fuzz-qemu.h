/* SPDX-License-Identifier: MIT */
/*
 * A QEMU monitor that says what the input wants: a greeting, replies to the commands that came, events, and
 * bytes in any pieces. It listens at an abstract address and takes one client at a time.
 */
#pragma once

#include "base/usock.h"
#include "fuzz.h"

struct loop;

struct fuzz_qemu {
	char path[USOCK_PATH_MAX]; /* for qmp_open */
	int listener, peer;        /* -1: none is connected */
	unsigned n_ids;
	char ids[64]; /* of commands that were not answered, oldest first: a digit each */
};

void fuzz_qemu_open(struct fuzz_qemu *qemu);
void fuzz_qemu_close(struct fuzz_qemu *qemu);

/* The next thing that it does; 'what' chooses. Serves the loop before, not after. */
void fuzz_qemu_act(struct fuzz_qemu *qemu, struct loop *loop, unsigned what, struct fuzz *fuzz);
