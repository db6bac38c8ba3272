/* SPDX-License-Identifier: MIT */
/* The guest as a process, its console's lines, and what is expected of them. */
#include "machine.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "now.h"
#include "scenario.h"
#include "base/util.h"

static const char *const nodes[] = { "keyboard", "media", "pointer" };

#define NEST_BOOT_MS 400000 /* an emulated machine in an emulated machine is slow */

/* The one that runs, for machine_reset. */
static pid_t running;

/* --- the process ------------------------------------------------------------------------- */

static void kill_group(pid_t pid)
{
	kill(-pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void machine_reset(void)
{
	if (running)
		kill_group(running);
	running = 0;
}

static void console_ready(struct watch *watch, uint32_t events)
{
	struct machine *machine = container_of(watch, struct machine, watch);
	size_t room = sizeof(machine->text) - machine->used;
	ssize_t size = room ? read(watch->fd, machine->text + machine->used, room) : -1;

	(void)events;
	if (size > 0) {
		machine->used += (size_t)size;
	} else {
		int fd = watch->fd;

		watch_stop(watch);
		close(fd);
	}
}

void machine_start(struct machine *machine, struct loop *loop, const char *const *argv)
{
	int console[2];

	assert_int_equal(machine->pid, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console), 0);
	machine->loop = loop;
	machine->used = 0;
	machine->pid = fork();
	assert_true(machine->pid >= 0);
	if (machine->pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(console[1], STDIN_FILENO);
		dup2(console[1], STDOUT_FILENO);
		execv(argv[0], (char *const *)argv);
		perror(argv[0]);
		_exit(127);
	}
	setpgid(machine->pid, machine->pid);
	running = machine->pid;
	close(console[1]);
	assert_int_equal(watch_start(&machine->watch, loop, console[0], EPOLLIN, console_ready), 0);
}

void machine_kill(struct machine *machine)
{
	if (!machine->pid)
		return;
	kill_group(machine->pid);
	machine->pid = running = 0;
	while (machine->watch.loop) /* until its end has been read */
		loop_turn(machine->loop, MACHINE_MS);
}

void machine_freeze(struct machine *machine)
{
	siginfo_t info;

	kill(machine->pid, SIGSTOP);
	assert_int_equal(waitid(P_PID, (id_t)machine->pid, &info, WSTOPPED | WNOWAIT), 0);
}

void machine_thaw(struct machine *machine)
{
	kill(machine->pid, SIGCONT);
}

/* --- its lines --------------------------------------------------------------------------- */

static void drop(struct machine *machine, char *line, const char *end)
{
	memmove(line, end, (size_t)(machine->text + machine->used - end));
	machine->used -= (size_t)(end - line);
}

/* Takes the first line that begins with these words. The kernel's are shown: they should be none. */
static bool take_line(struct machine *machine, const char *words, char *rest)
{
	size_t length = strlen(words);
	char *line = machine->text, *end;

	while ((end = memchr(line, '\n', machine->used - (size_t)(line - machine->text)))) {
		size_t size = (size_t)(end - line);

		if (*line != '@') {
			if (size > 1)
				printf("the guest's console: %.*s\n", (int)size, line);
			drop(machine, line, end + 1);
		} else if (size > length && memcmp(line + 1, words, length) == 0 &&
			   (size == length + 1 || strchr(" \r", line[length + 1]))) {
			size -= length + 1;
			if (rest)
				snprintf(rest, MACHINE_LINE, "%.*s", (int)size - (size > 0),
					 line + length + 1 + (size > 0));
			drop(machine, line, end + 1);
			return true;
		} else {
			line = end + 1;
		}
	}
	return false;
}

bool machine_says(struct machine *machine, const char *words, char *rest, int timeout_ms)
{
	long deadline = now_ms() + timeout_ms;

	while (!take_line(machine, words, rest)) {
		long left = deadline - now_ms();

		if (left <= 0 || !machine->watch.loop)
			return false;
		loop_turn(machine->loop, (int)left);
	}
	return true;
}

/* What a guest does that has not said what it should. */
static const char *state_of(const struct machine *machine)
{
	static char text[64];
	siginfo_t info = { 0 };

	if (machine->watch.loop)
		return "it runs";
	/* The console ends a little before its process does. */
	waitid(P_PID, (id_t)machine->pid, &info, WEXITED | WNOWAIT);
	snprintf(text, sizeof(text), "it has ended, by %s %d",
		 info.si_code == CLD_EXITED ? "exit status" : "signal", info.si_status);
	return text;
}

void machine_await(struct machine *machine, const char *words)
{
	if (!machine_says(machine, words, NULL, MACHINE_MS))
		fail_msg("the guest does not say \"%s\": %s", words, state_of(machine));
}

void machine_await_nodes(struct machine *machine)
{
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++) {
		char words[32];

		snprintf(words, sizeof(words), "up %s", nodes[i]);
		if (!machine_says(machine, words, NULL, MACHINE_BOOT_MS))
			fail_msg("the guest has no %s: %s", nodes[i], state_of(machine));
	}
}

void machine_tell(struct machine *machine, const char *question)
{
	char line[128];
	int size = snprintf(line, sizeof(line), "%s\n", question);

	assert_non_null(machine->watch.loop);
	assert_int_equal(write(machine->watch.fd, line, (size_t)size), size);
}

void machine_ask(struct machine *machine, const char *question, char *answer)
{
	machine_tell(machine, question);
	if (!machine_says(machine, question, answer, MACHINE_MS))
		fail_msg("the guest does not answer \"%s\"", question);
}

void machine_expect_answer(struct machine *machine, const char *question, const char *answer)
{
	char said[MACHINE_LINE];

	machine_ask(machine, question, said);
	if (strcmp(said, answer) != 0)
		fail_msg("%s: the guest says \"%s\" instead of \"%s\"", question, said, answer);
}

/* --- a guest in a QEMU here ----------------------------------------------------------------- */

/* Counted instructions: without, it never gets past the calibration of its clock. */
static void start_nested(struct machine *machine, struct loop *loop, const char *kernel,
			 const char *initramfs, const char *const *args)
{
	const char *argv[64] = {
		"/usr/bin/qemu-system-x86_64",
		"-nodefaults",
		"-display",
		"none",
		"-accel",
		"tcg,thread=single",
		"-icount",
		"shift=1,sleep=off",
		"-m",
		"160",
		"-kernel",
		kernel,
		"-initrd",
		initramfs,
		"-append",
		"console=ttyS0 quiet tsc=reliable nokaslr mitigations=off panic=-1",
		"-no-reboot",
		"-serial",
		"stdio",
	};
	unsigned n = 0;

	while (argv[n])
		n++;
	while (*args && n < ARRAY_SIZE(argv) - 1)
		argv[n++] = *args++;
	machine_start(machine, loop, argv);
}

void machine_nest(struct machine *machine, struct loop *loop, const char *const *args)
{
	const char *kernel = getenv("NESTED_KERNEL"), *initramfs = getenv("NESTED_INITRAMFS");

	if (!kernel || !initramfs)
		fail_msg("NESTED_KERNEL and NESTED_INITRAMFS are not set: use tests/nested/run");
	start_nested(machine, loop, kernel, initramfs, args);
	if (!machine_says(machine, "running", NULL, NEST_BOOT_MS))
		fail_msg("the guest does not boot");
}

/* --- frames ------------------------------------------------------------------------------ */

/* "1:30:1" -> "a:1", and whether it is nothing but a key that repeats. */
static bool decode(const char *line, char *events, size_t size)
{
	struct input_event now = { 0 };
	struct frame frame = { 0 };
	bool repeats = true;
	unsigned type, code;
	int value, length;

	while (frame_has_room(&frame) &&
	       sscanf(line, " %u:%u:%d%n", &type, &code, &value, &length) == 3) {
		frame_put(&frame, &now, type, code, value);
		repeats &= type == EV_KEY && value == 2;
		line += length;
	}
	frame_close(&frame, &now);
	events_print(&frame, events, size);
	return repeats;
}

static void expect(struct machine *machine, const char *node, const char *events, bool repeats)
{
	long deadline = now_ms() + MACHINE_MS; /* repetitions may come for ever */
	char line[MACHINE_LINE], seen[MACHINE_LINE];

	do {
		long left = deadline - now_ms();

		if (left <= 0 || !machine_says(machine, node, line, (int)left))
			fail_msg("the guest got no \"%s\" on its %s", events, node);
	} while (decode(line, seen, sizeof(seen)) && !repeats);
	if (strcmp(seen, events) != 0)
		fail_msg("the guest got \"%s\" on its %s instead of \"%s\"", seen, node, events);
}

void machine_expect(struct machine *machine, const char *node, const char *events)
{
	expect(machine, node, events, strstr(events, ":2") != NULL);
}

void machine_expect_frame(struct machine *machine, const char *node, const struct frame *frame)
{
	char events[MACHINE_LINE];

	events_print(frame, events, sizeof(events));
	machine_expect(machine, node, events);
}

void machine_expect_no_more(struct machine *machine)
{
	char line[MACHINE_LINE], seen[MACHINE_LINE];

	machine_expect_answer(machine, "quiet 0",
			      ""); /* what came before the answer has been read */
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
		while (take_line(machine, nodes[i], line))
			if (!decode(line, seen, sizeof(seen)))
				fail_msg("the guest got \"%s\" on its %s too", seen, nodes[i]);
}

void machine_drain(struct machine *machine)
{
	machine_expect_answer(machine, "quiet 0", "");
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
		while (take_line(machine, nodes[i], NULL))
			;
}
