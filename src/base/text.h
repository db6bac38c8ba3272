/* What several modules ask of text: its beginning, the blanks around it, and whether it is UTF-8. */
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

/* Where the text without the blanks at both ends begins; its size goes to *size. */
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
 * The length in bytes, 1 to 4, of the UTF-8 character (RFC 3629) at the start of 'text', which has
 * 'size' bytes or a NUL before; its code point goes to *point. 0 where there is none.
 */
unsigned text_utf8(const char *text, size_t size, uint32_t *point);
