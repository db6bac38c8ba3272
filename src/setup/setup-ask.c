/* SPDX-License-Identifier: MIT */
/* Lines of the terminal, beside signals. */
#include "setup/setup-ask.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "base/util.h"

#define ARGUMENTS_MAX 8

bool ask_is_possible(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int ask_open(struct ask *ask)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, &ask->before);
	ask->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return ask->fd < 0 ? -errno : 0;
}

/* Signals that have arrived are for nobody. */
static void drain(const struct ask *ask)
{
	struct signalfd_siginfo info;

	while (read(ask->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		;
}

void ask_close(struct ask *ask)
{
	if (ask->fd < 0)
		return;
	drain(ask);
	close_fd(&ask->fd);
	sigprocmask(SIG_SETMASK, &ask->before, NULL);
}

/* True if there is something to read, before a signal. */
static bool wait_for_line(struct ask *ask)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = ask->fd, .events = POLLIN } };

	fflush(stdout);
	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return false;
	return !fds[1].revents;
}

/* The terminal gives a line at a time. False at its end, and after a signal. */
static bool read_line(struct ask *ask, char answer[ASK_ANSWER_MAX])
{
	size_t used = 0, size;
	const char *word;
	char c = '\0';

	while (!ask->ended && c != '\n') {
		if (!wait_for_line(ask) || read(STDIN_FILENO, &c, 1) != 1)
			ask->ended = true;
		else if (c != '\n' && used < ASK_ANSWER_MAX - 1)
			answer[used++] = c;
	}
	answer[used] = '\0';
	if (ask->ended) {
		putchar('\n');
		return false;
	}
	size = used;
	word = text_trim(answer, &size);
	memmove(answer, word, size);
	answer[size] = '\0';
	return true;
}

__attribute__((format(printf, 1, 0))) static void put_question(const char *format, va_list args)
{
	putchar('\n');
	vprintf(format, args);
}

bool ask_yes(struct ask *ask, bool by_default, const char *format, ...)
{
	char answer[ASK_ANSWER_MAX];
	va_list args;

	if (ask->ended)
		return false;
	va_start(args, format);
	put_question(format, args);
	va_end(args);
	for (;;) {
		printf(" [%s] ", by_default ? "Y/n" : "y/N");
		if (!read_line(ask, answer))
			return false;
		if (!answer[0])
			return by_default;
		if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
			return true;
		if (strcasecmp(answer, "n") == 0 || strcasecmp(answer, "no") == 0)
			return false;
		fputs("y or n?", stdout);
	}
}

unsigned ask_number(struct ask *ask, unsigned from, unsigned to, unsigned by_default,
		    const char *format, ...)
{
	char answer[ASK_ANSWER_MAX], *end;
	va_list args;

	if (ask->ended)
		return by_default;
	va_start(args, format);
	put_question(format, args);
	va_end(args);
	for (;;) {
		printf(" [%u] ", by_default);
		if (!read_line(ask, answer) || !answer[0])
			return by_default;

		unsigned long number = strtoul(answer, &end, 10);

		if (answer[0] >= '0' && answer[0] <= '9' && !*end && number >= from && number <= to)
			return (unsigned)number;
		printf("A number from %u to %u?", from, to);
	}
}

void ask_word(struct ask *ask, char answer[ASK_ANSWER_MAX], const char *format, ...)
{
	char line[ASK_ANSWER_MAX];
	va_list args;

	if (ask->ended)
		return;
	va_start(args, format);
	put_question(format, args);
	va_end(args);
	printf(" [%s] ", answer);
	if (read_line(ask, line) && line[0])
		memcpy(answer, line, sizeof(line));
}

static _Noreturn void become_self(const struct ask *ask, const char *const *argv)
{
	char path[4096] = "/proc/self/exe";
	const char *words[ARGUMENTS_MAX + 2] = { "evswitch" };
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
	unsigned n = 1;

	if (size > 0)
		path[size] = '\0';
	while (*argv && n <= ARGUMENTS_MAX)
		words[n++] = *argv++;
	sigprocmask(SIG_SETMASK, &ask->before, NULL);
	/* The cast is safe: execv does not modify the strings. */
	execv(path, (char *const *)words);
	execv("/proc/self/exe", (char *const *)words); /* replaced meanwhile, by an upgrade */
	_exit(127);
}

int ask_run_self(struct ask *ask, const char *const *argv)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become_self(ask, argv);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	drain(ask);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
