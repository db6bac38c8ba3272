/* SPDX-License-Identifier: MIT */
/* Doubles the memory when it is full. */
#include "clipboard/bytes.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 4096

bool bytes_append(unsigned char **data, size_t *used, size_t *room, size_t max, const void *more,
		  size_t size)
{
	size_t needed = *room ? *room : FIRST_ROOM;
	unsigned char *larger;

	if (size > max - *used)
		return false;
	while (needed < *used + size)
		needed *= 2;
	if (needed > *room) {
		larger = realloc(*data, needed);
		if (!larger)
			return false;
		*data = larger;
		*room = needed;
	}
	memcpy(*data + *used, more, size);
	*used += size;
	return true;
}
