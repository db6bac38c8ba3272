/*
 * Private to the daemon's three parts: daemon.c starts and stops it, forward.c forwards frames and
 * moves the focus, plug.c handles hotplugged devices. struct daemon owns everything here.
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

/* A configured device; 'index' is its number in the router. */
struct input {
	struct daemon *daemon;
	unsigned index;
	struct source source;
};

/* A guest; 'target' is its number in the router, 1 or more (0 is the host). */
struct output {
	struct daemon *daemon;
	unsigned target;
	struct guest guest;
};

/*
 * Events to report once the current batch of frames is forwarded. Logging, hooks, systemd and LEDs
 * are slow, so they must not delay frames.
 */
struct news {
	bool any;
	bool focused;   /* the focus moved to 'focus' */
	unsigned focus; /* a target */
	bool panicked;  /* the panic chord was pressed */
	bool again;     /* ... for the second time, see struct route */
	bool refused;   /* a guest could not take the focus; 'text' explains why */
	char text[256];
};

struct daemon {
	const struct conf *conf;
	struct launcher launcher;
	int lock; /* from instance_lock */
	struct loop loop;
	struct hotkeys hotkeys;
	struct router router;
	struct news news;
	struct hotplug hotplug;
	struct signals signals;
	struct notify notify;
	char status[96]; /* last sent to systemd */
	struct timer watchdog, trial, start;
	unsigned start_tries;
	bool ping_due;
	bool hurry_due; /* forward_hurry is due: a guest has the focus */
	bool denied;    /* a device could not be opened for lack of permission */
	bool exposed_told;
	bool path_told[CONF_DEVICES_MAX]; /* logged: the path does not lead to an event node */
	bool quit;
	bool takes_back; /* the trial is over, and devices are being removed from VMs */
	int exit_code;
	struct output output[CONF_GUESTS_MAX];
	struct input input[ROUTER_DEVICES];
};

/* Ends the loop after this turn. The exit code of the first call wins. */
void daemon_quit(struct daemon *daemon, int exit_code);

/* --- forward.c --- */

extern const struct source_wakes forward_wakes; /* its 'unsettled' is plug_unsettled */
extern const struct guest_ops forward_guest_ops;

/* Sets up the router, its hotkeys, and daemon->input and output. Opens nothing. */
void forward_init(struct daemon *daemon);
/* Handles a change of a device's state, then forwards the frames that are ready on it. */
void forward_news(struct input *input, enum device_news news);
/* Moves the focus as router_switch does, and completes all steps. 0, or its -errno. */
int forward_switch(struct daemon *daemon, unsigned target);
/* Removes the device from the router, which releases its keys on every target. */
void forward_remove(struct input *input);
/* While a guest has the focus: grabs devices that are still waiting. Call at the end of a turn. */
void forward_hurry(struct daemon *daemon);

/* --- plug.c --- */

/*
 * Opens the devices that are present and watches for new ones. 0, or a sysexits code; logs errors.
 */
int plug_init(struct daemon *daemon);
/* No effect if plug_init was never called. */
void plug_fini(struct daemon *daemon);
/* The timer of a source whose clone udev has not announced: asks udev again. */
void plug_unsettled(struct timer *settle);
