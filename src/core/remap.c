/* SPDX-License-Identifier: MIT */
/* Lookups in a remap table, which is short enough for a linear search. */
#include "core/remap.h"

#include "core/keyset.h"

unsigned remap_code(const struct remap *remap, unsigned code)
{
	for (unsigned i = 0; i < remap->n; i++)
		if (remap->entry[i].from == code)
			return remap->entry[i].to;
	return code;
}

bool remap_any(const struct remap *remap, const struct keyset *raw, unsigned code)
{
	if (keyset_has(raw, code) && remap_code(remap, code) == code)
		return true;
	for (unsigned i = 0; i < remap->n; i++)
		if (remap->entry[i].to == code && keyset_has(raw, remap->entry[i].from))
			return true;
	return false;
}
