/*
 * The daemon's parts share what is here, and nobody else does: forward.c, the way of a frame and the
 * focus; plug.c, devices that come and go; daemon.c, start and end. The daemon owns all of it.
 */
#pragma once

#include "base/loop.h"
#include "base/notify.h"
#include "core/router.h"
#include "evdev/hotplug.h"
#include "evdev/source.h"
#include "guest/guest.h"
#include "launch/launch.h"

struct daemon;

/* A device of the router's, by its number. */
struct input {
	struct daemon *daemon;
	unsigned index;
	struct source source;
};

/* A target of the router's but the host. */
struct output {
	struct daemon *daemon;
	unsigned target;
	struct guest guest;
};

/*
 * What the user, the hooks, systemd and the keyboards' LEDs are told of the frames of a batch: all of
 * it is slow, so it waits until these are forwarded.
 */
struct news {
	bool any;
	bool focused; /* the focus has moved, to: */
	unsigned focus;
	bool panicked;  /* the panic chord; */
	bool again;     /* the second one */
	bool refused;   /* a guest did not get the focus: */
	char text[256]; /* why */
};

struct daemon {
	const struct conf *conf;
	struct launcher launcher;
	int lock; /* of instance.h */
	struct loop loop;
	struct hotkeys hotkeys;
	struct router router;
	struct news news;
	struct hotplug hotplug;
	struct signals signals;
	struct notify notify;
	char status[96]; /* as it was told last */
	struct timer watchdog, trial, start;
	unsigned start_tries;
	bool ping_due;
	bool hurry_due; /* a guest has the focus: no device may wait for its grab */
	bool denied;    /* a device could not be opened for lack of permission */
	bool exposed_told;
	bool path_told[CONF_DEVICES_MAX]; /* that it leads to no event node */
	bool quit;
	bool takes_back; /* at the end of a trial */
	int exit_code;
	struct output output[CONF_GUESTS_MAX];
	struct input input[ROUTER_DEVICES];
};

/* The loop ends after this turn; the first exit code counts. */
void daemon_quit(struct daemon *daemon, int exit_code);

/* --- forward.c --- */

extern const struct source_wakes forward_wakes; /* but 'unsettled', which is plug.c's */
extern const struct guest_ops forward_guest_ops;

void forward_init(struct daemon *daemon);
/* What has become of a device: its frames go on from here. */
void forward_news(struct input *input, enum device_news news);
/* As router_switch, whole. 0 or -errno. */
int forward_switch(struct daemon *daemon, unsigned target);
/* What the device held is released. */
void forward_remove(struct input *input);
/* Devices that wait for their grab do so no more: due at the end of a turn, while a guest has the focus. */
void forward_hurry(struct daemon *daemon);

/* --- plug.c --- */

/* Finds the devices that are there, and listens for others. 0 or an exit code, said. */
int plug_init(struct daemon *daemon);
/* Harmless where that was never called. */
void plug_fini(struct daemon *daemon);
/* udev has not announced the source's clone: looks again. */
void plug_unsettled(struct timer *settle);
