/* SPDX-License-Identifier: MIT */
/* Bytes that arrive in pieces, from peers that decide how many. Plain values; their owner frees the memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Appends 'size' bytes to the *used at *data, which has room for *room (0: NULL), and grows as bytes arrive. False,
 * and nothing is appended, if there would be more than 'max', or there is no memory.
 */
bool bytes_append(unsigned char **data, size_t *used, size_t *room, size_t max, const void *more,
		  size_t size);
