/* SPDX-License-Identifier: MIT */
/* Copies text with other line ends. */
#include "clipboard/convert.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static size_t without_nuls(const char *text, size_t size)
{
	while (size > 0 && text[size - 1] == '\0')
		size--;
	return size;
}

static bool is_crlf(const char *text, size_t size, size_t i)
{
	return text[i] == '\r' && i + 1 < size && text[i + 1] == '\n';
}

char *convert_to_lf(const char *text, size_t *size)
{
	size_t length = without_nuls(text, *size), used = 0;
	char *copy = malloc(length + 1);

	if (!copy)
		return NULL;
	for (size_t i = 0; i < length; i++)
		if (!is_crlf(text, length, i))
			copy[used++] = text[i];
	*size = used;
	return copy;
}

char *convert_to_crlf(const char *text, size_t *size)
{
	size_t length = without_nuls(text, *size), lines = 0, used = 0;
	char *copy;

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	copy = malloc(length + lines + 1);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			copy[used++] = '\r';
		copy[used++] = text[i];
	}
	*size = used;
	return copy;
}
