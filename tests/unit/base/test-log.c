/* SPDX-License-Identifier: MIT */
/* Messages: what they look like, that untrusted text cannot forge them, and that nobody waits for
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"

static void str(const char *raw, const char *printable)
{
	struct log_str once = log_str(raw);

	assert_string_equal(once.text, printable);
	assert_string_equal(log_str(once.text).text, printable);
}

static void printable_text_stays(void **state)
{
	(void)state;
	str("", "");
	str("Logitech USB Receiver (rev. 2) ~ 100%n %s \\x1b",
	    "Logitech USB Receiver (rev. 2) ~ 100%n "
	    "%s \\x1b");
	str("Clavier fran\xc3\xa7"
	    "ais \xe2\x82\xac \xf0\x9f\x96\xb1",
	    "Clavier fran\xc3\xa7"
	    "ais \xe2\x82\xac \xf0\x9f\x96\xb1");
	str(NULL, "(none)");
}

static void control_characters_are_escaped(void **state)
{
	char raw[2] = "", escaped[5];

	(void)state;
	str("a\nevswitch: forged\r\t\x1b[2Jb\x7f",
	    "a\\x0aevswitch: forged\\x0d\\x09\\x1b[2Jb\\x7f");
	for (unsigned c = 1; c < 0x20; c++) {
		raw[0] = (char)c;
		snprintf(escaped, sizeof(escaped), "\\x%02x", c);
		str(raw, escaped);
	}
	str("\xc2\x85\xc2\x9b", "\\xc2\\x85\\xc2\\x9b"); /* C1: next line, CSI */
	str("\xc2\xa0", "\xc2\xa0");
}

static void text_that_misleads_is_escaped(void **state)
{
	(void)state;
	str("a\xe2\x80\xae"
	    "b",
	    "a\\xe2\\x80\\xaeb"); /* right-to-left override */
	str("\xe2\x80\x8e\xe2\x80\x8f", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f");
	str("\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad",
	    "\\xe2\\x80\\xaa\\xe2\\x80\\xab\\xe2\\x80\\xac\\xe2\\x80\\xad");
	str("\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"); /* isolates */
	str("\xd8\x9c", "\\xd8\\x9c");
	str("\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"); /* line separators */
	str("\xef\xbb\xbf", "\\xef\\xbb\\xbf");
}

static void broken_utf8_is_escaped(void **state)
{
	(void)state;
	str("\x80\xbf", "\\x80\\xbf"); /* continuations alone */
	str("\xc3", "\\xc3");          /* cut short by the end */
	str("\xe2\x82", "\\xe2\\x82");
	str("\xf0\x9f\x96", "\\xf0\\x9f\\x96");
	str("\xc3(", "\\xc3("); /* cut short by text */
	str("\xe2\x82z", "\\xe2\\x82z");
	str("\xc0\xaf\xc1\xbf", "\\xc0\\xaf\\xc1\\xbf"); /* overlong */
	str("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	str("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
	str("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
	str("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
	str("\xf5\x80\x80\x80\xff\xfe", "\\xf5\\x80\\x80\\x80\\xff\\xfe");
	str("\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd"); /* the last but two */
}

/* Of every length, text is cut to what fits, and never within a character or an escape. */
static void is_cut_at_the_limit(void **state)
{
	static const struct {
		const char *raw, *out;
	} units[] = { { "a", "a" },
		      { "\n", "\\x0a" },
		      { "\xc3\xa7", "\xc3\xa7" },
		      { "\xe2\x82\xac", "\xe2\x82\xac" },
		      { "\xf0\x9f\x96\xb1", "\xf0\x9f\x96\xb1" } };

	(void)state;
	for (unsigned u = 0; u < sizeof(units) / sizeof(*units); u++) {
		for (unsigned lead = 0; lead < 5; lead++) {
			size_t size = strlen(units[u].out);
			size_t fit = lead + (LOG_STR_MAX - 1 - lead) / size * size;
			char raw[4 * LOG_STR_MAX] = "";
			struct log_str out;

			memset(raw, 'b', lead);
			while (strlen(raw) < 2 * LOG_STR_MAX)
				strcat(raw, units[u].raw);
			out = log_str(raw);
			assert_int_equal(strlen(out.text), fit);
			assert_string_equal(out.text + fit - size, units[u].out);
			assert_string_equal(log_str(out.text).text, out.text);
		}
	}
}

/* As log_str has it, and all of it. */
static void a_text_of_any_length_is_printed(void **state)
{
	char raw[2 * LOG_STR_MAX + 1], *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	memset(raw, 'a', sizeof(raw));
	raw[sizeof(raw) - 2] = '\x1b';
	raw[sizeof(raw) - 1] = '\0';
	log_str_print(out, raw);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(size, sizeof(raw) - 2 + strlen("\\x1b"));
	assert_memory_equal(text, raw, sizeof(raw) - 2);
	assert_string_equal(text + sizeof(raw) - 2, "\\x1b");
	free(text);
}

/* stderr goes to 'fd' while one message is logged. */
static void log_into(int fd, enum log_level level, const char *text)
{
	int saved = dup(STDERR_FILENO);

	assert_true(saved >= 0);
	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
	else
		close(STDERR_FILENO);
	errno = EXDEV;
	log_at(level, "%s", text);
	fd = errno;
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(fd, EXDEV);
}

static void logged(enum log_level level, const char *text, const char *line)
{
	char got[4096] = "";
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	log_into(fds[1], level, text);
	close(fds[1]);
	assert_true(read(fds[0], got, sizeof(got) - 1) >= 0);
	close(fds[0]);
	assert_string_equal(got, line);
}

static void one_line_each(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	logged(LOG_LEVEL_ERROR, "a: b", "evswitch: a: b\n");
	logged(LOG_LEVEL_INFO, "", "evswitch: \n");
}

static void levels(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	logged(LOG_LEVEL_DEBUG, "a", "");
	log_set_level(LOG_LEVEL_DEBUG);
	logged(LOG_LEVEL_DEBUG, "a", "evswitch: a\n");
	log_set_level(LOG_LEVEL_ERROR);
	logged(LOG_LEVEL_WARN, "a", "");
	logged(LOG_LEVEL_ERROR, "a", "evswitch: a\n");
	log_set_level(LOG_LEVEL_INFO);
}

/* As systemd.exec(5) has it: the variable names what stderr was for the service's first process. */
static void priorities_for_the_journal(void **state)
{
	static const char *const lines[] = { "<3>evswitch: a\n", "<4>evswitch: a\n",
					     "<6>evswitch: a\n", "<7>evswitch: a\n" };
	char stream[64], got[64];
	struct stat status;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fstat(fds[1], &status), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_set_level(LOG_LEVEL_DEBUG);
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		log_into(fds[1], (enum log_level)level, "a");
		got[read(fds[0], got, sizeof(got) - 1)] = '\0';
		assert_string_equal(got, lines[level]);
	}
	log_set_level(LOG_LEVEL_INFO);
	close(fds[0]);
	close(fds[1]);
}

/* A program that a service started, with its stderr somewhere else. */
static void no_priorities_for_others(void **state)
{
	static const char *const streams[] = {
		"8:1", "", "8", ":", "a:b", "18446744073709551616:1"
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
		setenv("JOURNAL_STREAM", streams[i], 1);
		logged(LOG_LEVEL_ERROR, "a", "evswitch: a\n");
	}
	unsetenv("JOURNAL_STREAM");
}

static void long_messages_are_one_line_too(void **state)
{
	char text[3000], line[3100];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t n = 1000; n < 1030; n++) {
		size_t size;

		text[n] = '\0';
		size = (size_t)snprintf(line, sizeof(line), "evswitch: %s", text);
		if (size > 1022)
			size = 1022;
		strcpy(line + size, "\n");
		logged(LOG_LEVEL_ERROR, text, line);
		text[n] = 'a';
	}
}

/* --- limits ------------------------------------------------------------------------------------ */

static void a_pace_has_a_burst_and_then_one_at_a_time(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	for (int64_t now = 5; now < 100000 * PACE_MS; now += 1000 * PACE_MS) {
		for (unsigned i = 0; i < PACE_BURST; i++)
			assert_true(pace_take(&pace, now));
		assert_false(pace_take(&pace, now));
		assert_false(pace_take(&pace, now + 4));
	}
}

static void a_pace_comes_back_slowly(void **state)
{
	struct pace pace = { 0 };
	unsigned taken = 0;

	(void)state;
	for (int64_t now = 3; now < 100 * PACE_MS; now++)
		taken += pace_take(&pace, now);
	assert_in_range(taken, PACE_BURST + 98, PACE_BURST + 100);
}

/* Logs until a line comes, or so many times; what came is 'line'. How many that were. */
static unsigned log_until(struct log_limit *limit, unsigned most, char line[static 256])
{
	int before = dup(STDERR_FILENO), fds[2];
	unsigned n = 0;
	ssize_t size = 0;

	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	dup2(fds[1], STDERR_FILENO);
	while (n < most && size <= 0) {
		log_limited(limit, LOG_LEVEL_INFO, "message");
		n++;
		size = read(fds[0], line, 255);
	}
	dup2(before, STDERR_FILENO);
	line[size > 0 ? size : 0] = '\0';
	close(before);
	close(fds[0]);
	close(fds[1]);
	return n;
}

static void a_flood_is_limited_and_counted(void **state)
{
	struct log_limit limit = { 0 }, other = { 0 };
	char line[256], expected[256];
	unsigned flood;

	(void)state;
	for (unsigned i = 0; i + 1 < PACE_BURST; i++) {
		assert_int_equal(log_until(&limit, 1, line), 1);
		assert_string_equal(line, "evswitch: message\n");
	}
	log_until(&limit, 1, line);
	assert_string_equal(line, "evswitch: message (more may be suppressed)\n");
	flood = log_until(&limit, UINT32_MAX, line);
	assert_true(flood > 1);
	snprintf(expected, sizeof(expected), "evswitch: message (%u similar messages suppressed)\n",
		 flood - 1);
	assert_string_equal(line, expected);
	/* Another's is another matter. */
	assert_int_equal(log_until(&other, 1, line), 1);
	assert_string_equal(line, "evswitch: message\n");
}

/* Fills it to the brim; the number of bytes. Then a write to it would wait. */
static size_t fill(int fd)
{
	char block[512] = "";
	size_t total = 0;
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (size_t size = sizeof(block); size > 0; size /= 2)
		while ((n = write(fd, block, size)) > 0)
			total += (size_t)n;
	fcntl(fd, F_SETFL, 0);
	return total;
}

static void drained(int fd, size_t expected)
{
	char block[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		total += (size_t)n;
	assert_int_equal(total, expected);
}

static void a_full_pipe_does_not_block(void **state)
{
	int fds[2];
	size_t total;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	total = fill(fds[1]);
	alarm(20); /* ends a test that hangs */
	log_into(fds[1], LOG_LEVEL_ERROR, "lost");
	alarm(0);
	close(fds[1]);
	drained(fds[0], total);
	close(fds[0]);
}

static void a_full_socket_does_not_block(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

	(void)state;
	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, types[i], 0, fds), 0);
		fill(fds[1]);
		alarm(20);
		log_into(fds[1], LOG_LEVEL_ERROR, "lost");
		alarm(0);
		close(fds[0]);
		close(fds[1]);
	}
}

static void a_socket_gets_the_line(void **state)
{
	char got[64] = "";
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	log_into(fds[1], LOG_LEVEL_ERROR, "a");
	assert_int_equal(read(fds[0], got, sizeof(got) - 1), 12);
	assert_string_equal(got, "evswitch: a\n");
	close(fds[0]);
	close(fds[1]);
}

/* SIGPIPE has its default action here, which would end the test. */
static void a_reader_that_is_gone_does_not_kill(void **state)
{
	int fds[2];

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	log_into(fds[1], LOG_LEVEL_ERROR, "lost");
	close(fds[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	close(fds[0]);
	log_into(fds[1], LOG_LEVEL_ERROR, "lost");
	close(fds[1]);
	log_into(-1, LOG_LEVEL_ERROR, "lost");
}

/* Once the process has ended, the journal no longer finds out which unit said it. */
static void the_end_waits_for_the_journal(void **state)
{
	char stream[64], line[64];
	struct stat status;
	int fds[2], how;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fstat(fds[1], &status), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev,
		 (uintmax_t)status.st_ino);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		setenv("JOURNAL_STREAM", stream, 1);
		log_error("the last words");
		log_stop();
		_exit(0);
	}
	assert_int_equal(recv(fds[0], line, 1, MSG_PEEK), 1);
	usleep(100000); /* were it to end at once, it would be by then on most machines */
	assert_int_equal(waitpid(pid, &how, WNOHANG), 0);
	assert_int_equal(recv(fds[0], line, sizeof(line), 0), 28);
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_int_equal(how, 0);
	close(fds[0]);
	close(fds[1]);
}

/* --- with the thread ------------------------------------------------------------------------ */

#define MANY 2000

/* stderr is 'fd' from now on, and a thread writes there. The number of the one before. */
static int start_log(int fd)
{
	int saved = dup(STDERR_FILENO);

	assert_true(saved >= 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	log_start();
	return saved;
}

static void stop_log(int saved)
{
	log_stop();
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static void log_many(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		log_error("line %u, about as long as one is: device keyboard: /dev/input/event7",
			  i);
}

static void every_line_comes(void **state)
{
	char line[256], expected[256];
	int fds[2], saved;
	FILE *in;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	saved = start_log(fds[1]);
	log_many(200);
	stop_log(saved);
	close(fds[1]);
	in = fdopen(fds[0], "r");
	for (unsigned i = 0; i < 200; i++) {
		snprintf(expected, sizeof(expected),
			 "evswitch: line %u, about as long as one is: device keyboard: "
			 "/dev/input/event7\n",
			 i);
		assert_non_null(fgets(line, sizeof(line), in));
		assert_string_equal(line, expected);
	}
	assert_null(fgets(line, sizeof(line), in));
	fclose(in);
}

/*
 * A terminal that polls writable takes a byte, and not always a line. Ctrl+S stops it altogether.
 */
static void a_terminal_does_not_block(void **state)
{
	(void)state;
	for (int stopped = 0; stopped < 2; stopped++) {
		int master, slave, saved;

		assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
		if (stopped)
			assert_int_equal(tcflow(slave, TCOOFF), 0);
		alarm(20); /* ends a test that hangs */
		saved = start_log(slave);
		log_many(MANY);
		stop_log(saved);
		alarm(0);
		close(slave);
		close(master);
	}
}

static void a_full_pipe_or_socket_does_not_block(void **state)
{
	int fds[2], saved;

	(void)state;
	for (int sockets = 0; sockets < 2; sockets++) {
		if (sockets)
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		else
			assert_int_equal(pipe(fds), 0);
		fill(fds[1]);
		alarm(20);
		saved = start_log(fds[1]);
		log_many(MANY);
		stop_log(saved);
		alarm(0);
		close(fds[0]);
		close(fds[1]);
	}
}

/*
 * A write can hang in the kernel where not even SIGKILL ends it. Devices that were opened meanwhile
 * must not stay open with it.
 */
static void the_thread_holds_nothing_that_came_later(void **state)
{
	char pattern[64];
	int fds[2], later[2], saved;
	glob_t tables;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	saved = start_log(fds[1]);
	assert_int_equal(pipe(later), 0);
	glob("/proc/self/task/*/fd/2", 0, NULL, &tables);
	assert_true(tables.gl_pathc >= 2);
	globfree(&tables);
	snprintf(pattern, sizeof(pattern), "/proc/self/task/*/fd/%d", later[0]);
	glob(pattern, 0, NULL, &tables);
	assert_int_equal(tables.gl_pathc, 1);
	globfree(&tables);
	stop_log(saved);
	close(later[0]);
	close(later[1]);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(printable_text_stays),
		cmocka_unit_test(control_characters_are_escaped),
		cmocka_unit_test(text_that_misleads_is_escaped),
		cmocka_unit_test(broken_utf8_is_escaped),
		cmocka_unit_test(is_cut_at_the_limit),
		cmocka_unit_test(a_text_of_any_length_is_printed),
		cmocka_unit_test(one_line_each),
		cmocka_unit_test(levels),
		cmocka_unit_test(priorities_for_the_journal),
		cmocka_unit_test(no_priorities_for_others),
		cmocka_unit_test(a_pace_has_a_burst_and_then_one_at_a_time),
		cmocka_unit_test(a_pace_comes_back_slowly),
		cmocka_unit_test(a_flood_is_limited_and_counted),
		cmocka_unit_test(long_messages_are_one_line_too),
		cmocka_unit_test(a_full_pipe_does_not_block),
		cmocka_unit_test(a_full_socket_does_not_block),
		cmocka_unit_test(a_socket_gets_the_line),
		cmocka_unit_test(a_reader_that_is_gone_does_not_kill),
		cmocka_unit_test(the_end_waits_for_the_journal),
		cmocka_unit_test(every_line_comes),
		cmocka_unit_test(a_terminal_does_not_block),
		cmocka_unit_test(a_full_pipe_or_socket_does_not_block),
		cmocka_unit_test(the_thread_holds_nothing_that_came_later),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
