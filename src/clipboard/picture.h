/* SPDX-License-Identifier: MIT */
/*
 * Makes PNG of BMP, which is all that some agents on Windows offer. What a guest sent is decoded in a process of its
 * own (picture_main), which can neither open a file nor call anything but what that takes. Embedded in its
 * owner; owns that process.
 */
#pragma once

#include <stddef.h>

#include "base/loop.h"
#include "clipboard/program.h"

/* Points of a picture: twice a screen of 8K. */
#define PICTURE_POINTS_MAX (64 * 1024 * 1024)
/* The process's memory, in bytes, and its share of a processor, in seconds. */
#define PICTURE_MEMORY (1024L * 1024 * 1024)
#define PICTURE_CPU_S  10

/* The option of this program by which it becomes that process. */
#define PICTURE_OPTION "--bmp-to-png"

struct picture;
/* 'size' bytes of PNG, valid during the call; NULL: there is no such picture. */
typedef void (*picture_fn)(struct picture *picture, const void *png, size_t size);

struct picture {
	struct program program;
	picture_fn made;
};

/*
 * Starts with a copy of 'size' bytes of BMP; an earlier one that is not made yet is forgotten. 'made' is called in
 * a later turn. 0, or -errno of program_input() and program_start().
 */
int picture_start(struct picture *picture, struct loop *loop, const void *bmp, size_t size,
		  picture_fn made);
/* No callback follows. Also safe on a zeroed picture. */
void picture_stop(struct picture *picture);

/* That process: reads BMP from standard input, and writes PNG. Returns an exit code of sysexits(3). */
int picture_main(void);
