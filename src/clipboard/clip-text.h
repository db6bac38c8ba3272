/* SPDX-License-Identifier: MIT */
/* Makes text that another program of the desktop sent what CLIP_TEXT is: UTF-8 with LF. Owns nothing. */
#pragma once

#include <stddef.h>

/*
 * Cleans *size bytes at *text, which malloc() gave; both may change. CRLF becomes LF, and NULs at the
 * end go. What is not valid UTF-8 is taken for ISO 8859-1, as X11's STRING is. 0; -EFBIG if more than
 * CLIP_SIZE_MAX would result; or -ENOMEM. *text is still the caller's to free.
 */
int clip_text_clean(unsigned char **text, size_t *size);
