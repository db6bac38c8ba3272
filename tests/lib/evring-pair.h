/* SPDX-License-Identifier: MIT */
/* The two ends of a ring of frames, as the daemon and a keeper have them, in one process. */
#pragma once

#include "keeper/evring.h"

struct evring_pair {
	struct evring producer, consumer;
};

/* What fails ends the test through cmocka. */
void evring_pair_open(struct evring_pair *pair);
void evring_pair_close(struct evring_pair *pair);
