/* SPDX-License-Identifier: MIT */
#include "fuzz-attach.h"

#include <string.h>

#include "fuzz.h"

void fuzz_check_words(const char *words)
{
	FUZZ_CHECK(fuzz_is_printable(words, strlen(words)), "%s", words);
}

void fuzz_attach_done(struct attach *attach, int rc, const char *words)
{
	FUZZ_CHECK(!attach->doing && !rc == !words, "%d: %s", rc, words ? words : "");
	if (words)
		fuzz_check_words(words);
}
