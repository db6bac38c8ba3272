/* Text helpers: prefixes, blanks, UTF-8. They allocate nothing and own nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TEXT_BLANKS " \t"

static inline bool text_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
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
