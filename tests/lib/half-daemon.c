/* SPDX-License-Identifier: MIT */
/* A daemon with nothing but a guest. */
#include "half-daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/channel.h"
#include "guest/guest.h"
#include "launch/launch.h"
#include "base/util.h"

struct daemon {
	struct launcher launcher;
	struct loop loop;
	struct conf conf;
	struct guest guest;
	struct watch control;
	bool plays, quit;
	struct report report;
};

static struct daemon *of_guest(struct guest *guest)
{
	return container_of(guest, struct daemon, guest);
}

static void guest_down(struct guest *guest, const char *why)
{
	(void)why;
	if (guest->focused) /* as the daemon does */
		guest_leave(guest);
	of_guest(guest)->report.downs++;
}

static void guest_reset(struct guest *guest, const char *why)
{
	(void)why;
	of_guest(guest)->report.resets++;
	of_guest(guest)->report.ready = guest->ready;
}

static void guest_set_leds(struct guest *guest)
{
	of_guest(guest)->report.leds = guest_leds(guest);
}

static void guest_changed(struct guest *guest)
{
	(void)guest;
}

static const struct guest_ops guest_ops = {
	.down = guest_down, .changed = guest_changed, .reset = guest_reset, .leds = guest_set_leds
};

static int send_event(struct daemon *daemon, unsigned type, unsigned code, int value)
{
	static const struct input_event at = { 0 };
	struct frame frame = { 0 };

	frame_put(&frame, &at, type, code, value);
	frame_close(&frame, &at);
	return guest_send(&daemon->guest, &frame);
}

static void play(struct daemon *daemon)
{
	send_event(daemon, EV_KEY, KEY_A, 1);
	send_event(daemon, EV_KEY, BTN_LEFT, 1);
	send_event(daemon, EV_REL, REL_X, 1);
	send_event(daemon, EV_KEY, KEY_A, 0);
	send_event(daemon, EV_KEY, BTN_LEFT, 0);
}

static void obey(struct daemon *daemon, const struct request *request)
{
	struct guest_why why = { 0 };

	switch (request->order) {
	case ORDER_ENTER:
		daemon->report.error = guest_enter(&daemon->guest);
		guest_why_down(&daemon->guest, &why);
		break;
	case ORDER_SEND:
		daemon->report.error = 0;
		for (unsigned i = 0; i < request->times && daemon->report.error == 0; i++)
			daemon->report.error =
				send_event(daemon, request->type, request->code, request->value);
		break;
	case ORDER_RELEASE:
		guest_release(&daemon->guest);
		break;
	case ORDER_PLAY:
		daemon->plays = true;
		break;
	case ORDER_END:
		daemon->quit = true;
		break;
	default:
		break;
	}
	snprintf(daemon->report.why, sizeof(daemon->report.why), "%.*s", KEEPER_WHY_MAX - 1,
		 why.text);
}

static void control_ready(struct watch *watch, uint32_t events)
{
	struct daemon *daemon = container_of(watch, struct daemon, control);
	struct request request;

	(void)events;
	if (recv(watch->fd, &request, sizeof(request), 0) != sizeof(request)) {
		daemon->quit = true;
		return;
	}
	obey(daemon, &request);
	daemon->report.pending = guest_is_pending(&daemon->guest);
	daemon->report.attached = daemon->guest.keeper.attached;
	daemon->report.up = daemon->guest.keeper.state.up;
	daemon->report.in_use = daemon->guest.keeper.state.in_use;
	send(watch->fd, &daemon->report, sizeof(daemon->report), MSG_NOSIGNAL);
}

void half_daemon_run(const char *guest, int control)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	struct conf_guest *section = &daemon->conf.guests[0];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	section->via = &channel_find("vhost-user")->conf;
	snprintf(section->name, sizeof(section->name), "%s", guest);
	daemon->conf.n_guests = 1;
	daemon->launcher = (struct launcher)LAUNCHER_INIT;
	if (launcher_start(&daemon->launcher, NULL) < 0 || loop_init(&daemon->loop) < 0 ||
	    launcher_watch(&daemon->launcher, &daemon->loop) < 0 ||
	    watch_start(&daemon->control, &daemon->loop, control, EPOLLIN, control_ready) < 0 ||
	    guest_open(&daemon->guest, &daemon->conf, section, &daemon->loop, &guest_ops) < 0)
		_exit(1);
	while (!daemon->quit) {
		if (loop_turn(&daemon->loop, daemon->plays ? 0 : -1) < 0)
			_exit(2);
		if (daemon->plays)
			play(daemon);
	}
	guest_close(&daemon->guest);
	watch_stop(&daemon->control);
	launcher_stop(&daemon->launcher);
	loop_fini(&daemon->loop);
	free(daemon);
	_exit(0);
}
