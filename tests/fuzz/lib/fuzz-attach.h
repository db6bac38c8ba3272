/* SPDX-License-Identifier: MIT */
/* What must hold of each result of qemu/attach, whoever talks to QEMU. */
#pragma once

#include "qemu/attach.h"

/* What the user is told is printable. */
void fuzz_check_words(const char *words);
/* An attach_fn: it is over, and words come with a failure, and only then. */
void fuzz_attach_done(struct attach *attach, int rc, const char *words);
