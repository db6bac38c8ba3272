/* SPDX-License-Identifier: MIT */
/*
 * The hands and eyes of the shell tests: plays keyboards and mice, and watches nodes as a desktop
 * does. Reads one command a line from stdin and answers each with a line: "ok", "ok ANSWER" or
 * "no WHY". Whatever a command waits for, it waits for WORLD_MS at most.
 *
 *   plug LABEL KIND PHYS PRODUCT NAME...  answers with the node. KIND: keyboard, mouse, or one whose
 *                              wheels send one form alone: clicks, hires
 *   unplug LABEL
 *   key LABEL KEY VALUE        KEY as libevdev names it: KEY_A, BTN_LEFT
 *   move LABEL DX DY
 *   turn LABEL AXIS VALUE      AXIS as libevdev names it: REL_WHEEL
 *   watch LABEL PHYS           opens the node with this phys; answers with it
 *   see LABEL KEY VALUE        waits for that event
 *   quiet LABEL                nothing comes for WORLD_QUIET_MS
 *   released LABEL             waits until all that this observer saw pressed was released, or the
 *                              node is gone: answers which
 *   hold LABEL                 grabs the node, as QEMU does
 *   unwatch LABEL              closes the node
 *   signal PID NUMBER          and starts the clock for "free"
 *   hang PID                   makes the main thread spin, and starts the clock
 *   free                       waits until what every puppet plays reaches others, ungrabbed;
 *                              answers with the milliseconds by the clock
 *   grabbed                    answers how many puppets are grabbed now
 */
#include <elf.h>
#include <errno.h>
#include <libevdev/libevdev.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/keyset.h"
#include "now.h"
#include "base/util.h"
#include "world.h"

#define PUPPETS   16
#define OBSERVERS 16
/* How often a puppet plays while "free" waits for it to be heard. */
#define FREE_MS 2

struct eye {
	char label[32];
	struct observer observer;
	struct keyset down; /* as this client saw it */
	bool gone;
};

struct hand {
	char label[32];
	struct puppet puppet;
	struct eye eye; /* on the puppet's own node */
};

struct desk {
	struct hand hand[PUPPETS];
	struct eye eye[OBSERVERS];
	long clock; /* of the last signal */
};

static void answer(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void answer(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* An empty label finds an unused place. */
static struct hand *find_hand(struct desk *desk, const char *label)
{
	for (unsigned i = 0; i < PUPPETS; i++)
		if (strcmp(desk->hand[i].label, label) == 0)
			return &desk->hand[i];
	return NULL;
}

static struct eye *find_eye(struct desk *desk, const char *label)
{
	for (unsigned i = 0; i < OBSERVERS; i++)
		if (strcmp(desk->eye[i].label, label) == 0)
			return &desk->eye[i];
	return NULL;
}

/* --- eyes ----------------------------------------------------------------------------- */

static void note_event(struct eye *eye, const struct input_event *ev)
{
	/* Nobody read while a key repeated: what is down now is what counts. */
	if (ev->type == EV_SYN && ev->code == SYN_DROPPED &&
	    ioctl(eye->observer.fd, EVIOCGKEY(sizeof(eye->down.word)), eye->down.word) < 0)
		eye->gone = true;
	if (ev->type == EV_KEY && ev->value)
		keyset_add(&eye->down, ev->code);
	else if (ev->type == EV_KEY)
		keyset_remove(&eye->down, ev->code);
}

/* Waits until the deadline for the next event; false where none comes, or the node is gone. */
static bool next_event(struct eye *eye, struct input_event *ev, long deadline)
{
	while (!eye->gone) {
		ssize_t size = read(eye->observer.fd, ev, sizeof(*ev));
		struct pollfd in = { .fd = eye->observer.fd, .events = POLLIN };
		long left = deadline - now_ms();

		if (size == sizeof(*ev)) {
			note_event(eye, ev);
			return true;
		}
		if (size >= 0 || errno != EAGAIN)
			eye->gone = true;
		else if (left <= 0 || poll(&in, 1, (int)left) != 1)
			return false;
	}
	return false;
}

static void drain(struct eye *eye)
{
	struct input_event ev;

	while (next_event(eye, &ev, 0))
		;
}

static void open_eye(struct eye *eye, const char *label, const char *phys)
{
	*eye = (struct eye){ 0 };
	snprintf(eye->label, sizeof(eye->label), "%s", label);
	observer_open(&eye->observer, phys);
}

static void close_eye(struct eye *eye)
{
	observer_close(&eye->observer);
	eye->label[0] = '\0';
}

static void see(struct eye *eye, const char *name, int value)
{
	int code = libevdev_event_code_from_name(EV_KEY, name);
	long deadline = now_ms() + WORLD_MS;
	struct input_event ev;

	while (next_event(eye, &ev, deadline)) {
		if (ev.type == EV_KEY && ev.code == code && ev.value == value) {
			answer("ok");
			return;
		}
	}
	answer(eye->gone ? "no the node is gone" : "no it never came");
}

/* What was shown before does not count: only what comes from now on. */
static void quiet(struct eye *eye)
{
	struct input_event ev;

	drain(eye);
	if (next_event(eye, &ev, now_ms() + WORLD_QUIET_MS))
		answer("no %s %d", libevdev_event_code_get_name(ev.type, ev.code), ev.value);
	else
		answer("ok");
}

static void released(struct eye *eye)
{
	long deadline = now_ms() + WORLD_MS;
	struct input_event ev;

	drain(eye);
	while (!keyset_empty(&eye->down) && next_event(eye, &ev, deadline))
		;
	if (keyset_empty(&eye->down))
		answer("ok released");
	else
		answer(eye->gone ? "ok gone" : "no %s is down",
		       libevdev_event_code_get_name(EV_KEY, keyset_next(&eye->down, 0)));
}

/* --- hands ---------------------------------------------------------------------------- */

static enum puppet_kind kind_of(const char *name)
{
	if (strcmp(name, "clicks") == 0)
		return PUPPET_MOUSE_CLICKS;
	if (strcmp(name, "hires") == 0)
		return PUPPET_MOUSE_HIRES;
	return strcmp(name, "mouse") == 0 ? PUPPET_MOUSE : PUPPET_KEYBOARD;
}

static void turn(struct hand *hand, const char *axis, int value)
{
	int code = libevdev_event_code_from_name(EV_REL, axis);
	struct input_event ev = { .type = EV_REL, .code = (uint16_t)code, .value = value };

	puppet_play(&hand->puppet, &ev, 1);
}

/* arg: LABEL KIND PHYS PRODUCT NAME */
static void plug(struct hand *hand, char *const *arg)
{
	snprintf(hand->label, sizeof(hand->label), "%s", arg[0]);
	puppet_plug(&hand->puppet, kind_of(arg[1]), arg[4], arg[2],
		    (unsigned short)strtoul(arg[3], NULL, 16));
	open_eye(&hand->eye, arg[0], arg[2]);
	answer("ok %s", hand->eye.observer.devnode);
}

static void unplug(struct hand *hand)
{
	close_eye(&hand->eye);
	puppet_unplug(&hand->puppet);
	hand->label[0] = '\0';
}

/* What comes before a device vanishes is there for those who read it in time, as a desktop does. */
static void look_around(struct desk *desk)
{
	for (unsigned i = 0; i < OBSERVERS; i++)
		if (desk->eye[i].label[0])
			drain(&desk->eye[i]);
}

/* A scan code is an event like any other, and leaves no state behind. */
static bool is_heard(struct desk *desk, struct hand *hand, long deadline)
{
	struct input_event ev;

	drain(&hand->eye);
	while (now_ms() < deadline) {
		puppet_play(&hand->puppet,
			    &(struct input_event){ .type = EV_MSC, .code = MSC_SCAN, .value = 1 },
			    1);
		if (next_event(&hand->eye, &ev, now_ms() + FREE_MS))
			return true;
		look_around(desk);
	}
	return false;
}

static void wait_free(struct desk *desk)
{
	long deadline = now_ms() + WORLD_MS;

	for (unsigned i = 0; i < PUPPETS; i++) {
		struct hand *hand = &desk->hand[i];

		if (hand->label[0] && !is_heard(desk, hand, deadline)) {
			answer("no %s is grabbed", hand->label);
			return;
		}
	}
	answer("ok %ld", now_ms() - desk->clock);
}

static void count_grabbed(const struct desk *desk)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PUPPETS; i++)
		if (desk->hand[i].label[0])
			n += node_is_grabbed(desk->hand[i].eye.observer.devnode);
	answer("ok %u", n);
}

/* --- the program under test ----------------------------------------------------------- */

#if defined(__x86_64__)
#define COUNTER(regs) ((regs).rip)
#define SELF_JUMP     0xfeebUL /* jmp . */
#define SELF_MASK     0xffffUL
#elif defined(__aarch64__)
#define COUNTER(regs) ((regs).pc)
#define SELF_JUMP     0x14000000UL /* b . */
#define SELF_MASK     0xffffffffUL
#endif

/* Puts a jump to itself where the thread is. */
static int make_spin(pid_t pid)
{
#ifdef SELF_JUMP
	struct user_regs_struct regs;
	struct iovec iov = { .iov_base = &regs, .iov_len = sizeof(regs) };
	long word;

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		return -errno;
	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, COUNTER(regs), NULL);
	if (errno)
		return -errno;
	word = (long)(((unsigned long)word & ~SELF_MASK) | SELF_JUMP);
	return ptrace(PTRACE_POKETEXT, pid, COUNTER(regs), word) < 0 ? -errno : 0;
#else
	(void)pid;
	return -ENOTSUP;
#endif
}

static int hang(pid_t pid)
{
	int rc = -ESRCH;

	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
		return -errno;
	if (waitpid(pid, NULL, 0) == pid)
		rc = make_spin(pid);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return rc;
}

static void harm(struct desk *desk, pid_t pid, int signo)
{
	int rc;

	desk->clock = now_ms();
	rc = signo ? kill(pid, signo) : hang(pid);
	if (rc)
		answer("no %s", strerror(signo ? errno : -rc));
	else
		answer("ok");
}

/* --- commands ------------------------------------------------------------------------- */

static bool run_hand(struct hand *hand, const char *verb, char *const *arg)
{
	if (strcmp(verb, "key") == 0)
		puppet_key(&hand->puppet, libevdev_event_code_from_name(EV_KEY, arg[0]),
			   atoi(arg[1]));
	else if (strcmp(verb, "move") == 0)
		puppet_move(&hand->puppet, atoi(arg[0]), atoi(arg[1]));
	else if (strcmp(verb, "turn") == 0)
		turn(hand, arg[0], atoi(arg[1]));
	else if (strcmp(verb, "unplug") == 0)
		unplug(hand);
	else
		return false;
	answer("ok");
	return true;
}

static bool run_eye(struct eye *eye, const char *verb, char *const *arg)
{
	if (strcmp(verb, "see") == 0) {
		see(eye, arg[0], atoi(arg[1]));
	} else if (strcmp(verb, "quiet") == 0) {
		quiet(eye);
	} else if (strcmp(verb, "released") == 0) {
		released(eye);
	} else if (strcmp(verb, "hold") == 0) {
		observer_grab(&eye->observer);
		answer("ok");
	} else if (strcmp(verb, "unwatch") == 0) {
		close_eye(eye);
		answer("ok");
	} else {
		return false;
	}
	return true;
}

static bool run_desk(struct desk *desk, const char *verb, char *const *arg)
{
	struct hand *hand = find_hand(desk, "");
	struct eye *eye = find_eye(desk, "");

	if (strcmp(verb, "plug") == 0 && hand) {
		plug(hand, arg);
	} else if (strcmp(verb, "watch") == 0 && eye) {
		open_eye(eye, arg[0], arg[1]);
		answer("ok %s", eye->observer.devnode);
	} else if (strcmp(verb, "signal") == 0) {
		harm(desk, atoi(arg[0]), atoi(arg[1]));
	} else if (strcmp(verb, "hang") == 0) {
		harm(desk, atoi(arg[0]), 0);
	} else if (strcmp(verb, "free") == 0) {
		wait_free(desk);
	} else if (strcmp(verb, "grabbed") == 0) {
		count_grabbed(desk);
	} else {
		return false;
	}
	return true;
}

static void run(struct desk *desk, char *line)
{
	char *arg[8] = { "", "", "", "", "", "", "", "" };
	struct hand *hand;
	struct eye *eye;
	char *save = NULL;
	bool plugs = strncmp(line, "plug ", 5) == 0;

	arg[0] = strtok_r(line, " \n", &save) ?: "";
	/* The last argument of "plug" is a name and has blanks. */
	for (unsigned i = 1; i < (plugs ? 5 : ARRAY_SIZE(arg)); i++)
		arg[i] = strtok_r(NULL, " \n", &save) ?: "";
	if (plugs)
		arg[5] = strtok_r(NULL, "\n", &save) ?: "";
	hand = *arg[1] ? find_hand(desk, arg[1]) : NULL;
	eye = *arg[1] ? find_eye(desk, arg[1]) : NULL;
	if (!(hand && run_hand(hand, arg[0], arg + 2)) && !(eye && run_eye(eye, arg[0], arg + 2)) &&
	    !run_desk(desk, arg[0], arg + 1))
		answer("no such command");
}

int main(void)
{
	static struct desk desk;
	char line[512];

	while (fgets(line, sizeof(line), stdin))
		run(&desk, line);
	for (unsigned i = 0; i < PUPPETS; i++)
		if (desk.hand[i].label[0])
			unplug(&desk.hand[i]);
	return 0;
}
