/* SPDX-License-Identifier: MIT */
/* Levenshtein's distance, in one row. */
#include "check/check-nearest.h"

#include <stdio.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned distance(const char *a, const char *b)
{
	unsigned row[CHECK_WORD_SIZE], size = (unsigned)strlen(b);

	for (unsigned j = 0; j <= size; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= size; j++) {
			unsigned above = row[j];

			row[j] = least(least(above, row[j - 1]) + 1,
				       diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[size];
}

void check_nearest_init(struct check_nearest *nearest, const char *typed, unsigned most)
{
	*nearest = (struct check_nearest){ .typed = typed, .distance = most + 1 };
}

void check_nearest_offer(struct check_nearest *nearest, const char *word)
{
	unsigned found;

	if (strlen(word) >= CHECK_WORD_SIZE || strlen(nearest->typed) >= CHECK_WORD_SIZE)
		return;
	found = distance(nearest->typed, word);
	if (found >= nearest->distance)
		return;
	nearest->distance = found;
	snprintf(nearest->word, sizeof(nearest->word), "%s", word);
}

bool check_is_part(const char *typed, const char *word)
{
	return *typed && *word && (strcasestr(word, typed) || strcasestr(typed, word));
}
