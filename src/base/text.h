/* SPDX-License-Identifier: MIT */
/* Text helpers: prefixes, blanks, UTF-8. They allocate nothing and own nothing. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TEXT_BLANKS " \t"

static inline bool text_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* True if both are the same text, or both are NULL. */
static inline bool text_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static inline bool text_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Trims blanks at both ends: returns the start of the rest and updates *size, in bytes. */
static inline const char *text_trim(const char *text, size_t *size)
{
	while (*size > 0 && text_is_blank(*text)) {
		text++;
		--*size;
	}
	while (*size > 0 && text_is_blank(text[*size - 1]))
		--*size;
	return text;
}

/*
 * Decodes the UTF-8 character (RFC 3629, section 3) at the start of 'text', which ends after 'size'
 * bytes or at a NUL. Returns its length in bytes, 1 to 4, and its code point in *point; 0 if it is
 * invalid.
 */
unsigned text_utf8(const char *text, size_t size, uint32_t *point);

/*
 * As snprintf and vsnprintf, but what is too long is cut between characters, so that UTF-8 stays
 * valid. Return the length of the result, which is below 'size'; 'size' must not be 0.
 */
__attribute__((format(printf, 3, 4))) size_t text_print(char *to, size_t size, const char *format,
							...);
__attribute__((format(printf, 3, 0))) size_t text_vprint(char *to, size_t size, const char *format,
							 va_list args);
