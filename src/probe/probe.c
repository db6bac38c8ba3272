/* SPDX-License-Identifier: MIT */
/*
 * The session of --probe: prompts, watches all nodes, reports. Owns the scan, its timers, and the
 * state of the terminal, whose echo is off meanwhile.
 */
#include "probe/probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "evdev/access.h"
#include "base/log.h"
#include "probe/probe-report.h"
#include "probe/probe-scan.h"
#include "base/util.h"

#define GRACE_MS 3000 /* after a keyboard and a mouse: time to use further devices */
#define RETRY_MS 1000

/* ---- the terminal ---- */

struct terminal {
	bool quiet;
	struct termios saved;
};

/* Not from the background, where tcsetattr() raises SIGTTOU. */
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

/*
 * TCSAFLUSH discards what was typed for recognition, which the shell would else run as a command.
 */
static void terminal_restore(const struct terminal *terminal)
{
	if (terminal->quiet && tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal->saved);
}

/* ---- permissions ---- */

struct access {
	unsigned present;                /* without evswitch's own nodes */
	unsigned readable;               /* out of 'present' */
	unsigned missing;                /* known to the kernel, but without a node in /dev/input */
	const struct probe_node *denied; /* the first one without read permission */
};

static struct access survey(const struct probe_list *list)
{
	struct access access = { 0 };

	for (unsigned i = 0; i < list->n; i++) {
		const struct probe_node *node = list->node[i];

		if (node->info.own)
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

	fprintf(stderr, "%u of %u nodes cannot be read, so their input is not seen:",
		access->present - access->readable, access->present);
	for (unsigned i = 0; i < list->n; i++) {
		const struct probe_node *node = list->node[i];

		if (node->info.own || node->fd >= 0)
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

/* EX_OK if there is anything to watch; else logs why not. */
static int check_access(const struct probe_scan *scan)
{
	const struct probe_list *list = &scan->list;
	struct access access = survey(list);

	if (scan->hotplug.undone)
		log_warn("udev has not announced %u of the input devices, so their input is not "
			 "seen (is udev running? systemctl status systemd-udevd)",
			 scan->hotplug.undone);
	if (access.present == 0 && scan->hotplug.undone)
		return EX_UNAVAILABLE;
	if (access.present == access.missing) {
		log_error("there are no input devices here: %s",
			  access.missing
				  ? "/dev/input lacks the nodes of the kernel's input devices "
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

struct session {
	struct probe_scan scan;
	struct timer end, grace, retry;
	struct signals signals;
	bool complete, over;
};

static void say_held(const struct probe_node *own)
{
	log_error("evswitch is running and holds this device (%s): stop it first: "
		  "systemctl --user stop evswitch",
		  log_str(own->phys + strlen(MATCH_OWN_HOST_PHYS)).text);
}

/* A node is recognised by its first activity of a kind. */
static void first_activity(struct probe_scan *scan, struct probe_node *node)
{
	if (node->info.own) {
		say_held(node);
		return;
	}
	probe_scan_recognise(scan, node);
	probe_report_recognised(stderr, node);
}

static void activity(struct probe_scan *scan, struct probe_node *node, unsigned did)
{
	struct session *session = container_of(scan, struct session, scan);
	bool first = !node->did;

	node->did |= did;
	if (first)
		first_activity(scan, node);
	if (session->complete || !probe_complete(&scan->list))
		return;
	session->complete = true;
	timer_arm(&session->grace, GRACE_MS, 0);
}

static void time_is_up(struct timer *timer)
{
	container_of(timer->watch.loop, struct session, scan.loop)->over = true;
}

static void retry_due(struct timer *timer)
{
	probe_scan_retry(&container_of(timer, struct session, retry)->scan);
}

static void signalled(struct signals *signals, int signo)
{
	(void)signo;
	container_of(signals, struct session, signals)->over = true;
}

static int start_timers(struct session *session, unsigned seconds)
{
	struct loop *loop = &session->scan.loop;
	int error = timer_init(&session->end, loop, time_is_up);

	if (!error)
		error = timer_init(&session->grace, loop, time_is_up);
	if (!error)
		error = timer_init(&session->retry, loop, retry_due);
	if (error)
		return error;
	timer_arm(&session->end, seconds * 1000, 0);
	timer_arm(&session->retry, RETRY_MS, RETRY_MS);
	return 0;
}

static int watch(struct session *session, unsigned seconds)
{
	struct terminal terminal;
	int error = start_timers(session, seconds);

	if (error)
		return error;
	fprintf(stderr, "Press a key on the keyboard, then move the mouse (%u s; Ctrl+C stops).\n",
		seconds);
	terminal_quiet(&terminal);
	while (!error && !session->over)
		error = loop_turn(&session->scan.loop, -1);
	terminal_restore(&terminal);
	return error;
}

/*
 * Consumes signals that arrive during the watch, so that none is pending when they are unblocked.
 */
static int watch_with_signals(struct session *session, unsigned seconds)
{
	static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0 };
	static const struct timespec at_once;
	sigset_t saved, used;
	int error;

	sigprocmask(SIG_BLOCK, NULL, &saved);
	error = signals_init(&session->signals, &session->scan.loop, ours, signalled);
	if (!error)
		error = watch(session, seconds);
	sigemptyset(&used);
	for (const int *signo = ours; *signo; signo++)
		sigaddset(&used, *signo);
	while (sigtimedwait(&used, NULL, &at_once) > 0)
		;
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return error;
}

/* ---- the result ---- */

/* The first of evswitch's clones; with 'used', the first one that delivered events. */
static const struct probe_node *find_own(const struct probe_list *list, bool used)
{
	for (unsigned i = 0; i < list->n; i++)
		if (list->node[i]->info.own == MATCH_OWN_HOST && (!used || list->node[i]->did))
			return list->node[i];
	return NULL;
}

static int explain_nothing(const struct probe_list *list)
{
	const struct probe_node *own = find_own(list, false);

	if (find_own(list, true))
		return EX_UNAVAILABLE; /* reported at its first event */
	if (own) {
		say_held(own);
		return EX_UNAVAILABLE;
	}
	log_error("nothing was pressed or moved on any input device; a program that grabs devices "
		  "(another evswitch, keyd, a QEMU with evdev input) hides their events: stop it "
		  "and try again, or allow more time with --seconds");
	return EX_UNAVAILABLE;
}

/* *status is that of who takes the result. */
static int report(const struct probe_list *list, const struct probe_options *options, int *status)
{
	autofree struct probe_plan *plan = malloc(sizeof(*plan));
	bool json = options->json;

	if (!plan)
		return -ENOMEM;
	probe_plan_make(list, plan);
	if (!json && list->recognised)
		probe_report_explain(stderr, list, plan);
	if (!json && plan->n)
		fputc('\n', stderr);
	if (options->take && list->recognised)
		*status = options->take(options->ctx, plan);
	else if (!json)
		probe_report_sections(stdout, plan);
	else if (probe_report_json(stdout, list, plan))
		return -ENOMEM;
	return fflush(stdout) ? -errno : 0;
}

static int probe(struct session *session, const struct probe_options *options)
{
	const struct probe_list *list = &session->scan.list;
	int status = check_access(&session->scan);
	int error = 0;

	if (status == EX_OK)
		error = watch_with_signals(session, options->seconds ? options->seconds
								     : PROBE_SECONDS_DEFAULT);
	if (!error && (status == EX_OK || options->json))
		error = report(list, options, &status);
	if (error) {
		log_error("cannot probe: %s", strerror(-error));
		return ferror(stdout) ? EX_IOERR : EX_SOFTWARE;
	}
	if (status == EX_OK && list->recognised == 0)
		return explain_nothing(list);
	return status;
}

int probe_run(const struct probe_options *options)
{
	struct session session = { 0 };
	int error = probe_scan_open(&session.scan, activity);
	int status;

	if (error) {
		log_error("cannot list the input devices: %s", strerror(-error));
		return EX_SOFTWARE;
	}
	status = probe(&session, options);
	signals_fini(&session.signals);
	timer_fini(&session.end);
	timer_fini(&session.grace);
	timer_fini(&session.retry);
	probe_scan_close(&session.scan);
	return status;
}
