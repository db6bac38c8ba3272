/* SPDX-License-Identifier: MIT */
/* Startup, timers, signals and shutdown, in the order that keeps the user's input safe. */
#include "daemon/daemon.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>

#include "evdev/access.h"
#include "base/closer.h"
#include "daemon/internal.h"
#include "evdev/instance.h"
#include "base/log.h"
#include "base/util.h"

/*
 * The guest of "start =" gets this many attempts to take the focus, unless the user switches first.
 */
#define START_TRIES  20
#define START_TRY_MS 250

void daemon_quit(struct daemon *daemon, int exit_code)
{
	if (!daemon->quit)
		daemon->exit_code = exit_code;
	daemon->quit = true;
}

/* --- timers and signals --------------------------------------------------------------- */

/* The terminal in which evswitch was started is gone: nobody could end it there. */
static void hang_up(struct daemon *daemon)
{
	if (!daemon->has_terminal)
		reload_ask(daemon, 0);
	else if (!daemon->takes_back) /* more than one may be sent */
		daemon_quit(daemon, EX_OK);
}

static void signalled(struct signals *signals, int signo)
{
	struct daemon *daemon = container_of(signals, struct daemon, signals);

	if (signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU)
		away_stop(daemon, signo);
	else if (signo == SIGHUP)
		hang_up(daemon);
	else
		daemon_quit(daemon, EX_OK);
}

/* The ping is sent only after this turn of the loop has completed, as proof that the loop works. */
static void ping_expired(struct timer *timer)
{
	container_of(timer, struct daemon, ping)->ping_due = true;
}

static void trial_expired(struct timer *timer)
{
	log_info("the trial is over: releasing all devices");
	daemon_quit(container_of(timer, struct daemon, trial), EX_OK);
}

static void start_expired(struct timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, start);
	struct router *router = &daemon->router;

	if (--daemon->start_tries == 0 || router->decided)
		timer_fini(timer); /* from now on 'enter' reports why it fails */
	if (!router->decided && forward_switch(daemon, daemon->conf->start) == 0)
		timer_fini(timer);
}

/* --- start and end -------------------------------------------------------------------- */

static void say_who_runs(uid_t user)
{
	const struct passwd *entry = user == INSTANCE_SYSTEM ? NULL : getpwuid(user);

	if (user == INSTANCE_SYSTEM)
		log_error("another evswitch is running, as the system service: stop it first (sudo "
			  "systemctl stop evswitch), or use it (evswitch --status)");
	else
		log_error("another evswitch is running, as user %s: stop it first (systemctl "
			  "--user stop "
			  "evswitch; or %spkill -x evswitch)",
			  entry ? log_str(entry->pw_name).text : "(unknown)",
			  user == geteuid() ? "" : "sudo ");
}

/* Checks that no other evswitch runs, and that /dev/uinput can be used. */
static int take_uinput(struct daemon *daemon)
{
	uid_t holder = 0;
	int rc = daemon->lock = instance_lock(daemon->options->is_system, &holder);

	if (rc >= 0)
		return EX_OK;
	if (rc == -EBUSY) {
		say_who_runs(holder);
		return EX_UNAVAILABLE;
	}
	if (rc == -EACCES || rc == -EPERM) {
		log_error("/dev/uinput: no permission: %s", access_why("/dev/uinput").text);
		return EX_NOPERM;
	}
	log_error("/dev/uinput: %s: load the module (sudo modprobe uinput)", strerror(-rc));
	return EX_UNAVAILABLE;
}

static bool any_guest(const struct daemon *daemon, bool (*is)(const struct guest *guest))
{
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		if (is(&daemon->output[i]->guest))
			return true;
	return false;
}

/* May block until every keeper has answered or timed out: no device is grabbed yet. */
static void await_keepers(struct daemon *daemon)
{
	while (any_guest(daemon, guest_is_pending) && !daemon->quit)
		if (loop_turn(&daemon->loop, -1) < 0)
			return;
}

struct output *output_new(struct daemon *daemon, const struct conf *conf)
{
	struct output *output = calloc(1, sizeof(*output));

	if (output)
		*output = (struct output){ .daemon = daemon, .conf = conf };
	return output;
}

static int open_guests(struct daemon *daemon)
{
	int rc = 0;

	for (unsigned i = 0; i < daemon->conf->n_guests && rc == 0; i++)
		rc = guest_open(&daemon->output[i]->guest, daemon->conf, &daemon->conf->guests[i],
				&daemon->loop, &forward_guest_ops);
	if (rc == 0)
		await_keepers(daemon);
	for (unsigned i = 0; i < daemon->conf->n_guests && rc == 0; i++)
		rc = daemon->output[i]->guest.open_error;
	return rc < 0 ? EX_CANTCREAT : EX_OK;
}

static int open_loop(struct daemon *daemon)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU, 0 };
	int rc = loop_init(&daemon->loop);

	if (rc == 0)
		rc = launcher_watch(&daemon->launcher, &daemon->loop);
	if (rc == 0)
		rc = watchdog_watch(&daemon->watchdog, &daemon->loop);
	if (rc == 0)
		rc = signals_init(&daemon->signals, &daemon->loop, sigs, signalled);
	if (rc == 0)
		rc = timer_init(&daemon->ping, &daemon->loop, ping_expired);
	if (rc == 0)
		rc = timer_init(&daemon->pins, &daemon->loop, forward_pins);
	if (rc == 0)
		rc = timer_init(&daemon->trial, &daemon->loop, trial_expired);
	if (rc == 0)
		rc = away_init(daemon);
	if (rc == 0)
		rc = control_init(daemon);
	if (rc == 0)
		rc = reload_init(daemon);
	if (rc == 0 && daemon->conf->start != ROUTER_HOST)
		rc = timer_init(&daemon->start, &daemon->loop, start_expired);
	if (rc == 0)
		return EX_OK;
	log_error("cannot set up the event loop: %s", strerror(-rc));
	return EX_OSERR;
}

/*
 * First of all, so that they and the log thread inherit no descriptor opened later. Hooks belong into the
 * session of a user: the system service runs none.
 */
static int start_helpers(struct daemon *daemon)
{
	bool is_system = daemon->options->is_system;
	int rc = launcher_start(&daemon->launcher, is_system ? NULL : daemon->conf);

	if (rc < 0) {
		log_error("cannot start evs-launcher: %s", strerror(-rc));
		return EX_OSERR;
	}
	rc = watchdog_start(&daemon->watchdog);
	if (rc < 0) {
		log_error("cannot start evs-watchdog: %s", strerror(-rc));
		return EX_OSERR;
	}
	log_start();
	if (is_system && hook_any(daemon->conf))
		log_info("the system service runs no hooks; a user who wants them enables "
			 "evswitch-hooks: systemctl --user enable --now evswitch-hooks");
	return EX_OK;
}

/* Targets are created before any device is grabbed, and both before systemd gets READY=1. */
static int start(struct daemon *daemon, const struct daemon_options *options)
{
	int rc = start_helpers(daemon);

	if (rc == EX_OK)
		rc = take_uinput(daemon);
	if (rc == EX_OK)
		rc = open_loop(daemon);
	if (rc == EX_OK) {
		control_open(daemon);
		rc = open_guests(daemon);
	}
	if (rc == EX_OK)
		rc = plug_init(daemon);
	if (rc != EX_OK)
		return rc;
	timer_arm(&daemon->ping, daemon->notify.watchdog_ms, daemon->notify.watchdog_ms);
	timer_arm(&daemon->trial, options->try_s * 1000, 0);
	if (daemon->conf->start != ROUTER_HOST) {
		daemon->start_tries = START_TRIES;
		timer_arm(&daemon->start, START_TRY_MS, START_TRY_MS);
	}
	launch_hooks(&daemon->launcher, ROUTER_HOST);
	notify_send(&daemon->notify, "READY=1");
	control_tell(daemon);
	notify_send(&daemon->notify, "WATCHDOG=1");
	watchdog_arm(&daemon->watchdog, true);
	return EX_OK;
}

static void run(struct daemon *daemon)
{
	while (!daemon->quit) {
		int rc = loop_turn(&daemon->loop, -1);

		if (rc < 0) {
			log_error("the event loop failed: %s", strerror(-rc));
			daemon_quit(daemon, EX_OSERR);
		}
		reload_turn(daemon);
		if (daemon->hurry_due)
			forward_hurry(daemon);
		if (daemon->changed)
			control_tell(daemon);
		if (daemon->ping_due)
			notify_send(&daemon->notify, "WATCHDOG=1");
		daemon->ping_due = false;
	}
}

/*
 * A trial leaves VMs as it found them, unless a signal interrupts this. Devices are already free.
 */
static void take_back(struct daemon *daemon)
{
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		guest_take_back(&daemon->output[i]->guest);
	daemon->takes_back = any_guest(daemon, guest_takes_back);
	if (daemon->takes_back)
		log_info("removing the devices from the VMs; Ctrl+C skips this");
	daemon->quit = false;
	while (!daemon->quit && any_guest(daemon, guest_takes_back))
		if (loop_turn(&daemon->loop, -1) < 0)
			break;
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		guest_end_take_back(&daemon->output[i]->guest);
}

/* Releases all keys, then returns all devices to the host at once. */
static void let_go(struct daemon *daemon, bool trial)
{
	int fds[ROUTER_DEVICES];

	notify_send(&daemon->notify, "STOPPING=1");
	control_close(daemon);
	plug_fini(daemon);
	seats_fini(&daemon->seats);
	forward_switch(daemon, ROUTER_HOST);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];

		forward_remove(input);
		fds[i] = input->source.conf ? source_let_go(&input->source) : -1;
	}
	/* Now it is up to the kernel, which would take as long after a kill. */
	watchdog_arm(&daemon->watchdog, false);
	close_together(fds, ROUTER_DEVICES);
	/* One after the other, each for tens of milliseconds. */
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (daemon->input[i].source.conf)
			source_close(&daemon->input[i].source);
	if (trial && daemon->loop.epoll_fd >= 0)
		take_back(daemon);
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		guest_close(&daemon->output[i]->guest);
	reload_fini(daemon);
	timer_fini(&daemon->start);
	timer_fini(&daemon->pins);
	timer_fini(&daemon->trial);
	timer_fini(&daemon->tell_later);
	timer_fini(&daemon->ping);
	signals_fini(&daemon->signals);
	notify_fini(&daemon->notify);
	launcher_stop(&daemon->launcher);
	daemon->loop.turns = NULL;
	watchdog_stop(&daemon->watchdog);
	loop_fini(&daemon->loop);
	close_fd(&daemon->lock);
}

static bool find_terminal(void)
{
	autoclose int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	return fd >= 0;
}

static void daemon_free(struct daemon *daemon)
{
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		free(daemon->output[i]);
	conf_free(daemon->conf);
	free(daemon);
}

/* Takes over 'conf'. NULL: no memory. */
static struct daemon *daemon_new(struct conf *conf, const struct daemon_options *options)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	if (!daemon) {
		conf_free(conf);
		return NULL;
	}
	daemon->conf = conf;
	daemon->options = options;
	daemon->loop.epoll_fd = daemon->lock = -1;
	daemon->launcher = (struct launcher)LAUNCHER_INIT;
	daemon->watchdog = (struct watchdog)WATCHDOG_INIT;
	daemon->has_terminal = find_terminal();
	for (unsigned i = 0; i < conf->n_guests; i++) {
		daemon->output[i] = output_new(daemon, conf);
		if (daemon->output[i]) {
			daemon->output[i]->target = i + 1;
			continue;
		}
		daemon_free(daemon);
		return NULL;
	}
	return daemon;
}

int daemon_run(struct conf *conf, const struct daemon_options *options)
{
	struct daemon *daemon = daemon_new(conf, options);
	int rc;

	if (!daemon)
		return EX_OSERR;
	notify_init(&daemon->notify);
	signal(SIGPIPE, SIG_IGN); /* stderr may be a pipe whose reader is gone */
	/* Keystrokes are private: no core dumps, no ptrace by the user's other programs. */
	prctl(PR_SET_DUMPABLE, 0);
	forward_init(daemon);
	rc = start(daemon, options);
	if (rc == EX_OK) {
		run(daemon);
		rc = daemon->exit_code;
		if (rc == EX_OK && options->try_s)
			rc = plug_judge_trial(daemon);
	} else {
		log_error("evswitch --check looks for what else may be wrong");
	}
	let_go(daemon, options->try_s > 0);
	daemon_free(daemon);
	return rc;
}
