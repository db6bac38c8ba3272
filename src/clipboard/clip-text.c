/* SPDX-License-Identifier: MIT */
#include "clipboard/clip-text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "clipboard/desktop.h"

static bool is_utf8(const unsigned char *text, size_t size)
{
	uint32_t point;

	for (size_t i = 0; i < size;) {
		unsigned n = 1;

		if (text[i] & 0x80)
			n = text_utf8((const char *)text + i, size - i, &point);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

/* Replaces *text by the same in UTF-8: two bytes for each above 0x7f. */
static int from_latin1(unsigned char **text, size_t *size)
{
	size_t n = *size, used = 0;
	unsigned char *utf8;

	for (size_t i = 0; i < *size; i++)
		n += (*text)[i] >> 7;
	if (n > CLIP_SIZE_MAX)
		return -EFBIG;
	utf8 = malloc(n);
	if (!utf8)
		return -ENOMEM;
	for (size_t i = 0; i < *size; i++) {
		unsigned char c = (*text)[i];

		if (c & 0x80)
			utf8[used++] = (unsigned char)(0xc0 | c >> 6);
		utf8[used++] = c & 0x80 ? (unsigned char)(0x80 | (c & 0x3f)) : c;
	}
	free(*text);
	*text = utf8;
	*size = used;
	return 0;
}

static void drop_cr(unsigned char *text, size_t *size)
{
	size_t used = 0;

	for (size_t i = 0; i < *size; i++)
		if (text[i] != '\r' || i + 1 == *size || text[i + 1] != '\n')
			text[used++] = text[i];
	*size = used;
}

int clip_text_clean(unsigned char **text, size_t *size)
{
	while (*size && !(*text)[*size - 1])
		--*size;
	drop_cr(*text, size);
	if (*size > CLIP_SIZE_MAX)
		return -EFBIG;
	return is_utf8(*text, *size) ? 0 : from_latin1(text, size);
}
