/* SPDX-License-Identifier: MIT */
/* A scanner of tags and attributes. */
#include "check/check-xml.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"

#define BLANKS " \t\r\n"

/* The '>' that ends the tag: not one within quotes. NULL if there is none. */
static const char *end_of(const char *at)
{
	char quote = '\0';

	for (; *at; at++) {
		if (quote && *at == quote)
			quote = '\0';
		else if (!quote && (*at == '\'' || *at == '"'))
			quote = *at;
		else if (!quote && *at == '>')
			return at;
	}
	return NULL;
}

bool check_xml_next(struct check_xml *xml)
{
	const char *at = xml->rest ? strchr(xml->rest, '<') : NULL, *end;
	size_t size;

	while (at && text_starts_with(at, "<!--")) {
		at = strstr(at, "-->");
		at = at ? strchr(at, '<') : NULL;
	}
	end = at ? end_of(at) : NULL;
	if (!end)
		return false;
	xml->rest = end + 1;
	xml->closes = at[1] == '/';
	xml->is_empty = end[-1] == '/';
	at += 1 + xml->closes;
	size = strcspn(at, BLANKS "/>");
	snprintf(xml->name, sizeof(xml->name), "%.*s", (int)size, at);
	xml->attributes = at + size;
	xml->size = (size_t)(end - xml->attributes);
	return true;
}

/* The character that begins at 'text', and how many bytes of it are read. */
static char decode(const char *text, size_t *used)
{
	static const struct {
		const char *entity;
		char c;
	} known[] = { { "&amp;", '&' },   { "&lt;", '<' },   { "&gt;", '>' },
		      { "&apos;", '\'' }, { "&quot;", '"' }, { "&#9;", '\t' } };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!text_starts_with(text, known[i].entity))
			continue;
		*used = strlen(known[i].entity);
		return known[i].c;
	}
	*used = 1;
	return *text;
}

static void copy(const char *text, size_t size, char value[static CHECK_XML_VALUE])
{
	size_t n = 0, used;

	for (size_t i = 0; i < size && n < CHECK_XML_VALUE - 1; i += used)
		value[n++] = decode(text + i, &used);
	value[n] = '\0';
}

bool check_xml_attribute(const struct check_xml *xml, const char *name,
			 char value[static CHECK_XML_VALUE])
{
	const char *at = xml->attributes, *end = at + xml->size;
	size_t size = strlen(name);

	value[0] = '\0';
	while (at < end) {
		const char *equals, *close;

		at += strspn(at, BLANKS);
		equals = memchr(at, '=', at < end ? (size_t)(end - at) : 0);
		if (!equals || equals + 2 >= end)
			return false;
		close = memchr(equals + 2, equals[1], (size_t)(end - equals) - 2);
		if (!close)
			return false;
		if ((size_t)(equals - at) == size && strncmp(at, name, size) == 0) {
			copy(equals + 2, (size_t)(close - equals) - 2, value);
			return true;
		}
		at = close + 1;
	}
	return false;
}

bool check_xml_is(const struct check_xml *xml, const char *name, const char *value)
{
	char is[CHECK_XML_VALUE];

	return check_xml_attribute(xml, name, is) && strcmp(is, value) == 0;
}
