/* SPDX-License-Identifier: MIT */
/* The log thread and its queue, a pipe; printable copies of untrusted text. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/util.h"

#define LINE_MAX_SIZE 1024
#define QUEUE_SIZE    (256 * 4096) /* a page for each line */

static enum log_level log_level = LOG_LEVEL_INFO;
static const char *log_name = "evswitch";

/* The queue is a pipe in packet mode (O_DIRECT), which preserves line boundaries. */
static struct log_writer {
	int in, out; /* the pipe; -1: there is no thread */
	pthread_t thread;
	sem_t apart;
} writer = { .in = -1, .out = -1 };

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_set_name(const char *name)
{
	log_name = name;
}

/*
 * Writes without the thread. Other processes share stderr, so do not set O_NONBLOCK on it. The
 * journal's socket supports MSG_DONTWAIT, and a pipe that polls writable accepts a line; a terminal
 * may block.
 */
static void write_line(const char *line, size_t size)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != ENOTSOCK)
		return;
	/* Not with POLLERR: the pipe has no reader, and a write would raise SIGPIPE. */
	if (poll(&out, 1, 0) != 1 || out.revents != POLLOUT)
		return;
	if (write(STDERR_FILENO, line, size) < 0)
		return; /* this error cannot be logged */
}

/* Blocks until the line is written; false if it never can be. */
static bool write_all(const char *line, size_t size)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	while (size) {
		ssize_t written = write(STDERR_FILENO, line, size);

		if (written < 0 && errno == EAGAIN) {
			if (poll(&out, 1, -1) < 0 && errno != EINTR)
				return false;
			continue;
		}
		if (written < 0)
			return false;
		line += written;
		size -= (size_t)written;
	}
	return true;
}

/*
 * The thread unshares its descriptor table: a write that hangs in the kernel keeps the thread alive
 * after the process is killed, and must not keep grabbed devices open.
 */
static void *write_lines(void *unused)
{
	struct pollfd lines = { .fd = writer.out, .events = POLLIN };
	char line[LINE_MAX_SIZE];
	int in = writer.in;
	ssize_t size;

	(void)unused;
	if (unshare(CLONE_FILES) == 0)
		close(in);
	sem_post(&writer.apart);
	while (poll(&lines, 1, -1) == 1 && (size = read(lines.fd, line, sizeof(line))) > 0)
		write_all(line, (size_t)size);
	return NULL;
}

/*
 * Blocks all signals in the thread: by default, its SIGPIPE or SIGTTOU would end or stop the
 * process.
 */
static int start_thread(void)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&writer.thread, NULL, write_lines, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

void log_start(void)
{
	int ends[2];

	if (writer.in >= 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK | O_DIRECT) < 0)
		return;
	fcntl(ends[1], F_SETPIPE_SZ, QUEUE_SIZE);
	writer.out = ends[0];
	writer.in = ends[1];
	sem_init(&writer.apart, 0, 0);
	if (start_thread() == 0) {
		while (sem_wait(&writer.apart) < 0)
			;
		return;
	}
	close_fd(&writer.in);
	close_fd(&writer.out);
}

static void stop_thread(const struct timespec *until)
{
	close_fd(&writer.in);
	if (pthread_timedjoin_np(writer.thread, NULL, until) == 0)
		close_fd(&writer.out);
}

static void emit(const char *line, size_t size)
{
	if (writer.in < 0)
		write_line(line, size);
	else if (write(writer.in, line, size) < 0)
		return; /* the queue is full */
}

/*
 * True if stderr is connected to the journal: compares JOURNAL_STREAM as systemd.exec(5) describes.
 */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
	       status.st_ino == inode;
}

/* The journal looks up the unit by the PID, which fails once the process has exited. */
static void await_journal(const struct timespec *until)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	struct timespec now;
	int unread;

	while (ioctl(STDERR_FILENO, SIOCOUTQ, &unread) == 0 && unread > 0 &&
	       clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	       (now.tv_sec < until->tv_sec ||
		(now.tv_sec == until->tv_sec && now.tv_nsec < until->tv_nsec)))
		nanosleep(&pause, NULL);
}

void log_stop(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LOG_STOP_S;
	if (writer.in >= 0)
		stop_thread(&until);
	if (is_journal())
		await_journal(&until);
}

#define NOTE_MAX 64

/* Truncates the message, if at all, but never 'note'. */
__attribute__((format(printf, 3, 0))) static void
write_message(enum log_level level, const char *note, const char *format, va_list args)
{
	static const char priority[] = { '3', '4', '6', '7' };
	char line[LINE_MAX_SIZE];
	int most = (int)(sizeof(line) - 2 - strlen(note));
	int saved = errno;
	int used = 0;

	if (is_journal())
		used = snprintf(line, sizeof(line), "<%c>", priority[level]);
	used += snprintf(line + used, sizeof(line) - (size_t)used, "%s: ", log_name);
	used += (int)text_vprint(line + used, (size_t)(most - used) + 1, format, args);
	used += snprintf(line + used, sizeof(line) - (size_t)used, "%s", note);
	line[used] = '\n';
	emit(line, (size_t)used + 1);
	errno = saved;
}

void log_at(enum log_level level, const char *format, ...)
{
	va_list args;

	if (level > log_level)
		return;
	va_start(args, format);
	write_message(level, "", format, args);
	va_end(args);
}

void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
	char note[NOTE_MAX] = "";
	va_list args;

	if (level > log_level)
		return;
	if (!pace_take(&limit->pace, pace_now_ms())) {
		limit->left_out++;
		return;
	}
	if (limit->left_out)
		snprintf(note, sizeof(note), " (%u similar messages suppressed)", limit->left_out);
	else if (limit->pace.used == PACE_BURST)
		snprintf(note, sizeof(note), " (more may be suppressed)");
	limit->left_out = 0;
	va_start(args, format);
	write_message(level, note, format, args);
	va_end(args);
}

/* Control characters, line separators and bidirectional formatting characters. */
static bool point_misleads(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) ||
	       (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x2069) || point == 0x61c || point == 0xfeff;
}

/* A printable copy of the next character, and how many bytes it was. */
static unsigned show(const char *at, char shown[static 5])
{
	uint32_t point = 0;
	unsigned n = text_utf8(at, 4, &point);

	if (n == 0 || point_misleads(point)) {
		snprintf(shown, 5, "\\x%02x", (unsigned char)*at);
		return 1;
	}
	memcpy(shown, at, n);
	shown[n] = '\0';
	return n;
}

struct log_str log_str(const char *raw)
{
	struct log_str out = { 0 };
	const char *at = raw ? raw : "(none)";
	size_t used = 0;
	char shown[5];

	while (*at) {
		at += show(at, shown);
		if (used + strlen(shown) >= sizeof(out.text))
			break;
		memcpy(out.text + used, shown, strlen(shown));
		used += strlen(shown);
	}
	return out;
}

void log_str_print(FILE *out, const char *raw)
{
	char shown[5];

	while (*raw) {
		raw += show(raw, shown);
		fputs(shown, out);
	}
}
