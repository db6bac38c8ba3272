/*
 * evswitch --probe: asks for a key and a movement, watches all nodes until it knows, and reports.
 * Owns the scan and the state of the terminal, which does not show what is typed meanwhile.
 */
#include "probe/probe.h"

#include <errno.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "evdev/access.h"
#include "base/log.h"
#include "probe/probe-report.h"
#include "probe/probe-scan.h"
#include "base/util.h"

#define GRACE_MS   3000 /* after a keyboard and a mouse: time for a second one */
#define RETRY_MS   1000
#define EVENTS_MAX 64

/* ---- the terminal ---- */

struct terminal {
	bool quiet;
	struct termios saved;
};

/* In the background a change would stop us. */
static void terminal_quiet(struct terminal *terminal)
{
	struct termios quiet;

	terminal->quiet = tcgetpgrp(STDIN_FILENO) == getpgrp() &&
			  tcgetattr(STDIN_FILENO, &terminal->saved) == 0;
	if (!terminal->quiet)
		return;
	quiet = terminal->saved;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	terminal->quiet = tcsetattr(STDIN_FILENO, TCSANOW, &quiet) == 0;
}

/* TCSAFLUSH: what was typed to be recognised must not become the shell's next command. */
static void terminal_restore(const struct terminal *terminal)
{
	if (terminal->quiet && tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal->saved);
}

/* ---- permissions ---- */

struct access {
	unsigned present;  /* evswitch's own are not counted */
	unsigned readable; /* of those */
	unsigned missing;  /* the kernel has them, but there is no node in /dev/input */
	const struct probe_node *denied; /* the first that may not be read */
};

static struct access survey(const struct probe_list *list)
{
	struct access access = { 0 };

	for (unsigned i = 0; i < list->n; i++) {
		const struct probe_node *node = list->node[i];

		if (node->own)
			continue;
		access.present++;
		access.readable += node->fd >= 0;
		access.missing += node->error == ENOENT || node->error == ENXIO;
		if (!access.denied && (node->error == EACCES || node->error == EPERM))
			access.denied = node;
	}
	return access;
}

static void warn_unreadable(const struct probe_list *list, const struct access *access)
{
	unsigned named = 0;

	fprintf(stderr, "%u of %u nodes cannot be read, so nothing on them is seen:",
		access->present - access->readable, access->present);
	for (unsigned i = 0; i < list->n; i++) {
		const struct probe_node *node = list->node[i];

		if (node->own || node->fd >= 0)
			continue;
		if (++named > 4) {
			fputs(" ...", stderr);
			break;
		}
		fprintf(stderr, " %s (%s)", node->devnode, strerror(node->error));
	}
	fputc('\n', stderr);
	if (access->denied)
		log_error("%s", access_why(access->denied->devnode).text);
}

/* EX_OK where there is something to watch. */
static int check_access(const struct probe_list *list)
{
	struct access access = survey(list);

	if (access.present == access.missing) {
		log_error("there are no input devices here: %s",
			  access.missing
				  ? "/dev/input lacks the nodes of those that the kernel has "
				    "(is this a container?)"
				  : "/dev/input has no event nodes (is this a container, or "
				    "is nothing plugged in?)");
		return EX_UNAVAILABLE;
	}
	if (access.readable < access.present - access.missing && access.readable > 0)
		warn_unreadable(list, &access);
	if (access.readable > 0)
		return EX_OK;
	if (!access.denied) {
		log_error("none of %u input devices could be opened", access.present);
		return EX_UNAVAILABLE;
	}
	log_error("cannot read any of %u input devices (%s: %s)", access.present,
		  access.denied->devnode, strerror(access.denied->error));
	log_error("%s", access_why(access.denied->devnode).text);
	return EX_NOPERM;
}

/* ---- watching ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void say_held(const struct probe_node *own)
{
	log_error("evswitch is running and holds this device (%s): stop it first: "
		  "systemctl --user stop evswitch",
		  log_str(own->phys + strlen("evswitch/host/")).text);
}

static void activity(struct probe_scan *scan, struct probe_node *node, unsigned did)
{
	bool first = did && !node->did;

	node->did |= did;
	if (!first)
		return;
	if (node->own) {
		say_held(node);
		return;
	}
	probe_scan_recognise(scan, node);
	probe_report_recognised(stderr, node);
}

static void read_node(struct probe_scan *scan, struct probe_node *node)
{
	struct input_event events[EVENTS_MAX];
	ssize_t size = read(node->fd, events, sizeof(events));

	if (size < 0 && errno != EAGAIN && errno != EINTR)
		probe_scan_lost(node);
	for (ssize_t i = 0; i < size / (ssize_t)sizeof(events[0]); i++)
		activity(scan, node, probe_activity(&node->motion, &events[i]));
}

#define POLL_MAX (PROBE_NODES_MAX + 2)

struct polled {
	unsigned n; /* of nodes; the signals and the monitor come after them */
	struct probe_node *node[PROBE_NODES_MAX];
	struct pollfd fd[POLL_MAX];
};

static void poll_fill(struct polled *polled, const struct probe_scan *scan, int signals)
{
	polled->n = 0;
	for (unsigned i = 0; i < scan->list.n; i++) {
		struct probe_node *node = scan->list.node[i];

		if (node->fd < 0)
			continue;
		polled->node[polled->n] = node;
		polled->fd[polled->n++] = (struct pollfd){ .fd = node->fd, .events = POLLIN };
	}
	polled->fd[polled->n] = (struct pollfd){ .fd = signals, .events = POLLIN };
	polled->fd[polled->n + 1] = (struct pollfd){ .fd = probe_scan_fd(scan), .events = POLLIN };
}

/* Waits once and takes in what came. 1 = a signal asks for the end, 0, or -errno. */
static int watch_once(struct probe_scan *scan, int signals, int timeout_ms)
{
	struct polled polled;

	poll_fill(&polled, scan, signals);
	if (poll(polled.fd, polled.n + 2, timeout_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	for (unsigned i = 0; i < polled.n; i++)
		if (polled.fd[i].revents)
			read_node(scan, polled.node[i]);
	/* after the nodes, for it may free some of them */
	if (polled.fd[polled.n + 1].revents)
		probe_scan_update(scan);
	return polled.fd[polled.n].revents != 0;
}

static int watch(struct probe_scan *scan, int signals, unsigned seconds)
{
	int64_t now = now_ms(), end = now + (int64_t)seconds * 1000, retry = now + RETRY_MS;
	bool complete = false;
	int result = 0;

	while (result == 0 && now < end) {
		int64_t wait = (retry < end ? retry : end) - now;

		result = watch_once(scan, signals, wait > 0 ? (int)wait : 0);
		now = now_ms();
		if (now >= retry) {
			probe_scan_retry(scan);
			retry = now + RETRY_MS;
		}
		if (complete || !probe_complete(&scan->list))
			continue;
		complete = true;
		if (now + GRACE_MS < end)
			end = now + GRACE_MS;
	}
	return result < 0 ? result : 0;
}

static void block_signals(sigset_t *ours, sigset_t *saved)
{
	sigemptyset(ours);
	sigaddset(ours, SIGINT);
	sigaddset(ours, SIGTERM);
	sigaddset(ours, SIGHUP);
	sigaddset(ours, SIGQUIT);
	sigprocmask(SIG_BLOCK, ours, saved);
}

/* The signals that came during the watch are used up by it: none is left to strike afterwards. */
static int watch_with_signals(struct probe_scan *scan, unsigned seconds)
{
	static const struct timespec at_once;
	struct terminal terminal;
	sigset_t ours, saved;
	int result;

	block_signals(&ours, &saved);
	autoclose int signals = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals < 0) {
		result = -errno;
		sigprocmask(SIG_SETMASK, &saved, NULL);
		return result;
	}
	terminal_quiet(&terminal);
	result = watch(scan, signals, seconds);
	terminal_restore(&terminal);
	while (sigtimedwait(&ours, NULL, &at_once) > 0)
		;
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return result;
}

/* ---- the result ---- */

/* The first of evswitch's own host devices; with 'used' only one that passed events on. */
static const struct probe_node *find_own(const struct probe_list *list, bool used)
{
	for (unsigned i = 0; i < list->n; i++)
		if (list->node[i]->own == MATCH_OWN_HOST && (!used || list->node[i]->did))
			return list->node[i];
	return NULL;
}

static int explain_nothing(const struct probe_list *list)
{
	const struct probe_node *own = find_own(list, false);

	if (find_own(list, true))
		return EX_UNAVAILABLE; /* said when its first event came */
	if (own) {
		say_held(own);
		return EX_UNAVAILABLE;
	}
	log_error("nothing was pressed or moved on any input device; a program that grabs devices "
		  "(another evswitch, keyd, a QEMU with evdev input) hides what they send: end it "
		  "and try again; --seconds gives more time");
	return EX_UNAVAILABLE;
}

static int report(const struct probe_list *list, bool json)
{
	autofree struct probe_plan *plan = malloc(sizeof(*plan));

	if (!plan)
		return -ENOMEM;
	probe_plan_make(list, plan);
	if (!json && list->recognised)
		probe_report_explain(stderr, list, plan);
	if (!json && plan->n)
		fputc('\n', stderr);
	if (!json)
		probe_report_sections(stdout, plan);
	else if (probe_report_json(stdout, list, plan))
		return -ENOMEM;
	return fflush(stdout) ? -errno : 0;
}

static int probe(struct probe_scan *scan, const struct probe_options *options)
{
	unsigned seconds = options->seconds ? options->seconds : PROBE_SECONDS_DEFAULT;
	int status = check_access(&scan->list);
	int error = 0;

	if (status == EX_OK) {
		fprintf(stderr,
			"Press a key on the keyboard, then move the mouse (%u s; Ctrl+C ends).\n",
			seconds);
		error = watch_with_signals(scan, seconds);
	}
	if (!error && (status == EX_OK || options->json))
		error = report(&scan->list, options->json);
	if (error) {
		log_error("cannot probe: %s", strerror(-error));
		return ferror(stdout) ? EX_IOERR : EX_SOFTWARE;
	}
	if (status == EX_OK && scan->list.recognised == 0)
		return explain_nothing(&scan->list);
	return status;
}

int probe_run(const struct probe_options *options)
{
	struct probe_scan scan;
	int error = probe_scan_open(&scan);
	int status;

	if (error) {
		log_error("cannot look for input devices: %s", strerror(-error));
		return EX_SOFTWARE;
	}
	status = probe(&scan, options);
	probe_scan_close(&scan);
	return status;
}
