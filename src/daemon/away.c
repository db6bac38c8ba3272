/* SPDX-License-Identifier: MIT */
/*
 * Lets devices go for a while, and takes them again: while another user is active at their seat, and
 * while evswitch is stopped by job control. Where evswitch serves the machine, the user who is active
 * at the seat controls it instead.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/closer.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "daemon/internal.h"

/* Raised after the devices are free: nobody could type "fg" before. */
static void stand_still(int signo)
{
	sigset_t set;

	/*
	 * The signal itself, with its default action, instead of SIGSTOP: the kernel discards it for an
	 * orphaned process group, where nobody could continue the process.
	 */
	sigemptyset(&set);
	sigaddset(&set, signo);
	pthread_kill(pthread_self(), signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/*
 * Releases what is down, gives the focus to the host and ungrabs the devices of which leaves[] says so,
 * all at once, since each takes tens of milliseconds. The watchdog is not armed then.
 */
static void leave(struct daemon *daemon, const bool leaves[static ROUTER_DEVICES])
{
	int fds[ROUTER_DEVICES];
	bool any = false;

	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		any |= leaves[i] && daemon->input[i].source.ready;
	if (any)
		forward_switch(daemon, ROUTER_HOST);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];

		fds[i] = leaves[i] ? source_suspend(&input->source, input->away) : -1;
		if (fds[i] >= 0)
			forward_remove(input);
	}
	watchdog_arm(&daemon->watchdog, false);
	ungrab_together(fds, ROUTER_DEVICES);
}

/* True, and *user, if the device belongs to another user now. */
static bool is_others(const struct input *input, uid_t *user)
{
	return seats_have_other(&input->daemon->seats, input->source.seat, user);
}

static void note_user(struct input *input, uid_t user)
{
	char name[64];

	seat_user_name(user, name, sizeof(name));
	text_print(input->away, sizeof(input->away), "not grabbed: %s is active at %s", name,
		   input->source.seat);
}

/* Takes the devices that are nobody else's now. */
static void come_back(struct daemon *daemon)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];
		uid_t user;

		if (!input->source.conf || !input->source.suspended)
			continue;
		if (is_others(input, &user))
			note_user(input, user);
		else
			forward_news(input, source_resume(&input->source));
	}
	daemon->changed = true;
}

void away_stop(struct daemon *daemon, int signo)
{
	bool leaves[ROUTER_DEVICES];

	log_info("stopped by job control: all devices are released until evswitch continues (fg)");
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		leaves[i] = daemon->input[i].source.conf != NULL;
	leave(daemon, leaves);
	stand_still(signo);
	watchdog_arm(&daemon->watchdog, true);
	come_back(daemon);
}

static void tell_left(const struct input *input)
{
	log_info("device %s: %s, so it is released until your session is active again",
		 input->source.conf->name, input->away);
}

/* The seat of the first device: one with several keyboards and users has an evswitch for each user. */
static const char *seat_of(const struct daemon *daemon)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (daemon->input[i].source.conf && daemon->input[i].source.seat[0])
			return daemon->input[i].source.seat;
	return SEAT_DEFAULT;
}

void away_admit(struct daemon *daemon)
{
	uid_t user;

	if (!daemon->options->is_system)
		return;
	if (!seats_have_active(&daemon->seats, seat_of(daemon), &user))
		user = VARLINK_NOBODY;
	varlink_admit(&daemon->control, user);
}

static void seat_changed(struct seats *seats)
{
	struct daemon *daemon = container_of(seats, struct daemon, seats);
	bool leaves[ROUTER_DEVICES], any = false;
	uid_t user;

	away_admit(daemon);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		const struct input *input = &daemon->input[i];

		leaves[i] = input->source.conf && !input->source.suspended &&
			    source_is_plugged(&input->source) && is_others(input, &user);
		any |= leaves[i];
	}
	if (any) {
		leave(daemon, leaves);
		watchdog_arm(&daemon->watchdog, true);
	}
	come_back(daemon);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (leaves[i] && daemon->input[i].source.suspended)
			tell_left(&daemon->input[i]);
}

void away_before_plug(struct input *input, const char *seat)
{
	struct source *source = &input->source;
	uid_t user;

	text_print(source->seat, sizeof(source->seat), "%s", seat);
	away_admit(input->daemon);
	if (!is_others(input, &user)) {
		source->suspended = NULL;
		return;
	}
	source_suspend(source, input->away);
	note_user(input, user);
	tell_left(input);
}

void away_forget_lost(struct daemon *daemon)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];

		if (input->source.suspended)
			forward_news(input, source_check(&input->source));
	}
}

int away_init(struct daemon *daemon)
{
	return seats_init(&daemon->seats, &daemon->loop, daemon->options->is_system, seat_changed);
}
