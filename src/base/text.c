/* SPDX-License-Identifier: MIT */
/* Strict UTF-8: rejects overlong forms, surrogates and code points above U+10FFFF. */
#include "base/text.h"

#include <stdio.h>

unsigned text_utf8(const char *text, size_t size, uint32_t *point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *at = (const unsigned char *)text;
	unsigned length = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	uint32_t code = length == 1 ? at[0] : at[0] & (0x7fU >> length);

	if (length > size || (at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4)
		return 0;
	for (unsigned i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3fU);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*point = code;
	return length;
}

/* The length of 'text', of n bytes, without a character at its end that is cut. */
static size_t whole(const char *text, size_t n)
{
	size_t begin = n;
	unsigned char first;

	/* The last byte that begins a character. */
	while (begin > 0 && n - begin < 3 && ((unsigned char)text[begin - 1] & 0xc0) == 0x80)
		begin--;
	if (begin == 0)
		return n;
	first = (unsigned char)text[--begin];
	return n - begin < (first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4) ? begin : n;
}

size_t text_vprint(char *to, size_t size, const char *format, va_list args)
{
	int wanted = vsnprintf(to, size, format, args);
	size_t length = wanted < 0 ? 0 : (size_t)wanted;

	if (length >= size)
		length = whole(to, size - 1);
	to[length] = '\0';
	return length;
}

size_t text_print(char *to, size_t size, const char *format, ...)
{
	size_t length;
	va_list args;

	va_start(args, format);
	length = text_vprint(to, size, format, args);
	va_end(args);
	return length;
}
