/* SPDX-License-Identifier: MIT */
/*
 * "Did you mean ...?": finds the known word closest to a mistyped one. Internal to conf*.c. Pure.
 */
#pragma once

#include <stddef.h>

#include "core/keys.h"

/* The word close enough to 'typed' to be what was meant, or NULL. */
const char *conf_hint_word(const char *typed, const char *const *words, size_t n);

/* The same for names of keys, including names that other programs use; "" if there is none. */
struct keys_name conf_hint_key(const char *typed);
