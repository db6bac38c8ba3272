/* SPDX-License-Identifier: MIT */
/*
 * What a keeper gives up before a guest can reach it: it cannot execute or trace a program, open or
 * write a file, nor use the network. Owns nothing.
 */
#pragma once

#include <stdbool.h>

struct confinement {
	const char *keeper_dir, *socket_dir; /* it may remove its sockets there; NULL: none */
	bool connects;                       /* it may connect to unix sockets */
};

/*
 * Confines the calling thread, and the log's, which is started again. There must be no other. Where the
 * kernel lacks a part of it, a warning is logged, and the keeper goes on.
 */
void keeper_confine(const struct confinement *confinement, const char *guest);
