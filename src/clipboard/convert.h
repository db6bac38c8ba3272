/* SPDX-License-Identifier: MIT */
/* Line ends of text. Pure; the caller frees what is returned. */
#pragma once

#include <stddef.h>

/*
 * A copy in which each line ends with LF, or with CRLF; *size is the text's, then the copy's, in bytes.
 * A lone CR stays. NULs at the end are left out: some programs copy them, too. NULL: no memory.
 */
char *convert_to_lf(const char *text, size_t *size);
char *convert_to_crlf(const char *text, size_t *size);
