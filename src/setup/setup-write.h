/* SPDX-License-Identifier: MIT */
/*
 * Adds sections to the configuration file. What is there stays, byte for byte; the new file replaces
 * the old at once or not at all, and only if it is a valid configuration. Errors are logged here.
 * The caller owns the struct, which owns its text.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "conf/conf.h"

struct setup_file {
	char path[PATH_MAX]; /* for the user */
	char real[PATH_MAX]; /* the file itself: links followed */
	bool is_default;     /* evswitch finds it without -c */
	bool exists;
	struct stat status; /* of 'real', if it exists */
	char *text;         /* NULL: nothing */
	size_t size;
};

/*
 * Reads the file, which need not exist: 'given', or else the one that evswitch would read, or else
 * the user's. 0; -ENOENT without $HOME or if a link leads nowhere; -EACCES if it may not be written;
 * -EISDIR, -ENOTSUP, -EFBIG, -EINVAL as conf_load; or another -errno.
 */
int setup_file_read(struct setup_file *file, const char *given);
void setup_file_free(struct setup_file *file);

/* A [device] section that matches nothing, which no file has. */
#define SETUP_STUB "..evswitch-setup.."

/*
 * What the file configures. Where it has no [device] section, which is not an error here, there is
 * SETUP_STUB. 0 and *conf, or -EINVAL or -ENOMEM.
 */
int setup_file_conf(const struct setup_file *file, struct conf **conf);

/*
 * Writes the file with 'added' at its end, and makes the directories of a file that evswitch finds
 * by itself. Signals wait meanwhile. -EINVAL: it would not be valid. -EBUSY: somebody else has
 * changed it since it was read. -EFBIG: it would be too large. Or another -errno, such as -ENOSPC.
 * After an error, the file is as it was.
 */
int setup_file_add(const struct setup_file *file, const char *added);

/* The exit status for an error of these functions, see sysexits.h. */
int setup_file_status(int error);
