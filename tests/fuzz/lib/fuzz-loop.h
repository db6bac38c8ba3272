/* SPDX-License-Identifier: MIT */
/*
 * The loop of base/loop.h for fuzz targets, and what a target does with it. Descriptors are real and
 * epoll says which are ready, but time passes only when the target says so, and no peer waits for its
 * share of the processor: a run takes no time, and is the same each time. base/loop.c itself is not
 * linked, so it is not reached.
 */
#pragma once

#include "base/loop.h"

/* Serves what is ready, until nothing is. Fails where that does not end. */
void fuzz_settle(struct loop *loop);
/* Lets so much time pass: timers fire in their order, and what they cause is served. */
void fuzz_pass(struct loop *loop, unsigned ms);
