/* The guest as a process, its console's lines, and what is expected of them. */
#include "guest.h"

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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "scenario.h"
#include "util.h"

static const char *const nodes[] = { "keyboard", "media", "pointer" };

/* The one that runs, for guest_reset. */
static pid_t running;

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- the process ------------------------------------------------------------------------- */

static void kill_group(pid_t pid)
{
	kill(-pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void guest_reset(void)
{
	if (running)
		kill_group(running);
	running = 0;
}

static void console_ready(struct watch *watch, uint32_t events)
{
	struct guest *guest = container_of(watch, struct guest, watch);
	size_t room = sizeof(guest->text) - guest->used;
	ssize_t size = room ? read(watch->fd, guest->text + guest->used, room) : -1;

	(void)events;
	if (size > 0) {
		guest->used += (size_t)size;
	} else {
		int fd = watch->fd;

		watch_stop(watch);
		close(fd);
	}
}

void guest_start(struct guest *guest, struct loop *loop, const char *const *argv)
{
	int console[2];

	assert_int_equal(guest->pid, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console), 0);
	guest->loop = loop;
	guest->used = 0;
	guest->pid = fork();
	assert_true(guest->pid >= 0);
	if (guest->pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(console[1], STDIN_FILENO);
		dup2(console[1], STDOUT_FILENO);
		execv(argv[0], (char *const *)argv);
		perror(argv[0]);
		_exit(127);
	}
	setpgid(guest->pid, guest->pid);
	running = guest->pid;
	close(console[1]);
	assert_int_equal(watch_start(&guest->watch, loop, console[0], EPOLLIN, console_ready), 0);
}

void guest_kill(struct guest *guest)
{
	if (!guest->pid)
		return;
	kill_group(guest->pid);
	guest->pid = running = 0;
	while (guest->watch.loop) /* until its end has been read */
		loop_turn(guest->loop, GUEST_MS);
}

void guest_freeze(struct guest *guest)
{
	siginfo_t info;

	kill(guest->pid, SIGSTOP);
	assert_int_equal(waitid(P_PID, (id_t)guest->pid, &info, WSTOPPED | WNOWAIT), 0);
}

void guest_thaw(struct guest *guest)
{
	kill(guest->pid, SIGCONT);
}

/* --- its lines --------------------------------------------------------------------------- */

static void drop(struct guest *guest, char *line, const char *end)
{
	memmove(line, end, (size_t)(guest->text + guest->used - end));
	guest->used -= (size_t)(end - line);
}

/* Takes the first line that begins with these words. The kernel's are shown: they should be none. */
static bool take_line(struct guest *guest, const char *words, char *rest)
{
	size_t length = strlen(words);
	char *line = guest->text, *end;

	while ((end = memchr(line, '\n', guest->used - (size_t)(line - guest->text)))) {
		size_t size = (size_t)(end - line);

		if (*line != '@') {
			if (size > 1)
				printf("the guest's console: %.*s\n", (int)size, line);
			drop(guest, line, end + 1);
		} else if (size > length && memcmp(line + 1, words, length) == 0 &&
			   (size == length + 1 || strchr(" \r", line[length + 1]))) {
			size -= length + 1;
			if (rest)
				snprintf(rest, GUEST_LINE, "%.*s", (int)size - (size > 0),
					 line + length + 1 + (size > 0));
			drop(guest, line, end + 1);
			return true;
		} else {
			line = end + 1;
		}
	}
	return false;
}

bool guest_says(struct guest *guest, const char *words, char *rest, int timeout_ms)
{
	long deadline = now_ms() + timeout_ms;

	while (!take_line(guest, words, rest)) {
		long left = deadline - now_ms();

		if (left <= 0 || !guest->watch.loop)
			return false;
		loop_turn(guest->loop, (int)left);
	}
	return true;
}

void guest_await(struct guest *guest, const char *words)
{
	if (!guest_says(guest, words, NULL, GUEST_MS))
		fail_msg("the guest %s \"%s\"",
			 guest->watch.loop ? "does not say" : "has ended and did not say", words);
}

void guest_await_nodes(struct guest *guest)
{
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++) {
		char words[32];

		snprintf(words, sizeof(words), "up %s", nodes[i]);
		if (!guest_says(guest, words, NULL, GUEST_BOOT_MS))
			fail_msg("the guest has no %s", nodes[i]);
	}
}

void guest_tell(struct guest *guest, const char *question)
{
	char line[128];
	int size = snprintf(line, sizeof(line), "%s\n", question);

	assert_non_null(guest->watch.loop);
	assert_int_equal(write(guest->watch.fd, line, (size_t)size), size);
}

void guest_ask(struct guest *guest, const char *question, char *answer)
{
	guest_tell(guest, question);
	if (!guest_says(guest, question, answer, GUEST_MS))
		fail_msg("the guest does not answer \"%s\"", question);
}

void guest_expect_answer(struct guest *guest, const char *question, const char *answer)
{
	char said[GUEST_LINE];

	guest_ask(guest, question, said);
	if (strcmp(said, answer) != 0)
		fail_msg("%s: the guest says \"%s\" instead of \"%s\"", question, said, answer);
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

static void expect(struct guest *guest, const char *node, const char *events, bool repeats)
{
	char line[GUEST_LINE], seen[GUEST_LINE];

	do {
		if (!guest_says(guest, node, line, GUEST_MS))
			fail_msg("the guest got no \"%s\" on its %s", events, node);
	} while (decode(line, seen, sizeof(seen)) && !repeats);
	if (strcmp(seen, events) != 0)
		fail_msg("the guest got \"%s\" on its %s instead of \"%s\"", seen, node, events);
}

void guest_expect(struct guest *guest, const char *node, const char *events)
{
	expect(guest, node, events, strstr(events, ":2") != NULL);
}

void guest_expect_frame(struct guest *guest, const char *node, const struct frame *frame)
{
	char events[GUEST_LINE];

	events_print(frame, events, sizeof(events));
	guest_expect(guest, node, events);
}

void guest_expect_no_more(struct guest *guest)
{
	char line[GUEST_LINE], seen[GUEST_LINE];

	guest_expect_answer(guest, "quiet 0", ""); /* what came before the answer has been read */
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
		while (take_line(guest, nodes[i], line))
			if (!decode(line, seen, sizeof(seen)))
				fail_msg("the guest got \"%s\" on its %s too", seen, nodes[i]);
}

void guest_drain(struct guest *guest)
{
	guest_expect_answer(guest, "quiet 0", "");
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
		while (take_line(guest, nodes[i], NULL))
			;
}
