/* SPDX-License-Identifier: MIT */
/* Names of keys and buttons, and chords and lists of them. */
#include "core/keys.h"

#include <errno.h>
#include <libevdev/libevdev.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "core/keyset.h"

/* Unlike toupper(), independent of the locale: libevdev's names are ASCII. */
static char to_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int keys_code(const char *name)
{
	char full[KEYS_NAME_MAX] = "";
	size_t length = 0;
	int code;

	if (strncasecmp(name, "KEY_", 4) != 0 && strncasecmp(name, "BTN_", 4) != 0)
		length = strlen(strcpy(full, "KEY_"));
	if (length + strlen(name) >= sizeof(full))
		return -EINVAL;
	while (*name)
		full[length++] = to_upper(*name++);

	code = libevdev_event_code_from_name(EV_KEY, full);
	/* libevdev's table has KEY_RESERVED and KEY_MAX, but no key has these codes. */
	return code > KEY_RESERVED && code < KEY_MAX ? code : -EINVAL;
}

struct keys_name keys_name(unsigned code)
{
	const char *known = libevdev_event_code_get_name(EV_KEY, code);
	struct keys_name name = { "?" };

	if (!known)
		return name;
	if (strncmp(known, "KEY_", 4) == 0)
		known += 4;
	for (size_t i = 0; i < sizeof(name.text) - 1 && known[i]; i++)
		name.text[i] = to_lower(known[i]);
	return name;
}

/* Truncates between UTF-8 characters, never within one. */
static struct keys_name name_from(const char *text, size_t length)
{
	struct keys_name name = { "" };

	if (length >= sizeof(name.text)) {
		length = sizeof(name.text) - 1;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(name.text, text, length);
	return name;
}

/* The trimmed text up to 'separator'. *text advances past it; NULL after the last name. */
static struct keys_name next_name(const char **text, char separator)
{
	const char *start = *text, *end = strchr(start, separator);
	size_t size = end ? (size_t)(end - start) : strlen(start);

	*text = end ? end + 1 : NULL;
	start = text_trim(start, &size);
	return name_from(start, size);
}

/* Parses the next name; 'before' holds the codes parsed so far. */
static enum keys_error next_code(const char **text, char separator, const struct keyset *before,
				 unsigned *code, struct keys_name *bad)
{
	int found;

	*bad = next_name(text, separator);
	if (!bad->text[0])
		return KEYS_EMPTY;
	found = keys_code(bad->text);
	if (found < 0)
		return KEYS_UNKNOWN;
	if (keyset_has(before, (unsigned)found))
		return KEYS_TWICE;
	*code = (unsigned)found;
	return KEYS_OK;
}

enum keys_error keys_parse_chord(const char *text, struct chord *chord, struct keys_name *bad)
{
	struct chord parsed = { 0 };
	struct keyset before = { 0 };

	while (text) {
		unsigned code = 0;
		enum keys_error error = next_code(&text, '+', &before, &code, bad);

		if (error)
			return error;
		if (parsed.n == CHORD_MAX)
			return KEYS_TOO_MANY;
		keyset_add(&before, code);
		parsed.code[parsed.n++] = (uint16_t)code;
	}
	*chord = parsed;
	return KEYS_OK;
}

enum keys_error keys_parse_list(const char *text, struct keyset *set, struct keys_name *bad)
{
	struct keyset parsed = { 0 };

	while (text) {
		unsigned code = 0;
		enum keys_error error = next_code(&text, ',', &parsed, &code, bad);

		if (error)
			return error;
		keyset_add(&parsed, code);
	}
	*set = parsed;
	return KEYS_OK;
}
