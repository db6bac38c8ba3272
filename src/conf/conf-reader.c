/* SPDX-License-Identifier: MIT */
/* Validates each line, then passes it to inih. */
#include "conf/conf-reader.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf-report.h"
#include "base/log.h"
#include "base/text.h"

#define BOM "\xef\xbb\xbf"

/* Longer than any setting's name, so truncation cannot make a name valid. */
#define NAME_SIZE 64

/*
 * inih accepts lines of up to 200 bytes, and treats a line that begins with a blank as a
 * continuation. Longer lines are passed to it as such pieces. Each piece is enclosed in GUARD, so
 * that inih neither trims blanks nor finds a comment where the text happens to be split. GUARD is a
 * control character, which valid lines cannot contain.
 */
#define GUARD      '\x01'
#define PIECE_ROOM (NAME_SIZE + sizeof(" = ") + 2 + sizeof("\n"))
_Static_assert(INI_MAX_LINE > 2 * PIECE_ROOM && INI_INITIAL_ALLOC > 2 * PIECE_ROOM,
	       "inih is built for shorter lines than a piece");
_Static_assert(INI_ALLOW_MULTILINE, "inih is built without continuation lines");

struct reader {
	const struct conf_lines *to;
	const char *next, *end;       /* the unread text */
	unsigned line;                /* the current line, from 1 */
	char text[CONF_LINE_MAX + 1]; /* the current line without leading blanks */
	bool cut;                     /* a comment followed */
	const char *rest;             /* the part of its value not yet passed to inih, or NULL */
	char name[NAME_SIZE];         /* the name of the current line, from inih */
	char value[CONF_LINE_MAX + 1];
};

char *conf_trim(char *text)
{
	size_t size = strlen(text);
	char *start = text + (text_trim(text, &size) - text);

	start[size] = '\0';
	return start;
}

/* Reports the first byte that is not text; also a byte order mark, which inih would skip. */
static bool is_text(struct reader *reader, const char *line, size_t size)
{
	struct conf_report *report = reader->to->report;
	const char *end = line + size;
	unsigned length;

	for (; line < end; line += length) {
		unsigned char byte = (unsigned char)*line;
		uint32_t point;

		length = text_utf8(line, (size_t)(end - line), &point);
		if (length == 0)
			conf_report(report, reader->line,
				    "byte \\x%02x is not valid UTF-8; save the file as UTF-8",
				    byte);
		else if ((point < 0x20 && point != '\t') || point == 0x7f)
			conf_report(report, reader->line,
				    "control character \\x%02x; only text and tabs are allowed",
				    byte);
		else if (point == 0xfeff)
			conf_report(report, reader->line,
				    "a byte order mark within the file; only its start may have "
				    "one: remove this invisible character");
		else
			continue;
		return false;
	}
	return true;
}

/* Reads the next line into reader->text. A rejected line becomes empty. */
static bool take_line(struct reader *reader)
{
	const char *start = reader->next;
	const char *newline = NULL;
	size_t size;

	if (start == reader->end)
		return false;
	newline = memchr(start, '\n', (size_t)(reader->end - start));
	size = (size_t)((newline ? newline : reader->end) - start);
	reader->next += size + (newline ? 1 : 0);
	reader->line++;
	reader->text[0] = '\0';
	if (size > 0 && start[size - 1] == '\r')
		size--;

	if (size > CONF_LINE_MAX) {
		conf_report(
			reader->to->report, reader->line,
			"the line has %zu bytes; %d are allowed: move a long command into a script",
			size, CONF_LINE_MAX);
		return true;
	}
	if (!is_text(reader, start, size))
		return true;
	start = text_trim(start, &size);
	memcpy(reader->text, start, size);
	reader->text[size] = '\0';
	return true;
}

static void read_header(struct reader *reader)
{
	const struct conf_lines *to = reader->to;
	char *title = reader->text + 1;
	char *after = strchr(title, ']');

	if (!after) {
		conf_report(to->report, reader->line,
			    "']' is missing in '%s'; write [SECTION] or [SECTION NAME]",
			    log_str(reader->text).text);
		to->section(to->ctx, reader->line, NULL);
		return;
	}
	*after++ = '\0';
	after = conf_trim(after);
	if (*after && *after != ';')
		conf_report(to->report, reader->line,
			    "'%s' after ']'; only a comment after ';' may follow a section header",
			    log_str(after).text);
	to->section(to->ctx, reader->line, conf_trim(title));
}

/* Truncates the line where inih would see a comment. */
static bool cut_comment(char *text)
{
	for (char *at = text; (at = strchr(at, ';')); at++) {
		if (at == text || !text_is_blank(at[-1]))
			continue;
		*at = '\0';
		conf_trim(text);
		return true;
	}
	return false;
}

/* True if the current line has the form "name = value"; else reports it. */
static bool is_pair(struct reader *reader)
{
	const char *equals, *colon;

	reader->cut = cut_comment(reader->text);
	equals = strchr(reader->text, '=');
	colon = strchr(reader->text, ':');
	if (colon && (!equals || colon < equals))
		conf_report(reader->to->report, reader->line,
			    "':' instead of '=' in '%s'; write 'SETTING = VALUE'",
			    log_str(reader->text).text);
	else if (!equals)
		conf_report(reader->to->report, reader->line,
			    "no '=' in '%s'; a line is 'SETTING = VALUE', '[SECTION]' or a comment "
			    "after '#'",
			    log_str(reader->text).text);
	else if (equals == reader->text)
		conf_report(reader->to->report, reader->line,
			    "no setting before '='; write 'SETTING = VALUE'");
	else
		return true;
	return false;
}

/* Advances to the next pair. Handles headers and skips comments. */
static bool find_pair(struct reader *reader)
{
	while (take_line(reader)) {
		if (reader->text[0] == '[')
			read_header(reader);
		else if (reader->text[0] && !strchr("#;", reader->text[0]) && is_pair(reader))
			return true;
	}
	return false;
}

/* Formats the next piece of the value, enclosed in guards; the first piece begins with the name. */
static char *give_piece(struct reader *reader, char *buf, size_t size, int name_size)
{
	size_t left = strlen(reader->rest);
	size_t take = left < size - PIECE_ROOM ? left : size - PIECE_ROOM;

	snprintf(buf, size, "%.*s %s%c%.*s%c\n", name_size, reader->text, name_size ? "= " : "",
		 GUARD, (int)take, reader->rest, GUARD);
	reader->rest = take < left ? reader->rest + take : NULL;
	return buf;
}

/* inih's ini_reader, which works like fgets(). */
static char *next_line(char *buf, int size, void *stream)
{
	struct reader *reader = stream;
	size_t room = (size_t)size, name_size;

	if (reader->rest)
		return give_piece(reader, buf, room, 0);
	if (!find_pair(reader))
		return NULL;
	if (strlen(reader->text) + sizeof("\n") <= room) {
		snprintf(buf, room, "%s\n", reader->text);
		return buf;
	}
	name_size = strcspn(reader->text, "=");
	reader->rest = reader->text + name_size + 1;
	reader->rest += strspn(reader->rest, TEXT_BLANKS);
	if (name_size >= NAME_SIZE)
		name_size = NAME_SIZE - 1;
	return give_piece(reader, buf, room, (int)name_size);
}

/*
 * inih's ini_handler: appends a piece to the current value, and reports the pair once it is
 * complete.
 */
static int take_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;
	size_t have = strlen(reader->value), size = strlen(value);

	(void)section; /* empty: headers are not passed to inih, which truncates long ones */
	if (size >= 2 && value[0] == GUARD) {
		value++;
		size -= 2;
	}
	if (!reader->name[0])
		snprintf(reader->name, sizeof(reader->name), "%s", name);
	memcpy(reader->value + have, value, size);
	reader->value[have + size] = '\0';
	if (reader->rest)
		return 1;

	reader->to->pair(reader->to->ctx, reader->line, reader->name, reader->value, reader->cut);
	reader->name[0] = '\0';
	reader->value[0] = '\0';
	return 1;
}

int conf_read_lines(const char *text, size_t size, const struct conf_lines *to)
{
	struct reader reader = { .to = to, .next = text, .end = text + size };
	int error;

	if (size >= strlen(BOM) && memcmp(text, BOM, strlen(BOM)) == 0)
		reader.next += strlen(BOM);
	error = ini_parse_stream(next_line, &reader, take_pair, &reader);
	if (error == -2)
		return -ENOMEM;
	return error ? -EIO : 0;
}
