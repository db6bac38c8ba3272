/* "Did you mean ...?": the known word nearest to a mistyped one. Internal to conf*.c. Pure. */
#pragma once

#include <stddef.h>

#include "core/keys.h"

/* The word that is so near to 'typed' that it was probably meant, or NULL. */
const char *conf_hint_word(const char *typed, const char *const *words, size_t n);

/* The same among the names of keys, and for what other programs call them; "" if there is none. */
struct keys_name conf_hint_key(const char *typed);
