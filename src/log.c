/* Messages to stderr that never block, and printable copies of untrusted text. */
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum log_level log_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	log_level = level;
}

/*
 * A stuck reader of our stderr must not hold up a grabbed keyboard. The descriptor is shared with
 * others, so O_NONBLOCK is not ours to set: the journal's socket takes MSG_DONTWAIT, and a pipe or
 * a terminal that polls writable takes a line.
 */
static void write_line(const char *line, size_t size)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != ENOTSOCK)
		return;
	/* A pipe without a reader polls writable too, with POLLERR: a write would raise SIGPIPE. */
	if (poll(&out, 1, 0) != 1 || out.revents != POLLOUT)
		return;
	if (write(STDERR_FILENO, line, size) < 0)
		return; /* there is nowhere left to say so */
}

void log_at(enum log_level level, const char *format, ...)
{
	static const char priority[] = { '3', '4', '6', '7' };
	char line[1024];
	int saved = errno;
	int used = 0;
	va_list args;

	if (level > log_level)
		return;
	if (getenv("JOURNAL_STREAM"))
		used = snprintf(line, sizeof(line), "<%c>", priority[level]);
	used += snprintf(line + used, sizeof(line) - (size_t)used, "evswitch: ");
	va_start(args, format);
	used += vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
	va_end(args);
	if (used > (int)sizeof(line) - 2)
		used = (int)sizeof(line) - 2;
	line[used] = '\n';
	write_line(line, (size_t)used + 1);
	errno = saved;
}

/* Bytes of the well-formed UTF-8 sequence at 's' (2 to 4) and its code point, else 0. */
static unsigned utf8_sequence(const unsigned char *s, uint32_t *point)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned n = s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	*point = s[0] & (0x7fU >> n);
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (s[i] & 0x3fU);
	}
	if (*point < smallest[n] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff))
		return 0;
	return n;
}

/* C1 controls, line separators and the marks that turn the direction of text around. */
static bool point_misleads(uint32_t point)
{
	return (point >= 0x80 && point < 0xa0) || (point >= 0x200b && point <= 0x200f) ||
	       (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x2069) ||
	       point == 0x61c || point == 0xfeff;
}

struct log_str log_str(const char *raw)
{
	struct log_str out = { 0 };
	const unsigned char *s = (const unsigned char *)(raw ? raw : "(none)");
	size_t used = 0;

	while (*s) {
		uint32_t point = 0;
		unsigned n = *s >= 0x20 && *s < 0x7f ? 1 : utf8_sequence(s, &point);
		bool escape = n == 0 || point_misleads(point);

		if (used + (escape ? 4 : n) >= sizeof(out.text))
			break;
		if (escape) {
			used += (size_t)snprintf(out.text + used, 5, "\\x%02x", *s++);
			continue;
		}
		memcpy(out.text + used, s, n);
		used += n;
		s += n;
	}
	return out;
}
