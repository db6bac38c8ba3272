/* SPDX-License-Identifier: MIT */
/* QEMU as a child process, and its trace. */
#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "now.h"
#include "base/util.h"
#include "world.h"

#define BIOS_SIZE 65536

/* The one that runs, for qemu_reset. */
static pid_t running;
static const char *const *chosen;

int qemu_reset(void **state)
{
	if (running > 0) {
		kill(running, SIGKILL);
		waitpid(running, NULL, 0);
	}
	running = 0;
	chosen = NULL;
	return world_reset(state);
}

void qemu_choose(const char *const *command)
{
	chosen = command;
}

static int left_ms(long deadline)
{
	long left = deadline - now_ms();

	return left > 0 ? (int)left : 0;
}

/* --- its files and its start ------------------------------------------------------------- */

static int make_file(const struct qemu *qemu, const char *name, char *path, size_t size)
{
	int fd;

	snprintf(path, size, "%s/%s", qemu->dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

/* Firmware that sleeps: the machine runs, which QEMU's input needs, and takes no time. */
static void make_bios(const struct qemu *qemu, char *path, size_t size)
{
	static const unsigned char cli_hlt_jmp[] = { 0xfa, 0xf4, 0xeb, 0xfd };
	autoclose int fd = make_file(qemu, "bios", path, size);

	assert_int_equal(ftruncate(fd, BIOS_SIZE), 0);
	assert_int_equal(pwrite(fd, cli_hlt_jmp, sizeof(cli_hlt_jmp), BIOS_SIZE - 16),
			 sizeof(cli_hlt_jmp));
}

static void run(const struct qemu *qemu, const char *bios, const char *trace,
		const char *const *args)
{
	static const char *const here[] = { "qemu-system-x86_64", NULL };
	char path[64], monitor[96];
	const char *const own[] = {
		"-nodefaults",
		"-M",
		"pc",
		"-accel",
		"tcg,thread=single",
		"-m",
		"32",
		"-vga",
		"none",
		"-display",
		"none",
		"-bios",
		bios,
		"-trace",
		"runstate_set",
		"-trace",
		"input_event_key_qcode",
		"-trace",
		"input_event_key_number",
		"-trace",
		"input_event_btn",
		"-trace",
		"input_event_rel",
		"-trace",
		"input_event_sync",
		"-msg",
		"timestamp=on",
		"-D",
		trace,
		"-qmp",
		monitor,
		NULL,
	};
	const char *const *const parts[] = { chosen ?: here, own, args };
	const char *argv[96] = { NULL };
	unsigned n = 0;

	snprintf(monitor, sizeof(monitor), "unix:%s/monitor,server=on,wait=off", qemu->dir);
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		for (const char *const *word = parts[i]; *word && n < ARRAY_SIZE(argv) - 1; word++)
			argv[n++] = *word;
	snprintf(path, sizeof(path), "%s/stderr", qemu->dir);
	if (freopen(path, "w", stderr) && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(argv[0], (char *const *)argv);
		perror(argv[0]);
	}
	_exit(127);
}

static void tell_end(struct qemu *qemu)
{
	char path[64], text[1024] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/stderr", qemu->dir);
	file = fopen(path, "r");
	if (file) {
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
		fclose(file);
	}
	qemu_kill(qemu, SIGKILL);
	fail_msg("QEMU does not run; it said:\n%s", text);
}

static bool take_line(struct qemu *qemu, char *line, size_t size, long deadline);

static void wait_until_running(struct qemu *qemu)
{
	long deadline = now_ms() + QEMU_START_MS;
	char line[256];

	do {
		if (!take_line(qemu, line, sizeof(line), deadline)) {
			tell_end(qemu);
			return;
		}
	} while (!strstr(line, "runstate_set") || !strstr(line, "(running)"));
}

void qemu_start(struct qemu *qemu, const char *const *args)
{
	char bios[64], trace[64];

	*qemu = (struct qemu){ .dir = "/tmp/evswitch-qemu-XXXXXX", .monitor = -1 };
	assert_non_null(mkdtemp(qemu->dir));
	make_bios(qemu, bios, sizeof(bios));
	qemu->trace = make_file(qemu, "trace", trace, sizeof(trace));
	qemu->grown = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	assert_true(inotify_add_watch(qemu->grown, trace, IN_MODIFY) >= 0);
	qemu->pid = fork();
	if (qemu->pid == 0)
		run(qemu, bios, trace, args);
	qemu->died = (int)syscall(SYS_pidfd_open, qemu->pid, 0);
	assert_true(qemu->pid > 0 && qemu->died >= 0);
	running = qemu->pid;
	wait_until_running(qemu);
}

void qemu_freeze(struct qemu *qemu)
{
	int status;

	kill(qemu->pid, SIGSTOP);
	assert_int_equal(waitpid(qemu->pid, &status, WUNTRACED), qemu->pid);
	assert_true(WIFSTOPPED(status));
}

void qemu_kill(struct qemu *qemu, int signo)
{
	static const char *const names[] = { "bios", "trace", "stderr", "monitor" };
	char path[64];

	if (!qemu->pid)
		return;
	kill(qemu->pid, signo);
	waitpid(qemu->pid, NULL, 0);
	qemu->pid = running = 0;
	close_fd(&qemu->died);
	close_fd(&qemu->trace);
	close_fd(&qemu->grown);
	close_fd(&qemu->monitor);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", qemu->dir, names[i]);
		unlink(path);
	}
	rmdir(qemu->dir);
}

/* --- its monitor ------------------------------------------------------------------------- */

/* Takes lines until one has this in it; *line is that one. */
static void await_line(int fd, const char *part, char line[static 1024])
{
	long deadline = now_ms() + WORLD_MS;
	size_t used;

	do {
		for (used = 0; used == 0 || (line[used - 1] != '\n' && used < 1023); used++) {
			struct pollfd in = { .fd = fd, .events = POLLIN };

			if (poll(&in, 1, left_ms(deadline)) != 1 || read(fd, &line[used], 1) != 1)
				fail_msg("QEMU's monitor did not say %s", part);
		}
		line[used] = '\0';
	} while (!strstr(line, part));
}

static void tell_monitor(int fd, const char *command)
{
	char text[128], line[1024];
	int size = snprintf(text, sizeof(text), "{\"execute\":\"%s\"}\n", command);

	assert_int_equal(write(fd, text, (size_t)size), size);
	await_line(fd, "\"return\"", line);
}

static unsigned number_after(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	assert_non_null(at);
	return (unsigned)strtoul(at + strlen(name), NULL, 10);
}

static void open_monitor(struct qemu *qemu)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char line[1024];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/monitor", qemu->dir);
	qemu->monitor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(qemu->monitor >= 0);
	assert_int_equal(connect(qemu->monitor, (struct sockaddr *)&address, sizeof(address)), 0);
	await_line(qemu->monitor, "\"QMP\"", line);
	qemu->version = 100 * number_after(line, "\"major\": ") + number_after(line, "\"minor\": ");
	tell_monitor(qemu->monitor, "qmp_capabilities");
}

unsigned qemu_version(struct qemu *qemu)
{
	if (qemu->monitor < 0)
		open_monitor(qemu);
	return qemu->version;
}

void qemu_do(struct qemu *qemu, const char *command)
{
	if (qemu->monitor < 0)
		open_monitor(qemu);
	tell_monitor(qemu->monitor, command);
}

/* --- its trace --------------------------------------------------------------------------- */

/* False where the trace has not grown since the last call. */
static bool read_more(struct qemu *qemu)
{
	char changes[4096];
	ssize_t size;

	while (read(qemu->grown, changes, sizeof(changes)) > 0)
		;
	assert_true(qemu->used < sizeof(qemu->text) - 1);
	size = read(qemu->trace, qemu->text + qemu->used, sizeof(qemu->text) - 1 - qemu->used);
	if (size <= 0)
		return false;
	qemu->used += (size_t)size;
	return true;
}

/* False when the time is up, or QEMU has ended and all that it wrote has been taken. */
static bool take_line(struct qemu *qemu, char *line, size_t size, long deadline)
{
	char *end;

	while (!(end = memchr(qemu->text, '\n', qemu->used))) {
		struct pollfd wait[] = { { .fd = qemu->grown, .events = POLLIN },
					 { .fd = qemu->died, .events = POLLIN } };

		if (read_more(qemu))
			continue;
		if (poll(wait, 2, left_ms(deadline)) <= 0)
			return false;
		if (!read_more(qemu) && wait[1].revents)
			return false;
	}
	*end++ = '\0';
	snprintf(line, size, "%.*s", (int)size - 1, qemu->text);
	qemu->used -= (size_t)(end - qemu->text);
	memmove(qemu->text, end, qemu->used);
	return true;
}

static bool parse(const char *line, struct qemu_event *event)
{
	const char *at = strstr(line, ":input_event_");

	if (!at)
		return false;
	at += strlen(":input_event_");
	event->kind = QEMU_SYNC;
	if (strncmp(at, "sync", 4) == 0)
		return true;
	event->kind = QEMU_KEY;
	if (sscanf(at, "key_qcode con %*d, key qcode %23[^,], down %d", event->name,
		   &event->value) == 2)
		return true;
	if (sscanf(at, "key_number con %*d, key number 0x%*x [%23[^]]], down %d", event->name,
		   &event->value) == 2)
		return true;
	event->kind = QEMU_BUTTON;
	if (sscanf(at, "btn con %*d, button %23[^,], down %d", event->name, &event->value) == 2)
		return true;
	event->kind = QEMU_MOTION;
	if (sscanf(at, "rel con %*d, axis %23[^,], value %d", event->name, &event->value) == 2)
		return true;
	fail_msg("QEMU's trace has an unknown line: %s", line);
	return false;
}

/* Keeps the list of what is down, and tells a key's repetition from its press. */
static void follow(struct qemu *qemu, struct qemu_event *event)
{
	unsigned at = 0;

	while (at < qemu->n_down && strcmp(qemu->down[at], event->name) != 0)
		at++;
	if (event->value && at < qemu->n_down) {
		event->value = 2;
	} else if (event->value) {
		assert_true(qemu->n_down < ARRAY_SIZE(qemu->down));
		memcpy(qemu->down[qemu->n_down++], event->name, QEMU_NAME_MAX);
	} else if (at < qemu->n_down) {
		memcpy(qemu->down[at], qemu->down[--qemu->n_down], QEMU_NAME_MAX);
	}
}

bool qemu_trace(struct qemu *qemu, struct qemu_event *event, int timeout_ms)
{
	long deadline = now_ms() + timeout_ms;
	char line[256];

	do {
		if (!take_line(qemu, line, sizeof(line), deadline))
			return false;
	} while (!parse(line, event));
	if (event->kind == QEMU_KEY || event->kind == QEMU_BUTTON)
		follow(qemu, event);
	return true;
}

bool qemu_event(struct qemu *qemu, struct qemu_event *event, int timeout_ms)
{
	long deadline = now_ms() + timeout_ms;

	do {
		if (!qemu_trace(qemu, event, left_ms(deadline)))
			return false;
	} while (event->kind == QEMU_SYNC);
	return true;
}

void qemu_event_text(const struct qemu_event *event, char *text, size_t size)
{
	static const char sign[] = { '-', '+', '~' };

	if (event->kind == QEMU_MOTION)
		snprintf(text, size, "%s%+d", event->name, event->value);
	else
		snprintf(text, size, "%c%s", sign[event->value], event->name);
}

/* --- what tests expect of it ------------------------------------------------------------- */

static bool is_repetition(const struct qemu_event *event)
{
	return event->kind == QEMU_KEY && event->value == 2;
}

static void expect_one(struct qemu *qemu, const char *expected, const char *texts)
{
	struct qemu_event event;
	char text[QEMU_NAME_MAX + 16];

	do {
		if (!qemu_event(qemu, &event, WORLD_MS))
			fail_msg("QEMU got no %s of \"%s\"", expected, texts);
	} while (is_repetition(&event));
	qemu_event_text(&event, text, sizeof(text));
	if (strcmp(text, expected) != 0)
		fail_msg("QEMU got %s instead of %s of \"%s\"", text, expected, texts);
}

void qemu_expect(struct qemu *qemu, const char *texts)
{
	autofree char *copy = strdup(texts);
	char *rest = copy, *word;

	assert_non_null(copy);
	while ((word = strsep(&rest, " ")))
		expect_one(qemu, word, texts);
}

void qemu_expect_nothing(struct qemu *qemu)
{
	struct qemu_event event;
	char text[QEMU_NAME_MAX + 16];

	while (qemu_event(qemu, &event, WORLD_QUIET_MS)) {
		if (is_repetition(&event))
			continue;
		qemu_event_text(&event, text, sizeof(text));
		fail_msg("QEMU got %s and should have got nothing", text);
	}
}
