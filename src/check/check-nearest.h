/* SPDX-License-Identifier: MIT */
/* Finds what was meant by a mistyped name of a link, a device or a domain. Pure; owns nothing. */
#pragma once

#include <stdbool.h>

#define CHECK_WORD_SIZE 256 /* longer words are not offered */

struct check_nearest {
	const char *typed;
	unsigned distance; /* of 'word' from 'typed'; at first the smallest that is too far */
	char word[CHECK_WORD_SIZE]; /* the nearest so far, or "" */
};

/* Begins a search for words that differ in at most 'most' characters. */
void check_nearest_init(struct check_nearest *nearest, const char *typed, unsigned most);
void check_nearest_offer(struct check_nearest *nearest, const char *word);

/* True if the words are the same but for case, or one is a part of the other. */
bool check_is_part(const char *typed, const char *word);
