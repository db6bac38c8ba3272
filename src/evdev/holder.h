/* SPDX-License-Identifier: MIT */
/*
 * Finds out which program has an evdev node open, for messages to the user. Reads /proc, so it sees
 * only programs whose descriptors this user may list: not a QEMU of libvirt's system connection.
 * Owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/peer.h"

/*
 * The search gives up after this time, so that a machine with many processes does not delay input.
 */
#define HOLDER_SEARCH_US 200000

struct holder {
	pid_t pid;
	bool is_vm;               /* by its name it is a QEMU */
	char comm[PEER_COMM_MAX]; /* untrusted: log it through log_str */
};

/*
 * Searches for a program, other than evswitch and its helpers, that has one of the 'n' nodes open,
 * and stores it; a QEMU rather than another. False if none is found. Does not wait, but takes up to
 * HOLDER_SEARCH_US: not for the path of an event.
 */
bool holder_find(const char *const *devnode, size_t n, struct holder *out);
